//! One index: keys in order, each with the record it was made from.
//!
//! Owns what an index's options mean for what it holds, and the duplicate key error. Does not know
//! how a specification is checked (`commands/indexes.rs`) or when an index helps (`plan.rs`).

use std::collections::BTreeSet;
use std::ops::Bound;

use bson::{Bson, Document, doc};

use super::compare::Ordered;
use super::error::{DUPLICATE_KEY, Result, ServerError};
use super::expression::Given;
use super::keys::{self, Key, Keys};
use super::path::Path;
use super::query::Filter;
use super::{number, show};

/// A record's number in its collection, in order of insertion.
pub(super) type RecordId = u64;

#[derive(Debug)]
pub(super) struct Index {
    /// What `listIndexes` answers: `v`, `key`, `name` and the options.
    pub(super) specification: Document,
    paths: Vec<Path>,
    unique: bool,
    sparse: bool,
    partial: Option<Filter>,
    /// Whether some document has several keys here.
    multikey: bool,
    entries: BTreeSet<(Key, RecordId)>,
}

impl Index {
    /// An empty index for a specification that has been checked.
    pub(super) fn new(specification: Document, given: &Given) -> Result<Self> {
        let flag = |name| specification.get_bool(name).unwrap_or(false);
        let key = specification.get_document("key").cloned().unwrap_or_default();
        let is_id = key.len() == 1 && key.contains_key("_id");
        let partial = match specification.get("partialFilterExpression") {
            Some(Bson::Document(filter)) => Some(Filter::parse(filter, given)?),
            _ => None,
        };
        Ok(Self {
            paths: key.keys().map(|name| Path::new(name)).collect(),
            unique: is_id || flag("unique"),
            sparse: flag("sparse"),
            partial,
            multikey: false,
            entries: BTreeSet::new(),
            specification,
        })
    }

    /// The index every collection has.
    pub(super) fn on_id(given: &Given) -> Self {
        let specification = doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" };
        Self::new(specification, given).expect("a plain specification")
    }

    pub(super) fn name(&self) -> &str {
        self.specification.get_str("name").unwrap_or_default()
    }

    pub(super) fn key(&self) -> &Document {
        self.specification.get_document("key").expect("checked when the index was made")
    }

    pub(super) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// After how many seconds a document is too old, for a TTL index.
    pub(super) fn expire_after_seconds(&self) -> Option<i64> {
        self.specification.get("expireAfterSeconds").and_then(number::to_i64_saturating)
    }

    pub(super) fn is_multikey(&self) -> bool {
        self.multikey
    }

    /// Whether the index holds every document, null for a missing field included.
    pub(super) fn is_partial(&self) -> bool {
        self.partial.is_some()
    }

    /// The document's keys, or none if the index leaves it out.
    pub(super) fn keys(&self, document: &Document) -> Result<Keys> {
        let nothing = Keys { keys: Vec::new(), multikey: false };
        if self.sparse && !self.paths.iter().any(|path| path.exists_in(document)) {
            return Ok(nothing);
        }
        if let Some(partial) = &self.partial
            && !partial.matches(document)?
        {
            return Ok(nothing);
        }
        keys::of(document, &self.paths.iter().collect::<Vec<_>>())
    }

    /// Fails if another record than `own` has one of the keys and the index is unique.
    pub(super) fn check(&self, keys: &Keys, own: RecordId, namespace: &str) -> Result<()> {
        if !self.unique {
            return Ok(());
        }
        for key in &keys.keys {
            if self.with_prefix(key).any(|record| record != own) {
                return Err(self.duplicate(key, namespace));
            }
        }
        Ok(())
    }

    /// Fails with the first key, in the order of the index, that two records have.
    pub(super) fn check_all(&self, namespace: &str) -> Result<()> {
        let pairs = self.entries.iter().zip(self.entries.iter().skip(1));
        let mut doubled = pairs.filter(|((a, one), (b, other))| a == b && one != other);
        let descending =
            self.key().values().next().and_then(number::to_f64).is_some_and(|n| n < 0.0);
        let first = if descending { doubled.next_back() } else { doubled.next() };
        match first {
            Some(((key, _), _)) if self.unique => Err(self.duplicate(key, namespace)),
            _ => Ok(()),
        }
    }

    pub(super) fn insert(&mut self, keys: Keys, record: RecordId) {
        self.multikey |= keys.multikey;
        self.entries.extend(keys.keys.into_iter().map(|key| (key, record)));
    }

    pub(super) fn remove(&mut self, keys: Keys, record: RecordId) {
        for key in keys.keys {
            self.entries.remove(&(key, record));
        }
    }

    /// The records whose key begins with these values, in the order of the index.
    pub(super) fn with_prefix<'a>(
        &'a self,
        prefix: &'a [Ordered],
    ) -> impl Iterator<Item = RecordId> + 'a {
        self.from(prefix, &[])
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, record)| *record)
    }

    /// The entries from a prefix and a lower bound for the value after it.
    pub(super) fn from<'a>(
        &'a self,
        prefix: &[Ordered],
        lower: &[Ordered],
    ) -> impl Iterator<Item = &'a (Key, RecordId)> + 'a {
        let start: Key = prefix.iter().chain(lower).cloned().collect();
        self.entries.range((Bound::Included((start, 0)), Bound::Unbounded))
    }

    fn duplicate(&self, key: &Key, namespace: &str) -> ServerError {
        let named = || self.key().keys().zip(key);
        let shown: Vec<String> = named().map(|(name, value)| show::field(name, &value.0)).collect();
        let value: Document =
            named().map(|(name, value)| (name.clone(), defined(&value.0))).collect();
        let message = format!(
            "E11000 duplicate key error collection: {namespace} index: {} dup key: {{ {} }}",
            self.name(),
            shown.join(", ")
        );
        ServerError::new(DUPLICATE_KEY, message)
            .with_details(doc! { "keyPattern": self.key().clone(), "keyValue": value })
    }
}

/// Empty arrays are kept as undefined; clients no longer know that type.
fn defined(value: &Bson) -> Bson {
    if matches!(value, Bson::Undefined) { Bson::Undefined } else { value.clone() }
}
