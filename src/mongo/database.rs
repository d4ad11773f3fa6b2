//! A database: a name, and the commands that concern it as a whole.
//!
//! Owns the rule which names are valid, and nothing else that lasts: it is a handle. Read next:
//! `collection/mod.rs`.

use std::fmt;
use std::rc::Rc;

use bson::{Document, doc};

use super::cursor::Source;
use super::error::WriteFailure;
use super::operation::{self, Body, Request};
use super::{Collection, Cursor, Error, MongoClient};
use crate::proto::mongo::concern::Concerns;
use crate::proto::mongo::decode::decode;
use crate::proto::mongo::error::NAMESPACE_NOT_FOUND;

/// A handle to one database. Making it sends nothing (S007); cloning it is cheap.
#[derive(Clone)]
pub struct Database {
    client: MongoClient,
    name: Rc<str>,
    concerns: Rc<Concerns>,
}

impl Database {
    pub(super) fn new(client: &MongoClient, name: &str) -> Self {
        let concerns = Rc::clone(client.concerns());
        Self { client: client.clone(), name: name.into(), concerns }
    }

    /// The same database with other concerns (M042); its collections inherit them.
    #[must_use]
    pub fn with_options(&self, concerns: Concerns) -> Self {
        Self { concerns: Rc::new(concerns), ..self.clone() }
    }

    pub(super) fn concerns(&self) -> &Rc<Concerns> {
        &self.concerns
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> &Rc<str> {
        &self.name
    }

    /// The client it belongs to.
    pub fn client(&self) -> &MongoClient {
        &self.client
    }

    /// A collection; nothing is sent (M042).
    pub fn collection(&self, name: &str) -> Collection {
        Collection::new(self, name)
    }

    /// Runs any command; the first key is its name (M040). The reply is given whole.
    ///
    /// # Errors
    /// [`Error::Command`] with the server's code when `ok` is 0.
    pub async fn run_command(&self, command: Document) -> Result<Document, Error> {
        let name = command.keys().next().ok_or(Error::Argument("the command is empty"))?;
        let mut body = operation::command();
        body.append_fields(&command).map_err(Error::Encode)?;
        let request = Request::new(name, self.checked_name()?, body);
        let reply = self.client.engine().ask(request).await?;
        Ok(decode(reply.body())?)
    }

    /// Creates a collection, which otherwise the first insert does; an error if it exists.
    pub async fn create_collection(&self, name: &str) -> Result<Collection, Error> {
        let collection = self.collection(name);
        collection.checked_names()?;
        self.run_command(doc! { "create": name }).await?;
        Ok(collection)
    }

    /// Drops a collection; not an error if there is none.
    pub async fn drop_collection(&self, name: &str) -> Result<(), Error> {
        self.collection(name).drop().await
    }

    /// What the server says of the collections.
    pub fn list_collections(&self) -> Cursor {
        self.collections(false)
    }

    fn collections(&self, names_only: bool) -> Cursor {
        Cursor::new(self, &Rc::from(""), &self.concerns, Source::ListCollections { names_only })
    }

    /// The names of the collections.
    pub async fn list_collection_names(&self) -> Result<Vec<String>, Error> {
        let mut cursor = self.collections(true);
        let mut names = Vec::new();
        while let Some(document) = cursor.next_raw().await? {
            names.push(document.get_str("name").map_err(|_| Error::Reply("name"))?.to_owned());
        }
        Ok(names)
    }

    /// Drops the database with everything in it.
    pub async fn drop(&self) -> Result<(), Error> {
        self.run_command(doc! { "dropDatabase": 1 }).await.map(drop)
    }

    /// The name, if it can be one (M021): it becomes a file's name on the server.
    pub(super) fn checked_name(&self) -> Result<&str, Error> {
        let bad = |c| matches!(c, '/' | '\\' | '.' | ' ' | '"' | '$' | '\0');
        if self.name.is_empty() || self.name.len() > 63 || self.name.contains(bad) {
            return Err(Error::Argument("the database name is not valid"));
        }
        Ok(&self.name)
    }

    /// A command of ours that changes something, already encoded; its reply matters only if it is
    /// an error.
    pub(super) async fn command(&self, name: &str, body: Body) -> Result<(), Error> {
        let request = Request::new(name, self.checked_name()?, body);
        let reply = self.client.engine().ask(request).await?;
        WriteFailure::check_concern(reply.body())
    }
}

/// What is not there cannot be dropped, and that is as good.
pub(super) fn missing_is_fine(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::Command(error)) if error.code == NAMESPACE_NOT_FOUND => Ok(()),
        outcome => outcome,
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.name)
    }
}
