//! `insert` and `delete`, and what all batches of writes share.
//!
//! Owns the shape of a reply to writes: how many, and which failed with what. Read next: `update.rs`.

use bson::{Bson, Document, doc};

use super::super::collection::DOCUMENT_SIZE_MAX;
use super::super::engine::Engine;
use super::super::error::{BAD_VALUE, FAILED_TO_PARSE, Result, fail};
use super::super::query::Filter;
use super::super::{number, size};
use super::Call;
use super::arguments::{Arguments, check_batch_size, check_hint};

/// Runs the writes of a batch one by one; an ordered batch ends with the first error.
pub(super) fn each<T>(
    writes: Vec<T>,
    ordered: bool,
    mut write: impl FnMut(usize, T) -> Result<()>,
) -> Vec<Document> {
    let mut errors = Vec::new();
    for (i, entry) in writes.into_iter().enumerate() {
        if let Err(error) = write(i, entry) {
            errors.push(error.to_write_error(i));
            if ordered {
                break;
            }
        }
    }
    errors
}

/// Adds `writeErrors`, if there are any, and the final `ok`.
pub(super) fn finish(mut reply: Document, errors: Vec<Document>) -> Document {
    if !errors.is_empty() {
        reply.insert("writeErrors", errors);
    }
    reply.insert("ok", 1.0);
    reply
}

impl Engine {
    pub(super) fn insert(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let known = ["documents", "ordered", "bypassDocumentValidation"];
        let arguments = call.arguments(&known)?;
        let name = call.collection()?;
        let documents = arguments.documents("documents")?;
        let ordered = arguments.flag("ordered", true)?;
        check_batch_size(documents.len())?;
        let name = call.collection_to_write().map(|_| name)?;
        let mut n = 0;
        let errors = each(documents, ordered, |_, document| {
            self.insert_one(name, document.clone(), call)?;
            n += 1;
            Ok(())
        });
        Ok(finish(doc! { "n": n }, errors))
    }

    /// Inserts a document, giving it an `_id` if it has none; answers the `_id`.
    pub(super) fn insert_one(
        &mut self,
        name: &str,
        document: Document,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<Bson> {
        self.insert_into(call.database, name, document, call)
    }

    pub(super) fn insert_into(
        &mut self,
        database: &str,
        name: &str,
        mut document: Document,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<Bson> {
        let length = size::document(&document);
        if length > DOCUMENT_SIZE_MAX {
            fail!(
                BAD_VALUE,
                "object to insert too large. size in bytes: {length}, max size: {DOCUMENT_SIZE_MAX}"
            );
        }
        let id = match document.get("_id") {
            Some(id) => id.clone(),
            None => Bson::ObjectId(self.object_id(call.around)),
        };
        if document.keys().next().is_none_or(|first| first != "_id") {
            document.remove("_id");
            let mut first = doc! { "_id": id.clone() };
            first.extend(document);
            document = first;
        }
        stamp(&mut document, call);
        self.create_collection(database, name, Document::new(), &call.given, call.around.random)?;
        let (collection, journal) =
            self.collection_mut(database, name).expect("created by the line above");
        collection.insert(document, journal)?;
        Ok(id)
    }

    pub(super) fn delete(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["deletes", "ordered", "let", "bypassDocumentValidation"])?;
        let name = call.collection()?;
        let entries = arguments.documents("deletes")?;
        let ordered = arguments.flag("ordered", true)?;
        check_batch_size(entries.len())?;
        let deletes = entries.into_iter().map(Delete::parse).collect::<Result<Vec<_>>>()?;
        call.collection_to_write()?;
        let mut n: i32 = 0;
        let errors = each(deletes, ordered, |_, delete| {
            let filter = Filter::parse(delete.query, &call.given)?;
            check_hint(delete.hint, self.collection(call.database, name))?;
            let Some((collection, journal)) = self.collection_mut(call.database, name) else {
                return Ok(());
            };
            for found in collection.find(&filter, delete.only_one.then_some(1))? {
                collection.remove(found.record, journal)?;
                n += 1;
            }
            Ok(())
        });
        Ok(finish(doc! { "n": n }, errors))
    }
}

/// One entry of `deletes`.
struct Delete<'a> {
    query: &'a Document,
    only_one: bool,
    hint: Option<&'a Bson>,
}

impl<'a> Delete<'a> {
    fn parse(entry: &'a Document) -> Result<Self> {
        let known = ["q", "limit", "collation", "hint"];
        let part = Arguments::of_part("delete.deletes", entry, &known)?;
        let query = match part.required("q")? {
            Bson::Document(query) => query,
            other => return Err(part.wrong_type("q", other, "object")),
        };
        let limit = part.required("limit")?;
        part.refuse(&["collation"])?;
        let only_one = match number::to_i64_saturating(limit).unwrap_or(0) {
            0 => false,
            1 => true,
            other => fail!(
                FAILED_TO_PARSE,
                "The limit field in delete objects must be 0 or 1. Got {other}"
            ),
        };
        Ok(Self { query, only_one, hint: part.get("hint") })
    }
}

/// An empty timestamp in a new document means "now", except as the `_id`.
fn stamp(document: &mut Document, call: &Call<'_, '_, '_>) {
    let seconds = (call.given.now.timestamp_millis() / 1000) as u32;
    for (i, (name, value)) in document.iter_mut().enumerate() {
        if let Bson::Timestamp(at) = value
            && at.time == 0
            && at.increment == 0
            && name != "_id"
        {
            *at = bson::Timestamp { time: seconds, increment: i as u32 + 1 };
        }
    }
}
