//! All operators of one update, as a tree by path.
//!
//! Owns conflicts (two operators on one path), positional components and array filters, and the walk
//! down a document that creates what is missing. Fields are visited in the order of their names,
//! numbers as numbers, which is also the order in which mongod adds them. Read next: `apply.rs`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bson::{Bson, Document, doc};

use super::super::error::{
    CONFLICTING_UPDATE_OPERATORS, DOLLAR_PREFIXED_FIELD_NAME, EMPTY_FIELD_NAME, FAILED_TO_PARSE,
    PATH_NOT_VIABLE, Result, ServerError, fail,
};
use super::super::expression::Given;
use super::super::query::Filter;
use super::super::show;
use super::Occasion;
use super::apply::{self, Change, Context, perform};
use super::operator::{self, Operator};

/// The parsed operators of one update.
#[derive(Debug)]
pub(in super::super) struct Tree {
    root: Fields,
    renames: Vec<(String, String)>,
    filters: Vec<(String, Filter)>,
    id_path: Option<String>,
}

type Fields = BTreeMap<Name, Node>;

#[derive(Clone, Debug)]
enum Node {
    Leaf(Operator),
    /// Named fields and indexes; `$` stands for the matched index.
    Fields(Fields),
    /// `$[]` (an empty name) and `$[name]`.
    Elements(BTreeMap<String, Node>),
}

/// A field name; numbers sort as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name(String);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        match (index(&self.0), index(&other.0)) {
            (Some(a), Some(b)) => a.cmp(&b).then_with(|| self.0.cmp(&other.0)),
            _ => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Updates take leading zeros for an index, unlike queries.
fn index(name: &str) -> Option<usize> {
    let digits = !name.is_empty() && name.len() < 10 && name.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| name.parse().expect("up to nine digits"))
}

/// The name inside `$[..]`.
fn element_name(part: &str) -> Option<&str> {
    part.strip_prefix("$[")?.strip_suffix(']')
}

impl Tree {
    pub(super) fn parse(source: &Document, filters: &[Bson], given: &Given) -> Result<Self> {
        let mut tree = Self {
            root: Fields::new(),
            renames: Vec::new(),
            filters: array_filters(filters, given)?,
            id_path: None,
        };
        let mut used = Vec::new();
        for (modifier, fields) in source {
            if !operator::exists(modifier) {
                fail!(
                    FAILED_TO_PARSE,
                    "Unknown modifier: {modifier}. Expected a valid update modifier or \
                     pipeline-style update specified as an array"
                );
            }
            let Bson::Document(fields) = fields else {
                fail!(
                    FAILED_TO_PARSE,
                    "Modifiers operate on fields but we found type {} instead. For example: \
                     {{$mod: {{<field>: ...}}}} not {{{}}}",
                    show::type_name(fields),
                    show::field(modifier, fields)
                )
            };
            for (path, value) in fields {
                if modifier == "$rename" {
                    tree.add_rename(path, value, &mut used)?;
                } else {
                    check_path(path)?;
                    tree.add(path, operator::parse(modifier, path, value, given)?, &mut used)?;
                }
            }
        }
        if let Some((name, _)) = tree.filters.iter().find(|(name, _)| !used.contains(name)) {
            fail!(
                FAILED_TO_PARSE,
                "The array filter for identifier '{name}' was not used in the update {}",
                show::document(source)
            );
        }
        Ok(tree)
    }

    /// The path by which this update touches the `_id`, if it does.
    pub(super) fn id_path(&self) -> Option<&str> {
        self.id_path.as_deref()
    }

    fn add_rename(&mut self, from: &str, to: &Bson, used: &mut Vec<String>) -> Result<()> {
        let shown = show::field(from, to);
        let Bson::String(to) = to else {
            fail!(2, "The 'to' field for $rename must be a string: {shown}")
        };
        check_path(from)?;
        check_path(to)?;
        if from == to {
            fail!(2, "The source and target field for $rename must differ: {shown}");
        }
        let inside = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
        if inside(from, to) || inside(to, from) {
            fail!(
                2,
                "The source and target field for $rename must not be on the same path: {shown}"
            );
        }
        let dynamic =
            |path: &str| path.split('.').any(|part| part == "$" || element_name(part).is_some());
        if dynamic(from) {
            fail!(2, "The source field for $rename may not be dynamic: {from}");
        }
        if dynamic(to) {
            fail!(2, "The destination field for $rename may not be dynamic: {to}");
        }
        self.renames.push((from.to_owned(), to.clone()));
        self.add(from, Operator::RenameAway, used)?;
        self.add(to, Operator::RenameFrom(from.to_owned()), used)
    }

