//! An engine with a clock and a die of its own, for tables of commands.
//!
//! Owns nothing but shorthand. Time stands still unless a test moves it; chance counts up.

#![allow(clippy::needless_pass_by_value, reason = "commands are written where they are used")]

use bson::{Bson, DateTime, Document, doc};
use squall::mongo::embedded::{Change, Contents, Engine, Surroundings};

pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) now: i64,
    die: u8,
}

impl Store {
    pub(crate) fn memory() -> Self {
        Self::on(Engine::memory())
    }

    /// One that notes its changes.
    pub(crate) fn empty() -> Self {
        Self::on(Engine::restore(Contents::default()).unwrap())
    }

    pub(crate) fn on(engine: Engine) -> Self {
        Self { engine, now: 1_700_000_000_000, die: 0 }
    }

    /// Whatever the store says, errors included.
    pub(crate) fn reply(&mut self, mut command: Document) -> Document {
        if !command.contains_key("$db") {
            command.insert("$db", "meet");
        }
        let die = &mut self.die;
        let mut around = Surroundings {
            now: DateTime::from_millis(self.now),
            random: &mut |bytes| {
                *die = die.wrapping_add(1);
                bytes.fill(*die);
            },
            connection: 7,
            peer: "127.0.0.1:4711",
        };
        self.engine.execute(&command, &mut around).expect("a reply")
    }

    /// A reply that must be a good one.
    #[track_caller]
    pub(crate) fn ok(&mut self, command: Document) -> Document {
        let reply = self.reply(command.clone());
        assert_eq!(reply.get_f64("ok").ok(), Some(1.0), "{command} answered {reply}");
        assert!(!reply.contains_key("writeErrors"), "{command} answered {reply}");
        reply
    }

    /// The code and the sentence of a command, or of its first write, that must be refused.
    #[track_caller]
    pub(crate) fn error(&mut self, command: Document) -> (i32, String) {
        let reply = self.reply(command.clone());
        let error = match reply.get_array("writeErrors") {
            Ok(errors) => errors[0].as_document().unwrap().clone(),
            Err(_) => reply,
        };
        let code = error.get_i32("code").unwrap_or_else(|_| panic!("{command} answered {error}"));
        (code, error.get_str("errmsg").unwrap().to_owned())
    }

    #[track_caller]
    pub(crate) fn insert(&mut self, collection: &str, documents: Vec<Document>) {
        self.ok(doc! { "insert": collection, "documents": documents });
    }

    /// The documents of a first batch.
    #[track_caller]
    pub(crate) fn batch(&mut self, command: Document) -> Vec<Document> {
        let reply = self.ok(command);
        let cursor = reply.get_document("cursor").unwrap();
        let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch"));
        batch.unwrap().iter().map(|item| item.as_document().unwrap().clone()).collect()
    }

    /// The `_id`s of what a query finds, in the order of the `_id`s.
    #[track_caller]
    pub(crate) fn ids(&mut self, collection: &str, query: Document) -> Vec<i32> {
        let command = doc! { "find": collection, "filter": query, "sort": { "_id": 1 } };
        let found = self.batch(command);
        found.iter().map(|document| document.get_i32("_id").unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn all(&mut self, collection: &str) -> Vec<Document> {
        self.batch(doc! { "find": collection, "sort": { "_id": 1 }, "batchSize": 1_000_000 })
    }

    pub(crate) fn changes(&mut self) -> Vec<Change> {
        self.engine.take_changes()
    }
}

/// A list as a value.
pub(crate) fn list(items: impl IntoIterator<Item = impl Into<Bson>>) -> Bson {
    Bson::Array(items.into_iter().map(Into::into).collect())
}
