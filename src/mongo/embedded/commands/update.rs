//! `update`, and the upsert it shares with `findAndModify`.
//!
//! Read next: `../update/mod.rs` for what an update does to a document.

use bson::{Bson, Document, doc};

use super::super::aggregate;
use super::super::engine::Engine;
use super::super::error::{FAILED_TO_PARSE, Result, fail};
use super::super::query::Filter;
use super::super::update::{self, Occasion, Update};
use super::Call;
use super::arguments::{Arguments, check_batch_size, check_hint};
use super::write::{each, finish};

/// One entry of `updates`.
struct Entry<'a> {
    query: &'a Document,
    update: &'a Bson,
    multi: bool,
    upsert: bool,
    filters: Option<&'a [Bson]>,
    hint: Option<&'a Bson>,
    variables: Option<&'a Document>,
}

/// What one entry did.
#[derive(Default)]
struct Outcome {
    matched: i32,
    modified: i32,
    upserted: Option<Bson>,
}

impl<'a> Entry<'a> {
    fn parse(entry: &'a Document) -> Result<Self> {
        let known = ["q", "u", "c", "multi", "upsert", "collation", "arrayFilters", "hint"];
        let part = Arguments::of_part("update.updates", entry, &known)?;
        let query = match part.required("q")? {
            Bson::Document(query) => query,
            other => return Err(part.wrong_type("q", other, "object")),
        };
        let update = part.required("u")?;
        let filters = part.array("arrayFilters")?;
        for (i, filter) in filters.unwrap_or_default().iter().enumerate() {
            if !matches!(filter, Bson::Document(_)) {
                return Err(part.wrong_type(&format!("arrayFilters.{i}"), filter, "object"));
            }
        }
        let (multi, upsert) = (part.flag("multi", false)?, part.flag("upsert", false)?);
        part.refuse(&["collation"])?;
        check_update(update)?;
        let (hint, variables) = (part.get("hint"), part.document("c")?);
        Ok(Self { query, update, multi, upsert, filters, hint, variables })
    }
}

/// What is wrong with the update itself fails the command, not only the write.
pub(super) fn check_update(update: &Bson) -> Result<()> {
    let Bson::Array(stages) = update else {
        if matches!(update, Bson::Document(_)) {
            return Ok(());
        }
        fail!(FAILED_TO_PARSE, "Update argument must be either an object or an array")
    };
    for stage in stages {
        if let Bson::Document(stage) = stage
            && let Some(name) = stage.keys().next()
            && !aggregate::is_stage(name)
        {
            fail!(super::super::error::UNKNOWN_STAGE, "Unrecognized pipeline stage name: '{name}'");
        }
    }
    Ok(())
}

impl Engine {
    pub(super) fn update(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["updates", "ordered", "let", "bypassDocumentValidation"])?;
        let name = call.collection()?;
        let entries = arguments.documents("updates")?;
        let ordered = arguments.flag("ordered", true)?;
        check_batch_size(entries.len())?;
        let entries = entries.into_iter().map(Entry::parse).collect::<Result<Vec<_>>>()?;
        call.collection_to_write()?;
        let mut total = Outcome::default();
        let mut upserted = Vec::new();
        let errors = each(entries, ordered, |i, entry| {
            let mut outcome = Outcome::default();
            // A write that fails halfway counts as nothing, though its first documents have changed.
            self.update_entry(name, &entry, call, &mut outcome)?;
            total.matched += outcome.matched;
            total.modified += outcome.modified;
            if let Some(id) = outcome.upserted {
                upserted.push(doc! { "index": i as i32, "_id": id });
            }
            Ok(())
        });
        let mut reply = doc! { "n": total.matched, "nModified": total.modified };
        if !upserted.is_empty() {
            reply.insert("upserted", upserted);
        }
        Ok(finish(reply, errors))
    }

    fn update_entry(
        &mut self,
        name: &str,
        entry: &Entry<'_>,
        call: &mut Call<'_, '_, '_>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut given = call.given.clone();
        given.variables.extend(entry.variables.cloned().unwrap_or_default());
        let update = Update::parse(entry.update, entry.filters, &given)?;
        let filter = Filter::parse(entry.query, &given)?;
        if entry.multi && update.is_replacement() {
            fail!(FAILED_TO_PARSE, "multi update is not supported for replacement-style update");
        }
        check_hint(entry.hint, self.collection(call.database, name))?;
        if let Some((collection, journal)) = self.collection_mut(call.database, name) {
            let limit = (!entry.multi).then_some(1);
            for found in collection.find(&filter, limit)? {
                let occasion = Occasion { position: found.position, inserting: false };
                let new = update.apply(&found.document, occasion, &given)?;
                if let Some(new) = new {
                    collection.replace(found.record, new, journal)?;
                    outcome.modified += 1;
                }
                outcome.matched += 1;
            }
        }
        if outcome.matched == 0 && entry.upsert {
            let document = update::upserted(&update, &filter, &given)?;
            outcome.upserted = Some(self.insert_one(name, document, call)?);
            outcome.matched = 1;
        }
        Ok(())
    }
}