    fn add(&mut self, path: &str, operator: Operator, used: &mut Vec<String>) -> Result<()> {
        if path == "_id" || path.starts_with("_id.") {
            self.id_path = Some(path.to_owned());
        }
        let parts: Vec<&str> = path.split('.').collect();
        self.check_dynamic(path, &parts, used)?;
        let mut fields = &mut self.root;
        let mut elements;
        let mut depth = 0;
        loop {
            let conflict = |depth: usize| {
                let at = parts[..depth].join(".");
                conflict(&format!("Updating the path '{path}' would create a conflict at '{at}'"))
            };
            let last = depth + 1 == parts.len();
            let next_is_element = parts.get(depth + 1).is_some_and(|p| element_name(p).is_some());
            let fresh = || match (last, next_is_element) {
                (true, _) => Node::Leaf(operator.clone()),
                (_, true) => Node::Elements(BTreeMap::new()),
                _ => Node::Fields(Fields::new()),
            };
            let name = Name(parts[depth].to_owned());
            if last && fields.contains_key(&name) {
                return Err(conflict(depth + 1));
            }
            let mut node = fields.entry(name).or_insert_with(fresh);
            depth += 1;
            // Several array components may follow each other.
            loop {
                match node {
                    Node::Leaf(_) if depth == parts.len() => return Ok(()),
                    Node::Leaf(_) => return Err(conflict(depth)),
                    Node::Fields(_) if next_element(&parts, depth) => return Err(conflict(depth)),
                    Node::Fields(inner) => {
                        fields = inner;
                        break;
                    }
                    Node::Elements(inner) => {
                        let Some(id) = element_name(parts[depth]) else {
                            return Err(conflict(depth));
                        };
                        let last = depth + 1 == parts.len();
                        if last && inner.contains_key(id) {
                            return Err(conflict(depth + 1));
                        }
                        let more = next_element(&parts, depth + 1);
                        elements = inner;
                        node =
                            elements.entry(id.to_owned()).or_insert_with(|| match (last, more) {
                                (true, _) => Node::Leaf(operator.clone()),
                                (_, true) => Node::Elements(BTreeMap::new()),
                                _ => Node::Fields(Fields::new()),
                            });
                        depth += 1;
                    }
                }
            }
        }
    }

    /// Positional components: where they may stand, and that each named one has a filter.
    fn check_dynamic(&self, path: &str, parts: &[&str], used: &mut Vec<String>) -> Result<()> {
        if parts[0] == "$" {
            fail!(
                2,
                "Cannot have positional (i.e. '$') element in the first position in path '{path}'"
            );
        }
        if element_name(parts[0]).is_some() {
            fail!(
                2,
                "Cannot have array filter identifier (i.e. '$[<id>]') element in the first \
                 position in path '{path}'"
            );
        }
        if parts.iter().filter(|part| **part == "$").count() > 1 {
            fail!(2, "Too many positional (i.e. '$') elements found in path '{path}'");
        }
        for name in parts.iter().filter_map(|part| element_name(part)) {
            if !name.is_empty() && !self.filters.iter().any(|(known, _)| known == name) {
                fail!(2, "No array filter found for identifier '{name}' in path '{path}'");
            }
            used.push(name.to_owned());
        }
        Ok(())
    }

    /// Changes the document.
    pub(super) fn apply(
        &self,
        document: &mut Document,
        occasion: Occasion,
        given: &Given,
    ) -> Result<()> {
        let id = document.get("_id").map_or_else(String::new, |id| show::field("_id", id));
        let moved = self
            .renames
            .iter()
            .map(|(from, to)| {
                let source = apply::take_source(document, from, &id)?;
                apply::check_target(document, to, &id)?;
                Ok((from.as_str(), source))
            })
            .collect::<Result<_>>()?;
        let context = Context { occasion, now: given.now, moved, id };
        let walk = Walk { filters: &self.filters, context: &context };
        walk.fields(&self.root, document, "")?;
        Ok(())
    }
}

fn next_element(parts: &[&str], depth: usize) -> bool {
    parts.get(depth).is_some_and(|part| element_name(part).is_some())
}

