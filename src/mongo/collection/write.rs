//! Writing: insert, update, replace, delete, with what the server says became of it.
//!
//! Owns how documents become batches below the server's limits (M004), where ids come from, and
//! how the errors of several batches become one. Read next: `mod.rs`.

use std::borrow::BorrowMut;

use bson::raw::{CStr, cstr};
use bson::{Bson, Document, RawBsonRef};

use super::{Collection, Filter, count};
use crate::mongo::Error;
use crate::mongo::engine::Server;
use crate::mongo::error::WriteFailure;
use crate::mongo::operation::{Body, Request, append_document, append_documents, command};
use crate::proto::mongo::connection::Reply;
use crate::proto::mongo::decode::decode;
use crate::proto::mongo::encode::{DocumentWriter, EncodeDocument};
use crate::proto::mongo::error::{WriteConcernError, WriteError};

/// Room for everything in a message that is not a document of the batch.
const MESSAGE_OVERHEAD: usize = 16 * 1024;

/// What is claimed in one step for documents that are not encoded yet.
const CLAIM_BYTES_MAX: usize = 1 << 22;

/// One statement of an update or a delete, being written into its message.
type Statement<'a> = DocumentWriter<&'a mut Vec<u8>>;

/// What became of one insert.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InsertOneResult {
    /// The document's `_id`; made here if it had none (S016).
    pub inserted_id: Bson,
    /// False when the write concern asked for no reply: then nobody knows.
    pub acknowledged: bool,
}

/// What became of many inserts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InsertManyResult {
    /// The `_id`s, in the order of the documents.
    pub inserted_ids: Vec<Bson>,
    /// False when the write concern asked for no reply: then nobody knows.
    pub acknowledged: bool,
}

/// What became of an update or a replacement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpdateResult {
    /// Documents that matched.
    pub matched: u64,
    /// Documents that are different now.
    pub modified: u64,
    /// The `_id` of the document that was inserted because none matched.
    pub upserted_id: Option<Bson>,
    /// False when the write concern asked for no reply: then nobody knows.
    pub acknowledged: bool,
}

/// What became of a delete.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeleteResult {
    /// Documents that are gone.
    pub deleted: u64,
    /// False when the write concern asked for no reply: then nobody knows.
    pub acknowledged: bool,
}

/// How many documents are inserted.
#[derive(Clone, Copy, Debug)]
pub struct InsertManyOptions {
    /// Stop at the first error; otherwise the others are tried all the same (M050).
    pub ordered: bool,
}

impl Default for InsertManyOptions {
    fn default() -> Self {
        Self { ordered: true }
    }
}

/// How documents are changed.
#[derive(Clone, Debug, Default)]
pub struct UpdateOptions {
    /// Insert one if none matches.
    pub upsert: bool,
    /// Which elements of an array `$[name]` means.
    pub array_filters: Vec<Document>,
    /// By this index, named by its keys.
    pub hint: Option<Document>,
}

/// How a document shall be changed: operators such as `$set`, or the stages of a pipeline.
#[derive(Clone, Debug)]
pub enum Update {
    /// Operators; each key begins with `$`.
    Operators(Document),
    /// Stages, such as `$set` and `$unset`.
    Pipeline(Vec<Document>),
}

impl From<Document> for Update {
    fn from(operators: Document) -> Self {
        Self::Operators(operators)
    }
}

impl From<Vec<Document>> for Update {
    fn from(stages: Vec<Document>) -> Self {
        Self::Pipeline(stages)
    }
}

impl Update {
    pub(super) fn append_to(
        &self,
        statement: &mut DocumentWriter<impl BorrowMut<Vec<u8>>>,
        key: &CStr,
    ) -> Result<(), Error> {
        match self {
            Self::Operators(document) => {
                if document.is_empty() || !document.keys().all(|key| key.starts_with('$')) {
                    return Err(Error::Argument("an update consists of operators such as $set"));
                }
                append_document(statement, key, document)
            }
            Self::Pipeline(stages) => append_documents(statement, key, stages),
        }
    }
}

