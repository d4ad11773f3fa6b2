//! Cursors: what a query found and the client has not fetched yet.
//!
//! Owns the size of batches and the cursors' numbers. The documents are shared, not copied, so an
//! open cursor costs little and keeps answering what was there when it was opened. Read next:
//! `commands/read.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bson::{Bson, DateTime, Document, doc};

use super::collection::DOCUMENT_SIZE_MAX;
use super::error::{OBJECT_TOO_LARGE, Result, fail};
use super::projection::Projection;
use super::size;

/// A cursor nobody asks for is forgotten after ten minutes, as in mongod.
const IDLE_MILLIS: i64 = 10 * 60 * 1000;
/// How many documents the first batch has when the client does not say.
pub(super) const FIRST_BATCH: usize = 101;

#[derive(Debug, Default)]
pub(super) struct Cursors {
    open: BTreeMap<i64, Cursor>,
}

/// A result that is handed out in batches.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) namespace: String,
    rest: VecDeque<(Rc<Document>, Option<usize>)>,
    projection: Option<Projection>,
    /// Whether a full batch that happens to be the last closes the cursor. mongod mostly finds out
    /// only when it is asked for more, and clients' tests count the questions.
    knows_end: bool,
    last_used: DateTime,
}

impl Cursor {
    pub(super) fn new(
        namespace: String,
        documents: impl IntoIterator<Item = (Rc<Document>, Option<usize>)>,
        projection: Option<Projection>,
        now: DateTime,
    ) -> Self {
        let rest = documents.into_iter().collect();
        Self { namespace, rest, projection, knows_end: false, last_used: now }
    }

    /// The end is known beforehand.
    pub(super) fn with_known_end(mut self, known: bool) -> Self {
        self.knows_end = known;
        self
    }

    /// A cursor over documents made for it.
    pub(super) fn over(namespace: String, documents: Vec<Document>, now: DateTime) -> Self {
        let shared = documents.into_iter().map(|document| (Rc::new(document), None));
        Self::new(namespace, shared, None, now)
    }

    /// The next documents, at most `count` and sixteen MiB, and whether there may be more.
    fn batch(&mut self, count: Option<usize>) -> Result<(Vec<Bson>, bool)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while count.is_none_or(|count| batch.len() < count) {
            let Some((document, position)) = self.rest.front() else { break };
            let next = match &self.projection {
                Some(projection) => projection.apply(document, *position)?,
                None => Document::clone(document),
            };
            let length = size::document(&next);
            if length > DOCUMENT_SIZE_MAX {
                fail!(
                    OBJECT_TOO_LARGE,
                    "BSONObj size: {length} (0x{length:X}) is invalid. Size must be between 0 and \
                     16793600(16MB)"
                );
            }
            bytes += length;
            if bytes > DOCUMENT_SIZE_MAX && !batch.is_empty() {
                break;
            }
            batch.push(Bson::Document(next));
            self.rest.pop_front();
        }
        let full = count.is_some_and(|count| batch.len() >= count);
        Ok((batch, !self.rest.is_empty() || (full && !self.knows_end)))
    }
}

impl Cursors {
    /// Answers a first batch, and keeps the cursor if there is more and the client wants it.
    pub(super) fn first(
        &mut self,
        mut cursor: Cursor,
        count: Option<usize>,
        single: bool,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Document> {
        let (batch, more) = cursor.batch(Some(count.unwrap_or(FIRST_BATCH)))?;
        let namespace = cursor.namespace.clone();
        let id = if more && !single { self.keep(cursor, random) } else { 0 };
        Ok(reply("firstBatch", batch, id, namespace))
    }

    /// Answers the next batch of an open cursor; `None` if there is no such cursor.
    pub(super) fn more(
        &mut self,
        id: i64,
        count: Option<usize>,
        now: DateTime,
    ) -> Option<Result<Document>> {
        let cursor = self.open.get_mut(&id)?;
        cursor.last_used = now;
        let batch = cursor.batch(count);
        let namespace = cursor.namespace.clone();
        let open = matches!(batch, Ok((_, true)));
        if !open {
            self.open.remove(&id);
        }
        Some(
            batch.map(|(batch, _)| reply("nextBatch", batch, if open { id } else { 0 }, namespace)),
        )
    }

    pub(super) fn namespace(&self, id: i64) -> Option<&str> {
        self.open.get(&id).map(|cursor| cursor.namespace.as_str())
    }

    /// Whether there was such a cursor.
    pub(super) fn kill(&mut self, id: i64) -> bool {
        self.open.remove(&id).is_some()
    }

    /// The collection is gone, and with it the cursors on it.
    pub(super) fn kill_namespace(&mut self, namespace: &str) {
        self.open.retain(|_, cursor| cursor.namespace != namespace);
    }

    /// Forgets cursors that nobody has used for too long.
    pub(super) fn expire(&mut self, now: DateTime) {
        let idle = |cursor: &Cursor| now.timestamp_millis() - cursor.last_used.timestamp_millis();
        self.open.retain(|_, cursor| idle(cursor) < IDLE_MILLIS);
    }

    fn keep(&mut self, cursor: Cursor, random: &mut dyn FnMut(&mut [u8])) -> i64 {
        let id = loop {
            let mut bytes = [0; 8];
            random(&mut bytes);
            let id = i64::from_le_bytes(bytes) & i64::MAX;
            if id != 0 && !self.open.contains_key(&id) {
                break id;
            }
        };
        self.open.insert(id, cursor);
        id
    }
}

fn reply(name: &str, batch: Vec<Bson>, id: i64, namespace: String) -> Document {
    doc! { "cursor": { name: batch, "id": id, "ns": namespace }, "ok": 1.0 }
}
