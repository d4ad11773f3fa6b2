//! Documents in expressions: merging, taking apart, and fields with awkward names.
//!
//! Read next: `functions.rs` for the names.

use bson::{Bson, Document, doc};

use super::super::error::{Result, fail};
use super::super::show;
use super::{Value, nullish, type_name};

const NULL: Result<Value> = Ok(Some(Bson::Null));

pub(super) fn to_array(arguments: &[Value]) -> Result<Value> {
    match &arguments[0] {
        Some(Bson::Document(object)) => {
            let pair = |(k, v): (&String, &Bson)| Bson::Document(doc! { "k": k, "v": v.clone() });
            Ok(Some(Bson::Array(object.iter().map(pair).collect())))
        }
        value if nullish(value) => NULL,
        other => {
            fail!(40390, "$objectToArray requires a document input, found: {}", type_name(other))
        }
    }
}

pub(super) fn from_array(arguments: &[Value]) -> Result<Value> {
    let items = match &arguments[0] {
        Some(Bson::Array(items)) => items,
        value if nullish(value) => return NULL,
        other => {
            fail!(40386, "$arrayToObject requires an array input, found: {}", type_name(other))
        }
    };
    let mut object = Document::new();
    for item in items {
        let (name, value) = match item {
            Bson::Array(pair) => match pair.as_slice() {
                [name, value] => (name, value),
                _ => fail!(
                    40397,
                    "$arrayToObject requires an array of size 2 arrays,found array of size: {}",
                    pair.len()
                ),
            },
            Bson::Document(pair) => match (pair.get("k"), pair.get("v"), pair.len()) {
                (Some(name), Some(value), 2) => (name, value),
                (_, _, 2) => fail!(
                    40393,
                    "$arrayToObject requires an object with keys 'k' and 'v'. Missing either or \
                     both keys from: {}",
                    show::document(pair)
                ),
                _ => fail!(
                    40392,
                    "$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number \
                     of keys:{}",
                    pair.len()
                ),
            },
            other => fail!(
                40398,
                "Unrecognised input type format for $arrayToObject: {}",
                show::type_name(other)
            ),
        };
        match name {
            Bson::String(name) => object.insert(name.clone(), value.clone()),
            other => fail!(
                40394,
                "$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' \
                 must be of type string. Found type: {}",
                show::type_name(other)
            ),
        };
    }
    Ok(Some(Bson::Document(object)))
}

pub(super) fn merge(arguments: &[Value]) -> Result<Value> {
    let inputs: Vec<&Bson> = match arguments {
        [Some(Bson::Array(items))] => items.iter().collect(),
        many => many.iter().flatten().collect(),
    };
    let mut merged = Document::new();
    for input in inputs {
        match input {
            Bson::Document(object) => merged.extend(object.clone()),
            Bson::Null | Bson::Undefined => {}
            other => fail!(
                40400,
                "$mergeObjects requires object inputs, but input {} is of type {}",
                show::terse(other),
                show::type_name(other)
            ),
        }
    }
    Ok(Some(Bson::Document(merged)))
}

fn field_name<'a>(operator: &str, code: i32, value: &'a Value) -> Result<&'a str> {
    match value {
        Some(Bson::String(name)) => Ok(name),
        other => fail!(
            code,
            "{operator} requires 'field' to evaluate to type String, but got {}",
            type_name(other)
        ),
    }
}

pub(super) fn get_field(arguments: &[Value]) -> Result<Value> {
    let name = field_name("$getField", 3_041_704, &arguments[0])?;
    Ok(match &arguments[1] {
        Some(Bson::Document(object)) => object.get(name).cloned(),
        value if nullish(value) => value.as_ref().map(|_| Bson::Null),
        _ => None,
    })
}

pub(super) fn set_field(arguments: &[Value]) -> Result<Value> {
    let name = field_name("$setField", 4_161_107, &arguments[0])?;
    let mut object = match &arguments[1] {
        Some(Bson::Document(object)) => object.clone(),
        value if nullish(value) => return NULL,
        other => fail!(
            4_161_105,
            "$setField requires 'input' to evaluate to type Object, but got {}",
            type_name(other)
        ),
    };
    match &arguments[2] {
        Some(value) => object.insert(name, value.clone()),
        None => object.remove(name),
    };
    Ok(Some(Bson::Document(object)))
}

pub(super) fn unset_field(arguments: &[Value]) -> Result<Value> {
    set_field(&[arguments[0].clone(), arguments[1].clone(), None])
}
