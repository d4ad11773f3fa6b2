//! The engine: a command document goes in, a reply document comes out.
//!
//! Owns the databases, the cursors and the journal of changes. It does no I/O and asks no clock: time
//! and chance come with each command. `commands/` has one function for each command; the server
//! around it (`server.rs`) has the sockets and the disk. Read next: `commands/mod.rs`.

use std::collections::BTreeMap;
use std::fmt;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::collection::{Collection, Journal, encode};
use super::cursor::Cursors;
use super::error::{Result, ServerError};
use super::expression::Given;
use super::fail_point::FailPoint;
use super::index::Index;
use super::storage::{Change, Contents};

/// How often the engine looks for what has expired, as in mongod.
const EXPIRY_MILLIS: i64 = 60_000;

/// What the engine cannot know by itself, given with every command.
pub struct Surroundings<'a> {
    /// The time of day.
    pub now: DateTime,
    /// Fills a buffer with random bytes.
    pub random: &'a mut dyn FnMut(&mut [u8]),
    /// The number of the connection the command came on.
    pub connection: i32,
    /// The client's address.
    pub peer: &'a str,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, connection, peer, .. } = self;
        f.debug_struct("Surroundings")
            .field("now", now)
            .field("connection", connection)
            .field("peer", peer)
            .finish_non_exhaustive()
    }
}

/// A document store in memory that speaks MongoDB's commands.
///
/// ```
/// use bson::{DateTime, doc};
/// use squall::mongo::embedded::{Engine, Surroundings};
///
/// let mut engine = Engine::memory();
/// let mut around = Surroundings {
///     now: DateTime::from_millis(0),
///     random: &mut |bytes| bytes.fill(7),
///     connection: 1,
///     peer: "127.0.0.1:1",
/// };
/// let insert = doc! { "insert": "user", "documents": [{ "name": "ann" }], "$db": "meet" };
/// assert_eq!(engine.execute(&insert, &mut around), Some(doc! { "n": 1, "ok": 1.0 }));
/// ```
#[derive(Debug, Default)]
pub struct Engine {
    pub(super) databases: BTreeMap<String, BTreeMap<String, Collection>>,
    pub(super) cursors: Cursors,
    pub(super) journal: Journal,
    pub(super) fail_point: Option<FailPoint>,
    next_collection: u64,
    /// The part of new ids that tells this store from others, and the one that counts.
    object_ids: Option<([u8; 5], u32)>,
    last_expiry: i64,
}

impl Engine {
    /// An empty store that forgets everything when it is dropped.
    pub fn memory() -> Self {
        Self::default()
    }

    /// A store with what was read from a disk; it notes its changes for [`Engine::take_changes`].
    ///
    /// # Errors
    /// If the contents are not what a store writes.
    pub fn restore(contents: Contents) -> Result<Self> {
        let mut engine = Self { journal: Some(Vec::new()), ..Self::default() };
        let given = Given { now: DateTime::from_millis(0), variables: Document::new() };
        let mut names = BTreeMap::new();
        for (namespace, entry) in contents.catalog {
            let (database, name) = split(&namespace)?;
            let entry = decode(&entry)?;
            let collection = restored_collection(&namespace, &entry, &given)?;
            engine.next_collection = engine.next_collection.max(collection.id);
            names.insert(collection.id, (database.to_owned(), name.to_owned()));
            engine
                .databases
                .entry(database.to_owned())
                .or_default()
                .insert(name.to_owned(), collection);
        }
        for (id, record, document) in contents.documents {
            // Documents of a collection that is gone are swept with it; none can be left over.
            let Some((database, name)) = names.get(&id) else { continue };
            let collection = engine.databases.get_mut(database).and_then(|d| d.get_mut(name));
            collection.expect("named above").restore(record, decode(&document)?)?;
        }
        Ok(engine)
    }

    /// Executes one command. Errors are replies too, with `ok: 0`; `None` means that the client
    /// gets no answer and its connection is closed, which only a fail point wants.
    pub fn execute(
        &mut self,
        command: &Document,
        around: &mut Surroundings<'_>,
    ) -> Option<Document> {
        self.expire(around.now);
        match self.run(command, around) {
            Ok(reply) => reply,
            Err(error) => Some(error.to_reply()),
        }
    }

    /// The changes since the last call, in order; to be made durable before their replies are sent.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Once a minute: removes what TTL indexes say is too old, and forgets idle cursors.
    fn expire(&mut self, now: DateTime) {
        if now.timestamp_millis().saturating_sub(self.last_expiry) < EXPIRY_MILLIS {
            return;
        }
        self.last_expiry = now.timestamp_millis();
        self.cursors.expire(now);
        for collection in self.databases.values_mut().flat_map(BTreeMap::values_mut) {
            for record in collection.expired(now) {
                // Encoding nothing cannot fail.
                let _ = collection.remove(record, &mut self.journal);
            }
        }
    }

    pub(super) fn collection(&self, database: &str, name: &str) -> Option<&Collection> {
        self.databases.get(database)?.get(name)
    }

    /// The collection and the journal to note its changes in.
    pub(super) fn collection_mut(
        &mut self,
        database: &str,
        name: &str,
    ) -> Option<(&mut Collection, &mut Journal)> {
        Some((self.databases.get_mut(database)?.get_mut(name)?, &mut self.journal))
    }

