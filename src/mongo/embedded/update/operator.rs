//! Reading one update operator: `{ $push: { scores: { $each: [1, 2] } } }`.
//!
//! Owns the table of operators and mongod's objections to their arguments. Read next: `apply.rs` for
//! what they do, `tree.rs` for where.

use std::cmp::Ordering;

use bson::Bson;

use super::super::error::{FAILED_TO_PARSE, Result, TYPE_MISMATCH, fail};
use super::super::expression::Given;
use super::super::query::{Filter, Pattern, Test};
use super::super::sort::SortKey;
use super::super::{number, show};

/// One operator with its argument.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    Set(Bson),
    SetOnInsert(Bson),
    Unset,
    Increment(Bson),
    Multiply(Bson),
    /// `$min` and `$max`: replace if the argument compares like this to the value.
    Extreme(Ordering, Bson),
    /// The value that was at this path before the update.
    RenameFrom(String),
    /// The other end of a rename: the field goes away.
    RenameAway,
    CurrentDate {
        timestamp: bool,
    },
    Push(Push),
    AddToSet(Vec<Bson>),
    Pull(Pull),
    Pop {
        first: bool,
    },
    Bits(Vec<(BitOperation, Bson)>),
}

/// `$push` with its modifiers.
#[derive(Clone, Debug)]
pub(super) struct Push {
    pub(super) each: Vec<Bson>,
    pub(super) position: Option<i64>,
    pub(super) slice: Option<i64>,
    pub(super) sort: Option<PushSort>,
}

/// Elements as they are, or by fields of them.
#[derive(Clone, Debug)]
pub(super) enum PushSort {
    Whole { descending: bool },
    Fields(SortKey),
}

