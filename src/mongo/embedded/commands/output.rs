//! Pipelines that write their result: `$out` and `$merge`.
//!
//! Read next: `read.rs`, which runs them.

use bson::{Bson, Document, doc};

use super::super::aggregate::{Merge, Output, WhenMatched, WhenNotMatched};
use super::super::compare;
use super::super::engine::Engine;
use super::super::error::{Result, fail};
use super::super::query::Filter;
use super::{Call, check_new_collection};

impl Engine {
    pub(super) fn write_output(
        &mut self,
        output: Output,
        documents: Vec<Document>,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<()> {
        match output {
            Output::Replace { database, collection } => {
                let database = database.unwrap_or_else(|| call.database.to_owned());
                check_new_collection(&database, &collection)?;
                self.replace_contents(&database, &collection, documents, call)
            }
            Output::Merge(merge) => {
                let database = merge.database.clone().unwrap_or_else(|| call.database.to_owned());
                check_new_collection(&database, &merge.collection)?;
                if merge.on != ["_id"] && !self.has_unique_index(&database, &merge) {
                    fail!(51183, "Cannot find index to verify that join fields will be unique");
                }
                documents
                    .into_iter()
                    .try_for_each(|document| self.merge_one(&database, &merge, document, call))
            }
        }
    }

    /// Keeps the collection's options and indexes, not its documents.
    fn replace_contents(
        &mut self,
        database: &str,
        name: &str,
        documents: Vec<Document>,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<()> {
        let random = &mut *call.around.random;
        self.create_collection(database, name, Document::new(), &call.given, random)?;
        let (collection, journal) = self.collection_mut(database, name).expect("just created");
        let old: Vec<_> = collection.iter().map(|(record, _)| record).collect();
        for record in old {
            collection.remove(record, journal)?;
        }
        for document in documents {
            self.insert_into(database, name, document, call)?;
        }
        Ok(())
    }

    fn has_unique_index(&self, database: &str, merge: &Merge) -> bool {
        self.collection(database, &merge.collection).is_some_and(|collection| {
            collection.indexes().iter().any(|index| {
                let unique = index.specification.get_bool("unique").unwrap_or(false);
                let mut names: Vec<&String> = index.key().keys().collect();
                let mut wanted: Vec<&String> = merge.on.iter().collect();
                names.sort();
                wanted.sort();
                unique && names == wanted
            })
        })
    }

    fn merge_one(
        &mut self,
        database: &str,
        merge: &Merge,
        mut document: Document,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<()> {
        if !document.contains_key("_id") && merge.on == ["_id"] {
            let id = Bson::ObjectId(self.object_id(call.around));
            document.insert("_id", id);
        }
        let mut query = Document::new();
        for name in &merge.on {
            let value = document.get(name).cloned().unwrap_or(Bson::Null);
            query.insert(name.clone(), doc! { "$eq": value });
        }
        let filter = Filter::parse(&query, &call.given)?;
        let name = &merge.collection;
        let found = match self.collection(database, name) {
            Some(collection) => collection.find(&filter, Some(1))?.pop(),
            None => None,
        };
        let Some(found) = found else {
            return match merge.not_matched {
                WhenNotMatched::Discard => Ok(()),
                WhenNotMatched::Insert => {
                    self.insert_into(database, name, document, call).map(|_| ())
                }
                WhenNotMatched::Fail => fail!(
                    13113,
                    "$merge could not find a matching document in the target collection for at \
                     least one document in the source collection"
                ),
            };
        };
        let new = match merge.matched {
            WhenMatched::KeepExisting => return Ok(()),
            WhenMatched::Fail => {
                let context = "$merge with whenMatched: fail found an existing document with the \
                               same values for the 'on' fields";
                let inserted = self.insert_into(database, name, document, call);
                return inserted.map(|_| ()).map_err(|error| error.context(context));
            }
            WhenMatched::Merge => {
                let mut new = (*found.document).clone();
                new.extend(document);
                new
            }
            WhenMatched::Replace => replaced(&found.document, document)?,
        };
        let (collection, journal) =
            self.collection_mut(database, name).expect("something was found in it");
        collection.replace(found.record, new, journal)
    }
}

/// `document` with the `_id` of the one it takes the place of.
fn replaced(found: &Document, mut document: Document) -> Result<Document> {
    let id = found.get("_id").cloned().unwrap_or(Bson::Null);
    if document.remove("_id").is_some_and(|other| !compare::equal(&other, &id)) {
        fail!(66, "$merge failed to update the matching document: the _id would change");
    }
    let mut new = doc! { "_id": id };
    new.extend(document);
    Ok(new)
}
