//! The database behind the demo: a real MongoDB, or the embedded store, through the same client.
//!
//! Owns the choice and the store's life. After this file nobody can tell the difference: the
//! embedded store speaks the same protocol on a socket of its own. Read next: `accounts.rs`.

use std::fmt;
use std::time::Duration;

use squall::mongo::embedded;
use squall::mongo::{self, MongoClient};

use super::accounts::Accounts;
use super::flags::{Flags, Store};

/// How long a start, or a visitor, may wait for a `MongoDB` that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open database with its indexes.
pub(crate) struct Database {
    client: MongoClient,
    embedded: Option<embedded::Server>,
    description: String,
}

impl Database {
    /// Opens what the flags name and makes sure that it answers.
    pub(crate) async fn open(flags: &Flags) -> Result<Self, String> {
        let database = match &flags.store {
            Store::Mongo(uri) => Self::connect(uri)?,
            Store::Memory => Self::embed(embedded::Server::memory(), "in memory, gone at the end")?,
            Store::Directory(directory) => {
                let path = directory.join("auth.redb");
                let complaint = |error: &dyn fmt::Display| {
                    format!("cannot keep data in {}: {error}", directory.display())
                };
                std::fs::create_dir_all(directory).map_err(|error| complaint(&error))?;
                let server = embedded::Server::open(&path).map_err(|error| complaint(&error))?;
                Self::embed(server, &path.display().to_string())?
            }
        };
        Accounts::prepare(&database.users()).await.map_err(|error| {
            format!("the database does not answer ({}): {error}", database.description)
        })?;
        Ok(database)
    }

    fn connect(uri: &str) -> Result<Self, String> {
        let client = MongoClient::new(uri).map_err(|error| format!("--mongo: {error}"))?;
        let mut settings = client.settings().clone();
        settings.server_selection_timeout = settings.server_selection_timeout.min(PATIENCE);
        let description = format!("MongoDB at {}", settings.host); // without the password (HAZ37)
        Ok(Self { client: MongoClient::with_settings(settings), embedded: None, description })
    }

    fn embed(server: embedded::Server, kept: &str) -> Result<Self, String> {
        let address = server.listen(0).map_err(|error| format!("the embedded store: {error}"))?;
        let client = MongoClient::new(&format!("mongodb://{address}"))
            .map_err(|error| format!("the embedded store: {error}"))?;
        let description = format!("embedded store, {kept}");
        Ok(Self { client, embedded: Some(server), description })
    }

    /// The database that the URI names, or that of the tutorials: `client.meet`.
    pub(crate) fn users(&self) -> mongo::Database {
        self.client.default_database().unwrap_or_else(|_| self.client.database("meet"))
    }

    /// Makes everything durable and lets go.
    pub(crate) async fn close(self) {
        self.client.close();
        if let Some(server) = self.embedded {
            server.close().await;
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}
