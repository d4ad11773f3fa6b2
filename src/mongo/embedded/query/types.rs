//! The names and numbers of BSON types that `$type` accepts.
//!
//! Owns the table; knows nothing else. Read next: `../show.rs`, which has the names the other way round.

use bson::Bson;
use bson::spec::ElementType;

use super::super::error::{FAILED_TO_PARSE, Result, ServerError, TYPE_MISMATCH, fail};
use super::super::number;

/// A set of types, and perhaps "any number".
#[derive(Clone, Debug, Default)]
pub(in super::super) struct TypeSet {
    types: Vec<ElementType>,
    numbers: bool,
}

impl TypeSet {
    pub(super) fn parse(field: &str, wanted: &Bson) -> Result<Self> {
        let mut set = Self::default();
        match wanted {
            Bson::Array(items) => {
                if items.is_empty() {
                    fail!(FAILED_TO_PARSE, "{field} must match at least one type");
                }
                items.iter().try_for_each(|item| set.add(item))?;
            }
            one => set.add(one)?,
        }
        Ok(set)
    }

    pub(super) fn contains(&self, value: &Bson) -> bool {
        (self.numbers && number::is_number(value)) || self.types.contains(&value.element_type())
    }

    fn add(&mut self, wanted: &Bson) -> Result<()> {
        match wanted {
            Bson::String(name) if name == "number" => self.numbers = true,
            Bson::String(name) => self.types.push(named(name).ok_or_else(|| {
                ServerError::bad_value(format!("Unknown type name alias: {name}"))
            })?),
            number if number::is_number(number) => {
                let code = number::to_i64_exact(number);
                let element = code.and_then(|code| match code {
                    -1 => Some(ElementType::MinKey),
                    0 => None,
                    code => u8::try_from(code).ok().and_then(ElementType::from),
                });
                self.types.push(element.ok_or_else(|| {
                    let code = code
                        .map_or_else(|| super::super::show::value(number), |code| code.to_string());
                    ServerError::bad_value(format!("Invalid numerical type code: {code}"))
                })?);
            }
            _ => fail!(TYPE_MISMATCH, "type must be represented as a number or a string"),
        }
        Ok(())
    }
}

fn named(name: &str) -> Option<ElementType> {
    Some(match name {
        "double" => ElementType::Double,
        "string" => ElementType::String,
        "object" => ElementType::EmbeddedDocument,
        "array" => ElementType::Array,
        "binData" => ElementType::Binary,
        "undefined" => ElementType::Undefined,
        "objectId" => ElementType::ObjectId,
        "bool" => ElementType::Boolean,
        "date" => ElementType::DateTime,
        "null" => ElementType::Null,
        "regex" => ElementType::RegularExpression,
        "dbPointer" => ElementType::DbPointer,
        "javascript" => ElementType::JavaScriptCode,
        "symbol" => ElementType::Symbol,
        "javascriptWithScope" => ElementType::JavaScriptCodeWithScope,
        "int" => ElementType::Int32,
        "timestamp" => ElementType::Timestamp,
        "long" => ElementType::Int64,
        "decimal" => ElementType::Decimal128,
        "minKey" => ElementType::MinKey,
        "maxKey" => ElementType::MaxKey,
        _ => return None,
    })
}
