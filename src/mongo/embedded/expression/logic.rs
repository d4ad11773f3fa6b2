//! Comparisons and negation in expressions; `$and` and `$or` stop early and live in `special.rs`.
//!
//! Here a missing field sorts before null, unlike in queries. Read next: `../compare.rs`.

use std::cmp::Ordering;

use bson::Bson;

use super::super::compare;
use super::super::error::Result;
use super::super::number;
use super::Value;

/// The order of two values, where a missing one counts as undefined.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    let undefined = Bson::Undefined;
    compare::compare(a.as_ref().unwrap_or(&undefined), b.as_ref().unwrap_or(&undefined))
}

fn answer(truth: bool) -> Result<Value> {
    Ok(Some(Bson::Boolean(truth)))
}

pub(super) fn eq(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_eq())
}

pub(super) fn ne(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_ne())
}

pub(super) fn gt(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_gt())
}

pub(super) fn gte(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_ge())
}

pub(super) fn lt(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_lt())
}

pub(super) fn lte(arguments: &[Value]) -> Result<Value> {
    answer(order(&arguments[0], &arguments[1]).is_le())
}

pub(super) fn cmp(arguments: &[Value]) -> Result<Value> {
    Ok(Some(Bson::Int32(order(&arguments[0], &arguments[1]) as i32)))
}

pub(super) fn not(arguments: &[Value]) -> Result<Value> {
    answer(!arguments[0].as_ref().is_some_and(number::truthy))
}
