//! Performing one operator on one value.
//!
//! Owns the arithmetic and comparisons of updates; arrays are in `arrays.rs`. Knows nothing of paths
//! but their text for error messages. Read next: `tree.rs`, which finds the value.

use std::collections::BTreeMap;

use bson::{Bson, DateTime, Document, Timestamp};

use super::super::compare::compare;
use super::super::error::{PATH_NOT_VIABLE, Result, TYPE_MISMATCH, fail};
use super::super::number::{self, ADD, MULTIPLY, Operation};
use super::super::show;
use super::operator::{BitOperation, Operator};
use super::{Occasion, arrays};

/// What an operator wants done with the field.
#[derive(Debug)]
pub(super) enum Change {
    /// Nothing.
    Keep,
    /// This value, created if the field is missing.
    Set(Bson),
    /// The field goes away.
    Remove,
    /// The value was changed in place, further down.
    Inside,
}

/// What is the same for all operators of one application.
pub(super) struct Context<'a> {
    pub(super) occasion: Occasion,
    pub(super) now: DateTime,
    /// The values that are being renamed, by their old path.
    pub(super) moved: BTreeMap<&'a str, Result<Option<Bson>>>,
    /// `_id: 1`, for error messages.
    pub(super) id: String,
}

/// What stands for the `_id` of a document that has none yet.
pub(super) const NO_ID: &str = "no id";

pub(super) fn perform(
    operator: &Operator,
    value: Option<&Bson>,
    path: &str,
    context: &Context<'_>,
) -> Result<Change> {
    let field = path.rsplit('.').next().unwrap_or(path);
    Ok(match operator {
        Operator::Set(new) => Change::Set(new.clone()),
        Operator::SetOnInsert(new) if context.occasion.inserting => Change::Set(new.clone()),
        Operator::SetOnInsert(_) => Change::Keep,
        Operator::Unset | Operator::RenameAway if value.is_some() => Change::Remove,
        Operator::Unset | Operator::RenameAway => Change::Keep,
        Operator::RenameFrom(source) => match context.moved.get(source.as_str()).cloned() {
            Some(moved) => moved?.map_or(Change::Keep, Change::Set),
            None => Change::Keep,
        },
        Operator::Increment(by) => arithmetic("$inc", &ADD, value, by, field, context)?,
        Operator::Multiply(by) => arithmetic("$mul", &MULTIPLY, value, by, field, context)?,
        Operator::Extreme(wanted, new) => match value {
            Some(value) if compare(new, value) != *wanted => Change::Keep,
            _ => Change::Set(new.clone()),
        },
        Operator::CurrentDate { timestamp: false } => Change::Set(Bson::DateTime(context.now)),
        Operator::CurrentDate { timestamp: true } => {
            let time = (context.now.timestamp_millis() / 1000) as u32;
            Change::Set(Bson::Timestamp(Timestamp { time, increment: 1 }))
        }
        Operator::Push(push) => arrays::push(push, value, path, context)?,
        Operator::AddToSet(items) => arrays::add_to_set(items, value, field)?,
        Operator::Pull(pull) => arrays::pull(pull, value)?,
        Operator::Pop { first } => arrays::pop(*first, value, path)?,
        Operator::Bits(operations) => bits(operations, value, field, context)?,
    })
}

fn arithmetic(
    name: &str,
    operation: &Operation,
    value: Option<&Bson>,
    by: &Bson,
    field: &str,
    context: &Context<'_>,
) -> Result<Change> {
    let zero = Bson::Int32(0);
    let old = match value {
        None if name == "$inc" => return Ok(Change::Set(by.clone())),
        None => &zero,
        Some(old) => old,
    };
    let id = &context.id;
    if !number::is_number(old) {
        fail!(
            TYPE_MISMATCH,
            "Cannot apply {name} to a value of non-numeric type. {{{id}}} has the field '{field}' \
             of non-numeric type {}",
            show::type_name(old)
        );
    }
    if let Some(new) = number::apply(operation, old, by, 15) {
        Ok(Change::Set(new))
    } else {
        let kind = if matches!(old, Bson::Int32(_)) { "NumberInt" } else { "NumberLong" };
        fail!(
            2,
            "Failed to apply {name} operations to current value (({kind}){}) for document {{{id}}}",
            show::value(old)
        )
    }
}

fn bits(
    operations: &[(BitOperation, Bson)],
    value: Option<&Bson>,
    field: &str,
    context: &Context<'_>,
) -> Result<Change> {
    let start = match value {
        None => Bson::Int32(0),
        Some(whole @ (Bson::Int32(_) | Bson::Int64(_))) => whole.clone(),
        Some(other) => fail!(
            2,
            "Cannot apply $bit to a value of non-integral type.{} has the field {field} of \
             non-integer type {}",
            if context.id == NO_ID { "INVALID-MUTABLE-ELEMENT" } else { &context.id },
            show::type_name(other)
        ),
    };
    let result = operations.iter().fold(start, |value, (operation, operand)| {
        let whole = |x: &Bson| number::to_i64_exact(x).unwrap_or(0);
        let (a, b) = (whole(&value), whole(operand));
        let bits = match operation {
            BitOperation::And => a & b,
            BitOperation::Or => a | b,
            BitOperation::Xor => a ^ b,
        };
        match (&value, operand) {
            (Bson::Int32(_), Bson::Int32(_)) => Bson::Int32(bits as i32),
            _ => Bson::Int64(bits),
        }
    });
    Ok(Change::Set(result))
}

/// The value a rename moves; it may not lie inside an array.
pub(super) fn take_source(document: &Document, path: &str, id: &str) -> Result<Option<Bson>> {
    let mut names = path.split('.');
    let mut last = names.next().unwrap_or(path);
    let mut value = document.get(last);
    let mut in_array = None;
    for name in names {
        value = match value {
            None => return Ok(None),
            Some(Bson::Document(inner)) => inner.get(name),
            Some(Bson::Array(items)) if super::tree::index(name).is_some() => {
                in_array.get_or_insert(last);
                super::tree::index(name).and_then(|i| items.get(i))
            }
            Some(other) => fail!(
                PATH_NOT_VIABLE,
                "cannot use the part ({last} of {path}) to traverse the element ({{{}}})",
                show::field(last, other)
            ),
        };
        last = name;
    }
    if let (Some(array), Some(_)) = (in_array, value) {
        fail!(
            2,
            "The source field cannot be an array element, '{path}' in doc with {id} has an array \
             field called '{array}'"
        );
    }
    Ok(value.cloned())
}

/// The target of a rename may not lie inside an array either.
pub(super) fn check_target(document: &Document, path: &str, id: &str) -> Result<()> {
    let mut value: Option<&Bson> = None;
    for (i, name) in path.split('.').enumerate() {
        let inner = match (i, value) {
            (0, _) => document,
            (_, Some(Bson::Document(inner))) => inner,
            _ => return Ok(()),
        };
        value = inner.get(name);
        if matches!(value, Some(Bson::Array(_))) && path.split('.').count() > i + 1 {
            fail!(
                2,
                "The destination field cannot be an array element, '{path}' in doc with {id} has \
                 an array field called '{name}'"
            );
        }
    }
    Ok(())
}
