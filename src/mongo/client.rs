//! The client: one for the process, cheap to clone, bound to the loop of its first operation.
//!
//! Owns the public handle and the commands that concern the whole server. Everything that moves
//! is in `engine/`. Read next: `database.rs`, then `collection/mod.rs`.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use bson::Document;
use bson::oid::ObjectId;
use bson::raw::cstr;

use super::batch::documents;
use super::engine::Engine;
use super::event::Event;
use super::id::ObjectIds;
use super::operation::{Request, command};
use super::{Database, Error};
use crate::log::{self, Level};
use crate::net::Network;
use crate::proto::mongo::concern::Concerns;
use crate::proto::mongo::decode::decode;
use crate::proto::mongo::settings::Settings;
use crate::proto::mongo::uri::{Host, Uri};

/// A MongoDB client. Clones share one pool of connections; make one for the process, not one for
/// each request (S154).
///
/// Making it does no I/O and needs no loop (S006). All its operations are lazy: nothing is sent
/// before the first `.await` (S121). Dropping an operation half-way is safe: its connection is
/// closed, and the next operation takes another (M079).
///
/// ```
/// use squall::mongo::MongoClient;
///
/// let client = MongoClient::new("127.0.0.1")?;
/// let users = client.database("meet").collection("user");
/// assert_eq!(users.full_name(), "meet.user");
/// # Ok::<(), squall::mongo::Error>(())
/// ```
#[derive(Clone)]
pub struct MongoClient {
    inner: Rc<Inner>,
}

struct Inner {
    engine: Rc<Engine>,
    ids: OnceCell<ObjectIds>,
    concerns: Rc<Concerns>,
}

impl MongoClient {
    /// A client for a connection string, or for a bare `host` or `host:port`.
    ///
    /// # Errors
    /// The string cannot be understood, or asks for something that is not supported, such as TLS
    /// or the discovery of a replica set.
    pub fn new(uri: &str) -> Result<Self, Error> {
        let uri = Uri::parse(uri).map_err(|error| Error::Settings(error.into()))?;
        Ok(Self::with_settings(Settings::from_uri(&uri)?))
    }

    /// A client with settings that were changed by hand.
    pub fn with_settings(settings: Settings) -> Self {
        for warning in &settings.warnings {
            log::general(Level::Warning, &format!("mongo: {warning}"));
        }
        if settings.is_remote() {
            let host = &settings.host;
            log::general(Level::Warning, &format!("mongo: {host} is reached without TLS"));
        }
        let concerns = Rc::new(settings.concerns.clone());
        let engine = Engine::new(settings);
        Self { inner: Rc::new(Inner { engine, ids: OnceCell::new(), concerns }) }
    }

    /// Connects through another network: for tests, and for those who know better.
    #[must_use]
    pub fn on(self, network: Rc<dyn Network>) -> Self {
        self.engine().use_network(network);
        self
    }

    /// A database; nothing is sent (S007). Its name is checked by the first operation.
    pub fn database(&self, name: &str) -> Database {
        Database::new(self, name)
    }

    /// The database named in the connection string (M022).
    ///
    /// # Errors
    /// It names none.
    pub fn default_database(&self) -> Result<Database, Error> {
        let name = self.settings().database.as_deref();
        name.map(|name| self.database(name))
            .ok_or(Error::Argument("the connection string names no database"))
    }

    /// The names of all databases.
    pub async fn list_database_names(&self) -> Result<Vec<String>, Error> {
        let mut body = command();
        body.append(cstr!("listDatabases"), 1);
        body.append(cstr!("nameOnly"), true);
        let reply = self.engine().ask(Request::new("listDatabases", "admin", body)).await?;
        let databases = documents(reply.body(), "databases")?;
        Ok(databases.filter_map(|one| one.get_str("name").ok().map(str::to_owned)).collect())
    }

    /// What the server says of all databases: names, sizes, whether they are empty.
    pub async fn list_databases(&self) -> Result<Vec<Document>, Error> {
        let mut body = command();
        body.append(cstr!("listDatabases"), 1);
        let reply = self.engine().ask(Request::new("listDatabases", "admin", body)).await?;
        documents(reply.body(), "databases")?.map(|one| decode(one).map_err(Error::from)).collect()
    }

    /// Drops a database with everything in it.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.database(name).drop().await
    }

    /// What the server says of its version and build.
    pub async fn server_info(&self) -> Result<Document, Error> {
        self.database("admin").run_command(bson::doc! { "buildInfo": 1 }).await
    }

    /// Where the server is (M028).
    pub fn address(&self) -> &Host {
        &self.settings().host
    }

    /// What this client was told (M029).
    pub fn settings(&self) -> &Settings {
        self.engine().settings()
    }

    /// How many connections there are, those being made included.
    pub fn connections(&self) -> usize {
        self.engine().connections()
    }

    /// Calls `listener` for every event of this client, from now on (M031). It must not block.
    pub fn on_event(&self, listener: impl Fn(&Event<'_>) + 'static) {
        self.engine().listen(Box::new(listener));
    }

    /// Closes every connection. Operations under way fail with [`Error::Closed`], and so do all
    /// that come later. Closing twice is closing once (M023).
    pub fn close(&self) {
        self.engine().close();
    }

    pub(super) fn engine(&self) -> &Rc<Engine> {
        &self.inner.engine
    }

    pub(super) fn concerns(&self) -> &Rc<Concerns> {
        &self.inner.concerns
    }

    /// A new object id.
    pub(super) fn object_id(&self) -> Result<ObjectId, Error> {
        let io_loop = self.engine().home()?;
        Ok(self.inner.ids.get_or_init(|| ObjectIds::new(io_loop)).next(io_loop))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.engine.close();
    }
}

impl fmt::Debug for MongoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoClient").field("host", self.address()).finish_non_exhaustive()
    }
}
