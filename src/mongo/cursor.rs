//! Cursors: the documents of a query, one after the other, batch by batch.
//!
//! Owns what was asked, the batch at hand, and the duty to tell the server when the rest is not
//! wanted. A cursor that is made has sent nothing yet. Read next: `batch.rs` (the documents),
//! `operation.rs` (the commands).

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bson::raw::cstr;
use bson::{Document, RawArrayBuf, RawDocument, RawDocumentBuf, rawdoc};
#[cfg(feature = "serde")]
use serde::Deserialize;

use super::batch::Batch;
use super::engine::{Engine, Server};
use super::operation::{
    Body, Request, append_document, append_documents, append_read_preference, command,
};
use super::{Database, Error, MongoClient};
use crate::proto::mongo::concern::Concerns;
use crate::proto::mongo::decode::Decoder;
#[cfg(feature = "serde")]
use crate::proto::mongo::decode::decode_as;

/// Documents in the first batch, unless the caller names a number. The server's own default of 101
/// lets most lists cost two round trips; later batches are as large as the server can make them
/// (16 MB), and so is this one if its documents are large.
const FIRST_BATCH: u32 = 1024;

/// What a cursor goes over.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Find { filter: Document },
    Aggregate { pipeline: Vec<Document> },
    ListIndexes,
    ListCollections { names_only: bool },
}

#[derive(Clone, Debug, Default)]
struct Options {
    sort: Option<Document>,
    projection: Option<Document>,
    hint: Option<Document>,
    skip: Option<u64>,
    limit: Option<i64>,
    batch_size: Option<u32>,
    max_time: Option<Duration>,
}

#[derive(Debug)]
enum State {
    /// Nothing was sent.
    Fresh,
    /// The server has, or had, more.
    Open { id: i64, collection: String },
    /// A request for more was given up half-way: what it would have brought is lost.
    Interrupted { id: i64, collection: String },
    /// The server has no more.
    Exhausted,
}

/// The documents of a query. Nothing is sent before the first one is asked for (M052).
///
/// Dropping a cursor that is not exhausted tells the server to forget it (M076).
///
/// ```no_run
/// # async fn example(users: squall::mongo::Collection) -> Result<(), squall::mongo::Error> {
/// use bson::doc;
///
/// let mut adults = users.find(doc! { "age": { "$gte": 18 } }).sort(doc! { "name": 1 }).limit(10);
/// while let Some(user) = adults.next().await? {
///     println!("{user}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Cursor {
    client: MongoClient,
    database: Rc<str>,
    collection: Rc<str>,
    concerns: Rc<Concerns>,
    source: Source,
    options: Options,
    state: State,
    batch: Option<Batch>,
    decoder: Decoder,
    /// Why it cannot be used: a name no server would take, or an option after the first batch.
    misuse: Option<Error>,
}

impl Cursor {
    pub(super) fn new(
        database: &Database,
        collection: &Rc<str>,
        concerns: &Rc<Concerns>,
        source: Source,
    ) -> Self {
        Self {
            client: database.client().clone(),
            database: Rc::clone(database.shared_name()),
            collection: Rc::clone(collection),
            concerns: Rc::clone(concerns),
            source,
            options: Options::default(),
            state: State::Fresh,
            batch: None,
            decoder: Decoder::default(),
            misuse: database.checked_name().err(),
        }
    }

    /// The same, unless something was wrong with the names.
    pub(super) fn checked(mut self, names: Result<(), Error>) -> Self {
        self.misuse = self.misuse.take().or(names.err());
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        if !matches!(self.state, State::Fresh) {
            let late = Error::Argument("options of a cursor come before its first document");
            self.misuse.get_or_insert(late);
        }
        change(&mut self.options);
        self
    }

    /// In this order, such as `doc! { "name": 1 }`.
    pub fn sort(self, order: Document) -> Self {
        self.with(|options| options.sort = Some(order))
    }

    /// Only these fields, or all but these.
    pub fn projection(self, fields: Document) -> Self {
        self.with(|options| options.projection = Some(fields))
    }

    /// Not the first `count` documents.
    pub fn skip(self, count: u64) -> Self {
        self.with(|options| options.skip = Some(count))
    }

    /// At most `count` documents; 0 is all of them, a negative number is that many in one batch.
    pub fn limit(self, count: i64) -> Self {
        self.with(|options| options.limit = Some(count))
    }

    /// So many documents at a time. Unless told, it is 1,024 in the first batch and then as many as
    /// the server can send at once; say less to see the first ones sooner, or to stop early.
    pub fn batch_size(self, count: u32) -> Self {
        self.with(|options| options.batch_size = Some(count))
    }

    /// The server gives up after this time (code 50).
    pub fn max_time(self, time: Duration) -> Self {
        self.with(|options| options.max_time = Some(time))
    }