/// Refuses a replacement that is an update in disguise.
pub(super) fn check_replacement(document: &Document) -> Result<(), Error> {
    if document.keys().next().is_some_and(|key| key.starts_with('$')) {
        return Err(Error::Argument("a replacement has no operators such as $set"));
    }
    Ok(())
}

impl Collection {
    /// Inserts one document, with an `_id` in front if it has none (S016, M011): a `Document`, one
    /// that is bytes already, or (with the feature `serde`) `Typed` around a value of the caller's
    /// own type.
    ///
    /// ```no_run
    /// # async fn example(users: squall::mongo::Collection) -> Result<(), squall::mongo::Error> {
    /// use bson::{doc, rawdoc};
    ///
    /// users.insert_one(doc! { "name": "ada" }).await?;
    /// users.insert_one(&rawdoc! { "name": "grace" }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn insert_one(
        &self,
        document: impl EncodeDocument,
    ) -> Result<InsertOneResult, Error> {
        let mut inserted = self.insert_many([document]).await?;
        let inserted_id = inserted.inserted_ids.pop().ok_or(Error::Reply("_id"))?;
        Ok(InsertOneResult { inserted_id, acknowledged: inserted.acknowledged })
    }

    /// Inserts documents in as few messages as the server's limits allow; stops at the first
    /// error. Which ones were inserted before it is in [`WriteFailure::inserted_ids`]. They may be
    /// the caller's own still, `&documents`: each is written once, into the message.
    pub async fn insert_many<D: EncodeDocument>(
        &self,
        documents: impl IntoIterator<Item = D>,
    ) -> Result<InsertManyResult, Error> {
        self.insert_many_with(documents, InsertManyOptions::default()).await
    }

    /// The same, with options.
    pub async fn insert_many_with<D: EncodeDocument>(
        &self,
        documents: impl IntoIterator<Item = D>,
        options: InsertManyOptions,
    ) -> Result<InsertManyResult, Error> {
        self.checked_names()?;
        let documents: Vec<_> = documents.into_iter().collect();
        if documents.is_empty() {
            return Err(Error::Argument("there is nothing to insert"));
        }
        let server = self.engine().select().await?;
        let mut ids = Vec::with_capacity(documents.len());
        let mut failure = WriteFailure::default();
        let mut acknowledged = true;
        while ids.len() < documents.len() {
            let first = ids.len();
            let body = self.insert_command(options)?;
            let answered = self.concerns.write_concern.is_acknowledged();
            let rest = &documents[first..];
            let fill = |out: &mut Vec<u8>| self.fill_batch(out, rest, server, &mut ids);
            let (name, sequence) = (self.database.name(), ("documents", fill));
            let outcome = match Request::with_sequence("insert", name, body, answered, sequence) {
                Ok(request) => self.engine().run(request).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(None) => acknowledged = false,
                Ok(Some(reply)) => failure.add(&reply, first),
                Err(error) if first == 0 => return Err(error),
                Err(error) => {
                    ids.truncate(first); // of this batch nobody knows
                    failure.cut_short = Some(error);
                    break;
                }
            }
            if options.ordered && !failure.write_errors.is_empty() {
                break;
            }
        }
        failure.check(|failed| {
            let done = ids.iter().enumerate().filter(|_| acknowledged);
            let done = done.map(|(at, id)| (at, id.clone()));
            failed.inserted_ids = done.filter(|(at, _)| failed.was_done(*at, options)).collect();
        })?;
        Ok(InsertManyResult { inserted_ids: ids, acknowledged })
    }

    fn insert_command(&self, options: InsertManyOptions) -> Result<Body, Error> {
        let mut body = command();
        body.append(cstr!("insert"), self.name());
        body.append(cstr!("ordered"), options.ordered);
        self.append_write_concern(&mut body)?;
        Ok(body)
    }

    /// Appends documents until the server's limits are reached, and their ids to `ids`; those that
    /// have none get a new one (M011).
    fn fill_batch(
        &self,
        out: &mut Vec<u8>,
        documents: &[impl EncodeDocument],
        server: Server,
        ids: &mut Vec<Bson>,
    ) -> Result<(), Error> {
        let limits = server.limits;
        let start = out.len();
        for (at, document) in documents.iter().take(limits.batch_count).enumerate() {
            let before = out.len();
            let fresh = self.database.client().object_id()?;
            let id = document.encode_with_id(out, fresh).map_err(Error::Encode)?;
            let bytes = out.len() - before;
            if bytes > limits.document_bytes {
                return Err(Error::TooLarge { bytes, max: limits.document_bytes });
            }
            let batch_bytes = out.len() - start + MESSAGE_OVERHEAD;
            if at > 0 && batch_bytes > limits.message_bytes {
                out.truncate(before); // it is the first of the next batch
                return Ok(());
            }
            if at == 0 {
                // Room for all of them, if they are like the first, instead of a move per doubling.
                let count = documents.len().min(limits.batch_count);
                let all = bytes.saturating_mul(count).min(limits.message_bytes);
                out.reserve(all.min(CLAIM_BYTES_MAX));
            }
            ids.push(id);
        }
        Ok(())
    }

    /// Changes the first document that matches.
    pub async fn update_one(
        &self,
        filter: impl Into<Filter>,
        update: impl Into<Update>,
    ) -> Result<UpdateResult, Error> {
        self.update_one_with(filter, update, UpdateOptions::default()).await
    }

    /// The same, with options.
    pub async fn update_one_with(
        &self,
        filter: impl Into<Filter>,
        update: impl Into<Update>,
        options: UpdateOptions,
    ) -> Result<UpdateResult, Error> {
        self.update(filter.into(), update.into(), options, false).await
    }

    /// Changes all documents that match.
    pub async fn update_many(
        &self,
        filter: impl Into<Filter>,
        update: impl Into<Update>,
    ) -> Result<UpdateResult, Error> {
        self.update_many_with(filter, update, UpdateOptions::default()).await
    }

    /// The same, with options.
    pub async fn update_many_with(
        &self,
        filter: impl Into<Filter>,
        update: impl Into<Update>,
        options: UpdateOptions,
    ) -> Result<UpdateResult, Error> {
        self.update(filter.into(), update.into(), options, true).await
    }

    /// Puts another document in the place of the first one that matches.
    pub async fn replace_one(
        &self,
        filter: impl Into<Filter>,
        replacement: Document,
    ) -> Result<UpdateResult, Error> {
        self.replace_one_with(filter, replacement, UpdateOptions::default()).await
    }

    /// The same, with options.
    pub async fn replace_one_with(
        &self,
        filter: impl Into<Filter>,
        replacement: Document,
        options: UpdateOptions,
    ) -> Result<UpdateResult, Error> {
        check_replacement(&replacement)?;
        let filter = filter.into();
        let fill = |statement: &mut Statement<'_>| {
            append_document(statement, cstr!("q"), &filter.0)?;
            append_document(statement, cstr!("u"), &replacement)
        };
        self.run_update(fill, options).await
    }

    async fn update(
        &self,
        filter: Filter,
        update: Update,
        options: UpdateOptions,
        multi: bool,
    ) -> Result<UpdateResult, Error> {
        let fill = |statement: &mut Statement<'_>| {
            append_document(statement, cstr!("q"), &filter.0)?;
            update.append_to(statement, cstr!("u"))?;
            if multi {
                statement.append(cstr!("multi"), true);
            }
            Ok(())
        };
        self.run_update(fill, options).await
    }

    async fn run_update(
        &self,
        fill: impl FnOnce(&mut Statement<'_>) -> Result<(), Error>,
        options: UpdateOptions,
    ) -> Result<UpdateResult, Error> {
        let with_options = |statement: &mut Statement<'_>| {
            fill(statement)?;
            if options.upsert {
                statement.append(cstr!("upsert"), true);
            }
            if !options.array_filters.is_empty() {
                append_documents(statement, cstr!("arrayFilters"), &options.array_filters)?;
            }
            let hint = options.hint.as_ref();
            hint.map_or(Ok(()), |hint| append_document(statement, cstr!("hint"), hint))
        };
        let reply = self.write("update", "updates", with_options).await?;
        let Some(reply) = reply else {
            let (matched, modified, upserted_id) = (0, 0, None);
            return Ok(UpdateResult { matched, modified, upserted_id, acknowledged: false });
        };
        let upserted_id = upserted_id(&reply);
        // A server that counts wrongly shall not make us panic.
        let matched = count(&reply, "n").saturating_sub(u64::from(upserted_id.is_some()));
        let modified = count(&reply, "nModified");
        Ok(UpdateResult { matched, modified, upserted_id, acknowledged: true })
    }

    /// Deletes the first document that matches.
    pub async fn delete_one(&self, filter: impl Into<Filter>) -> Result<DeleteResult, Error> {
        self.delete(filter.into(), 1).await
    }

    /// Deletes all documents that match.
    pub async fn delete_many(&self, filter: impl Into<Filter>) -> Result<DeleteResult, Error> {
        self.delete(filter.into(), 0).await
    }

    async fn delete(&self, filter: Filter, limit: i32) -> Result<DeleteResult, Error> {
        let fill = |statement: &mut Statement<'_>| {
            append_document(statement, cstr!("q"), &filter.0)?;
            statement.append(cstr!("limit"), limit);
            Ok(())
        };
        let reply = self.write("delete", "deletes", fill).await?;
        let deleted = reply.as_ref().map_or(0, |reply| count(reply, "n"));
        Ok(DeleteResult { deleted, acknowledged: reply.is_some() })
    }

    /// One statement of an update or a delete.
    async fn write(
        &self,
        name: &'static str,
        sequence: &'static str,
        fill: impl FnOnce(&mut Statement<'_>) -> Result<(), Error>,
    ) -> Result<Option<Reply>, Error> {
        self.checked_names()?;
        let mut body = command();
        match name {
            "update" => body.append(cstr!("update"), self.name()),
            _ => body.append(cstr!("delete"), self.name()),
        }
        self.append_write_concern(&mut body)?;
        let answered = self.concerns.write_concern.is_acknowledged();
        let one = |out: &mut Vec<u8>| {
            let mut statement = DocumentWriter::new(out);
            fill(&mut statement)?;
            statement.finish();
            Ok(())
        };
        let (database, sequence) = (self.database.name(), (sequence, one));
        let request = Request::with_sequence(name, database, body, answered, sequence)?;
        let reply = self.engine().run(request).await?;
        let mut failure = WriteFailure::default();
        if let Some(reply) = &reply {
            failure.add(reply, 0);
        }
        failure.check(|_| {})?;
        Ok(reply)
    }

    pub(super) fn append_write_concern(&self, body: &mut Body) -> Result<(), Error> {
        let concern = self.concerns.write_concern.to_document();
        let append = |concern| append_document(body, cstr!("writeConcern"), &concern);
        concern.map_or(Ok(()), append)
    }
}

