//! The four number types as one: compared by value, added and multiplied with mongod's promotions.
//!
//! `int32` grows into `int64` when it must, doubles win over integers, decimals win over all. Knows
//! nothing of documents. Read next: `update/operator.rs` (`$inc`, `$mul`) and `expression/arithmetic.rs`.

use std::cmp::Ordering;

use bson::Bson;

use super::decimal::Decimal;

/// True for the four types that count as numbers.
pub(super) fn is_number(value: &Bson) -> bool {
    matches!(value, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_))
}

/// Compares two numbers by value; anything else is equal (same type, no value).
pub(super) fn compare(a: &Bson, b: &Bson) -> Ordering {
    match (a, b) {
        (Bson::Double(a), Bson::Double(b)) => compare_doubles(*a, *b),
        (Bson::Double(a), Bson::Int32(b)) => compare_doubles(*a, f64::from(*b)),
        (Bson::Int32(a), Bson::Double(b)) => compare_doubles(f64::from(*a), *b),
        (Bson::Double(a), Bson::Int64(b)) => compare_integer(*b, *a).reverse(),
        (Bson::Int64(a), Bson::Double(b)) => compare_integer(*a, *b),
        (Bson::Decimal128(_), _) | (_, Bson::Decimal128(_)) => {
            match (exact_decimal(a), exact_decimal(b)) {
                (Some(a), Some(b)) => a.compare(&b),
                _ => Ordering::Equal,
            }
        }
        _ => match (whole(a), whole(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        },
    }
}

fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(x) => Some(i64::from(*x)),
        Bson::Int64(x) => Some(*x),
        _ => None,
    }
}

/// NaN is the least number and equal to itself.
fn compare_doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// An `i64` has more digits than a double can hold, so the double is brought to the integer.
fn compare_integer(a: i64, b: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() || b < -LIMIT {
        return Ordering::Greater;
    }
    if b >= LIMIT {
        return Ordering::Less;
    }
    a.cmp(&(b.trunc() as i64)).then_with(|| compare_doubles(0.0, b.fract()))
}

fn exact_decimal(value: &Bson) -> Option<Decimal> {
    // 767 digits are enough to write any double exactly.
    to_decimal(value, 767)
}

/// The number as a decimal; a double is rounded to `precision` digits.
pub(super) fn to_decimal(value: &Bson, precision: usize) -> Option<Decimal> {
    Some(match value {
        Bson::Decimal128(x) => Decimal::unpack(*x),
        Bson::Double(x) => Decimal::from_f64(*x, precision),
        other => Decimal::from_i64(whole(other)?),
    })
}

/// The number as a double, losing digits if it must.
pub(super) fn to_f64(value: &Bson) -> Option<f64> {
    match value {
        Bson::Double(x) => Some(*x),
        Bson::Int32(x) => Some(f64::from(*x)),
        Bson::Int64(x) => Some(*x as f64),
        Bson::Decimal128(x) => Some(Decimal::unpack(*x).to_f64()),
        _ => None,
    }
}

/// The number as an integer, if it is one and fits.
pub(super) fn to_i64_exact(value: &Bson) -> Option<i64> {
    match value {
        Bson::Double(x) => f64_to_i64(*x).filter(|n| *n as f64 == *x),
        Bson::Decimal128(x) => Decimal::unpack(*x).to_i64_exact(),
        other => whole(other),
    }
}

/// The number cut to an integer; too large numbers stick to the ends, NaN is zero.
pub(super) fn to_i64_saturating(value: &Bson) -> Option<i64> {
    match value {
        Bson::Double(x) => Some(*x as i64),
        Bson::Decimal128(x) => {
            let decimal = Decimal::unpack(*x).truncate();
            Some(decimal.to_i64_exact().unwrap_or_else(|| decimal.to_f64() as i64))
        }
        other => whole(other),
    }
}

/// The integer part of a double, if it fits.
pub(super) fn f64_to_i64(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (-LIMIT..LIMIT).contains(&value).then_some(value as i64)
}

/// What to do with a pair of numbers, for each of the types they may meet in.
pub(super) struct Operation {
    pub(super) whole: fn(i64, i64) -> Option<i64>,
    pub(super) double: fn(f64, f64) -> f64,
    pub(super) decimal: fn(&Decimal, &Decimal) -> Decimal,
}

pub(super) const ADD: Operation =
    Operation { whole: i64::checked_add, double: |a, b| a + b, decimal: Decimal::add };
pub(super) const MULTIPLY: Operation =
    Operation { whole: i64::checked_mul, double: |a, b| a * b, decimal: Decimal::multiply };
pub(super) const SUBTRACT: Operation = Operation {
    whole: i64::checked_sub,
    double: |a, b| a - b,
    decimal: |a, b| a.add(&b.clone().negate()),
};

/// `None` if an operand is no number, or if an integer result does not fit in 64 bits. A double that
/// meets a decimal is taken with `precision` digits: 15 in updates, 34 in expressions.
pub(super) fn apply(operation: &Operation, a: &Bson, b: &Bson, precision: usize) -> Option<Bson> {
    Some(match (a, b) {
        (Bson::Decimal128(_), _) | (_, Bson::Decimal128(_)) => {
            let result =
                (operation.decimal)(&to_decimal(a, precision)?, &to_decimal(b, precision)?);
            Bson::Decimal128(result.pack())
        }
        (Bson::Double(_), _) | (_, Bson::Double(_)) => {
            Bson::Double((operation.double)(to_f64(a)?, to_f64(b)?))
        }
        _ => {
            let result = (operation.whole)(whole(a)?, whole(b)?)?;
            match (a, b, i32::try_from(result)) {
                (Bson::Int32(_), Bson::Int32(_), Ok(small)) => Bson::Int32(small),
                _ => Bson::Int64(result),
            }
        }
    })
}

/// The smallest integer type that holds the number, `int32` first.
pub(super) fn integer(value: i64) -> Bson {
    i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32)
}

/// Zero, false-like: the one number that counts as false.
pub(super) fn is_zero(value: &Bson) -> bool {
    match value {
        Bson::Double(x) => *x == 0.0,
        Bson::Decimal128(x) => Decimal::unpack(*x).is_zero(),
        other => whole(other) == Some(0),
    }
}

/// Whether a value counts as true: not false, null, undefined or zero.
pub(super) fn truthy(value: &Bson) -> bool {
    match value {
        Bson::Boolean(x) => *x,
        Bson::Null | Bson::Undefined => false,
        other => !(is_number(other) && is_zero(other)),
    }
}
