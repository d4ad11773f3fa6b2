//! One collection: its documents in order of insertion, and its indexes.
//!
//! Owns that a document and its index entries change together or not at all, and tells the journal
//! of every change. Knows nothing of commands. Read next: `plan.rs` for how documents are found.

use std::collections::BTreeMap;
use std::rc::Rc;

use bson::{Bson, DateTime, Document};

use super::error::{
    DOLLAR_PREFIXED_FIELD_NAME, INVALID_ID_FIELD, OBJECT_TOO_LARGE, Result, ServerError, fail,
};
use super::expression::Given;
use super::index::{Index, RecordId};
use super::keys::Keys;
use super::path::Leaf;
use super::query::Filter;
use super::storage::Change;
use super::{plan, show, size};

/// The largest document, as in mongod.
pub(super) const DOCUMENT_SIZE_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Collection {
    /// `database.collection`, for error messages.
    pub(super) namespace: String,
    /// What the collection is called in the store; a rename does not change it.
    pub(super) id: u64,
    pub(super) uuid: [u8; 16],
    pub(super) options: Document,
    records: BTreeMap<RecordId, Rc<Document>>,
    next_record: RecordId,
    indexes: Vec<Index>,
}

/// A document that a query found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) record: RecordId,
    pub(super) document: Rc<Document>,
    /// The array element that matched, for the positional operator.
    pub(super) position: Option<usize>,
}

impl AsRef<Document> for Found {
    fn as_ref(&self) -> &Document {
        &self.document
    }
}

/// Where changes are noted down until they are made durable; `None` if nobody asks.
pub(super) type Journal = Option<Vec<Change>>;

