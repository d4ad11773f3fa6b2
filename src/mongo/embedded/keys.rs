//! The keys of a document: what an index stores for it, and what sorting compares.
//!
//! Owns the rule for arrays: each element makes a key of its own, fields below the same array go
//! together, and two different arrays in one key are refused. Read next: `sort.rs`, `index.rs`.

use bson::{Bson, Document};

use super::compare::Ordered;
use super::error::{CANNOT_INDEX_PARALLEL_ARRAYS, Result, fail};
use super::path::{Part, Path};

/// One key: a value for each path.
pub(super) type Key = Vec<Ordered>;

/// The keys of a document, without duplicates, and whether an array made them several.
pub(super) struct Keys {
    pub(super) keys: Vec<Key>,
    pub(super) multikey: bool,
}

/// How far one path has been followed.
#[derive(Clone, Copy)]
enum State<'a> {
    Done(&'a Bson),
    /// Below `array`, with the rest of the path to go in each element.
    AtArray {
        array: &'a Vec<Bson>,
        rest: &'a [Part],
    },
}

const NULL: &Bson = &Bson::Null;
const UNDEFINED: &Bson = &Bson::Undefined;

/// All keys of `document` for the paths of an index.
pub(super) fn of(document: &Document, paths: &[&Path]) -> Result<Keys> {
    let states: Vec<State<'_>> =
        paths.iter().map(|path| in_document(document, path.parts())).collect();
    let mut found = Keys { keys: Vec::with_capacity(1), multikey: false };
    expand(&states, paths, &mut found)?;
    if found.multikey {
        found.keys.sort();
        found.keys.dedup();
    }
    Ok(found)
}

fn in_document<'a>(document: &'a Document, parts: &'a [Part]) -> State<'a> {
    let (first, rest) = parts.split_first().expect("a path has at least one part");
    follow(document.get(&first.name), rest)
}

fn follow<'a>(value: Option<&'a Bson>, rest: &'a [Part]) -> State<'a> {
    match (value, rest.first()) {
        (None, _) => State::Done(NULL),
        // A number in the path means that very element.
        (Some(Bson::Array(items)), Some(Part { index: Some(i), .. })) => {
            follow(items.get(*i), &rest[1..])
        }
        (Some(Bson::Array(array)), _) => State::AtArray { array, rest },
        (Some(value), None) => State::Done(value),
        (Some(Bson::Document(inner)), Some(_)) => in_document(inner, rest),
        (Some(_), Some(_)) => State::Done(NULL),
    }
}

fn expand(states: &[State<'_>], paths: &[&Path], found: &mut Keys) -> Result<()> {
    let mut arrays = states.iter().zip(paths).filter_map(|(state, path)| match state {
        State::AtArray { array, rest } => Some((*array, last_name(path, rest))),
        State::Done(_) => None,
    });
    let Some((array, name)) = arrays.next() else {
        let value = |state: &State<'_>| match state {
            State::Done(value) => Ordered((*value).clone()),
            State::AtArray { .. } => unreachable!("no state is at an array"),
        };
        found.keys.push(states.iter().map(value).collect());
        return Ok(());
    };
    if let Some((_, other)) = arrays.find(|(other, _)| !std::ptr::eq(*other, array)) {
        fail!(CANNOT_INDEX_PARALLEL_ARRAYS, "cannot index parallel arrays [{other}] [{name}]");
    }
    found.multikey = true;
    if array.is_empty() {
        let empty = |rest: &[Part]| if rest.is_empty() { UNDEFINED } else { NULL };
        return expand(&step(states, |rest| State::Done(empty(rest))), paths, found);
    }
    array.iter().try_for_each(|item| {
        let states = step(states, |rest| match item {
            item if rest.is_empty() => State::Done(item),
            Bson::Document(inner) => in_document(inner, rest),
            _ => State::Done(NULL),
        });
        expand(&states, paths, found)
    })
}

/// What the array is called where it was found.
fn last_name<'a>(path: &'a Path, rest: &[Part]) -> &'a str {
    let parts = path.parts();
    &parts[parts.len() - rest.len() - 1].name
}

fn step<'a>(states: &[State<'a>], next: impl Fn(&'a [Part]) -> State<'a>) -> Vec<State<'a>> {
    let advance = |state: &State<'a>| match state {
        State::Done(value) => State::Done(value),
        State::AtArray { rest, .. } => next(rest),
    };
    states.iter().map(advance).collect()
}
