//! `createIndexes`, `listIndexes`, `dropIndexes`.
//!
//! Owns what counts as the same index. Read next: `specification.rs` for the check of a new one,
//! `../index.rs` for what an index holds.

use bson::{Bson, Document, doc};

use super::super::collection::Collection;
use super::super::compare::compare_documents;
use super::super::cursor::Cursor;
use super::super::engine::{Engine, uuid_binary};
use super::super::error::{
    BAD_VALUE, INDEX_KEY_SPECS_CONFLICT, INDEX_NOT_FOUND, INDEX_OPTIONS_CONFLICT, INVALID_OPTIONS,
    NAMESPACE_NOT_FOUND, Result, ServerError, TYPE_MISMATCH, fail,
};
use super::super::index::Index;
use super::super::show;
use super::arguments::Arguments;
use super::{Call, specification};

impl Engine {
    pub(super) fn create_indexes(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["indexes", "ignoreUnknownIndexOptions", "commitQuorum"])?;
        let name = call.collection_to_write()?;
        let wanted = arguments.documents("indexes")?;
        if wanted.is_empty() {
            fail!(BAD_VALUE, "Must specify at least one index to create");
        }
        let wanted = wanted.into_iter().map(specification::checked).collect::<Result<Vec<_>>>()?;
        if arguments.get("commitQuorum").is_some() {
            fail!(BAD_VALUE, "Standalones can't specify commitQuorum");
        }
        let random = &mut *call.around.random;
        let created =
            self.create_collection(call.database, name, Document::new(), &call.given, random)?;
        let (collection, _) = self.collection_mut(call.database, name).expect("just created");
        let before = collection.indexes().len() as i32;
        for specification in wanted {
            if is_new(collection, &specification)? {
                let index = Index::new(specification, &call.given)?;
                collection.add_index(index).map_err(|e| build_failed(e, collection, random))?;
            }
        }
        let after = collection.indexes().len() as i32;
        let mut reply = doc! { "numIndexesBefore": before, "numIndexesAfter": after };
        if before == after {
            reply.insert("note", "all indexes already exist");
        } else {
            reply.insert("createdCollectionAutomatically", created);
            self.note_catalog(call.database, name)?;
        }
        reply.insert("ok", 1.0);
        Ok(reply)
    }

    pub(super) fn list_indexes(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["cursor", "includeBuildUUIDs", "includeIndexBuildInfo"])?;
        let name = call.collection()?;
        let batch = match arguments.document("cursor")? {
            Some(options) => {
                Arguments::of_part("cursor", options, &["batchSize"])?.count("batchSize")?
            }
            None => None,
        };
        let Some(collection) = self.collection(call.database, name) else {
            fail!(NAMESPACE_NOT_FOUND, "ns does not exist: {}", call.namespace(name))
        };
        let specifications =
            collection.indexes().iter().map(|index| index.specification.clone()).collect();
        let cursor =
            Cursor::over(call.namespace(name), specifications, call.given.now).with_known_end(true);
        self.cursors.first(cursor, batch, false, call.around.random)
    }

    pub(super) fn drop_indexes(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&["index"])?;
        let name = call.collection()?;
        let wanted = arguments.required("index")?;
        if !matches!(wanted, Bson::String(_) | Bson::Document(_) | Bson::Array(_)) {
            fail!(
                TYPE_MISMATCH,
                "BSON field 'dropIndexes.index' is the wrong type '{}', expected types \
                 '[string, object']",
                show::type_name(wanted)
            );
        }
        let namespace = call.namespace(name);
        let Some((collection, _)) = self.collection_mut(call.database, name) else {
            fail!(NAMESPACE_NOT_FOUND, "ns not found {namespace}")
        };
        let before = collection.indexes().len() as i32;
        let mut reply = doc! { "nIndexesWas": before };
        match wanted {
            Bson::String(all) if all == "*" => {
                collection.drop_indexes(|_| true);
                reply.insert("msg", "non-_id indexes dropped for collection");
            }
            Bson::Array(several) => {
                let names = several.iter().map(|one| named(collection, one));
                let names: Vec<String> = names.collect::<Result<_>>()?;
                collection.drop_indexes(|index| names.iter().any(|name| name == index.name()));
            }
            one => {
                let name = named(collection, one)?;
                collection.drop_indexes(|index| index.name() == name);
            }
        }
        reply.insert("ok", 1.0);
        self.note_catalog(call.database, name)?;
        Ok(reply)
    }
}

