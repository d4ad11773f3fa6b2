//! What survives: a stop, a kill between batches, a disk that fails.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bson::{Document, doc};
use squall::mongo::embedded::{Change, Contents, Disk, Engine, Storage};

use super::store::Store;

/// A file that is gone when the test is.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let file = format!("squall-embedded-{}-{name}.redb", std::process::id());
        let path = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A disk in memory that says no after a number of commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    catalog: BTreeMap<String, Vec<u8>>,
    documents: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Model {
    pub(crate) fn apply(&mut self, batch: &[Change]) {
        for change in batch.iter().cloned() {
            match change {
                Change::Put { collection, record, document } => {
                    self.documents.insert((collection, record), document);
                }
                Change::Remove { collection, record } => {
                    self.documents.remove(&(collection, record));
                }
                Change::Catalog { namespace, entry: Some(entry) } => {
                    self.catalog.insert(namespace, entry);
                }
                Change::Catalog { namespace, entry: None } => {
                    self.catalog.remove(&namespace);
                }
                Change::Clear { collection } => {
                    self.documents.retain(|(id, _), _| *id != collection);
                }
            }
        }
    }

    pub(crate) fn contents(&self) -> Contents {
        Contents {
            catalog: self.catalog.clone().into_iter().collect(),
            documents: self.documents.iter().map(|((c, r), d)| (*c, *r, d.clone())).collect(),
        }
    }
}

/// Everything a client can see of a store.
fn seen(store: &mut Store) -> Vec<(String, Vec<Document>, Vec<Document>)> {
    let mut seen = Vec::new();
    for database in ["meet", "other"] {
        let mut listed = store.batch(doc! { "listCollections": 1, "$db": database });
        listed.sort_by_key(|entry| entry.get_str("name").unwrap().to_owned());
        for entry in listed {
            let name = entry.get_str("name").unwrap();
            let find = doc! { "find": name, "batchSize": 100_000, "$db": database };
            let indexes = store.batch(doc! { "listIndexes": name, "$db": database });
            seen.push((entry.to_string(), store.batch(find), indexes));
        }
    }
    seen
}

/// A life of a store: all kinds of writes, some of which fail.
fn life() -> Vec<Document> {
    vec![
        doc! { "insert": "user", "documents": [{ "_id": 1, "name": "ann" }, { "_id": 2, "name": "bob" }, { "_id": 2 }] },
        doc! { "createIndexes": "user", "indexes": [{ "key": { "name": 1 }, "name": "n", "unique": true }] },
        doc! { "insert": "user", "documents": [{ "_id": 3, "name": "ann" }] },
        doc! { "update": "user", "updates": [{ "q": { "_id": 1 }, "u": { "$set": { "x": [1, { "y": null }] } } }] },
        doc! { "update": "user", "updates": [{ "q": { "name": "eve" }, "u": { "$set": { "z": 1 } }, "upsert": true }] },
        doc! { "delete": "user", "deletes": [{ "q": { "_id": 2 }, "limit": 1 }] },
        doc! { "insert": "log", "documents": [{ "_id": "a" }, { "_id": "b" }] },
        doc! { "renameCollection": "meet.log", "to": "other.log", "$db": "admin" },
        doc! { "create": "empty" },
        doc! { "insert": "gone", "documents": [{}, {}] },
        doc! { "drop": "gone" },
        doc! { "insert": "gone", "documents": [{ "_id": "again" }] },
        doc! { "dropIndexes": "user", "index": "n" },
        doc! { "aggregate": "user", "pipeline": [{ "$out": "copy" }], "cursor": {} },
        doc! { "findAndModify": "copy", "query": { "_id": 1 }, "remove": true },
        doc! { "dropDatabase": 1, "$db": "other" },
    ]
}

#[test]
fn changes_rebuild_the_same_store_after_every_command() {
    let mut store = Store::empty();
    let mut model = Model::default();
    for command in life() {
        store.reply(command.clone());
        model.apply(&store.changes());
        let mut restored = Store::on(Engine::restore(model.contents()).unwrap());
        assert_eq!(seen(&mut restored), seen(&mut store), "after {command}");
    }
    // And the restored store goes on: new records do not meet old ones, indexes are at work.
    let mut restored = Store::on(Engine::restore(model.contents()).unwrap());
    restored.insert("user", vec![doc! { "_id": 9 }]);
    assert_eq!(restored.error(doc! { "insert": "user", "documents": [{ "_id": 1 }] }).0, 11000);
    assert_eq!(restored.all("user").len(), 3);
}

#[test]
fn a_file_keeps_what_was_committed_and_nothing_else() {
    let scratch = Scratch::new("kill");
    let expected = {
        let mut disk = Disk::open(&scratch.0).unwrap();
        let mut store = Store::on(Engine::restore(disk.load().unwrap()).unwrap());
        for command in life() {
            store.reply(command);
        }
        disk.commit(&store.changes()).unwrap();
        let expected = seen(&mut store);
        // Killed here: this write was never committed.
        store.insert("user", vec![doc! { "_id": "lost" }]);
        expected
    };
    let mut disk = Disk::open(&scratch.0).unwrap();
    let mut store = Store::on(Engine::restore(disk.load().unwrap()).unwrap());
    assert_eq!(seen(&mut store), expected);
    assert!(Disk::open(&scratch.0).is_err(), "one process at a time");
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let scratch = Scratch::new("rubbish");
    std::fs::write(&scratch.0, b"no redb file at all").unwrap();
    let error = Disk::open(&scratch.0).unwrap_err();
    assert!(error.to_string().starts_with("opening the store: "), "{error}");
    let contents =
        Contents { catalog: vec![("meet.user".to_owned(), vec![1, 2, 3])], documents: Vec::new() };
    assert!(Engine::restore(contents).is_err());
}

/// What the tests of the server look at from outside.
pub(crate) type Written = Arc<Mutex<(Model, usize)>>;
