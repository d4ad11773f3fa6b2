//! The operators that change arrays: `$push`, `$addToSet`, `$pull`, `$pop`.
//!
//! Read next: `operator.rs` for how they are written.

use bson::Bson;

use super::super::compare::{compare, equal};
use super::super::error::{Result, TYPE_MISMATCH, fail};
use super::super::show;
use super::apply::{Change, Context};
use super::operator::{Pull, Push, PushSort};

pub(super) fn push(
    push: &Push,
    value: Option<&Bson>,
    path: &str,
    context: &Context<'_>,
) -> Result<Change> {
    let mut items = match value {
        None => Vec::new(),
        Some(Bson::Array(items)) => items.clone(),
        Some(other) => fail!(
            2,
            "The field '{path}' must be an array but is of type {} in document {{{}}}",
            show::type_name(other),
            context.id
        ),
    };
    let length = items.len() as i64;
    let at = match push.position {
        None => length,
        Some(position) if position < 0 => (length + position).max(0),
        Some(position) => position.min(length),
    } as usize;
    items.splice(at..at, push.each.iter().cloned());
    match &push.sort {
        None => {}
        Some(PushSort::Whole { descending: false }) => items.sort_by(compare),
        Some(PushSort::Whole { descending: true }) => items.sort_by(|a, b| compare(b, a)),
        Some(PushSort::Fields(key)) => items.sort_by(|a, b| key.compare_values(a, b)),
    }
    if let Some(slice) = push.slice {
        let keep = (slice.unsigned_abs() as usize).min(items.len());
        if slice < 0 {
            items.drain(..items.len() - keep);
        } else {
            items.truncate(keep);
        }
    }
    Ok(Change::Set(Bson::Array(items)))
}

pub(super) fn add_to_set(new: &[Bson], value: Option<&Bson>, field: &str) -> Result<Change> {
    let mut items = match value {
        None => Vec::new(),
        Some(Bson::Array(items)) => items.clone(),
        Some(other) => fail!(
            2,
            "Cannot apply $addToSet to non-array field. Field named '{field}' has non-array type {}",
            show::type_name(other)
        ),
    };
    for item in new {
        if !items.iter().any(|known| equal(known, item)) {
            items.push(item.clone());
        }
    }
    Ok(Change::Set(Bson::Array(items)))
}

pub(super) fn pull(pull: &Pull, value: Option<&Bson>) -> Result<Change> {
    let items = match value {
        None => return Ok(Change::Keep),
        Some(Bson::Array(items)) => items,
        Some(_) => fail!(2, "Cannot apply $pull to a non-array value"),
    };
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let matched = match (pull, item) {
            (Pull::Document(filter), Bson::Document(inner)) => filter.matches(inner)?,
            (Pull::Document(_), _) => false,
            (Pull::Test(test), item) => test.holds(item)?,
            (Pull::Pattern(pattern), item) => pattern.matches(item),
            (Pull::Values(values), item) => values.iter().any(|value| equal(value, item)),
        };
        if !matched {
            kept.push(item.clone());
        }
    }
    Ok(Change::Set(Bson::Array(kept)))
}

pub(super) fn pop(first: bool, value: Option<&Bson>, path: &str) -> Result<Change> {
    let mut items = match value {
        None => return Ok(Change::Keep),
        Some(Bson::Array(items)) => items.clone(),
        Some(other) => fail!(
            TYPE_MISMATCH,
            "Path '{path}' contains an element of non-array type '{}'",
            show::type_name(other)
        ),
    };
    if first && !items.is_empty() {
        items.remove(0);
    } else {
        items.pop();
    }
    Ok(Change::Set(Bson::Array(items)))
}
