//! Documents as bytes, appended to whatever buffer holds the message they are part of.
//!
//! Owns what counts as a document that can be written ([`EncodeDocument`]), the encoding of an owned
//! one in one pass, and commands written field by field: no buffer of its own for each document or
//! nested value, so that ten thousand of them cost the growth of one buffer. The bytes are those that
//! `bson` itself would write; what is rare is left to it. Read next: `decode.rs`, the way back.

use std::borrow::BorrowMut;
use std::io::Write;

use bson::error::Error;
use bson::oid::ObjectId;
use bson::raw::{CStr, cstr};
use bson::spec::{BinarySubtype, ElementType};
use bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf};
#[cfg(feature = "serde")]
use serde::Serialize;

use super::decode::decode_field;
use super::wire::patch_length;

/// What can be written as one document: an owned one, one that is bytes already, or (with the
/// feature `serde`) `Typed` around whatever can be serialised as a struct or a map.
pub trait EncodeDocument {
    /// Appends the whole document to `out`.
    ///
    /// # Errors
    /// It is nothing that BSON can say, such as a key with NUL. What was appended until then is to
    /// be cut off.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error>;

    /// The same for a document that is to be stored: if it has no `_id`, `fresh` goes in front of its
    /// fields. Gives the `_id` that it has then.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), or the bytes are no document at all.
    fn encode_with_id(&self, out: &mut Vec<u8>, fresh: ObjectId) -> Result<Bson, Error> {
        let at = out.len();
        self.encode(out)?;
        if let Some(id) = decode_field(&out[at..], "_id")? {
            return Ok(id);
        }
        insert_id(out, at, fresh);
        Ok(Bson::ObjectId(fresh))
    }
}

impl EncodeDocument for Document {
    /// One that is owned knows its names, and need not be searched.
    fn encode_with_id(&self, out: &mut Vec<u8>, fresh: ObjectId) -> Result<Bson, Error> {
        if let Some(id) = self.get("_id") {
            self.encode(out)?;
            return Ok(id.clone());
        }
        let start = begin(out);
        append_key(out, ElementType::ObjectId, "_id");
        out.extend_from_slice(&fresh.bytes());
        append_fields(out, self)?;
        end(out, start);
        Ok(Bson::ObjectId(fresh))
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = begin(out);
        append_fields(out, self)?;
        end(out, start);
        Ok(())
    }
}

impl EncodeDocument for RawDocument {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl EncodeDocument for RawDocumentBuf {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.as_ref().encode(out)
    }
}

impl<T: EncodeDocument + ?Sized> EncodeDocument for &T {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        (**self).encode(out)
    }

    fn encode_with_id(&self, out: &mut Vec<u8>, fresh: ObjectId) -> Result<Bson, Error> {
        (**self).encode_with_id(out, fresh)
    }
}

/// A value of any type that `serde` knows, as a document.
///
/// ```
/// use squall::proto::mongo::encode::{EncodeDocument, Typed};
/// let ages = std::collections::BTreeMap::from([("ada", 36)]);
/// let mut out = Vec::new();
/// Typed(&ages).encode(&mut out)?;
/// assert_eq!(out, bson::rawdoc! { "ada": 36 }.as_bytes());
/// # Ok::<(), bson::error::Error>(())
/// ```
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Debug)]
pub struct Typed<T>(pub T);

#[cfg(feature = "serde")]
impl<T: Serialize> EncodeDocument for Typed<T> {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        bson::serialize_to_buffer(&self.0, out)
    }
}

/// A document that is being written field by field, where it will be sent from.
///
/// ```
/// use squall::proto::mongo::encode::DocumentWriter;
/// let mut out = Vec::new();
/// let mut find = DocumentWriter::new(&mut out);
/// find.append(bson::raw::cstr!("find"), "users");
/// find.append_document(bson::raw::cstr!("filter"), &bson::doc! { "age": 36 })?;
/// find.finish();
/// assert_eq!(out, bson::rawdoc! { "find": "users", "filter": { "age": 36 } }.as_bytes());
/// # Ok::<(), bson::error::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a document without `finish` has no length"]
pub struct DocumentWriter<B> {
    out: B,
    start: usize,
}

impl<B: BorrowMut<Vec<u8>>> DocumentWriter<B> {
    /// Begins a document behind whatever `out` holds already.
    pub fn new(mut out: B) -> Self {
        let start = begin(out.borrow_mut());
        Self { out, start }
    }

