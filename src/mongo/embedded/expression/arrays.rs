//! Arrays in expressions: indexing, slicing, searching, joining.
//!
//! Owns what happens at and beyond the ends. Read next: `sets.rs` for arrays taken as sets.

use bson::Bson;

use super::super::compare;
use super::super::error::{Result, fail};
use super::super::{number, show};
use super::{Value, nullish, type_name};

const NULL: Result<Value> = Ok(Some(Bson::Null));

pub(super) fn size(arguments: &[Value]) -> Result<Value> {
    match &arguments[0] {
        Some(Bson::Array(items)) => Ok(Some(number::integer(items.len() as i64))),
        other => fail!(
            17124,
            "The argument to $size must be an array, but was of type: {}",
            type_name(other)
        ),
    }
}

/// The item at an index, where negative ones count from the end.
fn at(items: &[Bson], index: i64) -> Value {
    let index = if index < 0 { index + items.len() as i64 } else { index };
    items.get(usize::try_from(index).ok()?).cloned()
}

pub(super) fn element_at(arguments: &[Value]) -> Result<Value> {
    let (array, index) = (&arguments[0], &arguments[1]);
    if nullish(array) || nullish(index) {
        return NULL;
    }
    let Some(Bson::Array(items)) = array else {
        fail!(28689, "$arrayElemAt's first argument must be an array, but is {}", type_name(array))
    };
    match index {
        Some(value) if number::is_number(value) => match number::to_i64_exact(value) {
            Some(index) => Ok(at(items, index)),
            None => fail!(
                28691,
                "$arrayElemAt's second argument must be representable as a 32-bit integer: {}",
                show::value(value)
            ),
        },
        other => fail!(
            28690,
            "$arrayElemAt's second argument must be a numeric value, but is {}",
            type_name(other)
        ),
    }
}

fn end(operator: &str, array: &Value, index: i64) -> Result<Value> {
    match array {
        Some(Bson::Array(items)) => Ok(at(items, index)),
        value if nullish(value) => NULL,
        other => {
            fail!(28689, "{operator}'s argument must be an array, but is {}", type_name(other))
        }
    }
}

pub(super) fn first(arguments: &[Value]) -> Result<Value> {
    end("$first", &arguments[0], 0)
}

pub(super) fn last(arguments: &[Value]) -> Result<Value> {
    end("$last", &arguments[0], -1)
}

pub(super) fn contains(arguments: &[Value]) -> Result<Value> {
    let Some(Bson::Array(items)) = &arguments[1] else {
        fail!(
            40081,
            "$in requires an array as a second argument, found: {}",
            type_name(&arguments[1])
        )
    };
    let wanted = arguments[0].as_ref();
    let found = items.iter().any(|item| wanted.is_some_and(|wanted| compare::equal(item, wanted)));
    Ok(Some(Bson::Boolean(found)))
}

pub(super) fn concat(arguments: &[Value]) -> Result<Value> {
    let mut joined = Vec::new();
    for argument in arguments {
        match argument {
            Some(Bson::Array(items)) => joined.extend(items.iter().cloned()),
            value if nullish(value) => return NULL,
            other => fail!(28664, "$concatArrays only supports arrays, not {}", type_name(other)),
        }
    }
    Ok(Some(Bson::Array(joined)))
}

pub(super) fn slice(arguments: &[Value]) -> Result<Value> {
    if arguments.iter().any(nullish) {
        return NULL;
    }
    let Some(Bson::Array(items)) = &arguments[0] else {
        fail!(
            28724,
            "First argument to $slice must be an array, but is of type: {}",
            type_name(&arguments[0])
        )
    };
    let whole = |i: usize, which: &str, code: i32| {
        let value = arguments[i].as_ref().expect("null was answered above");
        match number::to_i64_exact(value) {
            Some(n) => Ok(n),
            None if number::is_number(value) => fail!(
                code + 1,
                "{which} argument to $slice can't be represented as a 32-bit integer: {}",
                show::value(value)
            ),
            None => fail!(
                code,
                "{which} argument to $slice must be numeric, but is of type: {}",
                type_name(&arguments[i])
            ),
        }
    };
    let second = whole(1, "Second", 28725)?;
    let (skip, limit) = if arguments.len() == 3 {
        let third = whole(2, "Third", 28727)?;
        if third <= 0 {
            fail!(28729, "Third argument to $slice must be positive: {third}");
        }
        (second, third)
    } else if second < 0 {
        (second, items.len() as i64)
    } else {
        (0, second)
    };
    Ok(Some(Bson::Array(window(items, skip, limit))))
}

