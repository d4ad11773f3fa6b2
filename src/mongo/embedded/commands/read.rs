//! Commands that only read: `find`, `count`, `distinct`, `aggregate`.
//!
//! Read next: `cursors.rs` for what follows a first batch, `output.rs` for pipelines that write.

use std::collections::BTreeSet;
use std::rc::Rc;

use bson::{Bson, Document, doc};

use super::super::aggregate::Pipeline;
use super::super::collection::{DOCUMENT_SIZE_MAX, Found};
use super::super::compare::Ordered;
use super::super::cursor::Cursor;
use super::super::engine::Engine;
use super::super::error::{FAILED_TO_PARSE, INVALID_NAMESPACE, Result, TYPE_MISMATCH, fail};
use super::super::path::{Leaf, Path};
use super::super::projection::{Dialect, Projection};
use super::super::query::Filter;
use super::super::sort::SortKey;
use super::super::{number, size};
use super::Call;
use super::arguments::{Arguments, check_hint};

impl Engine {
    pub(super) fn find(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&[
            "filter",
            "sort",
            "projection",
            "hint",
            "skip",
            "limit",
            "batchSize",
            "singleBatch",
            "returnKey",
            "showRecordId",
            "min",
            "max",
            "tailable",
            "awaitData",
            "oplogReplay",
            "noCursorTimeout",
            "allowPartialResults",
            "allowDiskUse",
            "collation",
            "let",
            "ntoreturn",
        ])?;
        let name = call.collection()?;
        if name.contains('$') {
            let namespace = call.namespace(name);
            fail!(INVALID_NAMESPACE, "Invalid collection name specified '{namespace}");
        }
        let filter = parse_filter(&arguments, "filter", call)?;
        let order = Order::parse(arguments.document("sort")?)?;
        let projection = parse_projection(&arguments, "projection", call)?;
        let (skip, limit) = (arguments.count("skip")?, arguments.count("limit")?);
        let batch = arguments.count("batchSize")?;
        let single = arguments.flag("singleBatch", false)?;
        arguments.refuse(&["tailable", "min", "max", "returnKey", "showRecordId", "collation"])?;
        check_hint(arguments.get("hint"), self.collection(call.database, name))?;
        let found = self.select(call.database, name, &filter, &order, skip, limit)?;
        let complete = limit.is_some_and(|limit| limit == found.len())
            || filter.is_by_id()
            || self.collection(call.database, name).is_none();
        let documents = found.into_iter().map(|found| (found.document, found.position));
        let cursor = Cursor::new(call.namespace(name), documents, projection, call.given.now)
            .with_known_end(complete);
        self.cursors.first(cursor, batch, single, call.around.random)
    }

    /// What matches, in order, without the first `skip` and at most `limit` of the rest.
    pub(super) fn select(
        &self,
        database: &str,
        name: &str,
        filter: &Filter,
        order: &Order,
        skip: Option<usize>,
        limit: Option<usize>,
    ) -> Result<Vec<Found>> {
        let Some(collection) = self.collection(database, name) else { return Ok(Vec::new()) };
        let skip = skip.unwrap_or(0);
        let limit = limit.filter(|limit| *limit > 0);
        let enough = limit.map(|limit| limit.saturating_add(skip));
        let mut found = match order {
            Order::Natural => collection.find(filter, enough)?,
            Order::Reverse => {
                let mut found = collection.find(filter, None)?;
                found.sort_by_key(|found| std::cmp::Reverse(found.record));
                found
            }
            Order::By(key) => {
                let mut found = collection.find(filter, None)?;
                key.sort(&mut found)
                    .map_err(|error| error.context("Executor error during find command"))?;
                found
            }
        };
        found.drain(..skip.min(found.len()));
        found.truncate(limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    pub(super) fn count(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let known = ["query", "limit", "skip", "hint", "collation", "fields", "queryOptions"];
        let arguments = call.arguments(&known)?;
        let name = call.collection()?;
        let filter = parse_filter(&arguments, "query", call)?;
        let skip = arguments.count("skip")?.unwrap_or(0);
        let limit = arguments.whole("limit")?.unwrap_or(0).unsigned_abs() as usize;
        arguments.refuse(&["collation"])?;
        let collection = self.collection(call.database, name);
        check_hint(arguments.get("hint"), collection)?;
        let all = match (collection, &filter) {
            (None, _) => 0,
            (Some(collection), Filter::All(none)) if none.is_empty() => collection.len(),
            (Some(collection), filter) => collection.find(filter, None)?.len(),
        };
        let rest = all.saturating_sub(skip);
        let n = if limit == 0 { rest } else { rest.min(limit) };
        Ok(doc! { "n": number::integer(n as i64), "ok": 1.0 })
    }

    pub(super) fn distinct(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&["key", "query", "collation", "hint"])?;
        let name = call.collection()?;
        arguments.required("key")?;
        let key = arguments.text("key")?.unwrap_or_default();
        if key.is_empty() {
            fail!(40352, "FieldPath cannot be constructed with empty string");
        }
        let filter = parse_filter(&arguments, "query", call)?;
        arguments.refuse(&["collation"])?;
        let path = Path::new(key);
        let mut values = BTreeSet::new();
        if let Some(collection) = self.collection(call.database, name) {
            for found in collection.find(&filter, None)? {
                path.visit(&found.document, Leaf::Whole, &mut |place| {
                    let several = match place.value {
                        Some(Bson::Array(items)) => items.as_slice(),
                        Some(value) => std::slice::from_ref(value),
                        None => &[],
                    };
                    values.extend(several.iter().cloned().map(Ordered));
                    false
                });
            }
        }
        let values: Vec<Bson> = values.into_iter().map(|value| value.0).collect();
        let reply = doc! { "values": values, "ok": 1.0 };
        if size::document(&reply) > DOCUMENT_SIZE_MAX {
            fail!(17217, "distinct too big, 16mb cap");
        }
        Ok(reply)
    }

    pub(super) fn aggregate(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&[
            "pipeline",
            "cursor",
            "explain",
            "allowDiskUse",
            "bypassDocumentValidation",
            "collation",
            "hint",
            "let",
            "fromMongos",
        ])?;
        let Bson::Array(stages) = arguments.required("pipeline")? else {
            fail!(TYPE_MISMATCH, "'pipeline' option must be specified as an array")
        };
        let batch = cursor_options(&arguments)?;
        let Some(Bson::String(_)) = call.body.get("aggregate") else {
            return without_collection(stages);
        };
        let name = call.collection()?;
        let pipeline = Pipeline::parse(stages, &call.given)?;
        arguments.refuse(&["collation", "explain"])?;
        check_hint(arguments.get("hint"), self.collection(call.database, name))?;
        let result = self.run_pipeline(call.database, name, &pipeline)?;
        let namespace = call.namespace(name);
        let result = match pipeline.output() {
            None => result,
            Some(output) => {
                self.write_output(output.clone(), result, call)?;
                Vec::new()
            }
        };
        let cursor = Cursor::over(namespace, result, call.given.now);
        self.cursors.first(cursor, batch, false, call.around.random)
    }

    fn run_pipeline(
        &self,
        database: &str,
        name: &str,
        pipeline: &Pipeline,
    ) -> Result<Vec<Document>> {
        let everything = Filter::everything();
        let filter = pipeline.leading_filter().unwrap_or(&everything);
        let input = match self.collection(database, name) {
            None => Vec::new(),
            Some(collection) => collection.find(filter, None)?,
        };
        let copies = input.into_iter().map(|found| Rc::unwrap_or_clone(found.document)).collect();
        pipeline.run(copies).map_err(|e| e.context("PlanExecutor error during aggregation"))
    }
}

