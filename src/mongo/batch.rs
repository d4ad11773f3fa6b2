//! One batch of a cursor: the server's reply, and how far it has been read.
//!
//! Owns the bytes of the reply and two offsets into them, so that a thousand documents cost no
//! allocation and no copy until somebody wants to own one. Read next: `cursor.rs`.

use std::ops::Range;

use bson::{RawBsonRef, RawDocument};

use super::Error;
use crate::proto::mongo::connection::Reply;
use crate::proto::mongo::shape::fields;
use crate::proto::mongo::wire::split_document;

/// The documents of one reply, in order.
#[derive(Debug)]
pub(super) struct Batch {
    reply: Reply,
    /// The elements of the array that have not been read, as offsets into the reply's body.
    rest: Range<usize>,
}

impl Batch {
    /// The first or a later batch in `reply`, the cursor's id and the collection to ask for more.
    pub(super) fn new(reply: Reply) -> Result<(Self, i64, String), Error> {
        let bytes = reply.bytes();
        let cursor = fields(bytes).flatten().find(|field| field.name == b"cursor");
        let cursor = cursor.filter(|field| field.kind == DOCUMENT).ok_or(Error::Reply("cursor"))?;
        let document = &bytes[cursor.value.clone()];
        let (mut id, mut namespace, mut batch) = (None, None, None);
        for field in fields(document).flatten() {
            let value = &document[field.value.clone()];
            match (field.name, field.kind) {
                (b"id", INT64) => id = value.first_chunk().map(|id| i64::from_le_bytes(*id)),
                // Without its length in front and the NUL behind.
                (b"ns", STRING) => namespace = std::str::from_utf8(&value[4..value.len() - 1]).ok(),
                (b"firstBatch" | b"nextBatch", ARRAY) => batch = Some(field.value),
                _ => {}
            }
        }
        let id = id.ok_or(Error::Reply("cursor.id"))?;
        let namespace = namespace.ok_or(Error::Reply("cursor.ns"))?;
        let batch = batch.ok_or(Error::Reply("cursor.firstBatch"))?;
        let collection = namespace.split_once('.').filter(|_| id != 0); // nobody asks for more
        let collection = collection.map_or("", |(_, name)| name).to_owned();
        // Without the array's own length in front and its closing NUL behind.
        let start = cursor.value.start + batch.start;
        let rest = start + 4..start + batch.len() - 1;
        Ok((Self { reply, rest }, id, collection))
    }

    /// True when every document has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next document.
    pub(super) fn next(&mut self) -> Result<Option<&RawDocument>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((document, after)) = split_element(&self.reply.bytes()[self.rest.clone()]) else {
            return Err(Malformed);
        };
        self.rest.start = self.rest.end - after.len();
        Ok(Some(document))
    }
}

/// Something else than a document in a batch. An [`Error`] is large, and moving one, or room for
/// one, costs as much as all else that is done for a document.
#[derive(Debug)]
pub(super) struct Malformed;

impl From<Malformed> for Error {
    fn from(Malformed: Malformed) -> Self {
        Self::Reply("documents in its batch")
    }
}

/// Splits the first element off, which must be a document; its name is a number, and not looked at.
fn split_element(elements: &[u8]) -> Option<(&RawDocument, &[u8])> {
    let (&DOCUMENT, named) = elements.split_first()? else { return None };
    let nul = named.iter().position(|byte| *byte == 0)?;
    split_document(&named[nul + 1..]).ok()
}

const STRING: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const INT64: u8 = 0x12;

/// The documents of an array field, for replies that are no cursors.
pub(super) fn documents<'a>(
    body: &'a RawDocument,
    key: &'static str,
) -> Result<impl Iterator<Item = &'a RawDocument>, Error> {
    let array = body.get_array(key).map_err(|_| Error::Reply(key))?;
    Ok(array.into_iter().filter_map(|item| match item {
        Ok(RawBsonRef::Document(document)) => Some(document),
        _ => None,
    }))
}