/// `limit` items after `skip`; a negative `skip` counts from the end.
pub(in super::super) fn window(items: &[Bson], skip: i64, limit: i64) -> Vec<Bson> {
    let length = items.len() as i64;
    let start = if skip < 0 { (length + skip).max(0) } else { skip.min(length) };
    items.iter().skip(start as usize).take(limit.max(0) as usize).cloned().collect()
}

pub(super) fn reverse(arguments: &[Value]) -> Result<Value> {
    match &arguments[0] {
        Some(Bson::Array(items)) => Ok(Some(Bson::Array(items.iter().rev().cloned().collect()))),
        value if nullish(value) => NULL,
        other => fail!(
            34435,
            "The argument to $reverseArray must be an array, but was of type: {}",
            type_name(other)
        ),
    }
}

pub(super) fn is_array(arguments: &[Value]) -> Result<Value> {
    Ok(Some(Bson::Boolean(matches!(arguments[0], Some(Bson::Array(_))))))
}

pub(super) fn range(arguments: &[Value]) -> Result<Value> {
    let whole = |i: usize, what: &str, code: i32| match &arguments[i] {
        Some(value) if number::is_number(value) => match number::to_i64_exact(value) {
            Some(n) if i32::try_from(n).is_ok() => Ok(n),
            _ => fail!(
                code + 1,
                "$range requires a {what} value that can be represented as a 32-bit integer, \
                 found value: {}",
                show::value(value)
            ),
        },
        other => fail!(
            code,
            "$range requires a numeric {what} value, found value of type: {}",
            type_name(other)
        ),
    };
    let start = whole(0, "starting", 34443)?;
    let end = whole(1, "ending", 34445)?;
    let step = if arguments.len() == 3 { whole(2, "step", 34447)? } else { 1 };
    if step == 0 {
        fail!(34449, "$range requires a non-zero step value");
    }
    if (end - start) / step > 1_000_000 {
        fail!(241, "$range would use too much memory");
    }
    let inside = |n: &i64| if step > 0 { *n < end } else { *n > end };
    let numbers = std::iter::successors(Some(start), |n| Some(n + step)).take_while(inside);
    Ok(Some(Bson::Array(numbers.map(|n| Bson::Int32(n as i32)).collect())))
}

pub(super) fn index_of(arguments: &[Value]) -> Result<Value> {
    if nullish(&arguments[0]) {
        return NULL;
    }
    let Some(Bson::Array(items)) = &arguments[0] else {
        fail!(
            50809,
            "First operand of $indexOfArray must be an array. First argument is of type: {}",
            type_name(&arguments[0])
        )
    };
    let bound = |i: usize, default: usize| {
        let value = arguments.get(i).and_then(Option::as_ref);
        let index = value.and_then(number::to_i64_exact).and_then(|n| usize::try_from(n).ok());
        index.unwrap_or(default).min(items.len())
    };
    let (start, end) = (bound(2, 0), bound(3, items.len()));
    let wanted = arguments[1].as_ref();
    let found = items
        .iter()
        .enumerate()
        .take(end)
        .skip(start)
        .find(|(_, item)| wanted.is_some_and(|wanted| compare::equal(item, wanted)));
    Ok(Some(found.map_or(Bson::Int32(-1), |(i, _)| number::integer(i as i64))))
}