    /// Creates the collection if it is not there; answers whether it did.
    pub(super) fn create_collection(
        &mut self,
        database: &str,
        name: &str,
        options: Document,
        given: &Given,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<bool> {
        if self.collection(database, name).is_some() {
            return Ok(false);
        }
        let mut uuid = [0; 16];
        random(&mut uuid);
        uuid[6] = uuid[6] & 0x0f | 0x40; // version 4: random
        uuid[8] = uuid[8] & 0x3f | 0x80;
        self.next_collection += 1;
        let namespace = format!("{database}.{name}");
        let collection = Collection::new(&namespace, self.next_collection, uuid, options, given);
        self.databases.entry(database.to_owned()).or_default().insert(name.to_owned(), collection);
        self.note_catalog(database, name)
    }

    /// Writes the collection's entry of the catalog down.
    pub(super) fn note_catalog(&mut self, database: &str, name: &str) -> Result<bool> {
        let Some(collection) = self.collection(database, name) else { return Ok(false) };
        let indexes: Vec<Document> =
            collection.indexes().iter().map(|index| index.specification.clone()).collect();
        let entry = doc! {
            "id": collection.id as i64,
            "uuid": Bson::Binary(uuid_binary(collection.uuid)),
            "options": collection.options.clone(),
            "indexes": indexes,
        };
        let namespace = collection.namespace.clone();
        if let Some(changes) = &mut self.journal {
            changes.push(Change::Catalog { namespace, entry: Some(encode(&entry)?) });
        }
        Ok(true)
    }

    /// Removes a collection with everything in it; answers it if it was there.
    pub(super) fn drop_collection(&mut self, database: &str, name: &str) -> Option<Collection> {
        let collections = self.databases.get_mut(database)?;
        let collection = collections.remove(name)?;
        if collections.is_empty() {
            self.databases.remove(database);
        }
        self.cursors.kill_namespace(&collection.namespace);
        if let Some(changes) = &mut self.journal {
            changes.push(Change::Clear { collection: collection.id });
            let namespace = collection.namespace.clone();
            changes.push(Change::Catalog { namespace, entry: None });
        }
        Some(collection)
    }

    /// Gives a collection another name, in this database or another.
    pub(super) fn rename_collection(&mut self, from: (&str, &str), to: (&str, &str)) -> Result<()> {
        let Some(collections) = self.databases.get_mut(from.0) else { return Ok(()) };
        let Some(mut collection) = collections.remove(from.1) else { return Ok(()) };
        if collections.is_empty() {
            self.databases.remove(from.0);
        }
        self.cursors.kill_namespace(&collection.namespace);
        let namespace = std::mem::replace(&mut collection.namespace, format!("{}.{}", to.0, to.1));
        if let Some(changes) = &mut self.journal {
            changes.push(Change::Catalog { namespace, entry: None });
        }
        self.databases.entry(to.0.to_owned()).or_default().insert(to.1.to_owned(), collection);
        self.note_catalog(to.0, to.1)?;
        Ok(())
    }

    /// A new `_id`: the time, chance, and a counter.
    pub(super) fn object_id(&mut self, around: &mut Surroundings<'_>) -> ObjectId {
        let (process, count) = self.object_ids.get_or_insert_with(|| {
            let mut process = [0; 5];
            (around.random)(&mut process);
            (process, 0)
        });
        *count = count.wrapping_add(1);
        let [_, counter @ ..] = count.to_be_bytes();
        let seconds = (around.now.timestamp_millis() / 1000) as u32;
        ObjectId::from_parts(seconds, *process, counter)
    }
}

/// A UUID as clients want to see it.
pub(super) fn uuid_binary(uuid: [u8; 16]) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: uuid.to_vec() }
}

fn restored_collection(namespace: &str, entry: &Document, given: &Given) -> Result<Collection> {
    let damaged = || ServerError::new(1, format!("the catalog entry of {namespace} is damaged"));
    let id = entry.get_i64("id").map_err(|_| damaged())?;
    let Some(Bson::Binary(uuid)) = entry.get("uuid") else { return Err(damaged()) };
    let uuid = uuid.bytes.as_slice().try_into().map_err(|_| damaged())?;
    let options = entry.get_document("options").map_err(|_| damaged())?.clone();
    let mut collection = Collection::new(namespace, id as u64, uuid, options, given);
    // The first index, on `_id`, is always there.
    for specification in entry.get_array("indexes").map_err(|_| damaged())?.iter().skip(1) {
        let specification = specification.as_document().ok_or_else(damaged)?;
        collection.add_index(Index::new(specification.clone(), given)?)?;
    }
    Ok(collection)
}

fn decode(bytes: &[u8]) -> Result<Document> {
    Document::from_reader(bytes).map_err(|error| ServerError::new(1, error.to_string()))
}

/// `database.collection` in two.
pub(super) fn split(namespace: &str) -> Result<(&str, &str)> {
    match namespace.split_once('.') {
        Some((database, name)) if !database.is_empty() && !name.is_empty() => Ok((database, name)),
        _ => Err(ServerError::new(
            super::error::INVALID_NAMESPACE,
            format!("Invalid namespace specified '{namespace}'"),
        )),
    }
}
