//! A peer's documents as documents of our own, in one walk over their bytes.
//!
//! Owns the decoding into [`Document`], and a [`Decoder`] for many of them that look alike. Nothing
//! is believed: every length is checked where it is read, by the rules of `shape.rs`, and the depth
//! is counted, so that no document can exhaust the stack. Values that are rare are left to `bson`.
//! Read next: `encode.rs`, the way back.

use std::fmt;
use std::io;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Decimal128, Document, RawDocument};
#[cfg(feature = "serde")]
use serde::Deserialize;

use super::shape::{self, DEPTH_MAX, Element, Fault, ShapeError};

/// Decodes a peer's document.
///
/// # Errors
/// The document is malformed or nested too deeply; whoever sent it is to blame.
pub fn decode(document: &RawDocument) -> Result<Document, DecodeError> {
    let mut fields = Document::new();
    decode_into(&mut fields, document).map(|_| fields)
}

/// One field of a document; what lies behind it is not looked at.
///
/// # Errors
/// As [`decode`], as far as was looked.
pub fn decode_field(document: &[u8], name: &str) -> Result<Option<Bson>, DecodeError> {
    for field in shape::fields(document) {
        let field = field?;
        if field.name == name.as_bytes() {
            let (mut slot, end) = (Bson::Null, field.value.end);
            let walk = Walk { bytes: document };
            walk.value(field.kind, field.value.start, end, 1, &mut slot, &mut true)?;
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

/// A whole document as a type of the caller's, which may borrow its strings from the document.
///
/// # Errors
/// As [`decode`], or the document is not what the type says.
#[cfg(feature = "serde")]
pub fn decode_as<'a, T: Deserialize<'a>>(document: &'a RawDocument) -> Result<T, DecodeError> {
    shape::check(document.as_bytes())?;
    bson::deserialize_from_slice(document.as_bytes()).map_err(DecodeError::Value)
}

/// Decodes documents that probably have the same fields, as those of one query do.
///
/// An owned document is a table of names. To build one means to hash every name and to let the
/// table grow; to copy one means neither. So the decoder keeps one without values, and a document
/// with the same names in the same order begins as its copy. Where the names differ, the rest is
/// built as [`decode`] does it: the result is always the same.
///
/// ```
/// use squall::proto::mongo::decode::Decoder;
/// let mut decoder = Decoder::default();
/// for n in 0..10 {
///     let raw = bson::rawdoc! { "_id": n, "name": "ada" };
///     assert_eq!(decoder.decode(&raw)?, bson::doc! { "_id": n, "name": "ada" });
/// }
/// # Ok::<(), squall::proto::mongo::decode::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The names of an earlier document; empty when there is none worth keeping.
    names: Document,
    /// Documents in a row that had other names.
    misses: u8,
    /// How often `names` was replaced.
    changes: u8,
}

/// One document may be an exception; with two in a row, it is `names` that is.
const MISSES_MAX: u8 = 2;

/// Where the names change this often nothing is gained by keeping any.
const CHANGES_MAX: u8 = 8;

/// A document with more names than these is rather a table, and the next one has others.
const NAMES_MAX: usize = 256;

impl Decoder {
    /// Decodes the next document.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(&mut self, document: &RawDocument) -> Result<Document, DecodeError> {
        let mut fields = self.names.clone();
        if decode_into(&mut fields, document)? {
            self.misses = 0;
        } else if self.changes < CHANGES_MAX {
            self.misses += 1;
            if self.misses == MISSES_MAX {
                self.misses = 0;
                self.changes += 1;
                let hopeless = self.changes == CHANGES_MAX || count_names(&fields) > NAMES_MAX;
                self.names = if hopeless { Document::new() } else { names_of(&fields) };
            }
        }
        Ok(fields)
    }
}

/// The names in a document, and in documents in it.
fn count_names(document: &Document) -> usize {
    let inner = document.values().filter_map(Bson::as_document);
    document.len() + inner.map(count_names).sum::<usize>()
}

/// The document without its values; a document in it stays one.
fn names_of(document: &Document) -> Document {
    let without_value = |(name, value): (&String, &Bson)| match value {
        Bson::Document(inner) => (name.clone(), Bson::Document(names_of(inner))),
        _ => (name.clone(), Bson::Null),
    };
    document.iter().map(without_value).collect()
}

/// Decodes into `fields`, whose names are those that are expected. True if they were all of them.
fn decode_into(fields: &mut Document, document: &RawDocument) -> Result<bool, DecodeError> {
    let bytes = document.as_bytes();
    Walk { bytes }.fields(4, shape::end_of(bytes)?, 1, fields)
}

/// The walk over one document with everything in it.
#[derive(Clone, Copy)]
struct Walk<'a> {
    bytes: &'a [u8],
}