/// Which elements `$pull` removes.
#[derive(Clone, Debug)]
pub(super) enum Pull {
    Document(Filter),
    Test(Test),
    Pattern(Pattern),
    Values(Vec<Bson>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum BitOperation {
    And,
    Or,
    Xor,
}

/// Whether a modifier is in the table.
pub(super) fn exists(name: &str) -> bool {
    matches!(
        name,
        "$set"
            | "$setOnInsert"
            | "$unset"
            | "$inc"
            | "$mul"
            | "$min"
            | "$max"
            | "$rename"
            | "$currentDate"
            | "$push"
            | "$addToSet"
            | "$pull"
            | "$pullAll"
            | "$pop"
            | "$bit"
    )
}

/// Reads everything but `$rename`, which is two operators.
pub(super) fn parse(name: &str, path: &str, value: &Bson, given: &Given) -> Result<Operator> {
    Ok(match name {
        "$set" => Operator::Set(value.clone()),
        "$setOnInsert" => Operator::SetOnInsert(value.clone()),
        "$unset" => Operator::Unset,
        "$inc" => Operator::Increment(numeric("increment", path, value)?),
        "$mul" => Operator::Multiply(numeric("multiply", path, value)?),
        "$min" => Operator::Extreme(Ordering::Less, value.clone()),
        "$max" => Operator::Extreme(Ordering::Greater, value.clone()),
        "$currentDate" => Operator::CurrentDate { timestamp: is_timestamp(value)? },
        "$push" => Operator::Push(push(value)?),
        "$addToSet" => Operator::AddToSet(add_to_set(value)?),
        "$pull" => Operator::Pull(pull(value, given)?),
        "$pullAll" => match value {
            Bson::Array(items) => Operator::Pull(Pull::Values(items.clone())),
            other => fail!(
                2,
                "$pullAll requires an array argument but was given a {}",
                show::type_name(other)
            ),
        },
        "$pop" => Operator::Pop { first: pops_first(path, value)? },
        "$bit" => Operator::Bits(bits(value)?),
        other => unreachable!("{other} is not in the table"),
    })
}

fn numeric(verb: &str, path: &str, value: &Bson) -> Result<Bson> {
    if number::is_number(value) {
        return Ok(value.clone());
    }
    let shown = show::field(path, value);
    fail!(TYPE_MISMATCH, "Cannot {verb} with non-numeric argument: {{{shown}}}")
}

fn is_timestamp(value: &Bson) -> Result<bool> {
    match value {
        Bson::Boolean(_) => Ok(false),
        Bson::Document(options) => {
            if let Some(unknown) = options.keys().find(|name| *name != "$type") {
                fail!(2, "Unrecognized $currentDate option: {unknown}");
            }
            match options.get("$type") {
                Some(Bson::String(kind)) if kind == "date" => Ok(false),
                Some(Bson::String(kind)) if kind == "timestamp" => Ok(true),
                _ => fail!(
                    2,
                    "The '$type' string field is required to be 'date' or 'timestamp': \
                     {{$currentDate: {{field : {{$type: 'date'}}}}}}"
                ),
            }
        }
        other => fail!(
            2,
            "{} is not valid type for $currentDate. Please use a boolean ('true') or a $type \
             expression ({{$type: 'timestamp/date'}}).",
            show::type_name(other)
        ),
    }
}

fn push(value: &Bson) -> Result<Push> {
    let plain =
        |value: &Bson| Push { each: vec![value.clone()], position: None, slice: None, sort: None };
    let Bson::Document(modifiers) = value else { return Ok(plain(value)) };
    let Some(each) = modifiers.get("$each") else { return Ok(plain(value)) };
    let Bson::Array(each) = each else {
        fail!(
            2,
            "The argument to $each in $push must be an array but it was of type: {}",
            show::type_name(each)
        )
    };
    let mut push = Push { each: each.clone(), position: None, slice: None, sort: None };
    for (name, value) in modifiers {
        match name.as_str() {
            "$each" => {}
            "$position" => match whole(value) {
                Some(position) => push.position = Some(position),
                None => fail!(
                    2,
                    "The value for $position must be an integer value, not of type: {}",
                    show::type_name(value)
                ),
            },
            "$slice" => match whole(value) {
                Some(slice) => push.slice = Some(slice),
                None => fail!(
                    2,
                    "The value for $slice must be an integer value but was given type: {}",
                    show::type_name(value)
                ),
            },
            "$sort" => push.sort = Some(push_sort(value)?),
            other => fail!(2, "Unrecognized clause in $push: {other}"),
        }
    }
    Ok(push)
}

fn whole(value: &Bson) -> Option<i64> {
    number::is_number(value).then(|| number::to_i64_exact(value)).flatten()
}

fn push_sort(value: &Bson) -> Result<PushSort> {
    let direction = |value: &Bson| match whole(value) {
        Some(1) => Some(false),
        Some(-1) => Some(true),
        _ => None,
    };
    match value {
        Bson::Document(fields) => {
            if fields.is_empty() {
                fail!(2, "The sort pattern is empty when it should be a set of fields.");
            }
            let mut keys = Vec::new();
            for (name, value) in fields {
                match direction(value) {
                    Some(descending) => keys.push((name.as_str(), descending)),
                    None => fail!(2, "The sort element value must be either 1 or -1"),
                }
            }
            Ok(PushSort::Fields(SortKey::new(&keys)))
        }
        value if number::is_number(value) => match direction(value) {
            Some(descending) => Ok(PushSort::Whole { descending }),
            None => fail!(2, "The $sort element value must be either 1 or -1"),
        },
        _ => fail!(
            2,
            "The $sort is invalid: use 1/-1 to sort the whole element, or {{field:1/-1}} to sort \
             embedded fields"
        ),
    }
}

fn add_to_set(value: &Bson) -> Result<Vec<Bson>> {
    let Bson::Document(modifiers) = value else { return Ok(vec![value.clone()]) };
    if modifiers.keys().next().is_none_or(|name| name != "$each") {
        return Ok(vec![value.clone()]);
    }
    match modifiers.get("$each") {
        Some(Bson::Array(_)) if modifiers.len() > 1 => fail!(
            2,
            "Found unexpected fields after $each in $addToSet: {}",
            show::document(modifiers)
        ),
        Some(Bson::Array(items)) => Ok(items.clone()),
        other => fail!(
            TYPE_MISMATCH,
            "The argument to $each in $addToSet must be an array but it was of type {}",
            other.map_or("missing", show::type_name)
        ),
    }
}

fn pull(value: &Bson, given: &Given) -> Result<Pull> {
    Ok(match value {
        Bson::Document(condition) if condition.keys().next().is_some_and(|name| is_test(name)) => {
            Pull::Test(Test::parse(condition, given)?)
        }
        Bson::Document(condition) => Pull::Document(Filter::parse(condition, given)?),
        Bson::RegularExpression(regex) => {
            Pull::Pattern(Pattern::new(regex.pattern.as_str(), regex.options.as_str())?)
        }
        value => Pull::Values(vec![value.clone()]),
    })
}

/// Operators that may begin a condition on the elements themselves; `$not` is none of them.
fn is_test(name: &str) -> bool {
    matches!(
        name,
        "$eq"
            | "$ne"
            | "$lt"
            | "$lte"
            | "$gt"
            | "$gte"
            | "$in"
            | "$nin"
            | "$exists"
            | "$type"
            | "$regex"
            | "$options"
            | "$mod"
            | "$size"
            | "$all"
            | "$elemMatch"
            | "$bitsAllSet"
            | "$bitsAllClear"
            | "$bitsAnySet"
            | "$bitsAnyClear"
    )
}

fn pops_first(path: &str, value: &Bson) -> Result<bool> {
    let shown = || show::field(path, value);
    if !number::is_number(value) {
        fail!(FAILED_TO_PARSE, "Expected a number in: {}", shown());
    }
    match number::to_i64_exact(value) {
        Some(-1) => Ok(true),
        Some(1) => Ok(false),
        Some(other) => fail!(FAILED_TO_PARSE, "$pop expects 1 or -1, found: {other}"),
        None => fail!(FAILED_TO_PARSE, "Expected an integer: {}", shown()),
    }
}

fn bits(value: &Bson) -> Result<Vec<(BitOperation, Bson)>> {
    let Bson::Document(operations) = value else {
        fail!(
            2,
            "The $bit modifier is not compatible with a {}. You must pass in an embedded document: \
             {{$bit: {{field: {{and/or/xor: #}}}}",
            show::type_name(value)
        )
    };
    if operations.is_empty() {
        fail!(
            2,
            "You must pass in at least one bitwise operation. The format is: {{$bit: {{field: \
             {{and/or/xor: #}}}}"
        );
    }
    operations
        .iter()
        .map(|(name, operand)| {
            let operation = match name.as_str() {
                "and" => BitOperation::And,
                "or" => BitOperation::Or,
                "xor" => BitOperation::Xor,
                other => fail!(
                    2,
                    "The $bit modifier only supports 'and', 'or', and 'xor', not '{other}' which \
                     is an unknown operator: {{{}}}",
                    show::field(other, operand)
                ),
            };
            if !matches!(operand, Bson::Int32(_) | Bson::Int64(_)) {
                fail!(
                    2,
                    "The $bit modifier field must be an Integer(32/64 bit); a '{}' is not \
                     supported here: {{{}}}",
                    show::type_name(operand),
                    show::field(name, operand)
                );
            }
            Ok((operation, operand.clone()))
        })
        .collect()
}
