//! A collection: reading here, writing in `write.rs`, find-and-modify in `find_one_and.rs`,
//! indexes in `indexes.rs`.
//!
//! Owns the names and what reading needs; it is a handle and keeps nothing else.

mod find_one_and;
mod indexes;
mod write;

use std::fmt;
use std::rc::Rc;

use bson::oid::ObjectId;
use bson::raw::cstr;
use bson::{Bson, Document, RawBsonRef, RawDocumentBuf, doc};
#[cfg(feature = "serde")]
use serde::de::DeserializeOwned;

pub use self::find_one_and::FindOneAndOptions;
pub use self::indexes::Index;
pub use self::write::{
    DeleteResult, InsertManyOptions, InsertManyResult, InsertOneResult, Update, UpdateOptions,
    UpdateResult,
};
use super::batch::Batch;
use super::cursor::Source;
use super::database::missing_is_fine;
use super::engine::Engine;
use super::operation::{Body, Request, append_document, append_read_preference, command};
use super::{Cursor, Database, Error};
use crate::proto::mongo::concern::Concerns;
use crate::proto::mongo::connection::Reply;
use crate::proto::mongo::decode::decode;
#[cfg(feature = "serde")]
use crate::proto::mongo::decode::decode_as;
use crate::proto::mongo::error::{NAMESPACE_NOT_FOUND, number};

/// Which documents are meant: a query, or simply an `_id` (M051).
///
/// Put what a visitor typed into it as a string, never as a document: `{"$ne": ""}` is a fine
/// password for a login that builds its filter from raw JSON (HAZ33).
#[derive(Clone, Debug, Default)]
pub struct Filter(Document);

impl From<Document> for Filter {
    fn from(query: Document) -> Self {
        Self(query)
    }
}

impl From<ObjectId> for Filter {
    fn from(id: ObjectId) -> Self {
        Self(doc! { "_id": id })
    }
}

/// A handle to one collection. Making it sends nothing; cloning it is cheap.
///
/// Every operation is an `async fn`, so nothing happens before it is awaited (S121). Motor's old
/// `insert`, `save`, `update`, `remove` and `count` are [`insert_one`](Self::insert_one),
/// [`replace_one_with`](Self::replace_one_with) and `upsert`, [`update_one`](Self::update_one),
/// [`delete_one`](Self::delete_one) and [`count_documents`](Self::count_documents) (M055).
#[derive(Clone)]
pub struct Collection {
    database: Database,
    name: Rc<str>,
    concerns: Rc<Concerns>,
}

impl Collection {
    pub(super) fn new(database: &Database, name: &str) -> Self {
        let concerns = Rc::clone(database.concerns());
        Self { database: database.clone(), name: name.into(), concerns }
    }

    /// The same collection with other concerns (M059).
    #[must_use]
    pub fn with_options(&self, concerns: Concerns) -> Self {
        Self { concerns: Rc::new(concerns), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `database.collection`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.database.name(), self.name)
    }

    /// The database it is in.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The first document that matches, or nothing: that is not an error (S019, M051).
    pub async fn find_one(&self, filter: impl Into<Filter>) -> Result<Option<Document>, Error> {
        let mut batch = self.find_batch(filter.into()).await?;
        Ok(batch.next()?.map(decode).transpose()?)
    }

    /// The same as the server sent it, undecoded.
    pub async fn find_one_raw(
        &self,
        filter: impl Into<Filter>,
    ) -> Result<Option<RawDocumentBuf>, Error> {
        let mut batch = self.find_batch(filter.into()).await?;
        Ok(batch.next()?.map(ToOwned::to_owned))
    }

    /// The same as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Decode`] if the document is not what the type says.
    #[cfg(feature = "serde")]
    pub async fn find_one_as<T: DeserializeOwned>(
        &self,
        filter: impl Into<Filter>,
    ) -> Result<Option<T>, Error> {
        let mut batch = self.find_batch(filter.into()).await?;
        Ok(batch.next()?.map(decode_as).transpose()?)
    }

    async fn find_batch(&self, filter: Filter) -> Result<Batch, Error> {
        let mut body = command();
        body.append(cstr!("find"), &*self.name);
        append_document(&mut body, cstr!("filter"), &filter.0)?;
        body.append(cstr!("limit"), 1);
        body.append(cstr!("singleBatch"), true);
        Ok(Batch::new(self.read("find", body).await?)?.0)
    }

    /// Everything that matches. Sends nothing yet and returns at once (M052).
    pub fn find(&self, filter: impl Into<Filter>) -> Cursor {
        self.cursor(Source::Find { filter: filter.into().0 })
    }

    /// What the stages of `pipeline` make of the documents. Sends nothing yet (M056).
    pub fn aggregate(&self, pipeline: impl IntoIterator<Item = Document>) -> Cursor {
        self.cursor(Source::Aggregate { pipeline: pipeline.into_iter().collect() })
    }