    /// By this index, named by its keys.
    pub fn hint(self, index: Document) -> Self {
        self.with(|options| options.hint = Some(index))
    }

    /// The next document, or nothing when there is none. The server is asked for more only when
    /// everything it has sent was read (M070).
    pub async fn next(&mut self) -> Result<Option<Document>, Error> {
        if !self.is_at_hand() && !self.advance().await? {
            return Ok(None);
        }
        let next = self.batch.as_mut().map_or(Ok(None), Batch::next)?;
        Ok(next.map(|document| self.decoder.decode(document)).transpose()?)
    }

    /// The same, borrowed from the server's reply instead of copied out of it.
    pub async fn next_raw(&mut self) -> Result<Option<&RawDocument>, Error> {
        if !self.is_at_hand() && !self.advance().await? {
            return Ok(None);
        }
        self.batch.as_mut().map_or(Ok(None), Batch::next).map_err(Error::from)
    }

    /// The next document as a type of the caller's, which may borrow its strings from the reply. One
    /// that does not fit is [`Error::Decode`], and does not end the cursor.
    ///
    /// ```no_run
    /// # async fn example(users: squall::mongo::Collection) -> Result<(), squall::mongo::Error> {
    /// use std::collections::BTreeMap;
    /// use bson::doc;
    ///
    /// let mut ages = users.find(doc! {}).projection(doc! { "_id": 0, "age": 1 });
    /// while let Some(user) = ages.next_as::<BTreeMap<&str, i32>>().await? {
    ///     println!("{}", user["age"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "serde")]
    pub async fn next_as<'a, T: Deserialize<'a>>(&'a mut self) -> Result<Option<T>, Error> {
        Ok(self.next_raw().await?.map(decode_as).transpose()?)
    }

    /// Whether the next document has arrived already.
    fn is_at_hand(&self) -> bool {
        self.misuse.is_none() && self.batch.as_ref().is_some_and(|batch| !batch.is_empty())
    }

