//! How many bytes a document takes on the wire, without writing it.
//!
//! Batches and documents are limited by it. Read next: `cursor.rs`.

use bson::{Bson, Document};

/// The length of the BSON form.
pub(super) fn document(document: &Document) -> usize {
    5 + document.iter().map(|(name, value)| 2 + name.len() + self::value(value)).sum::<usize>()
}

fn value(value: &Bson) -> usize {
    match value {
        Bson::Null | Bson::Undefined | Bson::MinKey | Bson::MaxKey => 0,
        Bson::Boolean(_) => 1,
        Bson::Int32(_) => 4,
        Bson::Double(_) | Bson::Int64(_) | Bson::DateTime(_) | Bson::Timestamp(_) => 8,
        Bson::ObjectId(_) => 12,
        Bson::Decimal128(_) => 16,
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => 5 + text.len(),
        Bson::Document(inner) => document(inner),
        Bson::Array(items) => {
            let digits = |i: usize| i.checked_ilog10().map_or(1, |n| n as usize + 1);
            let item = |(i, item)| 2 + digits(i) + self::value(item);
            5 + items.iter().enumerate().map(item).sum::<usize>()
        }
        Bson::Binary(binary) => {
            let old = usize::from(u8::from(binary.subtype) == 2) * 4;
            5 + old + binary.bytes.len()
        }
        Bson::RegularExpression(regex) => {
            2 + regex.pattern.as_str().len() + regex.options.as_str().len()
        }
        Bson::JavaScriptCodeWithScope(code) => 9 + code.code.len() + document(&code.scope),
        // A namespace we cannot see the length of; the type has been deprecated since 2009.
        Bson::DbPointer(_) => 17 + 120,
    }
}