    fn cursor(&self, source: Source) -> Cursor {
        Cursor::new(&self.database, &self.name, &self.concerns, source)
            .checked(self.checked_names())
    }

    /// How many documents match, counted one by one (M055).
    pub async fn count_documents(&self, filter: impl Into<Filter>) -> Result<u64, Error> {
        let filter = filter.into().0;
        let group = doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } };
        let mut groups = self.aggregate([doc! { "$match": filter }, group]);
        let Some(group) = groups.next_raw().await? else { return Ok(0) };
        let count = number(group, "n").and_then(|n| u64::try_from(n).ok());
        count.ok_or(Error::Reply("n"))
    }

    /// How many documents there are, by the server's own books: fast, and nearly right.
    pub async fn estimated_document_count(&self) -> Result<u64, Error> {
        let mut body = command();
        body.append(cstr!("count"), &*self.name);
        let reply = match self.read("count", body).await {
            Err(Error::Command(error)) if error.code == NAMESPACE_NOT_FOUND => return Ok(0),
            reply => reply?,
        };
        let count = number(reply.body(), "n").and_then(|n| u64::try_from(n).ok());
        count.ok_or(Error::Reply("n"))
    }

    /// The different values of `field` in the documents that match.
    pub async fn distinct(
        &self,
        field: &str,
        filter: impl Into<Filter>,
    ) -> Result<Vec<Bson>, Error> {
        let mut body = command();
        body.append(cstr!("distinct"), &*self.name);
        body.append(cstr!("key"), field);
        append_document(&mut body, cstr!("query"), &filter.into().0)?;
        let reply = self.read("distinct", body).await?;
        let mut document = decode(reply.body())?;
        match document.remove("values") {
            Some(Bson::Array(values)) => Ok(values),
            _ => Err(Error::Reply("values")),
        }
    }

    /// Gives it another name in the same database; `drop_target`: even if that name is taken.
    pub async fn rename(&self, name: &str, drop_target: bool) -> Result<Self, Error> {
        self.checked_names()?;
        let renamed = self.database.collection(name);
        renamed.checked_names()?;
        let mut body = command();
        body.append(cstr!("renameCollection"), self.full_name().as_str());
        body.append(cstr!("to"), renamed.full_name().as_str());
        body.append(cstr!("dropTarget"), drop_target);
        self.engine().ask(Request::new("renameCollection", "admin", body)).await?;
        Ok(renamed)
    }

    /// Drops it with everything in it; not an error if there is none.
    pub async fn drop(&self) -> Result<(), Error> {
        self.checked_names()?;
        let mut body = command();
        body.append(cstr!("drop"), &*self.name);
        missing_is_fine(self.database.command("drop", body).await)
    }

    /// The options it was created with; nothing if there is no such collection.
    pub async fn options(&self) -> Result<Option<Document>, Error> {
        self.checked_names()?;
        let mut body = command();
        body.append(cstr!("listCollections"), 1);
        append_document(&mut body, cstr!("filter"), &doc! { "name": &*self.name })?;
        body.append(cstr!("cursor"), &RawDocumentBuf::new());
        let request = Request::new("listCollections", self.database.name(), body);
        let (mut batch, ..) = Batch::new(self.engine().ask(request).await?)?;
        let Some(found) = batch.next()? else { return Ok(None) };
        Ok(Some(found.get_document("options").map_or(Ok(Document::new()), decode)?))
    }

    fn engine(&self) -> &Rc<Engine> {
        self.database.client().engine()
    }

    /// A read: with the client's read concern and preference.
    async fn read(&self, name: &str, mut body: Body) -> Result<Reply, Error> {
        self.checked_names()?;
        let server = self.engine().select().await?;
        if let Some(concern) = self.concerns.read_concern.to_document() {
            append_document(&mut body, cstr!("readConcern"), &concern)?;
        }
        append_read_preference(&mut body, &self.concerns.read_preference, server)?;
        self.engine().ask(Request::new(name, self.database.name(), body)).await
    }

    /// Refuses names that no server would take, before anything is sent.
    pub(super) fn checked_names(&self) -> Result<(), Error> {
        self.database.checked_name()?;
        let name = self.name.as_bytes();
        let dots = name.split(|byte| *byte == b'.').any(<[u8]>::is_empty); // nothing around one
        if dots || name.iter().any(|byte| matches!(byte, b'$' | 0)) {
            return Err(Error::Argument("the collection name is not valid"));
        }
        Ok(())
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collection({}.{})", self.database.name(), self.name)
    }
}

/// The field `key` of a write's reply as a count.
fn count(reply: &Reply, key: &str) -> u64 {
    number(reply.body(), key).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// A value in a reply, decoded; nothing if it is null or missing.
fn value(reply: &Reply, key: &'static str) -> Result<Option<Document>, Error> {
    match reply.body().get(key) {
        Ok(Some(RawBsonRef::Document(document))) => Ok(Some(decode(document)?)),
        Ok(_) => Ok(None),
        Err(_) => Err(Error::Reply(key)),
    }
}
