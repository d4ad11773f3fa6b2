//! Queries: a filter document, parsed once, asked of many documents.
//!
//! Owns the shape of a parsed query. `parse.rs` reads one, `matches.rs` asks it of a document,
//! `pattern.rs` holds the regular expressions, `types.rs` the type names. Knows nothing of
//! collections or indexes; those look at the shape to find a shortcut (`mongo/embedded/plan.rs`).

mod matches;
mod parse;
mod pattern;
mod types;

use bson::{Bson, Document};

use super::error::Result;
use super::expression::{Expression, Given};
use super::path::Path;
pub(super) use matches::Comparison;
pub(super) use pattern::Pattern;
pub(super) use types::TypeSet;

/// A parsed query over documents.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// All of them hold (an empty query holds always).
    All(Vec<Self>),
    /// At least one holds.
    Any(Vec<Self>),
    /// None holds (`$nor`).
    Neither(Vec<Self>),
    /// The test holds for a value the path leads to.
    Field(Path, Test),
    /// An aggregation expression is true (`$expr`).
    Expression(Box<Expression>),
    /// `$alwaysTrue` and `$alwaysFalse`.
    Constant(bool),
}

/// A question about the values at a path.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// `$eq`, `$lt`, `$lte`, `$gt`, `$gte`.
    Compare(Comparison, Bson),
    /// `$in`: equal to one of the values, or matched by one of the patterns.
    In(Vec<Bson>, Vec<Pattern>),
    /// `$exists: true`.
    Exists,
    /// `$type`.
    Type(TypeSet),
    /// `$regex`.
    Matches(Pattern),
    /// `$mod: [divisor, remainder]`.
    Mod(i64, i64),
    /// `$size`; `None` can never match.
    Size(Option<usize>),
    /// `$elemMatch` with a query: an element that is a document and matches it.
    ElementDocument(Box<Filter>),
    /// `$elemMatch` with operators: an element that passes them all.
    ElementValue(Box<Self>),
    /// `$bitsAllSet` and its three sisters.
    Bits(BitTest),
    /// Several operators on one path; each may be satisfied by another array element.
    All(Vec<Self>),
    /// The negation of everything the path leads to.
    Not(Box<Self>),
    /// Holds for nothing (`$all: []`).
    Never,
}

/// Which bits must be set or clear.
#[derive(Clone, Debug)]
pub(super) struct BitTest {
    pub(super) positions: Vec<u64>,
    /// The state asked for.
    pub(super) set: bool,
    /// All of the positions, or any of them.
    pub(super) all: bool,
}

impl Filter {
    /// Reads a query as a client sends it.
    pub(super) fn parse(query: &Document, given: &Given) -> Result<Self> {
        parse::filter(query, given)
    }

    /// A query that lets everything through.
    pub(super) fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Whether the document matches.
    pub(super) fn matches(&self, document: &Document) -> Result<bool> {
        matches::filter(self, document, &mut None)
    }

    /// Whether the document matches and, if so, which array element the positional `$` means.
    pub(super) fn matches_at(&self, document: &Document) -> Result<(bool, Option<usize>)> {
        let mut position = None;
        let matched = matches::filter(self, document, &mut position)?;
        Ok((matched, position))
    }

    /// Whether this asks for one document by its `_id` and nothing else.
    pub(super) fn is_by_id(&self) -> bool {
        matches!(self, Self::Field(path, Test::Compare(Comparison::Equal, _)) if path.as_str() == "_id")
    }

    /// The conditions that must all hold, flattened.
    pub(super) fn conjuncts<'a>(&'a self, into: &mut Vec<&'a Self>) {
        match self {
            Self::All(children) => children.iter().for_each(|child| child.conjuncts(into)),
            other => into.push(other),
        }
    }
}

impl Test {
    /// Reads the operators of `{ path: { $op: .. } }` for a value without a path.
    pub(super) fn parse(operators: &Document, given: &Given) -> Result<Self> {
        parse::operators("", operators, given)
    }

    /// Whether this very value passes, without looking into it if it is an array.
    pub(super) fn holds(&self, value: &Bson) -> Result<bool> {
        matches::value(self, Some(value), &mut None)
    }
}

/// Whether a document is a set of operators, such as `{ $gt: 1 }`, and not a value.
pub(super) fn is_operators(document: &Document) -> bool {
    document.keys().next().is_some_and(|name| {
        name.starts_with('$') && !matches!(name.as_str(), "$ref" | "$id" | "$db")
    })
}

/// Whether a field path may stand in a projection.
pub(super) fn check_field_path(path: &str) -> Result<()> {
    super::expression::field_path(path).map(|_| ())
}
