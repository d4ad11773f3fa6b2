//! Reading a filter document, with mongod's objections to what it does not like.
//!
//! Owns the table of query operators. An operator that is not in the table is refused, never
//! ignored. Read next: `mod.rs` for the shapes this makes, `matches.rs` for what they mean.

use bson::{Bson, Document};

use super::super::error::{FAILED_TO_PARSE, INDEX_NOT_FOUND, Result, ServerError, fail};
use super::super::expression::{Expression, Given};
use super::super::path::Path;
use super::super::{number, show};
use super::matches::Comparison;
use super::{BitTest, Filter, Pattern, Test, TypeSet, is_operators};

pub(super) fn filter(query: &Document, given: &Given) -> Result<Filter> {
    let mut parts = Vec::with_capacity(query.len());
    for (name, value) in query {
        match name.strip_prefix('$') {
            Some(operator) => parts.extend(top_level(operator, value, given)?),
            None => parts.push(Filter::Field(Path::new(name), field(name, value, given)?)),
        }
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
}

fn top_level(operator: &str, value: &Bson, given: &Given) -> Result<Option<Filter>> {
    Ok(Some(match operator {
        "and" => Filter::All(branches("$and", value, given)?),
        "or" => Filter::Any(branches("$or", value, given)?),
        "nor" => Filter::Neither(branches("$nor", value, given)?),
        "expr" => Filter::Expression(Box::new(Expression::parse(value, given)?)),
        "comment" => return Ok(None),
        "alwaysTrue" => Filter::Constant(true),
        "alwaysFalse" => Filter::Constant(false),
        "where" => fail!(2, "no globalScriptEngine in $where parsing"),
        "text" => fail!(INDEX_NOT_FOUND, "text index required for $text query"),
        "not" => fail!(
            2,
            "unknown top level operator: $not. If you are trying to negate an entire expression, \
             use $nor."
        ),
        other => fail!(
            2,
            "unknown top level operator: ${other}. If you have a field name that starts with a \
             '$' symbol, consider using $getField or $setField."
        ),
    }))
}

fn branches(operator: &str, value: &Bson, given: &Given) -> Result<Vec<Filter>> {
    let Bson::Array(items) = value else { fail!(2, "{operator} must be an array") };
    if items.is_empty() {
        fail!(2, "$and/$or/$nor must be a nonempty array");
    }
    items
        .iter()
        .map(|item| match item {
            Bson::Document(branch) => filter(branch, given),
            _ => fail!(2, "$or/$and/$nor entries need to be full objects"),
        })
        .collect()
}

fn field(name: &str, value: &Bson, given: &Given) -> Result<Test> {
    Ok(match value {
        Bson::Document(inner) if is_operators(inner) => operators(name, inner, given)?,
        Bson::RegularExpression(regex) => {
            Test::Matches(Pattern::new(regex.pattern.as_str(), regex.options.as_str())?)
        }
        value => Test::Compare(Comparison::Equal, value.clone()),
    })
}

pub(super) fn operators(name: &str, operators: &Document, given: &Given) -> Result<Test> {
    let mut tests = Vec::with_capacity(operators.len());
    for (operator, value) in operators {
        tests.extend(self::operator(name, operator, value, operators, given)?);
    }
    Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
}

fn operator(
    name: &str,
    operator: &str,
    value: &Bson,
    siblings: &Document,
    given: &Given,
) -> Result<Option<Test>> {
    let compare = |comparison| comparison_test(name, comparison, value);
    let not = |test| Test::Not(Box::new(test));
    Ok(Some(match operator {
        "$eq" => Test::Compare(Comparison::Equal, value.clone()),
        "$ne" => {
            if matches!(value, Bson::RegularExpression(_)) {
                fail!(2, "Can't have regex as arg to $ne.");
            }
            not(Test::Compare(Comparison::Equal, value.clone()))
        }
        "$lt" => compare(Comparison::Less)?,
        "$lte" => compare(Comparison::LessOrEqual)?,
        "$gt" => compare(Comparison::Greater)?,
        "$gte" => compare(Comparison::GreaterOrEqual)?,
        "$in" => in_list("$in", value)?,
        "$nin" => not(in_list("$nin", value)?),
        "$not" => not(negated(name, value, given)?),
        "$exists" if number::truthy(value) => Test::Exists,
        "$exists" => not(Test::Exists),
        "$type" => Test::Type(TypeSet::parse(name, value)?),
        "$regex" => Test::Matches(regex(value, siblings.get("$options"))?),
        "$options" if siblings.contains_key("$regex") => return Ok(None),
        "$options" => fail!(2, "$options needs a $regex"),
        "$mod" => modulo(value)?,
        "$size" => Test::Size(size(value)?),
        "$all" => all(name, value, given)?,
        "$elemMatch" => element_match(name, value, given)?,
        "$bitsAllSet" => bits(operator, value, true, true)?,
        "$bitsAllClear" => bits(operator, value, false, true)?,
        "$bitsAnySet" => bits(operator, value, true, false)?,
        "$bitsAnyClear" => bits(operator, value, false, false)?,
        "$comment" => return Ok(None),
        other => fail!(2, "unknown operator: {other}"),
    }))
}

fn comparison_test(name: &str, comparison: Comparison, value: &Bson) -> Result<Test> {
    if matches!(value, Bson::RegularExpression(_)) {
        fail!(2, "Can't have RegEx as arg to predicate over field '{name}'.");
    }
    Ok(Test::Compare(comparison, value.clone()))
}

fn in_list(operator: &str, value: &Bson) -> Result<Test> {
    let Bson::Array(items) = value else { fail!(2, "{operator} needs an array") };
    let mut values = Vec::with_capacity(items.len());
    let mut patterns = Vec::new();
    for item in items {
        match item {
            Bson::RegularExpression(regex) => {
                patterns.push(Pattern::new(regex.pattern.as_str(), regex.options.as_str())?);
            }
            Bson::Document(inner) if is_operators(inner) => {
                fail!(2, "cannot nest $ under {operator}")
            }
            value => values.push(value.clone()),
        }
    }
    Ok(Test::In(values, patterns))
}

fn negated(name: &str, value: &Bson, given: &Given) -> Result<Test> {
    match value {
        Bson::RegularExpression(_) => field(name, value, given),
        Bson::Document(inner) if inner.is_empty() => fail!(2, "$not cannot be empty"),
        Bson::Document(inner) => operators(name, inner, given),
        _ => fail!(2, "$not needs a regex or a document"),
    }
}

fn regex(value: &Bson, options: Option<&Bson>) -> Result<Pattern> {
    let options = match options {
        None => None,
        Some(Bson::String(text)) => Some(text.as_str()),
        Some(_) => fail!(2, "$options has to be a string"),
    };
    match value {
        Bson::String(pattern) => Pattern::new(pattern, options.unwrap_or("")),
        Bson::RegularExpression(regex) => {
            let own = regex.options.as_str();
            if !own.is_empty() && options.is_some() {
                fail!(51075, "options set in both $regex and $options");
            }
            Pattern::new(regex.pattern.as_str(), options.unwrap_or(own))
        }
        _ => fail!(2, "$regex has to be a string"),
    }
}

fn modulo(value: &Bson) -> Result<Test> {
    let Bson::Array(items) = value else { fail!(2, "malformed mod, needs to be an array") };
    let (divisor, remainder) = match items.as_slice() {
        [divisor, remainder] => (divisor, remainder),
        [] | [_] => fail!(2, "malformed mod, not enough elements"),
        _ => fail!(2, "malformed mod, too many elements"),
    };
    let whole = |what: &str, value: &Bson| match number::to_f64(value) {
        None => fail!(2, "malformed mod, {what} not a number"),
        Some(x) if !x.is_finite() => fail!(
            2,
            "malformed mod, {what} value is invalid :: caused by :: Unable to coerce NaN/Inf to \
             integral type"
        ),
        Some(_) => Ok(number::to_i64_saturating(value).expect("it is a number")),
    };
    let (divisor, remainder) = (whole("divisor", divisor)?, whole("remainder", remainder)?);
    if divisor == 0 {
        fail!(2, "divisor cannot be 0");
    }
    Ok(Test::Mod(divisor, remainder))
}

fn size(value: &Bson) -> Result<Option<usize>> {
    let complaint = |what: &str| {
        let shown = show::field("$size", value);
        Err(ServerError::bad_value(format!("Failed to parse $size. {what} {shown}")))
    };
    if !number::is_number(value) {
        return complaint("Expected a number in:");
    }
    match number::to_i64_exact(value) {
        None => complaint("Expected an integer:"),
        Some(n) if n < 0 => complaint("Expected a non-negative number in:"),
        Some(n) => Ok(usize::try_from(n).ok()),
    }
}

fn all(name: &str, value: &Bson, given: &Given) -> Result<Test> {
    let Bson::Array(items) = value else { fail!(2, "$all needs an array") };
    let first_is_element = matches!(items.first(), Some(Bson::Document(inner))
        if inner.keys().next().is_some_and(|key| key == "$elemMatch"));
    let mut tests = Vec::with_capacity(items.len());
    for item in items {
        tests.push(match item {
            Bson::Document(inner) if first_is_element => match inner.get("$elemMatch") {
                Some(query) if inner.len() == 1 => element_match(name, query, given)?,
                _ => fail!(2, "$all/$elemMatch has to be consistent"),
            },
            _ if first_is_element => fail!(2, "$all/$elemMatch has to be consistent"),
            Bson::Document(inner) if is_operators(inner) => fail!(2, "no $ expressions in $all"),
            value => field(name, value, given)?,
        });
    }
    Ok(if tests.is_empty() { Test::Never } else { Test::All(tests) })
}

fn element_match(name: &str, value: &Bson, given: &Given) -> Result<Test> {
    let Bson::Document(inner) = value else { fail!(2, "$elemMatch needs an Object") };
    let logical = inner.keys().next().is_some_and(|key| {
        matches!(key.as_str(), "$and" | "$or" | "$nor" | "$expr" | "$where" | "$comment")
    });
    if is_operators(inner) && !logical {
        return Ok(Test::ElementValue(Box::new(operators(name, inner, given)?)));
    }
    Ok(Test::ElementDocument(Box::new(filter(inner, given)?)))
}

fn bits(operator: &str, value: &Bson, set: bool, all: bool) -> Result<Test> {
    let shown = || show::field(operator, value);
    let positions = match value {
        Bson::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let position = number::to_i64_exact(item).and_then(|n| u64::try_from(n).ok());
                position.ok_or_else(|| {
                    let item = show::field(&i.to_string(), item);
                    let message = format!(
                        "Failed to parse bit position. Expected a non-negative number in: {item}"
                    );
                    ServerError::bad_value(message)
                })
            })
            .collect::<Result<_>>()?,
        Bson::Binary(binary) => (0..binary.bytes.len() as u64 * 8)
            .filter(|p| binary.bytes[(p / 8) as usize] >> (p % 8) & 1 == 1)
            .collect(),
        number if number::is_number(number) => match number::to_i64_exact(number) {
            None => fail!(FAILED_TO_PARSE, "Expected an integer: {}", shown()),
            Some(n) if n < 0 => {
                fail!(FAILED_TO_PARSE, "Expected a non-negative number in: {}", shown())
            }
            Some(n) => (0..63).filter(|p| (n >> p) & 1 == 1).collect(),
        },
        _ => {
            fail!(2, "{operator} takes an Array, a number, or a BinData but received: {}", shown())
        }
    };
    Ok(Test::Bits(BitTest { positions, set, all }))
}
