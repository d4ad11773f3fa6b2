//! Applying a tree of operators: down a document, through arrays, creating what is missing.
//!
//! Owns positional components while they are resolved, and the objections to paths that cannot be
//! followed. Read next: `apply.rs`, which performs the operator at the end of a path.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bson::{Bson, Document, doc};

use super::super::error::{PATH_NOT_VIABLE, Result, fail};
use super::super::query::Filter;
use super::super::show;
use super::apply::{Change, Context, perform};
use super::operator::Operator;
use super::tree::{Fields, Name, Node, conflict, index};

/// One application of a tree to a document.
pub(super) struct Walk<'a> {
    pub(super) filters: &'a [(String, Filter)],
    pub(super) context: &'a Context<'a>,
}

impl Walk<'_> {
    /// Answers whether anything was written, so that a missing parent is created only if needed.
    pub(super) fn fields(
        &self,
        fields: &Fields,
        document: &mut Document,
        path: &str,
    ) -> Result<bool> {
        let mut written = false;
        for (Name(name), node) in &*self.resolved(fields, path)? {
            let here = join(path, name);
            if let Some(value) = document.get_mut(name) {
                match self.node(node, Some(value), name, &here)? {
                    Change::Keep => {}
                    Change::Set(new) => {
                        *value = new;
                        written = true;
                    }
                    Change::Remove => {
                        document.remove(name);
                        written = true;
                    }
                    Change::Inside => written = true,
                }
            } else if let Change::Set(new) = self.node(node, None, name, &here)? {
                document.insert(name.clone(), new);
                written = true;
            }
        }
        Ok(written)
    }

    /// The fields with the positional `$` put in numbers.
    fn resolved<'f>(&self, fields: &'f Fields, path: &str) -> Result<Cow<'f, Fields>> {
        let positional = Name("$".to_owned());
        let Some(node) = fields.get(&positional) else { return Ok(Cow::Borrowed(fields)) };
        let Some(position) = self.context.occasion.position else {
            fail!(2, "The positional operator did not find the match needed from the query.")
        };
        let mut resolved = fields.clone();
        resolved.remove(&positional);
        let name = position.to_string();
        let here = join(path, &name);
        if resolved.insert(Name(name), node.clone()).is_some() {
            return Err(conflict(&format!("Update created a conflict at '{here}'")));
        }
        Ok(Cow::Owned(resolved))
    }

    fn node(
        &self,
        node: &Node,
        value: Option<&mut Bson>,
        name: &str,
        path: &str,
    ) -> Result<Change> {
        let inside = |written| if written { Change::Inside } else { Change::Keep };
        match (node, value) {
            (Node::Leaf(operator), value) => {
                perform(operator, value.as_deref(), path, self.context)
            }
            (Node::Fields(fields), None) => {
                let mut created = Document::new();
                let written = self.fields(fields, &mut created, path)?;
                Ok(if written { Change::Set(Bson::Document(created)) } else { Change::Keep })
            }
            (Node::Fields(fields), Some(Bson::Document(inner))) => {
                Ok(inside(self.fields(fields, inner, path)?))
            }
            (Node::Fields(fields), Some(Bson::Array(items))) => {
                Ok(inside(self.indexes(fields, items, name, path)?))
            }
            (Node::Fields(fields), Some(value)) => {
                check_passable(&*self.resolved(fields, path)?, name, path, value)?;
                match self.first_creation(fields, path)? {
                    None => Ok(Change::Keep),
                    Some(field) => not_viable(&field, name, value),
                }
            }
            (Node::Elements(_), None) => fail!(
                2,
                "The path '{path}' must exist in the document in order to apply array updates."
            ),
            (Node::Elements(nodes), Some(Bson::Array(items))) => {
                Ok(inside(self.elements(nodes, items, path)?))
            }
            (Node::Elements(_), Some(value)) => {
                let shown = show::field(name, value);
                fail!(2, "Cannot apply array updates to non-array element {shown}")
            }
        }
    }

    /// Named children of an array: they must be indexes.
    fn indexes(
        &self,
        fields: &Fields,
        items: &mut Vec<Bson>,
        name: &str,
        path: &str,
    ) -> Result<bool> {
        let mut written = false;
        for (Name(field), node) in &*self.resolved(fields, path)? {
            let here = join(path, field);
            let Some(i) = index(field) else {
                let only = Fields::from([(Name(field.clone()), node.clone())]);
                check_passable(&only, name, path, &Bson::Array(items.clone()))?;
                if self.creates(node, &here)? {
                    return not_viable(field, name, &Bson::Array(items.clone())).map(|_| false);
                }
                continue;
            };
            written |= self.element(node, items, i, &here)?;
        }
        Ok(written)
    }

    /// One element of an array, which may lie beyond its end.
    fn element(&self, node: &Node, items: &mut Vec<Bson>, i: usize, path: &str) -> Result<bool> {
        const PADDING_MAX: usize = 1_500_000;
        let name = i.to_string();
        match self.node(node, items.get_mut(i), &name, path)? {
            Change::Keep => return Ok(false),
            Change::Inside => {}
            // Removing an element would move the others.
            Change::Remove => items[i] = Bson::Null,
            Change::Set(new) => {
                if i >= items.len() {
                    if i - items.len() > PADDING_MAX {
                        fail!(34, "can't backfill more than {PADDING_MAX} elements");
                    }
                    items.resize(i + 1, Bson::Null);
                }
                items[i] = new;
            }
        }
        Ok(true)
    }

    /// `$[]` and `$[name]`: every element that its filter lets through.
    fn elements(
        &self,
        nodes: &BTreeMap<String, Node>,
        items: &mut Vec<Bson>,
        path: &str,
    ) -> Result<bool> {
        let mut written = false;
        for i in 0..items.len() {
            let here = join(path, &i.to_string());
            let mut chosen: Option<Node> = None;
            for (id, node) in nodes {
                if !self.selects(id, &items[i])? {
                    continue;
                }
                chosen = Some(match chosen {
                    None => node.clone(),
                    Some(other) => merge(&other, node, &here)?,
                });
            }
            if let Some(node) = chosen {
                written |= self.element(&node, items, i, &here)?;
            }
        }
        Ok(written)
    }

    fn selects(&self, id: &str, item: &Bson) -> Result<bool> {
        match self.filters.iter().find(|(name, _)| name == id) {
            None => Ok(true),
            Some((name, filter)) => filter.matches(&doc! { name: item.clone() }),
        }
    }

    /// Whether the operators below would create something where nothing is.
    fn creates(&self, node: &Node, path: &str) -> Result<bool> {
        match node {
            Node::Leaf(operator) => {
                Ok(!matches!(perform(operator, None, path, self.context)?, Change::Keep))
            }
            Node::Fields(fields) => Ok(self.first_creation(fields, path)?.is_some()),
            Node::Elements(_) => Ok(true),
        }
    }

    fn first_creation(&self, fields: &Fields, path: &str) -> Result<Option<String>> {
        for (Name(name), node) in &*self.resolved(fields, path)? {
            if self.creates(node, &join(path, name))? {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

/// Operators that only take away mind a value that cannot be entered, though they create nothing.
fn check_passable(fields: &Fields, name: &str, path: &str, value: &Bson) -> Result<()> {
    for (Name(field), node) in fields {
        let mut node = node;
        let mut full = join(path, field);
        while let Node::Fields(inner) = node {
            let Some((Name(next), below)) = inner.iter().next() else { break };
            full = join(&full, next);
            node = below;
        }
        if let Node::Leaf(Operator::Pull(_) | Operator::Pop { .. }) = node {
            let shown = show::field(name, value);
            fail!(
                PATH_NOT_VIABLE,
                "Cannot use the part ({field}) of ({full}) to traverse the element ({{{shown}}})"
            );
        }
    }
    Ok(())
}

fn not_viable(field: &str, name: &str, value: &Bson) -> Result<Change> {
    let shown = show::field(name, value);
    fail!(PATH_NOT_VIABLE, "Cannot create field '{field}' in element {{{shown}}}")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Two filters chose one element: their operators must not meet.
fn merge(a: &Node, b: &Node, path: &str) -> Result<Node> {
    match (a, b) {
        (Node::Fields(a), Node::Fields(b)) => {
            let mut merged = a.clone();
            for (name, node) in b {
                let node = match a.get(name) {
                    None => node.clone(),
                    Some(other) => merge(other, node, &join(path, &name.0))?,
                };
                merged.insert(name.clone(), node);
            }
            Ok(Node::Fields(merged))
        }
        (Node::Elements(a), Node::Elements(b)) => {
            let mut merged = a.clone();
            for (id, node) in b {
                let node = match a.get(id) {
                    None => node.clone(),
                    Some(other) => merge(other, node, &join(path, &format!("$[{id}]")))?,
                };
                merged.insert(id.clone(), node);
            }
            Ok(Node::Elements(merged))
        }
        _ => Err(conflict(&format!("Update created a conflict at '{path}'"))),
    }
}
