//! Checking an index specification: the key, the name and the options.
//!
//! Owns mongod's objections, in its order. Read next: `indexes.rs`, which creates the index.

use bson::{Bson, Document, doc};

use super::super::error::{
    BAD_VALUE, CANNOT_CREATE_INDEX, FAILED_TO_PARSE, INVALID_INDEX_SPECIFICATION_OPTION,
    NOT_IMPLEMENTED, Result, TYPE_MISMATCH, fail,
};
use super::super::{number, show};

/// A checked specification in the form in which `listIndexes` answers it.
pub(super) fn checked(source: &Document) -> Result<Document> {
    let mut shown = source.clone();
    if matches!(source.get("name"), Some(Bson::String(name)) if name.is_empty()) {
        shown.insert("v", 2); // mongod finds this out later than the other faults
    }
    let context = format!("Error in specification {}", show::document(&shown));
    let checked = check(source).map_err(|error| error.context(&context))?;
    let key = checked.get_document("key").expect("checked by the line above");
    let id = key.get("_id").filter(|_| key.len() == 1);
    if id.is_some_and(|direction| number::to_i64_exact(direction) != Some(1)) {
        let shown = show::document(key);
        fail!(BAD_VALUE, "The field 'key' for an _id index must be {{_id: 1}}, but got {shown}");
    }
    check_ttl(source, checked)
}

fn check(source: &Document) -> Result<Document> {
    let mut options = check_options(source)?;
    let required = |name: &str| match source.get(name) {
        Some(value) => Ok(value),
        None => fail!(
            FAILED_TO_PARSE,
            "The '{name}' field is a required property of an index specification"
        ),
    };
    let key = match required("key")? {
        Bson::Document(key) => key,
        other => fail!(
            TYPE_MISMATCH,
            "The field 'key' must be an object, but got {}",
            show::type_name(other)
        ),
    };
    check_key(key)?;
    let name = match required("name")? {
        Bson::String(name) => name,
        other => fail!(
            TYPE_MISMATCH,
            "The field 'name' must be a string, but got {}",
            show::type_name(other)
        ),
    };
    if name.is_empty() {
        fail!(CANNOT_CREATE_INDEX, "index name cannot be empty");
    }
    if let Some(version) = source.get("v")
        && !matches!(number::to_i64_exact(version), Some(1 | 2))
    {
        fail!(
            CANNOT_CREATE_INDEX,
            "Invalid index specification {}; cannot create an index with v={}",
            show::document(source),
            show::value(version)
        );
    }
    let mut checked = doc! { "v": 2, "key": key.clone(), "name": name };
    for option in ["unique", "sparse", "expireAfterSeconds", "partialFilterExpression"] {
        if let Some(value) = options.remove(option) {
            checked.insert(option, value);
        }
    }
    checked.extend(options);
    Ok(checked)
}

/// The options that are set, in the order they came.
fn check_options(source: &Document) -> Result<Document> {
    let mut options = Document::new();
    for (option, value) in source {
        match option.as_str() {
            "key" | "name" | "v" | "ns" => {}
            "unique" | "sparse" | "background" | "hidden" => {
                let flag = match value {
                    Bson::Boolean(flag) => *flag,
                    value if number::is_number(value) => number::truthy(value),
                    value => fail!(
                        TYPE_MISMATCH,
                        "The field '{option} has value {}, which is not convertible to bool",
                        show::field(option, value)
                    ),
                };
                if flag {
                    options.insert(option, true);
                }
            }
            "expireAfterSeconds" if number::is_number(value) => {
                options.insert(option, value.clone());
            }
            "partialFilterExpression" if matches!(value, Bson::Document(_)) => {
                check_partial(value)?;
                options.insert(option, value.clone());
            }
            "collation" => {
                fail!(NOT_IMPLEMENTED, "collation is not supported by the embedded store")
            }
            other => fail!(
                INVALID_INDEX_SPECIFICATION_OPTION,
                "The field '{other}' is not valid for an index specification. Specification: {}",
                show::document(source)
            ),
        }
    }
    Ok(options)
}

fn check_key(key: &Document) -> Result<()> {
    if key.is_empty() {
        fail!(CANNOT_CREATE_INDEX, "Index keys cannot be empty.");
    }
    for (name, direction) in key {
        match direction {
            Bson::String(plugin) if plugin.is_empty() => {
                fail!(
                    CANNOT_CREATE_INDEX,
                    "Values in the index key pattern cannot be empty strings"
                )
            }
            Bson::String(plugin) => {
                fail!(CANNOT_CREATE_INDEX, "Unknown index plugin '{plugin}'")
            }
            value if !number::is_number(value) => fail!(
                CANNOT_CREATE_INDEX,
                "Values in v:2 index key pattern cannot be of type {}. Only numbers > 0, numbers < \
                 0, and strings are allowed.",
                show::type_name(value)
            ),
            value if number::is_zero(value) => {
                fail!(CANNOT_CREATE_INDEX, "Values in the index key pattern cannot be 0.")
            }
            _ => {}
        }
        if name.is_empty() {
            fail!(CANNOT_CREATE_INDEX, "Index keys cannot be an empty field.");
        }
        if name.split('.').any(str::is_empty) {
            fail!(CANNOT_CREATE_INDEX, "Index keys cannot contain an empty field.");
        }
        if name.split('.').any(|part| part.starts_with('$')) {
            fail!(
                CANNOT_CREATE_INDEX,
                "Index key contains an illegal field name: field name starts with '$'."
            );
        }
    }
    Ok(())
}

/// A partial index takes equality, ranges, `$exists: true`, `$type`, `$in` and their combinations.
fn check_partial(filter: &Bson) -> Result<()> {
    match filter {
        Bson::Document(inner) => inner.iter().try_for_each(|(name, value)| {
            let allowed = match name.as_str() {
                "$exists" => number::truthy(value),
                "$and" | "$or" | "$eq" | "$gt" | "$gte" | "$lt" | "$lte" | "$type" | "$in" => true,
                other => !other.starts_with('$'),
            };
            if !allowed {
                fail!(CANNOT_CREATE_INDEX, "Expression not supported in partial index: {name}");
            }
            check_partial(value)
        }),
        Bson::Array(items) => items.iter().try_for_each(check_partial),
        _ => Ok(()),
    }
}

fn check_ttl(source: &Document, checked: Document) -> Result<Document> {
    let Some(seconds) = source.get("expireAfterSeconds") else { return Ok(checked) };
    let shown = show::document(source);
    if number::to_i64_saturating(seconds).is_some_and(|seconds| seconds < 0) {
        fail!(
            CANNOT_CREATE_INDEX,
            "TTL index 'expireAfterSeconds' option cannot be less than 0. Index spec: {shown}"
        );
    }
    if checked.get_document("key").is_ok_and(|key| key.len() > 1) {
        fail!(
            CANNOT_CREATE_INDEX,
            "TTL indexes are single-field indexes, compound indexes do not support TTL. Index \
             spec: {shown}"
        );
    }
    Ok(checked)
}
