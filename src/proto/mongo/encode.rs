//! Documents as bytes, appended to whatever buffer holds the message they are part of.
//!
//! Owns the encoding of an owned [`Document`] in one pass: no buffer of its own for each document
//! or nested value, so that ten thousand of them cost the growth of one buffer. The bytes are
//! those that `bson` itself would write; what is rare is left to it. Read next: `shape.rs`, the
//! way back.

use std::io::Write;

use bson::raw::CStr;
use bson::spec::BinarySubtype;
use bson::{Bson, Document, RawDocumentBuf};

use super::wire::patch_length;

/// Appends `document` to `out`.
///
/// # Errors
/// A key contains NUL, which BSON cannot say. What was appended until then is to be cut off.
pub fn append(out: &mut Vec<u8>, document: &Document) -> Result<(), bson::error::Error> {
    let start = begin(out);
    append_fields(out, document)?;
    end(out, start);
    Ok(())
}

/// The same with a field `_id` in front of the others.
///
/// # Errors
/// As [`append`].
pub fn append_with_id(
    out: &mut Vec<u8>,
    id: bson::oid::ObjectId,
    document: &Document,
) -> Result<(), bson::error::Error> {
    let start = begin(out);
    out.extend_from_slice(b"\x07_id\0");
    out.extend_from_slice(&id.bytes());
    append_fields(out, document)?;
    end(out, start);
    Ok(())
}

fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

fn end(out: &mut Vec<u8>, start: usize) {
    out.push(0);
    patch_length(out, start);
}

fn append_fields(out: &mut Vec<u8>, document: &Document) -> Result<(), bson::error::Error> {
    for (key, value) in document {
        let _: &CStr = key.as_str().try_into()?; // refuses NUL
        out.push(value.element_type() as u8);
        out.extend_from_slice(key.as_bytes());
        out.push(0);
        append_value(out, value)?;
    }
    Ok(())
}

fn append_value(out: &mut Vec<u8>, value: &Bson) -> Result<(), bson::error::Error> {
    match value {
        Bson::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
        Bson::String(text) | Bson::JavaScriptCode(text) | Bson::Symbol(text) => {
            out.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        Bson::Document(document) => append(out, document)?,
        Bson::Array(values) => {
            let start = begin(out);
            for (index, value) in values.iter().enumerate() {
                out.push(value.element_type() as u8);
                write!(out, "{index}\0").expect("a vector takes everything");
                append_value(out, value)?;
            }
            end(out, start);
        }
        Bson::Binary(binary) if binary.subtype != BinarySubtype::BinaryOld => {
            out.extend_from_slice(&(binary.bytes.len() as i32).to_le_bytes());
            out.push(binary.subtype.into());
            out.extend_from_slice(&binary.bytes);
        }
        Bson::ObjectId(id) => out.extend_from_slice(&id.bytes()),
        Bson::Boolean(value) => out.push(u8::from(*value)),
        Bson::DateTime(time) => out.extend_from_slice(&time.timestamp_millis().to_le_bytes()),
        Bson::Int32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Bson::Int64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Bson::Decimal128(value) => out.extend_from_slice(&value.bytes()),
        Bson::Null | Bson::Undefined | Bson::MinKey | Bson::MaxKey => {}
        rare => {
            // A document of this value alone: length, type and an empty key before, NUL behind.
            let mut alone = Document::new();
            alone.insert("", rare.clone());
            let alone = RawDocumentBuf::try_from(&alone)?.into_bytes();
            out.extend_from_slice(&alone[6..alone.len() - 1]);
        }
    }
    Ok(())
}
