//! `findAndModify`: change one document and answer it, as it was or as it is.
//!
//! Read next: `update.rs`.

use bson::{Bson, Document, doc};

use super::super::engine::Engine;
use super::super::error::{FAILED_TO_PARSE, Result, fail};
use super::super::projection::Projection;
use super::super::query::Filter;
use super::super::update::{self, Occasion, Update};
use super::Call;
use super::arguments::{Arguments, check_hint};
use super::read::{Order, parse_filter, parse_projection};
use super::update::check_update;

/// What is to be done with the document.
struct Plan<'a> {
    filter: Filter,
    order: Order,
    projection: Option<Projection>,
    /// `None` removes the document.
    update: Option<&'a Bson>,
    filters: Option<&'a [Bson]>,
    new: bool,
    upsert: bool,
}

impl<'a> Plan<'a> {
    fn parse(arguments: &Arguments<'a>, call: &Call<'a, '_, '_>) -> Result<Self> {
        let (remove, new) = (arguments.lenient_flag("remove")?, arguments.lenient_flag("new")?);
        let upsert = arguments.lenient_flag("upsert")?;
        let update = arguments.get("update");
        match (remove, update) {
            (true, Some(_)) => {
                fail!(FAILED_TO_PARSE, "Cannot specify both an update and remove=true")
            }
            (true, None) if upsert => {
                fail!(FAILED_TO_PARSE, "Cannot specify both upsert=true and remove=true ")
            }
            (true, None) if new => fail!(
                FAILED_TO_PARSE,
                "Cannot specify both new=true and remove=true; 'remove' always returns the deleted \
                 document"
            ),
            (false, None) => {
                fail!(FAILED_TO_PARSE, "Either an update or remove=true must be specified")
            }
            _ => {}
        }
        arguments.refuse(&["collation"])?;
        update.map_or(Ok(()), check_update)?;
        Ok(Self {
            filter: parse_filter(arguments, "query", call)?,
            order: Order::parse(arguments.document("sort")?)?,
            projection: parse_projection(arguments, "fields", call)?,
            update,
            filters: arguments.array("arrayFilters")?,
            new,
            upsert,
        })
    }

    /// The document as the client wants to see it.
    fn show(&self, document: &Document, position: Option<usize>) -> Result<Bson> {
        match &self.projection {
            Some(projection) => projection.apply(document, position).map(Bson::Document),
            None => Ok(Bson::Document(document.clone())),
        }
    }
}

impl Engine {
    pub(super) fn find_and_modify(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&[
            "query",
            "sort",
            "remove",
            "update",
            "new",
            "fields",
            "upsert",
            "collation",
            "hint",
            "arrayFilters",
            "bypassDocumentValidation",
            "let",
        ])?;
        let name = call.collection_to_write()?;
        let plan = Plan::parse(&arguments, call)?;
        check_hint(arguments.get("hint"), self.collection(call.database, name))?;
        let update = match plan.update {
            Some(update) => Some(Update::parse(update, plan.filters, &call.given)?),
            None => None,
        };
        let result = self.modify(name, &plan, update.as_ref(), call);
        result.map_err(|error| error.context("Plan executor error during findAndModify"))
    }

    fn modify(
        &mut self,
        name: &str,
        plan: &Plan<'_>,
        update: Option<&Update>,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<Document> {
        let found =
            self.select(call.database, name, &plan.filter, &plan.order, None, Some(1))?.pop();
        let Some(found) = found else {
            return self.modify_nothing(name, plan, update, call);
        };
        let (collection, journal) =
            self.collection_mut(call.database, name).expect("something was found in it");
        let Some(update) = update else {
            let value = plan.show(&found.document, found.position)?;
            collection.remove(found.record, journal)?;
            return Ok(reply(doc! { "n": 1 }, value));
        };
        let occasion = Occasion { position: found.position, inserting: false };
        let new = update.apply(&found.document, occasion, &call.given)?;
        let shown =
            if plan.new { new.as_ref().unwrap_or(&found.document) } else { &*found.document };
        let value = plan.show(shown, found.position)?;
        if let Some(new) = new {
            collection.replace(found.record, new, journal)?;
        }
        Ok(reply(doc! { "n": 1, "updatedExisting": true }, value))
    }

    fn modify_nothing(
        &mut self,
        name: &str,
        plan: &Plan<'_>,
        update: Option<&Update>,
        call: &mut Call<'_, '_, '_>,
    ) -> Result<Document> {
        let Some(update) = update else { return Ok(reply(doc! { "n": 0 }, Bson::Null)) };
        if !plan.upsert {
            return Ok(reply(doc! { "n": 0, "updatedExisting": false }, Bson::Null));
        }
        let document = update::upserted(update, &plan.filter, &call.given)?;
        let id = self.insert_one(name, document, call)?;
        let mut value = Bson::Null;
        if plan.new {
            let by_id = Filter::parse(&doc! { "_id": { "$eq": id.clone() } }, &call.given)?;
            let inserted =
                self.select(call.database, name, &by_id, &Order::Natural, None, Some(1))?;
            value = plan.show(&inserted[0].document, None)?;
        }
        Ok(reply(doc! { "n": 1, "updatedExisting": false, "upserted": id }, value))
    }
}

fn reply(last: Document, value: Bson) -> Document {
    doc! { "lastErrorObject": last, "value": value, "ok": 1.0 }
}
