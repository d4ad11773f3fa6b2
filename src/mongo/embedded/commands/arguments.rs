//! The arguments of a command, or of one of its parts, checked as mongod's parser checks them.
//!
//! Owns the objections: unknown field, missing field, wrong type. Does not know what the fields mean.

use bson::{Bson, Document};

use super::super::error::{
    BAD_VALUE, MISSING_FIELD, NOT_IMPLEMENTED, Result, ServerError, TYPE_MISMATCH, UNKNOWN_FIELD,
    fail,
};
use super::super::{number, show};

/// What every command may carry without knowing it.
const COMMON: [&str; 17] = [
    "$db",
    "$readPreference",
    "$clusterTime",
    "$client",
    "lsid",
    "txnNumber",
    "autocommit",
    "startTransaction",
    "readConcern",
    "writeConcern",
    "maxTimeMS",
    "comment",
    "apiVersion",
    "apiStrict",
    "apiDeprecationErrors",
    "help",
    "databaseVersion",
];

/// A document of named arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a> {
    structure: &'a str,
    body: &'a Document,
}

impl<'a> Arguments<'a> {
    pub(super) fn of_command(name: &'a str, body: &'a Document, known: &[&str]) -> Result<Self> {
        let structure = match name {
            "find" => "FindCommandRequest",
            "findandmodify" => "findAndModify",
            other => other,
        };
        for field in body.keys() {
            let field = field.as_str();
            if field != name && !known.contains(&field) && !COMMON.contains(&field) {
                fail!(UNKNOWN_FIELD, "BSON field '{structure}.{field}' is an unknown field.");
            }
        }
        Ok(Self { structure, body })
    }

    /// The arguments of a part, such as one entry of `updates`.
    pub(super) fn of_part(structure: &'a str, body: &'a Document, known: &[&str]) -> Result<Self> {
        match body.keys().find(|field| !known.contains(&field.as_str())) {
            Some(field) => {
                fail!(UNKNOWN_FIELD, "BSON field '{structure}.{field}' is an unknown field.")
            }
            None => Ok(Self { structure, body }),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Bson> {
        self.body.get(name)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a Bson> {
        match self.body.get(name) {
            Some(value) => Ok(value),
            None => fail!(
                MISSING_FIELD,
                "BSON field '{}.{name}' is missing but a required field",
                self.structure
            ),
        }
    }

    pub(super) fn document(&self, name: &str) -> Result<Option<&'a Document>> {
        match self.get(name) {
            None => Ok(None),
            Some(Bson::Document(document)) => Ok(Some(document)),
            Some(Bson::Null) if self.structure != "FindCommandRequest" => Ok(None),
            Some(_) if self.structure == "FindCommandRequest" => {
                fail!(TYPE_MISMATCH, "Expected field {name}to be of type object")
            }
            Some(other) => Err(self.wrong_type(name, other, "object")),
        }
    }

    pub(super) fn array(&self, name: &str) -> Result<Option<&'a [Bson]>> {
        match self.get(name) {
            None => Ok(None),
            Some(Bson::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong_type(name, other, "array")),
        }
    }

    /// An array of documents, which must be there.
    pub(super) fn documents(&self, name: &str) -> Result<Vec<&'a Document>> {
        self.required(name)?;
        let items = self.array(name)?.unwrap_or_default();
        let document = |(i, item): (usize, &'a Bson)| match item {
            Bson::Document(document) => Ok(document),
            other => Err(self.wrong_type(&format!("{name}.{i}"), other, "object")),
        };
        items.iter().enumerate().map(document).collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(name, other, "string")),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Bson::Boolean(flag)) => Ok(*flag),
            Some(other) if self.structure == "FindCommandRequest" => fail!(
                TYPE_MISMATCH,
                "Field '{name}' should be a boolean value, but found: {}",
                show::type_name(other)
            ),
            Some(other) => Err(self.wrong_type(name, other, "bool")),
        }
    }

    /// A flag that older clients write as a number.
    pub(super) fn lenient_flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            Some(value) if number::is_number(value) => Ok(number::truthy(value)),
            Some(Bson::Null | Bson::Undefined) => Ok(false),
            _ => self.flag(name, false),
        }
    }

    /// Any number, cut to a whole one.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>> {
        match self.get(name) {
            None | Some(Bson::Null | Bson::Undefined) => Ok(None),
            Some(value) => match number::to_i64_saturating(value) {
                Some(whole) => Ok(Some(whole)),
                None => fail!(
                    TYPE_MISMATCH,
                    "BSON field '{}.{name}' is the wrong type '{}', expected types \
                     '[long, int, decimal, double']",
                    self.structure,
                    show::type_name(value)
                ),
            },
        }
    }

    /// A number that must not be negative.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>> {
        match self.whole(name)? {
            Some(count) if count < 0 => {
                fail!(51024, "BSON field '{name}' value must be >= 0, actual value '{count}'")
            }
            count => Ok(count.map(|count| count as usize)),
        }
    }

    /// Refuses options that would change the answer and that this store does not have.
    pub(super) fn refuse(&self, names: &[&str]) -> Result<()> {
        for name in names {
            match self.get(name) {
                None | Some(Bson::Null | Bson::Boolean(false)) => {}
                Some(Bson::Document(empty)) if empty.is_empty() => {}
                Some(Bson::Document(collation))
                    if *name == "collation"
                        && collation.get_str("locale").is_ok_and(|l| l == "simple") => {}
                Some(_) => {
                    fail!(NOT_IMPLEMENTED, "'{name}' is not supported by the embedded store")
                }
            }
        }
        Ok(())
    }

    pub(super) fn wrong_type(&self, name: &str, found: &Bson, expected: &str) -> ServerError {
        let message = format!(
            "BSON field '{}.{name}' is the wrong type '{}', expected type '{expected}'",
            self.structure,
            show::type_name(found)
        );
        ServerError::new(TYPE_MISMATCH, message)
    }
}

/// Checks how many writes a command brings.
pub(super) fn check_batch_size(count: usize) -> Result<()> {
    if (1..=100_000).contains(&count) {
        return Ok(());
    }
    fail!(
        super::super::error::INVALID_LENGTH,
        "Write batch sizes must be between 1 and 100000. Got {count} operations."
    )
}

/// An index hint must name an index, if the collection is there.
pub(super) fn check_hint(
    hint: Option<&Bson>,
    collection: Option<&super::super::collection::Collection>,
) -> Result<()> {
    let (Some(hint), Some(collection)) = (hint, collection) else { return Ok(()) };
    let found = match hint {
        Bson::String(name) => collection.indexes().iter().any(|index| index.name() == name),
        Bson::Document(key) if key.is_empty() || key.contains_key("$natural") => true,
        Bson::Document(key) => collection
            .indexes()
            .iter()
            .any(|index| super::super::compare::compare_documents(index.key(), key).is_eq()),
        other => fail!(
            FAILED_TO_PARSE_HINT,
            "Hint must be a string or an object, found {}",
            show::type_name(other)
        ),
    };
    if found {
        return Ok(());
    }
    fail!(
        BAD_VALUE,
        "error processing query: ns={} planner returned error :: caused by :: hint provided does \
         not correspond to an existing index",
        collection.namespace
    )
}

const FAILED_TO_PARSE_HINT: i32 = 9;