    /// Appends a field.
    pub fn append<'a>(&mut self, key: &CStr, value: impl Into<RawBsonRef<'a>>) {
        let (out, value) = (self.out.borrow_mut(), value.into());
        append_key(out, value.element_type(), key.as_str());
        append_raw(out, value);
    }

    /// Appends all fields of a document.
    ///
    /// # Errors
    /// As [`EncodeDocument::encode`].
    pub fn append_fields(&mut self, document: &Document) -> Result<(), Error> {
        append_fields(self.out.borrow_mut(), document)
    }

    /// Appends a document.
    ///
    /// # Errors
    /// As [`EncodeDocument::encode`].
    pub fn append_document(
        &mut self,
        key: &CStr,
        document: &(impl EncodeDocument + ?Sized),
    ) -> Result<(), Error> {
        let out = self.out.borrow_mut();
        append_key(out, ElementType::EmbeddedDocument, key.as_str());
        document.encode(out)
    }

    /// Appends an array of documents.
    ///
    /// # Errors
    /// As [`EncodeDocument::encode`].
    pub fn append_documents(
        &mut self,
        key: &CStr,
        documents: &[impl EncodeDocument],
    ) -> Result<(), Error> {
        let out = self.out.borrow_mut();
        append_key(out, ElementType::Array, key.as_str());
        let start = begin(out);
        for (index, document) in documents.iter().enumerate() {
            append_index(out, ElementType::EmbeddedDocument, index);
            document.encode(out)?;
        }
        end(out, start);
        Ok(())
    }

    /// Closes the document and gives back what it was written to.
    pub fn finish(mut self) -> B {
        end(self.out.borrow_mut(), self.start);
        self.out
    }
}

/// Puts an `_id` in front of the fields of the document that begins at `at` and ends with `out`.
fn insert_id(out: &mut Vec<u8>, at: usize, id: ObjectId) {
    let mut field = *b"\x07_id\0............";
    field[5..].copy_from_slice(&id.bytes());
    let (fields, end) = (at + 4, out.len());
    out.extend_from_slice(&field);
    out.copy_within(fields..end, fields + field.len());
    out[fields..fields + field.len()].copy_from_slice(&field);
    patch_length(out, at);
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

fn append_fields(out: &mut Vec<u8>, document: &Document) -> Result<(), Error> {
    for (key, value) in document {
        let _: &CStr = key.as_str().try_into()?; // refuses NUL
        append_key(out, value.element_type(), key);
        append_value(out, value)?;
    }
    Ok(())
}

fn append_key(out: &mut Vec<u8>, kind: ElementType, key: &str) {
    out.push(kind as u8);
    out.extend_from_slice(key.as_bytes());
    out.push(0);
}

/// The key of an element of an array.
fn append_index(out: &mut Vec<u8>, kind: ElementType, index: usize) {
    out.push(kind as u8);
    write!(out, "{index}\0").expect("a vector takes everything");
}

fn append_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as i32 + 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// A borrowed value; what is rare is left to those who know all kinds.
fn append_raw(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    match value {
        RawBsonRef::String(text) => append_text(out, text),
        RawBsonRef::Document(document) => out.extend_from_slice(document.as_bytes()),
        RawBsonRef::Array(array) => out.extend_from_slice(array.as_bytes()),
        RawBsonRef::Boolean(value) => out.push(u8::from(value)),
        RawBsonRef::Int32(value) => out.extend_from_slice(&value.to_le_bytes()),
        RawBsonRef::Int64(value) => out.extend_from_slice(&value.to_le_bytes()),
        rare => {
            let mut alone = RawDocumentBuf::new();
            alone.append(cstr!(""), rare);
            append_alone(out, &alone);
        }
    }
}

/// The value of a document of this value alone: without length, type and empty key, and NUL.
fn append_alone(out: &mut Vec<u8>, alone: &RawDocumentBuf) {
    let bytes = alone.as_bytes();
    out.extend_from_slice(&bytes[6..bytes.len() - 1]);
}

fn append_value(out: &mut Vec<u8>, value: &Bson) -> Result<(), Error> {
    match value {
        Bson::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
        Bson::String(text) | Bson::JavaScriptCode(text) | Bson::Symbol(text) => {
            append_text(out, text);
        }
        Bson::Document(document) => document.encode(out)?,
        Bson::Array(values) => {
            let start = begin(out);
            for (index, value) in values.iter().enumerate() {
                append_index(out, value.element_type(), index);
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
            let mut alone = Document::new();
            alone.insert("", rare.clone());
            append_alone(out, &RawDocumentBuf::try_from(&alone)?);
        }
    }
    Ok(())
}
