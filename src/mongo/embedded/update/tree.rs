//! All operators of one update, as a tree by path.
//!
//! Owns conflicts (two operators on one path), and where positional components and array filters may
//! stand. Fields are kept in the order of their names, numbers as numbers, which is also the order in
//! which mongod adds them. Read next: `walk.rs`, which applies a tree to a document.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bson::{Bson, Document};

use super::super::error::{
    CONFLICTING_UPDATE_OPERATORS, DOLLAR_PREFIXED_FIELD_NAME, EMPTY_FIELD_NAME, FAILED_TO_PARSE,
    IMMUTABLE_FIELD, Result, ServerError, fail,
};
use super::super::expression::Given;
use super::super::query::Filter;
use super::super::show;
use super::Occasion;
use super::apply::{self, Context};
use super::operator::{self, Operator};
use super::walk::Walk;

/// The parsed operators of one update.
#[derive(Debug)]
pub(in super::super) struct Tree {
    root: Fields,
    renames: Vec<(String, String)>,
    filters: Vec<(String, Filter)>,
    id_path: Option<String>,
}

pub(super) type Fields = BTreeMap<Name, Node>;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf(Operator),
    /// Named fields and indexes; `$` stands for the matched index.
    Fields(Fields),
    /// `$[]` (an empty name) and `$[name]`.
    Elements(BTreeMap<String, Self>),
}

/// A field name; numbers sort as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) String);

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
pub(super) fn index(name: &str) -> Option<usize> {
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
                    tree.add(path, &operator::parse(modifier, path, value, given)?, &mut used)?;
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
        self.add(from, &Operator::RenameAway, used)?;
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
        self.add(to, &Operator::RenameFrom(from.to_owned()), used)
    }

    fn add(&mut self, path: &str, operator: &Operator, used: &mut Vec<String>) -> Result<()> {
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
        let id = document
            .get("_id")
            .map_or_else(|| apply::NO_ID.to_owned(), |id| show::field("_id", id));
        let source = |(from, to): &(String, String)| {
            let source = apply::take_source(document, from, &id)?;
            if source.is_some() {
                apply::check_target(document, to, &id)?;
            }
            if source.is_some() && to == "_id" {
                fail!(
                    IMMUTABLE_FIELD,
                    "Performing an update on the path '_id' would modify the immutable field '_id'"
                );
            }
            Ok(source)
        };
        // What is wrong with one is said when its turn comes.
        let moved = self.renames.iter().map(|pair| (pair.0.as_str(), source(pair))).collect();
        let context = Context { occasion, now: given.now, moved, id };
        let walk = Walk { filters: &self.filters, context: &context };
        walk.fields(&self.root, document, "")?;
        Ok(())
    }
}

fn next_element(parts: &[&str], depth: usize) -> bool {
    parts.get(depth).is_some_and(|part| element_name(part).is_some())
}

pub(super) fn conflict(message: &str) -> ServerError {
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
