//! Projections: which fields come out, and which are computed on the way.
//!
//! Owns applying them; `parse.rs` reads the three dialects (find's own, `$project`, `$addFields`), which
//! differ in what they accept but make the same tree. Read next: `parse.rs`.

mod parse;

use bson::{Bson, Document};

use super::error::{Result, fail};
use super::expression::{Expression, Given};
use super::path::Path;
use super::query::Test;

/// A parsed projection.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    root: Branch,
    /// Whether fields that are not named stay.
    keep_others: bool,
    /// The path before a positional `.$`.
    positional: Option<Path>,
}

/// Whose language is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `find` and `findAndModify`: with `$slice`, `$elemMatch` and `.$`.
    Find,
    /// `$project` and `$unset`.
    Project,
    /// `$addFields` and `$set`: everything stays, values are expressions.
    AddFields,
}

/// Fields by name, in the order they were written.
#[derive(Clone, Debug, Default)]
struct Branch {
    fields: Vec<(String, Node)>,
}

#[derive(Clone, Debug)]
enum Node {
    Include,
    Exclude,
    Compute(Expression),
    Branch(Branch),
    Slice {
        skip: i64,
        limit: i64,
    },
    /// `$elemMatch`: the first element that passes.
    Element(Test),
}

impl Projection {
    /// Reads a projection; the dialect decides what it may contain.
    pub(super) fn parse(source: &Document, dialect: Dialect, given: &Given) -> Result<Self> {
        parse::projection(source, dialect, given)
    }

    /// The projected document; `position` is the array element that matched the query.
    pub(super) fn apply(&self, document: &Document, position: Option<usize>) -> Result<Document> {
        let mut projected = self.branch(&self.root, document, document)?;
        if let Some(path) = &self.positional {
            let Some(position) = position else {
                fail!(
                    51246,
                    "Executor error during find command :: caused by :: positional operator '.$' \
                     couldn't find a matching element in the array"
                )
            };
            pick(&mut projected, path.as_str(), position);
        }
        Ok(projected)
    }

    fn branch(&self, branch: &Branch, document: &Document, root: &Document) -> Result<Document> {
        let mut out = Document::new();
        for (name, value) in document {
            let kept = match branch.get(name) {
                None => self.keep_others.then(|| value.clone()),
                Some(Node::Include) => Some(value.clone()),
                Some(Node::Exclude) => None,
                Some(Node::Slice { skip, limit }) => Some(slice(value, *skip, *limit)),
                Some(Node::Branch(inner)) => self.value(inner, value, root)?,
                // Added fields keep the place of what they replace, projected ones come last.
                Some(Node::Compute(expression)) if self.keep_others => expression.evaluate(root)?,
                Some(Node::Compute(_) | Node::Element(_)) => None,
            };
            if let Some(kept) = kept {
                out.insert(name.clone(), kept);
            }
        }
        for (name, node) in &branch.fields {
            let value = match node {
                Node::Compute(expression) if !self.keep_others || !document.contains_key(name) => {
                    expression.evaluate(root)?
                }
                Node::Element(test) => match document.get(name) {
                    Some(Bson::Array(items)) => first_match(test, items)?,
                    _ => None,
                },
                Node::Branch(inner) if !document.contains_key(name) && inner.computes() => {
                    let created = self.branch(inner, &Document::new(), root)?;
                    Some(Bson::Document(created))
                }
                _ => continue,
            };
            if let Some(value) = value {
                out.insert(name.clone(), value);
            }
        }
        Ok(out)
    }

    fn value(&self, branch: &Branch, value: &Bson, root: &Document) -> Result<Option<Bson>> {
        Ok(match value {
            Bson::Document(inner) => Some(Bson::Document(self.branch(branch, inner, root)?)),
            Bson::Array(items) => {
                let items =
                    items.iter().filter_map(|item| self.value(branch, item, root).transpose());
                Some(Bson::Array(items.collect::<Result<_>>()?))
            }
            // A computed field below something that is no document replaces it.
            _ if branch.computes() => {
                Some(Bson::Document(self.branch(branch, &Document::new(), root)?))
            }
            other => self.keep_others.then(|| other.clone()),
        })
    }
}

impl Branch {
    fn get(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    fn computes(&self) -> bool {
        self.fields.iter().any(|(_, node)| match node {
            Node::Compute(_) => true,
            Node::Branch(inner) => inner.computes(),
            _ => false,
        })
    }
}

fn slice(value: &Bson, skip: i64, limit: i64) -> Bson {
    match value {
        Bson::Array(items) => Bson::Array(super::expression::window(items, skip, limit)),
        other => other.clone(),
    }
}

fn first_match(test: &Test, items: &[Bson]) -> Result<Option<Bson>> {
    for item in items {
        if test.holds(&Bson::Array(vec![item.clone()]))? {
            return Ok(Some(Bson::Array(vec![item.clone()])));
        }
    }
    Ok(None)
}

/// Leaves only the matched element of the array at the path.
fn pick(document: &mut Document, path: &str, position: usize) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    match (document.get_mut(first), rest) {
        (Some(Bson::Document(inner)), Some(rest)) => pick(inner, rest, position),
        (Some(Bson::Array(items)), _) if position < items.len() => {
            *items = vec![items.swap_remove(position)];
        }
        _ => {}
    }
}