impl Walk<'_> {
    /// The fields from `at` to the closing NUL at `end`, into `fields`. As long as the names are
    /// those that `fields` has already, only the values are replaced; true if that went well to
    /// the end.
    fn fields(
        self,
        mut at: usize,
        end: usize,
        depth: usize,
        fields: &mut Document,
    ) -> Result<bool, DecodeError> {
        let mut expected = 0;
        let mut alike = true;
        for (name, slot) in fields.iter_mut() {
            let Some(value) = self.after_name(at, end, name) else { break };
            at = self.value(self.bytes[at], value, end, depth, slot, &mut alike)?;
            expected += 1;
        }
        if expected < fields.len() {
            alike = false;
            let rest: Vec<String> = fields.keys().skip(expected).cloned().collect();
            rest.iter().rev().for_each(|name| drop(fields.remove(name)));
        }
        while at < end {
            alike = false;
            let value = shape::cstring_end(self.bytes, at + 1, end)?;
            let name = text(&self.bytes[at + 1..value - 1])?;
            let mut slot = Bson::Null;
            at = self.value(self.bytes[at], value, end, depth, &mut slot, &mut alike)?;
            fields.insert(name, slot);
        }
        Ok(alike)
    }

    /// Where the value of the field at `at` begins, if its name is `name`.
    fn after_name(self, at: usize, end: usize, name: &str) -> Option<usize> {
        let after = self.bytes.get(at + 1..end)?.strip_prefix(name.as_bytes())?;
        (*after.first()? == 0).then_some(at + 1 + name.len() + 1)
    }

    /// The value of this kind at `at` into `slot`; gives where the next field begins.
    fn value(
        self,
        kind: u8,
        at: usize,
        end: usize,
        depth: usize,
        slot: &mut Bson,
        alike: &mut bool,
    ) -> Result<usize, DecodeError> {
        let element = shape::element(self.bytes, kind, at, end)?;
        // Names that were copied in vain are a price that the next document must not pay again.
        *alike &= kind == DOCUMENT || !matches!(slot, Bson::Document(_));
        let next = match element {
            Element::Nested { .. } if depth == DEPTH_MAX => {
                return Err(ShapeError { offset: at, fault: Fault::TooDeep }.into());
            }
            Element::Nested { start, end } if kind == DOCUMENT => {
                if !matches!(slot, Bson::Document(_)) {
                    *slot = Bson::Document(Document::new());
                }
                if let Bson::Document(fields) = slot {
                    *alike &= self.fields(start, end, depth + 1, fields)?;
                }
                return Ok(end + 1);
            }
            Element::Nested { start, end } if kind == ARRAY => {
                *slot = Bson::Array(self.array(start, end, depth + 1)?);
                return Ok(end + 1);
            }
            Element::Nested { end, .. } => end + 1,
            Element::Flat { next } => next,
        };
        let bytes = &self.bytes[at..next];
        *slot = match common(kind, bytes)? {
            Some(value) => value,
            None => rare(kind, bytes, depth)?,
        };
        Ok(next)
    }

    /// The values of an array; its names are numbers, and nobody looks at them.
    fn array(self, mut at: usize, end: usize, depth: usize) -> Result<Vec<Bson>, DecodeError> {
        let mut values = Vec::new();
        while at < end {
            let value = shape::cstring_end(self.bytes, at + 1, end)?;
            text(&self.bytes[at + 1..value - 1])?;
            let mut slot = Bson::Null;
            at = self.value(self.bytes[at], value, end, depth, &mut slot, &mut true)?;
            values.push(slot);
        }
        Ok(values)
    }
}