fn conflict(message: &str) -> ServerError {
    ServerError::new(CONFLICTING_UPDATE_OPERATORS, message)
}

fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        fail!(EMPTY_FIELD_NAME, "An empty update path is not valid.");
    }
    if path.split('.').any(str::is_empty) {
        fail!(
            EMPTY_FIELD_NAME,
            "The update path '{path}' contains an empty field name, which is not allowed."
        );
    }
    let first = path.split('.').next().unwrap_or(path);
    if first.starts_with('$') && first != "$" && element_name(first).is_none() {
        fail!(
            DOLLAR_PREFIXED_FIELD_NAME,
            "The dollar ($) prefixed field '{first}' in '{path}' is not allowed in the context of \
             an update's replacement document. Consider using an aggregation pipeline with \
             $replaceWith."
        );
    }
    Ok(())
}

fn array_filters(filters: &[Bson], given: &Given) -> Result<Vec<(String, Filter)>> {
    let mut parsed: Vec<(String, Filter)> = Vec::with_capacity(filters.len());
    for filter in filters {
        let Bson::Document(filter) = filter else { fail!(14, "array filters must be objects") };
        let query =
            Filter::parse(filter, given).map_err(|e| e.context("Error parsing array filter"))?;
        let mut names = Vec::new();
        top_level_names(filter, &mut names);
        let name = match names.as_slice() {
            [] => fail!(
                FAILED_TO_PARSE,
                "Cannot use an expression without a top-level field name in arrayFilters"
            ),
            [name] => name.clone(),
            [first, second, ..] => fail!(
                FAILED_TO_PARSE,
                "Error parsing array filter :: caused by :: Expected a single top-level field \
                 name, found '{first}' and '{second}'"
            ),
        };
        let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            fail!(
                2,
                "Error parsing array filter :: caused by :: The top-level field name must be an \
                 alphanumeric string beginning with a lowercase letter, found '{name}'"
            );
        }
        if parsed.iter().any(|(known, _)| *known == name) {
            fail!(
                FAILED_TO_PARSE,
                "Found multiple array filters with the same top-level field name {name}"
            );
        }
        parsed.push((name, query));
    }
    Ok(parsed)
}

fn top_level_names(filter: &Document, names: &mut Vec<String>) {
    for (name, value) in filter {
        match value {
            Bson::Array(branches) if name.starts_with('$') => {
                for branch in branches {
                    if let Bson::Document(branch) = branch {
                        top_level_names(branch, names);
                    }
                }
            }
            _ if name.starts_with('$') => {}
            _ => {
                let first = name.split('.').next().unwrap_or(name).to_owned();
                if !names.contains(&first) {
                    names.push(first);
                }
            }
        }
    }
}

/// One application of a tree to a document.
struct Walk<'a> {
    filters: &'a [(String, Filter)],
    context: &'a Context<'a>,
}

impl Walk<'_> {
    /// Answers whether anything was written, so that a missing parent is created only if needed.
    fn fields(&self, fields: &Fields, document: &mut Document, path: &str) -> Result<bool> {
        let mut written = false;
        for (Name(name), node) in fields {
            let here = join(path, name);
            if name == "$" {
                fail!(2, "The positional operator did not find the match needed from the query.");
            }
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
            (Node::Fields(fields), Some(value)) => match self.first_creation(fields, path)? {
                None => Ok(Change::Keep),
                Some(field) => not_viable(&field, name, value),
            },
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
        let mut resolved: Fields = BTreeMap::new();
        for (Name(field), node) in fields {
            let field = match (field.as_str(), self.context.occasion.position) {
                ("$", Some(position)) => position.to_string(),
                ("$", None) => fail!(
                    2,
                    "The positional operator did not find the match needed from the query."
                ),
                (other, _) => other.to_owned(),
            };
            if resolved.insert(Name(field.clone()), node.clone()).is_some() {
                let here = join(path, &field);
                return Err(conflict(&format!("Update created a conflict at '{here}'")));
            }
        }
        for (Name(field), node) in &resolved {
            let here = join(path, field);
            let Some(i) = index(field) else {
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
        for (Name(name), node) in fields {
            if name == "$" {
                fail!(2, "The positional operator did not find the match needed from the query.");
            }
            if self.creates(node, &join(path, name))? {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
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
