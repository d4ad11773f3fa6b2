//! `createIndexes`, `listIndexes`, `dropIndexes`.
//!
//! Owns the check of index specifications. Read next: `../index.rs` for what an index holds.

use bson::{Bson, Document, doc};

use super::super::collection::Collection;
use super::super::compare::compare_documents;
use super::super::cursor::Cursor;
use super::super::engine::{Engine, uuid_binary};
use super::super::error::{
    BAD_VALUE, CANNOT_CREATE_INDEX, FAILED_TO_PARSE, INDEX_KEY_SPECS_CONFLICT, INDEX_NOT_FOUND,
    INDEX_OPTIONS_CONFLICT, INVALID_INDEX_SPECIFICATION_OPTION, INVALID_OPTIONS,
    NAMESPACE_NOT_FOUND, NOT_IMPLEMENTED, Result, ServerError, TYPE_MISMATCH, fail,
};
use super::super::index::Index;
use super::super::{number, show};
use super::Call;
use super::arguments::Arguments;

impl Engine {
    pub(super) fn create_indexes(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["indexes", "ignoreUnknownIndexOptions", "commitQuorum"])?;
        let name = call.collection_to_write()?;
        let wanted = arguments.documents("indexes")?;
        if wanted.is_empty() {
            fail!(BAD_VALUE, "Must specify at least one index to create");
        }
        let wanted = wanted.into_iter().map(specification).collect::<Result<Vec<_>>>()?;
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
        let cursor = Cursor::over(call.namespace(name), specifications, call.given.now);
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

/// A checked specification in the form in which `listIndexes` answers it.
fn specification(source: &Document) -> Result<Document> {
    let shown = show::document(source);
    check(source)
        .map_err(|error| error.context(&format!("Error in specification {shown}")))
        .and_then(|spec| check_ttl(source, spec))
}

fn check(source: &Document) -> Result<Document> {
    let mut options = Document::new();
    for (option, value) in source {
        match option.as_str() {
            "key" | "name" | "v" | "ns" => {}
            "unique" | "sparse" | "background" | "hidden" => {
                let flag = match value {
                    Bson::Boolean(flag) => *flag,
                    value if number::is_number(value) => number::truthy(value),
                    value => fail!(
                        TYPE_MISMATCH,
                        "The field '{option} has value {}, which is not convertible to bool",
                        show::field(option, value)
                    ),
                };
                if flag {
                    options.insert(option, true);
                }
            }
            "expireAfterSeconds" if number::is_number(value) => {
                options.insert(option, value.clone());
            }
            "partialFilterExpression" if matches!(value, Bson::Document(_)) => {
                options.insert(option, value.clone());
            }
            "collation" => {
                fail!(NOT_IMPLEMENTED, "collation is not supported by the embedded store")
            }
            other => fail!(
                INVALID_INDEX_SPECIFICATION_OPTION,
                "The field '{other}' is not valid for an index specification. Specification: {}",
                show::document(source)
            ),
        }
    }
    let required = |name: &str| match source.get(name) {
        Some(value) => Ok(value),
        None => fail!(
            FAILED_TO_PARSE,
            "The '{name}' field is a required property of an index specification"
        ),
    };
    let key = match required("key")? {
        Bson::Document(key) => key,
        other => fail!(
            TYPE_MISMATCH,
            "The field 'key' must be an object, but got {}",
            show::type_name(other)
        ),
    };
    check_key(key)?;
    let name = match required("name")? {
        Bson::String(name) => name,
        other => fail!(
            TYPE_MISMATCH,
            "The field 'name' must be a string, but got {}",
            show::type_name(other)
        ),
    };
    if name.is_empty() {
        fail!(CANNOT_CREATE_INDEX, "index name cannot be empty");
    }
    if let Some(version) = source.get("v")
        && !matches!(number::to_i64_exact(version), Some(1 | 2))
    {
        fail!(
            CANNOT_CREATE_INDEX,
            "Invalid index specification {}; cannot create an index with v={}",
            show::document(source),
            show::value(version)
        );
    }
    let mut checked = doc! { "v": 2, "key": key.clone(), "name": name };
    for option in ["unique", "sparse", "expireAfterSeconds", "partialFilterExpression"] {
        if let Some(value) = options.remove(option) {
            checked.insert(option, value);
        }
    }
    checked.extend(options);
    Ok(checked)
}

fn check_key(key: &Document) -> Result<()> {
    if key.is_empty() {
        fail!(CANNOT_CREATE_INDEX, "Index keys cannot be empty.");
    }
    for (name, direction) in key {
        match direction {
            Bson::String(plugin) if plugin.is_empty() => {
                fail!(
                    CANNOT_CREATE_INDEX,
                    "Values in the index key pattern cannot be empty strings"
                )
            }
            Bson::String(plugin) => {
                fail!(CANNOT_CREATE_INDEX, "Unknown index plugin '{plugin}'")
            }
            value if !number::is_number(value) => fail!(
                CANNOT_CREATE_INDEX,
                "Values in v:2 index key pattern cannot be of type {}. Only numbers > 0, numbers < \
                 0, and strings are allowed.",
                show::type_name(value)
            ),
            value if number::is_zero(value) => {
                fail!(CANNOT_CREATE_INDEX, "Values in the index key pattern cannot be 0.")
            }
            _ => {}
        }
        if name.is_empty() {
            fail!(CANNOT_CREATE_INDEX, "Index keys cannot be an empty field.");
        }
        if name.split('.').any(str::is_empty) {
            fail!(CANNOT_CREATE_INDEX, "Index keys cannot contain an empty field.");
        }
        if name.split('.').any(|part| part.starts_with('$')) {
            fail!(
                CANNOT_CREATE_INDEX,
                "Index key contains an illegal field name: field name starts with '$'."
            );
        }
    }
    if key.contains_key("_id")
        && key.len() == 1
        && key.get("_id").and_then(number::to_i64_exact) != Some(1)
    {
        fail!(
            BAD_VALUE,
            "The field 'key' for an _id index must be {{_id: 1}}, but got {}",
            show::document(key)
        );
    }
    Ok(())
}

fn check_ttl(source: &Document, checked: Document) -> Result<Document> {
    let Some(seconds) = source.get("expireAfterSeconds") else { return Ok(checked) };
    let shown = show::document(source);
    if number::to_i64_saturating(seconds).is_some_and(|seconds| seconds < 0) {
        fail!(
            CANNOT_CREATE_INDEX,
            "TTL index 'expireAfterSeconds' option cannot be less than 0. Index spec: {shown}"
        );
    }
    if checked.get_document("key").is_ok_and(|key| key.len() > 1) {
        fail!(
            CANNOT_CREATE_INDEX,
            "TTL indexes are single-field indexes, compound indexes do not support TTL. Index \
             spec: {shown}"
        );
    }
    Ok(checked)
}
