//! Databases and collections: create, drop, rename, list.
//!
//! Read next: `../engine.rs`, which does it.

use bson::{Bson, Document, doc};

use super::super::collection::Collection;
use super::super::cursor::Cursor;
use super::super::engine::{Engine, split, uuid_binary};
use super::super::error::{
    ILLEGAL_OPERATION, INVALID_OPTIONS, NAMESPACE_EXISTS, NAMESPACE_NOT_FOUND, Result, fail,
};
use super::super::query::Filter;
use super::super::size;
use super::arguments::Arguments;
use super::read::parse_filter;
use super::{Call, check_new_collection};

impl Engine {
    pub(super) fn create(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&[
            "capped",
            "autoIndexId",
            "idIndex",
            "size",
            "max",
            "storageEngine",
            "validator",
            "validationLevel",
            "validationAction",
            "indexOptionDefaults",
            "viewOn",
            "pipeline",
            "collation",
            "timeseries",
            "clusteredIndex",
            "expireAfterSeconds",
            "encryptedFields",
            "changeStreamPreAndPostImages",
            "recordPreImages",
            "flags",
        ])?;
        let name = call.collection_to_write()?;
        let capped = arguments.lenient_flag("capped")?;
        if capped && arguments.get("size").is_none() {
            fail!(INVALID_OPTIONS, "the 'size' field is required when 'capped' is true");
        }
        arguments.refuse(&[
            "capped",
            "validator",
            "viewOn",
            "collation",
            "timeseries",
            "clusteredIndex",
            "encryptedFields",
        ])?;
        let namespace = call.namespace(name);
        let random = &mut *call.around.random;
        if !self.create_collection(call.database, name, Document::new(), &call.given, random)? {
            fail!(NAMESPACE_EXISTS, "Collection {namespace} already exists.");
        }
        Ok(doc! { "ok": 1.0 })
    }

    pub(super) fn drop(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        call.arguments(&["collectionUUID"])?;
        let name = call.collection()?;
        match self.drop_collection(call.database, name) {
            Some(collection) => {
                let indexes = collection.indexes().len() as i32;
                Ok(doc! { "nIndexesWas": indexes, "ns": collection.namespace, "ok": 1.0 })
            }
            None => fail!(NAMESPACE_NOT_FOUND, "ns not found"),
        }
    }

    pub(super) fn drop_database(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        call.arguments(&[])?;
        let names: Vec<String> =
            self.databases.get(call.database).into_iter().flat_map(|d| d.keys().cloned()).collect();
        for name in names {
            self.drop_collection(call.database, &name);
        }
        Ok(doc! { "ok": 1.0 })
    }

    pub(super) fn rename(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&["to", "dropTarget", "stayTemp"])?;
        arguments.required("to")?;
        let from = arguments.text("renameCollection")?.unwrap_or_default();
        let to = arguments.text("to")?.unwrap_or_default();
        let (from_parts, to_parts) = (split(from)?, split(to)?);
        check_new_collection(to_parts.0, to_parts.1)?;
        if from == to {
            fail!(ILLEGAL_OPERATION, "Can't rename a collection to itself");
        }
        if self.collection(from_parts.0, from_parts.1).is_none() {
            fail!(NAMESPACE_NOT_FOUND, "Source collection {from} does not exist");
        }
        if self.collection(to_parts.0, to_parts.1).is_some() {
            if !arguments.lenient_flag("dropTarget")? {
                fail!(NAMESPACE_EXISTS, "target namespace exists");
            }
            self.drop_collection(to_parts.0, to_parts.1);
        }
        self.rename_collection(from_parts, to_parts)?;
        Ok(doc! { "ok": 1.0 })
    }

    pub(super) fn list_collections(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let known = ["filter", "nameOnly", "authorizedCollections", "cursor"];
        let arguments = call.arguments(&known)?;
        let filter = parse_filter(&arguments, "filter", call)?;
        let name_only = arguments.lenient_flag("nameOnly")?;
        let batch = match arguments.document("cursor")? {
            Some(options) => {
                Arguments::of_part("cursor", options, &["batchSize"])?.count("batchSize")?
            }
            None => None,
        };
        let collections = self.databases.get(call.database).into_iter().flatten();
        let described = collections.map(|(name, collection)| describe(name, collection));
        let mut listed = matching(described, &filter)?;
        if name_only {
            for entry in &mut listed {
                for extra in ["options", "info", "idIndex"] {
                    entry.remove(extra);
                }
            }
        }
        let cursor = Cursor::over(call.namespace("$cmd.listCollections"), listed, call.given.now)
            .with_known_end(true);
        self.cursors.first(cursor, batch, false, call.around.random)
    }

    pub(super) fn list_databases(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&["filter", "nameOnly", "authorizedDatabases"])?;
        let filter = parse_filter(&arguments, "filter", call)?;
        let described = self.databases.iter().map(|(name, collections)| {
            let documents = collections.values().flat_map(|c| c.iter().map(|(_, d)| d));
            let bytes: usize = documents.map(|document| size::document(document)).sum();
            doc! { "name": name, "sizeOnDisk": bytes as i64, "empty": false }
        });
        let mut databases = matching(described, &filter)?;
        if arguments.lenient_flag("nameOnly")? {
            for entry in &mut databases {
                entry.remove("sizeOnDisk");
                entry.remove("empty");
            }
            return Ok(doc! { "databases": databases, "ok": 1.0 });
        }
        let total: i64 = databases.iter().filter_map(|d| d.get_i64("sizeOnDisk").ok()).sum();
        let megabytes = total / (1024 * 1024);
        Ok(doc! {
            "databases": databases,
            "totalSize": total,
            "totalSizeMb": megabytes,
            "ok": 1.0,
        })
    }
}

fn matching(entries: impl Iterator<Item = Document>, filter: &Filter) -> Result<Vec<Document>> {
    let mut kept = Vec::new();
    for entry in entries {
        if filter.matches(&entry)? {
            kept.push(entry);
        }
    }
    Ok(kept)
}

fn describe(name: &str, collection: &Collection) -> Document {
    doc! {
        "name": name,
        "type": "collection",
        "options": collection.options.clone(),
        "info": { "readOnly": false, "uuid": Bson::Binary(uuid_binary(collection.uuid)) },
        "idIndex": collection.indexes()[0].specification.clone(),
    }
}
