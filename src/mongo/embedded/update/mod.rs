//! Updates: operators, replacements and pipelines, parsed once, applied to many documents.
//!
//! Owns what all three share: the `_id` never changes, and an update that changes nothing is none.
//! `tree.rs` has the operators sorted by path, `operator.rs` reads and `apply.rs` performs a single
//! one, `upsert.rs` makes the document that an upsert begins with.

mod apply;
mod arrays;
mod operator;
mod tree;
mod upsert;
mod walk;

use bson::{Bson, Document};

use super::aggregate::Pipeline;
use super::compare;
use super::error::{
    DOLLAR_PREFIXED_FIELD_NAME, FAILED_TO_PARSE, IMMUTABLE_FIELD, INVALID_OPTIONS, Result, fail,
};
use super::expression::Given;
use super::query::Filter;
use super::show;
use tree::Tree;

/// A parsed update.
#[derive(Debug)]
pub(super) enum Update {
    /// `{ $set: .. }` and the like.
    Operators(Tree),
    /// A whole document in place of the old one; only the `_id` stays.
    Replacement(Document),
    /// Aggregation stages that compute the new document from the old one.
    Pipeline(Pipeline),
}

/// What an update knows of the document besides its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    /// The array element the query matched, for the positional `$`.
    pub(super) position: Option<usize>,
    /// Whether the document is being inserted by an upsert.
    pub(super) inserting: bool,
}

impl Update {
    /// Reads the `u` of an update, or the `update` of a `findAndModify`.
    pub(super) fn parse(source: &Bson, filters: Option<&[Bson]>, given: &Given) -> Result<Self> {
        match source {
            Bson::Array(stages) => {
                if filters.is_some() {
                    let what = "arrayFilters may not be specified for pipeline-style updates";
                    fail!(FAILED_TO_PARSE, "{what}");
                }
                check_stages(stages)?;
                Ok(Self::Pipeline(Pipeline::parse(stages, given)?))
            }
            Bson::Document(source) => match source.keys().next() {
                Some(name) if name.starts_with('$') => {
                    Ok(Self::Operators(Tree::parse(source, filters.unwrap_or(&[]), given)?))
                }
                _ => {
                    check_replacement(source)?;
                    Ok(Self::Replacement(source.clone()))
                }
            },
            _ => fail!(FAILED_TO_PARSE, "Update argument must be either an object or an array"),
        }
    }

    pub(super) fn is_replacement(&self) -> bool {
        matches!(self, Self::Replacement(_))
    }

    /// The new document, or `None` if the update leaves the old one as it is.
    pub(super) fn apply(
        &self,
        document: &Document,
        occasion: Occasion,
        given: &Given,
    ) -> Result<Option<Document>> {
        let new = match self {
            Self::Operators(tree) => {
                let mut new = document.clone();
                tree.apply(&mut new, occasion, given)?;
                if let Some(path) = tree.id_path()
                    && let Some(old) = document.get("_id")
                    && !new.get("_id").is_some_and(|id| compare::identical(id, old))
                {
                    fail!(
                        IMMUTABLE_FIELD,
                        "Performing an update on the path '{path}' would modify the immutable \
                         field '_id'"
                    );
                }
                new
            }
            Self::Replacement(new) if compare::identical_documents(new, document) => {
                return Ok(None);
            }
            Self::Replacement(new) => return Ok(Some(keep_id(new.clone(), document)?)),
            Self::Pipeline(pipeline) => keep_id(pipeline.transform(document.clone())?, document)?,
        };
        Ok((!compare::identical_documents(&new, document)).then_some(new))
    }
}

/// Puts the old `_id` first; a new one must be equal to it.
fn keep_id(mut new: Document, old: &Document) -> Result<Document> {
    let Some(id) = old.get("_id") else { return Ok(new) };
    match new.remove("_id") {
        Some(other) if !compare::equal(&other, id) => fail!(
            IMMUTABLE_FIELD,
            "After applying the update, the (immutable) field '_id' was found to have been altered \
             to {}",
            show::field("_id", &other)
        ),
        _ => {}
    }
    let mut document = Document::new();
    document.insert("_id", id.clone());
    document.extend(new);
    Ok(document)
}

fn check_replacement(source: &Document) -> Result<()> {
    match source.keys().find(|name| name.starts_with('$')) {
        Some(name) => fail!(
            DOLLAR_PREFIXED_FIELD_NAME,
            "The dollar ($) prefixed field '{name}' in '{name}' is not allowed in the context of \
             an update's replacement document. Consider using an aggregation pipeline with \
             $replaceWith."
        ),
        None => Ok(()),
    }
}

/// Only stages that make one document from one document may update.
fn check_stages(stages: &[Bson]) -> Result<()> {
    let allowed = ["$set", "$addFields", "$unset", "$project", "$replaceRoot", "$replaceWith"];
    for stage in stages {
        if let Bson::Document(stage) = stage
            && let Some(name) = stage.keys().next()
            && super::aggregate::is_stage(name)
            && !allowed.contains(&name.as_str())
        {
            fail!(INVALID_OPTIONS, "{name} is not allowed to be used within an update");
        }
    }
    Ok(())
}

/// The document an upsert inserts when nothing matched.
pub(super) fn upserted(update: &Update, query: &Filter, given: &Given) -> Result<Document> {
    let start = match update {
        Update::Replacement(_) => upsert::only_id(query)?,
        _ => upsert::start(query)?,
    };
    let occasion = Occasion { position: None, inserting: true };
    Ok(update.apply(&start, occasion, given)?.unwrap_or(start))
}