/// The order of a result.
#[derive(Debug)]
pub(super) enum Order {
    Natural,
    Reverse,
    By(SortKey),
}

impl Order {
    pub(super) fn parse(sort: Option<&Document>) -> Result<Self> {
        let Some(sort) = sort else { return Ok(Self::Natural) };
        if let Some(direction) = sort.get("$natural") {
            if sort.len() > 1 {
                fail!(2, "$natural sort cannot be set to a value other than -1 or 1.");
            }
            let backwards = number::to_i64_exact(direction) == Some(-1);
            return Ok(if backwards { Self::Reverse } else { Self::Natural });
        }
        Ok(SortKey::parse(sort)?.map_or(Self::Natural, Self::By))
    }
}

pub(super) fn parse_filter(
    arguments: &Arguments<'_>,
    name: &str,
    call: &Call<'_, '_, '_>,
) -> Result<Filter> {
    match arguments.document(name)? {
        Some(query) => Filter::parse(query, &call.given),
        None => Ok(Filter::everything()),
    }
}

pub(super) fn parse_projection(
    arguments: &Arguments<'_>,
    name: &str,
    call: &Call<'_, '_, '_>,
) -> Result<Option<Projection>> {
    match arguments.document(name)? {
        Some(source) if !source.is_empty() => {
            Projection::parse(source, Dialect::Find, &call.given).map(Some)
        }
        _ => Ok(None),
    }
}

fn cursor_options(arguments: &Arguments<'_>) -> Result<Option<usize>> {
    match arguments.get("cursor") {
        Some(Bson::Document(options)) => {
            Arguments::of_part("cursor", options, &["batchSize"])?.count("batchSize")
        }
        Some(_) => fail!(TYPE_MISMATCH, "cursor field must be missing or an object"),
        None => fail!(
            FAILED_TO_PARSE,
            "The 'cursor' option is required, except for aggregate with the explain argument"
        ),
    }
}

/// `aggregate: 1`: only stages that bring their own documents, of which there are none here.
fn without_collection(stages: &[Bson]) -> Result<Document> {
    let first = stages.first().and_then(Bson::as_document).and_then(|stage| stage.keys().next());
    match first {
        None => fail!(INVALID_NAMESPACE, "{{aggregate: 1}} is not valid for an empty pipeline."),
        Some(name) if super::super::aggregate::is_stage(name) => fail!(
            INVALID_NAMESPACE,
            "{{aggregate: 1}} is not valid for '{name}'; a collection is required."
        ),
        Some(name) => {
            fail!(super::super::error::UNKNOWN_STAGE, "Unrecognized pipeline stage name: '{name}'")
        }
    }
}