/// The name of an index that is there and may be dropped.
fn named(collection: &Collection, wanted: &Bson) -> Result<String> {
    let index = match wanted {
        Bson::Document(key) => {
            let same = |index: &&Index| compare_documents(index.key(), key).is_eq();
            match collection.indexes().iter().find(same) {
                Some(index) => index,
                None => {
                    fail!(INDEX_NOT_FOUND, "can't find index with key: {}", show::document(key))
                }
            }
        }
        name => {
            let name = name.as_str().unwrap_or_default();
            match collection.indexes().iter().find(|index| index.name() == name) {
                Some(index) => index,
                None => fail!(INDEX_NOT_FOUND, "index not found with name [{name}]"),
            }
        }
    };
    if index.name() == "_id_" {
        fail!(INVALID_OPTIONS, "cannot drop _id index");
    }
    Ok(index.name().to_owned())
}

fn build_failed(
    error: ServerError,
    collection: &Collection,
    random: &mut dyn FnMut(&mut [u8]),
) -> ServerError {
    let mut build = [0; 16];
    random(&mut build);
    let uuid = |uuid: [u8; 16]| {
        uuid_binary(uuid).to_uuid().map_or_else(|_| String::new(), |uuid| uuid.to_string())
    };
    error.context(&format!(
        "Index build failed: {}: Collection {} ( {} )",
        uuid(build),
        collection.namespace,
        uuid(collection.uuid)
    ))
}

/// Whether the collection lacks the index; one that is nearly the same is an error.
fn is_new(collection: &Collection, wanted: &Document) -> Result<bool> {
    let name = wanted.get_str("name").unwrap_or_default();
    let key = wanted.get_document("key").expect("checked before");
    let same_key = |index: &Index| {
        index.key().keys().eq(key.keys()) && compare_documents(index.key(), key).is_eq()
    };
    let shown = |specification: &Document| show::document(&in_messages(specification));
    for index in collection.indexes() {
        let own = &index.specification;
        if same_key(index) && (name == index.name() || index.name() == "_id_") {
            if index.name() == "_id_" || alike(own, wanted, false) {
                return Ok(false);
            }
            if alike(own, wanted, true) {
                fail!(
                    INDEX_OPTIONS_CONFLICT,
                    "An equivalent index already exists with the same name but different options. \
                     Requested index: {}, existing index: {}",
                    shown(wanted),
                    shown(own)
                );
            }
        }
        if name == index.name() {
            fail!(
                INDEX_KEY_SPECS_CONFLICT,
                "An existing index has the same name as the requested index. When index names are \
                 not specified, they are auto generated and can cause conflicts. Please refer to \
                 our documentation. Requested index: {}, existing index: {}",
                shown(wanted),
                shown(own)
            );
        }
        if same_key(index) && alike(own, wanted, true) {
            if alike(own, wanted, false) {
                fail!(
                    INDEX_OPTIONS_CONFLICT,
                    "Index already exists with a different name: {}",
                    index.name()
                );
            }
            fail!(
                INDEX_OPTIONS_CONFLICT,
                "An equivalent index already exists with a different name and options. Requested \
                 index: {}, existing index: {}",
                shown(wanted),
                shown(own)
            );
        }
    }
    Ok(true)
}

/// The same options; `signature` looks only at those that make a different index.
fn alike(a: &Document, b: &Document, signature: bool) -> bool {
    let options: &[&str] = if signature {
        &["unique", "sparse", "partialFilterExpression"]
    } else {
        &["unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "hidden"]
    };
    options.iter().all(|name| match (a.get(name), b.get(name)) {
        (Some(a), Some(b)) => super::super::compare::equal(a, b),
        (a, b) => a.is_none() && b.is_none(),
    })
}

/// The order in which mongod prints a specification.
fn in_messages(specification: &Document) -> Document {
    let mut ordered = doc! { "v": 2 };
    for name in ["unique", "key", "name"] {
        if let Some(value) = specification.get(name) {
            ordered.insert(name, value.clone());
        }
    }
    for (name, value) in specification {
        ordered.entry(name.clone()).or_insert(value.clone());
    }
    ordered
}