    /// Asks for batches until a document is at hand; false when there is none.
    async fn advance(&mut self) -> Result<bool, Error> {
        if let Some(error) = &self.misuse {
            return Err(error.clone());
        }
        while !self.is_at_hand() {
            if !self.fetch().await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next `length` documents, or all there are; called again, the ones after (M071).
    pub async fn to_list(
        &mut self,
        length: impl Into<Option<usize>>,
    ) -> Result<Vec<Document>, Error> {
        let length = length.into().unwrap_or(usize::MAX);
        let mut list = Vec::new();
        while list.len() < length {
            match self.next().await? {
                Some(document) => list.push(document),
                None => break,
            }
        }
        Ok(list)
    }

    /// True while there may be more documents (M076).
    pub fn alive(&self) -> bool {
        !matches!(self.state, State::Exhausted)
            || self.batch.as_ref().is_some_and(|batch| !batch.is_empty())
    }

    /// The server's number for this cursor; 0 when the server has no more.
    pub fn cursor_id(&self) -> i64 {
        match &self.state {
            State::Open { id, .. } | State::Interrupted { id, .. } => *id,
            State::Fresh | State::Exhausted => 0,
        }
    }

    /// Tells the server to forget the cursor. Dropping it does the same, without waiting.
    pub async fn close(mut self) -> Result<(), Error> {
        self.batch = None;
        match std::mem::replace(&mut self.state, State::Exhausted) {
            State::Open { id, collection } | State::Interrupted { id, collection } => {
                kill(self.client.engine(), &self.database, &collection, id).await
            }
            State::Fresh | State::Exhausted => Ok(()),
        }
    }

    /// Asks for the first or the next batch; false when there is none.
    async fn fetch(&mut self) -> Result<bool, Error> {
        let request = match &self.state {
            State::Exhausted => return Ok(false),
            State::Interrupted { .. } => {
                return Err(Error::Argument("the cursor was interrupted and has lost its place"));
            }
            State::Fresh => {
                let server = self.client.engine().select().await?;
                let (name, body) = self.first_command(server)?;
                Request::new(name, &self.database, body)
            }
            State::Open { id, collection } => {
                let body = self.get_more(*id, collection);
                let (id, collection) = (*id, collection.clone());
                self.state = State::Interrupted { id, collection };
                Request::new("getMore", &self.database, body)
            }
        };
        let outcome = self.client.engine().ask(request).await;
        let (batch, id, collection) = match outcome.and_then(Batch::new) {
            Ok(batch) => batch,
            Err(error) => {
                self.state = State::Exhausted; // whatever it was, there is nothing left to ask
                return Err(error);
            }
        };
        self.batch = Some(batch);
        self.state = if id == 0 { State::Exhausted } else { State::Open { id, collection } };
        Ok(true)
    }

    fn first_command(&self, server: Server) -> Result<(&'static str, Body), Error> {
        let mut body = command();
        let Options { sort, projection, hint, skip, limit, max_time, .. } = &self.options;
        let name = match &self.source {
            Source::Find { filter } => {
                body.append(cstr!("find"), &*self.collection);
                append_document(&mut body, cstr!("filter"), filter)?;
                append_if_given(&mut body, cstr!("sort"), sort.as_ref())?;
                append_if_given(&mut body, cstr!("projection"), projection.as_ref())?;
                if let Some(skip) = skip {
                    body.append(cstr!("skip"), i64::try_from(*skip).unwrap_or(i64::MAX));
                }
                let mut batch = self.first_batch();
                if let Some(limit) = limit.filter(|limit| *limit != 0) {
                    body.append(cstr!("limit"), limit.saturating_abs());
                    if limit < 0 {
                        body.append(cstr!("singleBatch"), true);
                        // There will be no other batch.
                        let all = self.options.batch_size.is_none();
                        batch = if all { limit.saturating_abs() } else { batch };
                    }
                }
                body.append(cstr!("batchSize"), batch);
                "find"
            }
            Source::Aggregate { pipeline } => {
                body.append(cstr!("aggregate"), &*self.collection);
                append_documents(&mut body, cstr!("pipeline"), pipeline)?;
                body.append(cstr!("cursor"), &rawdoc! { "batchSize": self.first_batch() });
                "aggregate"
            }
            Source::ListIndexes => {
                body.append(cstr!("listIndexes"), &*self.collection);
                body.append(cstr!("cursor"), &self.batch_options());
                "listIndexes"
            }
            Source::ListCollections { names_only } => {
                body.append(cstr!("listCollections"), 1);
                body.append(cstr!("nameOnly"), *names_only);
                body.append(cstr!("cursor"), &self.batch_options());
                "listCollections"
            }
        };
        self.refuse_what_only_find_knows()?;
        append_if_given(&mut body, cstr!("hint"), hint.as_ref())?;
        if let Some(time) = max_time {
            body.append(cstr!("maxTimeMS"), i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        }
        if matches!(self.source, Source::Find { .. } | Source::Aggregate { .. }) {
            let concern = self.concerns.read_concern.to_document();
            append_if_given(&mut body, cstr!("readConcern"), concern.as_ref())?;
        }
        append_read_preference(&mut body, &self.concerns.read_preference, server)?;
        Ok((name, body))
    }

    fn refuse_what_only_find_knows(&self) -> Result<(), Error> {
        let Options { sort, projection, skip, limit, .. } = &self.options;
        let given = sort.is_some() || projection.is_some() || skip.is_some() || limit.is_some();
        if given && !matches!(self.source, Source::Find { .. }) {
            return Err(Error::Argument("sort, projection, skip and limit belong to find"));
        }
        Ok(())
    }

    fn first_batch(&self) -> i64 {
        self.options.batch_size.unwrap_or(FIRST_BATCH).into()
    }

    fn batch_options(&self) -> RawDocumentBuf {
        let mut options = RawDocumentBuf::new();
        if let Some(size) = self.options.batch_size {
            options.append(cstr!("batchSize"), i64::from(size));
        }
        options
    }

    fn get_more(&self, id: i64, collection: &str) -> Body {
        let mut body = command();
        body.append(cstr!("getMore"), id); // must be an int64, whatever its value
        body.append(cstr!("collection"), collection);
        if let Some(size) = self.options.batch_size.filter(|size| *size > 0) {
            body.append(cstr!("batchSize"), i64::from(size));
        }
        body
    }
}

/// Appends a document that was given, and nothing for one that was not.
fn append_if_given(
    body: &mut Body,
    key: &bson::raw::CStr,
    document: Option<&Document>,
) -> Result<(), Error> {
    document.map_or(Ok(()), |document| append_document(body, key, document))
}

/// Tells the server to forget a cursor.
async fn kill(engine: &Rc<Engine>, database: &str, collection: &str, id: i64) -> Result<(), Error> {
    let mut body = command();
    body.append(cstr!("killCursors"), collection);
    body.append(cstr!("cursors"), &RawArrayBuf::from_iter([id]));
    engine.ask(Request::new("killCursors", database, body)).await.map(drop)
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Exhausted);
        let (State::Open { id, collection } | State::Interrupted { id, collection }) = state else {
            return;
        };
        let Some(io_loop) = self.client.engine().open_home() else { return };
        let (client, database) = (self.client.clone(), Rc::clone(&self.database));
        let home = io_loop.clone();
        // In a later turn: whoever drops a cursor does not expect anything to happen inside.
        io_loop.add_callback(move || {
            drop(home.spawn(async move {
                // Best effort: the server forgets idle cursors by itself after ten minutes.
                let _ = kill(client.engine(), &database, &collection, id).await;
            }));
        });
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("database", &self.database)
            .field("collection", &self.collection)
            .field("cursor_id", &self.cursor_id())
            .finish_non_exhaustive()
    }
}
