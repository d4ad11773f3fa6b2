//! Arrays taken as sets: no order, no duplicates.
//!
//! Results come out sorted, as mongod's do. Read next: `arrays.rs`.

use std::collections::BTreeSet;

use bson::Bson;

use super::super::compare::Ordered;
use super::super::error::{Result, fail};
use super::super::number;
use super::{Value, nullish, type_name};

type Set = BTreeSet<Ordered>;

fn set(code: i32, complaint: &str, value: &Value) -> Result<Set> {
    match value {
        Some(Bson::Array(items)) => Ok(items.iter().cloned().map(Ordered).collect()),
        other => fail!(code, "{complaint}{}", type_name(other)),
    }
}

fn array(set: Set) -> Result<Value> {
    Ok(Some(Bson::Array(set.into_iter().map(|item| item.0).collect())))
}

/// `None` when an argument is null.
fn sets(operator: &str, code: i32, arguments: &[Value]) -> Result<Option<Vec<Set>>> {
    if arguments.iter().any(nullish) {
        return Ok(None);
    }
    let complaint = format!("All operands of {operator} must be arrays. One argument is of type: ");
    arguments.iter().map(|value| set(code, &complaint, value)).collect::<Result<_>>().map(Some)
}

pub(super) fn union(arguments: &[Value]) -> Result<Value> {
    match sets("$setUnion", 17043, arguments)? {
        None => Ok(Some(Bson::Null)),
        Some(sets) => array(sets.into_iter().flatten().collect()),
    }
}

pub(super) fn intersection(arguments: &[Value]) -> Result<Value> {
    let Some(sets) = sets("$setIntersection", 17047, arguments)? else {
        return Ok(Some(Bson::Null));
    };
    array(sets.into_iter().reduce(|a, b| a.intersection(&b).cloned().collect()).unwrap_or_default())
}

pub(super) fn difference(arguments: &[Value]) -> Result<Value> {
    if arguments.iter().any(nullish) {
        return Ok(Some(Bson::Null));
    }
    let complaint = "both operands of $setDifference must be arrays. First argument is of type: ";
    set(17048, complaint, &arguments[0])?;
    let complaint = "both operands of $setDifference must be arrays. Second argument is of type: ";
    let mut seen = set(17049, complaint, &arguments[1])?;
    let Some(Bson::Array(items)) = &arguments[0] else { unreachable!("checked above") };
    // This one keeps the order of its first argument.
    let kept = items.iter().filter(|item| seen.insert(Ordered((*item).clone()))).cloned();
    Ok(Some(Bson::Array(kept.collect())))
}

pub(super) fn equals(arguments: &[Value]) -> Result<Value> {
    let complaint = "All operands of $setEquals must be arrays. One argument is of type: ";
    let sets: Vec<Set> =
        arguments.iter().map(|value| set(17044, complaint, value)).collect::<Result<_>>()?;
    Ok(Some(Bson::Boolean(sets.windows(2).all(|pair| pair[0] == pair[1]))))
}

pub(super) fn is_subset(arguments: &[Value]) -> Result<Value> {
    let complaint = |which: &str| {
        format!("both operands of $setIsSubset must be arrays. {which} argument is of type: ")
    };
    let first = set(17046, &complaint("First"), &arguments[0])?;
    let second = set(17042, &complaint("Second"), &arguments[1])?;
    Ok(Some(Bson::Boolean(first.is_subset(&second))))
}

fn items<'a>(operator: &str, code: i32, value: &'a Value) -> Result<&'a [Bson]> {
    match value {
        Some(Bson::Array(items)) => Ok(items),
        other => {
            fail!(code, "{operator}'s argument must be an array, but is {}", type_name(other))
        }
    }
}

pub(super) fn any_true(arguments: &[Value]) -> Result<Value> {
    let items = items("$anyElementTrue", 17041, &arguments[0])?;
    Ok(Some(Bson::Boolean(items.iter().any(number::truthy))))
}

pub(super) fn all_true(arguments: &[Value]) -> Result<Value> {
    let items = items("$allElementsTrue", 17040, &arguments[0])?;
    Ok(Some(Bson::Boolean(items.iter().all(number::truthy))))
}
