//! Aggregation: documents go in at one end of a pipeline and other documents come out.
//!
//! Owns the stages, each a function from a list of documents to another. `parse.rs` reads them,
//! `group.rs` is the largest of them. Writing the result (`$out`, `$merge`) is left to the command.
//! Read next: `parse.rs`.

mod group;
mod parse;

use bson::{Bson, Document, doc};

use super::compare::Ordered;
use super::error::{Result, fail};
use super::expression::{Expression, Given};
use super::number;
use super::projection::Projection;
use super::query::Filter;
use super::show;
use super::sort::SortKey;
use group::Group;
pub(super) use parse::is_stage;

/// A parsed pipeline.
#[derive(Debug)]
pub(super) struct Pipeline {
    stages: Vec<Stage>,
}

#[derive(Debug)]
enum Stage {
    Match(Filter),
    Sort(SortKey),
    Limit(usize),
    Skip(usize),
    /// `$project`, `$addFields`, `$set` and `$unset`.
    Project(Projection),
    Group(Group),
    Count(String),
    Unwind(Unwind),
    /// The expression, and what mongod calls it in an error message.
    ReplaceRoot(Expression, &'static str),
    Output(Output),
}

#[derive(Debug)]
struct Unwind {
    path: Vec<String>,
    index: Option<String>,
    keep_empty: bool,
}

/// Where the result is written instead of being answered.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// `$out`: replaces a collection.
    Replace { database: Option<String>, collection: String },
    /// `$merge` into a collection by `_id`.
    Merge(Merge),
}

/// A `$merge` stage.
#[derive(Clone, Debug)]
pub(super) struct Merge {
    pub(super) database: Option<String>,
    pub(super) collection: String,
    pub(super) on: Vec<String>,
    pub(super) matched: WhenMatched,
    pub(super) not_matched: WhenNotMatched,
}

/// What `$merge` does with a document that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenMatched {
    Merge,
    Replace,
    KeepExisting,
    Fail,
}

/// What `$merge` does with a document that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenNotMatched {
    Insert,
    Discard,
    Fail,
}

impl Pipeline {
    /// Reads the `pipeline` of a command.
    pub(super) fn parse(stages: &[Bson], given: &Given) -> Result<Self> {
        parse::pipeline(stages, given)
    }

    /// The query at the front of the pipeline, which an index may answer.
    pub(super) fn leading_filter(&self) -> Option<&Filter> {
        match self.stages.first() {
            Some(Stage::Match(filter)) => Some(filter),
            _ => None,
        }
    }

    /// Where the result goes, if not to the client.
    pub(super) fn output(&self) -> Option<&Output> {
        match self.stages.last() {
            Some(Stage::Output(output)) => Some(output),
            _ => None,
        }
    }

    /// Runs all stages.
    pub(super) fn run(&self, documents: Vec<Document>) -> Result<Vec<Document>> {
        self.stages.iter().try_fold(documents, |documents, stage| stage.run(documents))
    }

    /// Runs a pipeline of stages that make one document of one.
    pub(super) fn transform(&self, document: Document) -> Result<Document> {
        let mut documents = self.run(vec![document])?;
        Ok(documents.pop().unwrap_or_default())
    }
}

impl Stage {
    fn run(&self, mut documents: Vec<Document>) -> Result<Vec<Document>> {
        match self {
            Self::Match(filter) => {
                let mut kept = Vec::new();
                for document in documents {
                    if filter.matches(&document)? {
                        kept.push(document);
                    }
                }
                Ok(kept)
            }
            Self::Sort(key) => {
                let mut sorted: Vec<Own> = documents.into_iter().map(Own).collect();
                key.sort(&mut sorted)?;
                Ok(sorted.into_iter().map(|Own(document)| document).collect())
            }
            Self::Limit(count) => {
                documents.truncate(*count);
                Ok(documents)
            }
            Self::Skip(count) => Ok(documents.into_iter().skip(*count).collect()),
            Self::Project(projection) => {
                documents.iter().map(|document| projection.apply(document, None)).collect()
            }
            Self::Group(group) => group.run(&documents),
            Self::Count(_) if documents.is_empty() => Ok(documents),
            Self::Count(name) => Ok(vec![doc! { name: number::integer(documents.len() as i64) }]),
            Self::Unwind(unwind) => Ok(documents.into_iter().flat_map(|d| unwind.run(d)).collect()),
            Self::ReplaceRoot(expression, name) => {
                documents.iter().map(|document| new_root(expression, name, document)).collect()
            }
            Self::Output(_) => Ok(documents),
        }
    }
}

/// A document as the sorter wants it.
struct Own(Document);

impl AsRef<Document> for Own {
    fn as_ref(&self) -> &Document {
        &self.0
    }
}

fn new_root(expression: &Expression, name: &str, document: &Document) -> Result<Document> {
    match expression.evaluate(document)? {
        Some(Bson::Document(root)) => Ok(root),
        other => fail!(
            40228,
            "{name} must evaluate to an object, but resulting value was: {}. Type of resulting \
             value: '{}'. Input document: {}",
            other.as_ref().map_or_else(|| "MISSING".to_owned(), show::terse),
            other.as_ref().map_or("missing", show::type_name),
            show::compact(document)
        ),
    }
}

impl Unwind {
    fn run(&self, document: Document) -> Vec<Document> {
        let value = nested(&document, &self.path).cloned();
        match value {
            Some(Bson::Array(items)) if !items.is_empty() => {
                let one = |(i, item): (usize, Bson)| {
                    let mut copy = document.clone();
                    replace(&mut copy, &self.path, Some(item));
                    self.numbered(copy, Bson::Int64(i as i64))
                };
                items.into_iter().enumerate().map(one).collect()
            }
            Some(Bson::Array(_)) if self.keep_empty => {
                let mut document = document;
                replace(&mut document, &self.path, None);
                vec![self.numbered(document, Bson::Null)]
            }
            Some(Bson::Array(_)) => Vec::new(),
            None | Some(Bson::Null | Bson::Undefined) if !self.keep_empty => Vec::new(),
            _ => vec![self.numbered(document, Bson::Null)],
        }
    }

    fn numbered(&self, mut document: Document, index: Bson) -> Document {
        if let Some(name) = &self.index {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            set(&mut document, &path, index);
        }
        document
    }
}

fn nested<'a>(document: &'a Document, path: &[String]) -> Option<&'a Bson> {
    let (first, rest) = path.split_first()?;
    match (document.get(first)?, rest.is_empty()) {
        (value, true) => Some(value),
        (Bson::Document(inner), false) => nested(inner, rest),
        _ => None,
    }
}

fn replace(document: &mut Document, path: &[String], value: Option<Bson>) {
    match (path, value) {
        ([name], Some(value)) => {
            document.insert(name, value);
        }
        ([name], None) => {
            document.remove(name);
        }
        ([name, rest @ ..], value) => {
            if let Some(Bson::Document(inner)) = document.get_mut(name) {
                replace(inner, rest, value);
            }
        }
        ([], _) => {}
    }
}

fn set(document: &mut Document, path: &[String], value: Bson) {
    match path {
        [name] => {
            document.insert(name, value);
        }
        [name, rest @ ..] => {
            if !matches!(document.get(name), Some(Bson::Document(_))) {
                document.insert(name, Document::new());
            }
            if let Some(Bson::Document(inner)) = document.get_mut(name) {
                set(inner, rest, value);
            }
        }
        [] => {}
    }
}

/// Groups values that compare equal.
type Groups<T> = std::collections::BTreeMap<Ordered, T>;