const DOUBLE: u8 = 0x01;
const STRING: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const OBJECT_ID: u8 = 0x07;
const BOOLEAN: u8 = 0x08;
const DATE_TIME: u8 = 0x09;
const NULL: u8 = 0x0a;
const INT32: u8 = 0x10;
const INT64: u8 = 0x12;
const DECIMAL128: u8 = 0x13;

/// The kinds that nearly every document consists of, from exactly their bytes; nothing for others.
fn common(kind: u8, bytes: &[u8]) -> Result<Option<Bson>, DecodeError> {
    Ok(match kind {
        DOUBLE => bytes.first_chunk().map(|bytes| Bson::Double(f64::from_le_bytes(*bytes))),
        // Its length in front and its NUL behind are where they should be.
        STRING => Some(Bson::String(text(&bytes[4..bytes.len() - 1])?.to_owned())),
        OBJECT_ID => bytes.first_chunk().map(|bytes| Bson::ObjectId(ObjectId::from_bytes(*bytes))),
        BOOLEAN if bytes[0] <= 1 => Some(Bson::Boolean(bytes[0] == 1)),
        DATE_TIME => bytes.first_chunk().map(|bytes| {
            let millis = i64::from_le_bytes(*bytes);
            Bson::DateTime(DateTime::from_millis(millis))
        }),
        NULL => Some(Bson::Null),
        INT32 => bytes.first_chunk().map(|bytes| Bson::Int32(i32::from_le_bytes(*bytes))),
        INT64 => bytes.first_chunk().map(|bytes| Bson::Int64(i64::from_le_bytes(*bytes))),
        DECIMAL128 => {
            bytes.first_chunk().map(|bytes| Bson::Decimal128(Decimal128::from_bytes(*bytes)))
        }
        _ => None,
    })
}

/// Any value, by those who know all kinds: as the only one of a document. Code may bring a scope,
/// whose depth counts like any other.
fn rare(kind: u8, value: &[u8], depth: usize) -> Result<Bson, DecodeError> {
    let length = 4 + 2 + value.len() + 1;
    let mut alone = Vec::with_capacity(length);
    alone.extend_from_slice(&(length as i32).to_le_bytes());
    alone.extend_from_slice(&[kind, 0]);
    alone.extend_from_slice(value);
    alone.push(0);
    shape::check_levels(&alone, DEPTH_MAX + 1 - depth)?;
    let alone = RawDocument::from_bytes(&alone).map_err(DecodeError::Value)?;
    let value = alone
        .get("")
        .map_err(DecodeError::Value)?
        .ok_or(ShapeError { offset: 0, fault: Fault::ElementType(kind) })?;
    Bson::try_from(value).map_err(DecodeError::Value)
}

/// Names and strings are UTF-8; what is wrong with one that is not, `bson` says.
fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| {
        let mut value = (bytes.len() as i32 + 1).to_le_bytes().to_vec();
        value.extend_from_slice(bytes);
        value.push(0);
        let fault = Fault::ElementType(STRING);
        rare(STRING, &value, 1).err().unwrap_or(ShapeError { offset: 0, fault }.into())
    })
}

/// A document that could not be decoded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// Its lengths or its nesting are wrong.
    Shape(ShapeError),
    /// One of its values is wrong, such as a string that is not UTF-8, or not what was asked for.
    Value(bson::error::Error),
}

impl From<ShapeError> for DecodeError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<DecodeError> for bson::error::Error {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Shape(error) => io::Error::new(io::ErrorKind::InvalidData, error).into(),
            DecodeError::Value(error) => error,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(_) => f.write_str("the document is malformed"),
            Self::Value(_) => f.write_str("a value in the document is malformed"),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Value(error) => Some(error),
        }
    }
}
