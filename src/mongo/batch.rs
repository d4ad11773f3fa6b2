//! One batch of a cursor: the server's reply, and how far it has been read.
//!
//! Owns the bytes of the reply and two offsets into them, so that a thousand documents cost no
//! allocation and no copy until somebody wants to own one. Read next: `cursor.rs`.

use std::ops::Range;

use bson::{RawBsonRef, RawDocument};

use super::Error;
use crate::proto::mongo::connection::Reply;
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
        let body = reply.body();
        let cursor = element(body, "cursor").ok_or(Error::Reply("cursor"))?;
        let document = inner(body, &cursor)?;
        let id = document.get_i64("id").map_err(|_| Error::Reply("cursor.id"))?;
        let namespace = document.get_str("ns").map_err(|_| Error::Reply("cursor.ns"))?;
        let collection = namespace.split_once('.').filter(|_| id != 0); // nobody asks for more
        let collection = collection.map_or("", |(_, name)| name).to_owned();
        let batch = element(document, "firstBatch").or_else(|| element(document, "nextBatch"));
        let batch = batch.ok_or(Error::Reply("cursor.firstBatch"))?;
        let start = cursor.start + batch.start;
        inner(body, &(start..start + batch.len()))?;
        // Without the array's own length in front and its closing NUL behind.
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

/// The element type of an embedded document.
const DOCUMENT: u8 = 3;

/// Where the value of `key` lies within `document`, as offsets.
fn element(document: &RawDocument, key: &str) -> Option<Range<usize>> {
    let mut at = 4;
    for element in document.iter_elements() {
        let element = element.ok()?;
        let value = at + 1 + element.key().len() + 1; // behind the type and the key's NUL
        let end = value + element.size();
        if element.key().as_str() == key {
            return Some(value..end);
        }
        at = end;
    }
    None
}

/// The document or array that lies at `range` of `outer`.
fn inner<'a>(outer: &'a RawDocument, range: &Range<usize>) -> Result<&'a RawDocument, Error> {
    let bytes = outer.as_bytes().get(range.clone()).ok_or(Error::Reply("a cursor"))?;
    RawDocument::from_bytes(bytes).map_err(|_| Error::Reply("a cursor"))
}

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