/// The `_id` that an update inserted.
fn upserted_id(reply: &Reply) -> Option<Bson> {
    let first = reply.body().get_array("upserted").ok()?.into_iter().next()?.ok()?;
    let RawBsonRef::Document(first) = first else { return None };
    decode(first).ok()?.remove("_id")
}

impl WriteFailure {
    /// Takes the errors of one batch, which began at `offset` of the caller's list.
    fn add(&mut self, reply: &Reply, offset: usize) {
        self.write_errors.extend(WriteError::all_in_reply(reply.body(), offset));
        self.write_concern_error =
            self.write_concern_error.take().or_else(|| WriteConcernError::in_reply(reply.body()));
    }

    /// Whether the document at `at`, which was sent, was inserted.
    fn was_done(&self, at: usize, options: InsertManyOptions) -> bool {
        let failed = |error: &WriteError| {
            if options.ordered { error.index <= at } else { error.index == at }
        };
        !self.write_errors.iter().any(failed)
    }

    /// An error if anything went wrong; `complete` adds what only the caller knows.
    fn check(mut self, complete: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let fine = self.write_errors.is_empty() && self.write_concern_error.is_none();
        if fine && self.cut_short.is_none() {
            return Ok(());
        }
        complete(&mut self);
        Err(Error::Write(Box::new(self)))
    }
}
