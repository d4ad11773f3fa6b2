//! Sorting documents by fields.
//!
//! Owns reading `{ a: 1, b: -1 }` and which of several keys counts: the least in the direction of the
//! sort. Ties keep their order. Read next: `keys.rs`.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::compare::Ordered;
use super::error::{Result, fail};
use super::keys::{self, Key};
use super::path::Path;
use super::{number, show};

/// Fields to sort by, each up or down.
#[derive(Clone, Debug)]
pub(super) struct SortKey {
    fields: Vec<(Path, bool)>,
}

impl SortKey {
    /// Names with "descending".
    pub(super) fn new(fields: &[(&str, bool)]) -> Self {
        let field = |(name, descending): &(&str, bool)| (Path::new(name), *descending);
        Self { fields: fields.iter().map(field).collect() }
    }

    /// Reads a client's sort document; `None` for an empty one.
    pub(super) fn parse(source: &Document) -> Result<Option<Self>> {
        let mut fields = Vec::with_capacity(source.len());
        for (name, value) in source {
            let shown = || show::field(name, value);
            if !number::is_number(value) {
                if matches!(value, Bson::Document(_)) {
                    fail!(2, "$meta sort by anything but text is not supported here: {}", shown());
                }
                fail!(15974, "Illegal key in $sort specification: {}", shown());
            }
            if name.is_empty() {
                fail!(15998, "FieldPath field names may not be empty strings.");
            }
            if name.starts_with('$') {
                fail!(
                    16410,
                    "FieldPath field names may not start with '$'. Consider using $getField or \
                     $setField."
                );
            }
            match number::to_i64_saturating(value) {
                Some(1) => fields.push((name.as_str(), false)),
                Some(-1) => fields.push((name.as_str(), true)),
                _ => fail!(
                    15975,
                    "$sort key ordering must be 1 (for ascending) or -1 (for descending)"
                ),
            }
        }
        Ok((!fields.is_empty()).then(|| Self::new(&fields)))
    }

    /// Sorts in place; documents with equal keys keep their order.
    pub(super) fn sort<T: AsRef<Document>>(&self, documents: &mut Vec<T>) -> Result<()> {
        let mut keyed = documents
            .drain(..)
            .map(|document| Ok((self.key(document.as_ref())?, document)))
            .collect::<Result<Vec<(Key, T)>>>()?;
        keyed.sort_by(|(a, _), (b, _)| self.compare_keys(a, b));
        documents.extend(keyed.into_iter().map(|(_, document)| document));
        Ok(())
    }

    /// The order of two array elements; what is not a document has no fields.
    pub(super) fn compare_values(&self, a: &Bson, b: &Bson) -> Ordering {
        let key = |value: &Bson| match value {
            Bson::Document(document) => self.key(document).ok(),
            _ => self.key(&Document::new()).ok(),
        };
        match (key(a), key(b)) {
            (Some(a), Some(b)) => self.compare_keys(&a, &b),
            _ => Ordering::Equal,
        }
    }

    fn key(&self, document: &Document) -> Result<Key> {
        // No stored `_id` is an array; one that a `$group` made is compared as a whole.
        if let [(path, _)] = self.fields.as_slice()
            && path.as_str() == "_id"
        {
            return Ok(vec![Ordered(document.get("_id").cloned().unwrap_or(Bson::Null))]);
        }
        let paths: Vec<&Path> = self.fields.iter().map(|(path, _)| path).collect();
        let keys = match keys::of(document, &paths) {
            Ok(found) => found.keys,
            Err(_) => fail!(2, "cannot sort with keys that are parallel arrays"),
        };
        let least = keys.into_iter().min_by(|a, b| self.compare_keys(a, b));
        Ok(least.expect("every document has at least one key"))
    }

    fn compare_keys(&self, a: &Key, b: &Key) -> Ordering {
        for ((a, b), (_, descending)) in a.iter().zip(b).zip(&self.fields) {
            let order = if *descending { b.cmp(a) } else { a.cmp(b) };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}
