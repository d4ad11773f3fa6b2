//! Asking: does this document satisfy that filter?
//!
//! A test holds at a path if any of the places the path leads to satisfies it; negations are of the
//! whole. Knows nothing of how a filter was written. Read next: `../path.rs` for the places.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::super::compare::{compare, rank};
use super::super::error::Result;
use super::super::number;
use super::super::path::{Leaf, Path, Place};
use super::{BitTest, Filter, Test};

/// The five comparisons; `$ne` is a negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Which element the positional operator means, when the match went through an array.
type Position = Option<usize>;

pub(super) fn filter(
    filter: &Filter,
    document: &Document,
    position: &mut Position,
) -> Result<bool> {
    Ok(match filter {
        Filter::All(children) => {
            for child in children {
                if !self::filter(child, document, position)? {
                    *position = None;
                    return Ok(false);
                }
            }
            true
        }
        Filter::Any(children) => any(children, document, position)?,
        Filter::Neither(children) => !any(children, document, &mut None)?,
        Filter::Field(path, test) => at_path(path, test, document, position)?,
        Filter::Expression(expression) => {
            expression.evaluate(document)?.is_some_and(|value| number::truthy(&value))
        }
        Filter::Constant(answer) => *answer,
    })
}

fn any(children: &[Filter], document: &Document, position: &mut Position) -> Result<bool> {
    for child in children {
        if filter(child, document, position)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn at_path(path: &Path, test: &Test, document: &Document, position: &mut Position) -> Result<bool> {
    match test {
        Test::Not(inner) => return Ok(!at_path(path, inner, document, &mut None)?),
        Test::All(tests) => {
            for test in tests {
                if !at_path(path, test, document, position)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        _ => {}
    }
    let leaf = match test {
        Test::Size(_) | Test::ElementDocument(_) | Test::ElementValue(_) => Leaf::Whole,
        _ => Leaf::Spread,
    };
    let mut failure = None;
    let mut found = None;
    let matched = path.visit(document, leaf, &mut |place: Place<'_>| {
        let mut inner = None;
        match value(test, place.value, &mut inner) {
            Ok(false) => false,
            Ok(true) => {
                found = place.offset.or(inner);
                true
            }
            Err(error) => {
                failure = Some(error);
                true
            }
        }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    if matched && found.is_some() {
        *position = found;
    }
    Ok(matched)
}

/// One value against one test; `None` is a missing field.
pub(super) fn value(test: &Test, value: Option<&Bson>, position: &mut Position) -> Result<bool> {
    Ok(match test {
        Test::Compare(comparison, wanted) => compares(*comparison, value, wanted),
        Test::In(values, patterns) => {
            values.iter().any(|wanted| compares(Comparison::Equal, value, wanted))
                || value.is_some_and(|v| patterns.iter().any(|pattern| pattern.matches(v)))
        }
        Test::Exists => value.is_some(),
        Test::Type(types) => value.is_some_and(|v| types.contains(v)),
        Test::Matches(pattern) => value.is_some_and(|v| pattern.matches(v)),
        Test::Mod(divisor, remainder) => value.is_some_and(|v| modulo(v, *divisor, *remainder)),
        Test::Size(size) => matches!(value, Some(Bson::Array(items)) if Some(items.len()) == *size),
        Test::Bits(bits) => value.is_some_and(|v| bit_test(bits, v)),
        Test::ElementDocument(_) | Test::ElementValue(_) => {
            let Some(Bson::Array(items)) = value else { return Ok(false) };
            for (i, item) in items.iter().enumerate() {
                if element(test, item)? {
                    *position = Some(i);
                    return Ok(true);
                }
            }
            false
        }
        Test::All(tests) => {
            for test in tests {
                if !self::value(test, value, position)? {
                    return Ok(false);
                }
            }
            true
        }
        Test::Not(inner) => !self::value(inner, value, &mut None)?,
        Test::Never => false,
    })
}

fn element(test: &Test, item: &Bson) -> Result<bool> {
    match (test, item) {
        (Test::ElementDocument(query), Bson::Document(inner)) => query.matches(inner),
        // A nested array is a document whose field names are its indexes.
        (Test::ElementDocument(query), Bson::Array(items)) => {
            let named = items.iter().enumerate().map(|(i, item)| (i.to_string(), item.clone()));
            query.matches(&named.collect())
        }
        (Test::ElementValue(inner), item) => value(inner, Some(item), &mut None),
        _ => Ok(false),
    }
}

fn compares(comparison: Comparison, value: Option<&Bson>, wanted: &Bson) -> bool {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    // Missing, undefined and null are one to an equality with null.
    let nothing = matches!(value, None | Some(Bson::Undefined | Bson::Null));
    if nothing && matches!(wanted, Bson::Null | Bson::Undefined) {
        return matches!(comparison, Equal | LessOrEqual | GreaterOrEqual);
    }
    let value = value.unwrap_or(&Bson::Undefined);
    if rank(value) != rank(wanted) {
        return match wanted {
            Bson::MaxKey => matches!(comparison, Less | LessOrEqual),
            Bson::MinKey => matches!(comparison, Greater | GreaterOrEqual),
            _ => false,
        };
    }
    let order = compare(value, wanted);
    if is_nan(value) || is_nan(wanted) {
        return order == Ordering::Equal && !matches!(comparison, Less | Greater);
    }
    match comparison {
        Equal => order == Ordering::Equal,
        Less => order == Ordering::Less,
        LessOrEqual => order != Ordering::Greater,
        Greater => order == Ordering::Greater,
        GreaterOrEqual => order != Ordering::Less,
    }
}

fn is_nan(value: &Bson) -> bool {
    number::is_number(value) && number::to_f64(value).is_some_and(f64::is_nan)
}

fn modulo(value: &Bson, divisor: i64, remainder: i64) -> bool {
    let finite = number::to_f64(value).is_some_and(f64::is_finite);
    finite
        && number::to_i64_saturating(value)
            .is_some_and(|value| value.wrapping_rem(divisor) == remainder)
}

fn bit_test(test: &BitTest, value: &Bson) -> bool {
    let is_set = |position: u64| match value {
        Bson::Binary(binary) => {
            let byte = binary.bytes.get((position / 8) as usize).copied().unwrap_or(0);
            Some((byte >> (position % 8)) & 1 == 1)
        }
        // Beyond the 64th bit, an integer goes on with its sign.
        Bson::Decimal128(_) => {
            let rounded =
                number::to_f64(value).and_then(|x| number::f64_to_i64(x.round_ties_even()));
            rounded.map(|n| (n >> position.min(63)) & 1 == 1)
        }
        number => number::to_i64_exact(number).map(|n| (n >> position.min(63)) & 1 == 1),
    };
    let mut answers = test.positions.iter().map(|p| is_set(*p).map(|set| set == test.set));
    if test.positions.is_empty() {
        return test.all && is_set(0).is_some();
    }
    if test.all {
        answers.all(|answer| answer == Some(true))
    } else {
        answers.any(|answer| answer == Some(true))
    }
}