impl Collection {
    pub(super) fn new(
        namespace: &str,
        id: u64,
        uuid: [u8; 16],
        options: Document,
        given: &Given,
    ) -> Self {
        Self {
            namespace: namespace.to_owned(),
            id,
            uuid,
            options,
            records: BTreeMap::new(),
            next_record: 1,
            indexes: vec![Index::on_id(given)],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    pub(super) fn get(&self, record: RecordId) -> Option<&Rc<Document>> {
        self.records.get(&record)
    }

    /// All documents in order of insertion.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RecordId, &Rc<Document>)> {
        self.records.iter().map(|(record, document)| (*record, document))
    }

    /// The documents that match, at most `limit` of them.
    pub(super) fn find(&self, filter: &Filter, limit: Option<usize>) -> Result<Vec<Found>> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut consider = |record: RecordId, document: &Rc<Document>| -> Result<bool> {
            let (matched, position) = filter.matches_at(document)?;
            if matched {
                found.push(Found { record, document: Rc::clone(document), position });
            }
            Ok(found.len() >= limit)
        };
        match plan::candidates(filter, &self.indexes) {
            Some(records) => {
                for record in records {
                    let document = self.get(record).expect("indexes name present records");
                    if consider(record, document)? {
                        break;
                    }
                }
            }
            None => {
                for (record, document) in self.iter() {
                    if consider(record, document)? {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Adds a document that has an `_id`.
    pub(super) fn insert(&mut self, document: Document, journal: &mut Journal) -> Result<()> {
        check_id(&document)?;
        let record = self.next_record;
        let keys = self.checked_keys(&document, record)?;
        note(journal, || put(self.id, record, &document))?;
        self.next_record += 1;
        self.add(record, Rc::new(document), keys);
        Ok(())
    }

    /// Puts a new version in the place of a document.
    pub(super) fn replace(
        &mut self,
        record: RecordId,
        document: Document,
        journal: &mut Journal,
    ) -> Result<()> {
        let length = size::document(&document);
        if length > DOCUMENT_SIZE_MAX + 16 * 1024 {
            let (first, value) = document.iter().next().expect("it is large");
            fail!(
                OBJECT_TOO_LARGE,
                "BSONObj size: {length} (0x{length:X}) is invalid. Size must be between 0 and \
                 16793600(16MB) First element: {}",
                show::field(first, value)
            );
        }
        if length > DOCUMENT_SIZE_MAX {
            fail!(17419, "Resulting document after update is larger than {DOCUMENT_SIZE_MAX}");
        }
        check_id(&document)?;
        let keys = self.checked_keys(&document, record)?;
        note(journal, || put(self.id, record, &document))?;
        self.forget(record);
        self.add(record, Rc::new(document), keys);
        Ok(())
    }

    pub(super) fn remove(&mut self, record: RecordId, journal: &mut Journal) -> Result<()> {
        note(journal, || Ok(Change::Remove { collection: self.id, record }))?;
        self.forget(record);
        Ok(())
    }

    /// Takes a stored document back in when a store is opened.
    pub(super) fn restore(&mut self, record: RecordId, document: Document) -> Result<()> {
        let keys = self.checked_keys(&document, record)?;
        self.next_record = self.next_record.max(record + 1);
        self.add(record, Rc::new(document), keys);
        Ok(())
    }

    /// Builds an index over what is there; nothing changes if that fails.
    pub(super) fn add_index(&mut self, mut index: Index) -> Result<()> {
        for (record, document) in &self.records {
            let keys = index.keys(document)?;
            index.insert(keys, *record);
        }
        index.check_all(&self.namespace)?;
        self.indexes.push(index);
        Ok(())
    }

    /// Removes the indexes that `doomed` names; the first, on `_id`, stays.
    pub(super) fn drop_indexes(&mut self, doomed: impl Fn(&Index) -> bool) {
        let mut first = true;
        self.indexes.retain(|index| std::mem::take(&mut first) || !doomed(index));
    }

    /// The records that TTL indexes say are too old.
    pub(super) fn expired(&self, now: DateTime) -> Vec<RecordId> {
        let mut records = Vec::new();
        for index in &self.indexes {
            let Some(seconds) = index.expire_after_seconds() else { continue };
            let limit = now.timestamp_millis() - seconds.saturating_mul(1000);
            let too_old = |(_, document): &(RecordId, &Rc<Document>)| {
                index.paths()[0].visit(document, Leaf::Spread, &mut |place| {
                    matches!(place.value, Some(Bson::DateTime(at)) if at.timestamp_millis() <= limit)
                })
            };
            records.extend(self.iter().filter(too_old).map(|(record, _)| record));
        }
        records.sort_unstable();
        records.dedup();
        records
    }

    /// Each index's keys for a document, once all unique ones have been asked.
    fn checked_keys(&self, document: &Document, record: RecordId) -> Result<Vec<Keys>> {
        self.indexes
            .iter()
            .map(|index| {
                let keys = index.keys(document)?;
                index.check(&keys, record, &self.namespace)?;
                Ok(keys)
            })
            .collect()
    }

    fn add(&mut self, record: RecordId, document: Rc<Document>, keys: Vec<Keys>) {
        for (index, keys) in self.indexes.iter_mut().zip(keys) {
            index.insert(keys, record);
        }
        self.records.insert(record, document);
    }

    fn forget(&mut self, record: RecordId) {
        let Some(document) = self.records.remove(&record) else { return };
        for index in &mut self.indexes {
            if let Ok(keys) = index.keys(&document) {
                index.remove(keys, record);
            }
        }
    }
}

fn note(journal: &mut Journal, change: impl FnOnce() -> Result<Change>) -> Result<()> {
    if let Some(changes) = journal {
        changes.push(change()?);
    }
    Ok(())
}

fn put(collection: u64, record: RecordId, document: &Document) -> Result<Change> {
    Ok(Change::Put { collection, record, document: encode(document)? })
}

/// A document's bytes.
pub(super) fn encode(document: &Document) -> Result<Vec<u8>> {
    document.to_vec().map_err(|error| ServerError::bad_value(error.to_string()))
}

/// Some types cannot name a document.
fn check_id(document: &Document) -> Result<()> {
    match document.get("_id") {
        Some(bad @ (Bson::Array(_) | Bson::RegularExpression(_) | Bson::Undefined)) => {
            fail!(INVALID_ID_FIELD, "The '_id' value cannot be of type {}", show::type_name(bad))
        }
        Some(Bson::Document(id)) => match id.keys().find(|name| name.starts_with('$')) {
            Some(name) => fail!(
                DOLLAR_PREFIXED_FIELD_NAME,
                "_id fields may not contain '$'-prefixed fields: {name} is not valid for storage."
            ),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
