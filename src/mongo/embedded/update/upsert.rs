//! What an upsert knows of the document it inserts: the equalities of its query.
//!
//! Owns which parts of a query count as equalities, and the objection when two of them speak of the
//! same path. Read next: `mod.rs`, which applies the update on top.

use bson::{Bson, Document};

use super::super::error::{Result, fail};
use super::super::path::Path;
use super::super::query::{Comparison, Filter, Test};

const NOT_SINGLE_VALUE_FIELD: i32 = 54;

/// All equalities of the query as a document.
pub(super) fn start(query: &Filter) -> Result<Document> {
    let mut found: Vec<(&Path, &Bson)> = Vec::new();
    if !impossible(query) {
        collect(query, &mut found);
    }
    // mongod sorts a query before it looks at it.
    found.sort_by_key(|(path, _)| path.as_str());
    check(&found)?;
    let mut document = Document::new();
    for (path, value) in found {
        let names: Vec<&str> = path.as_str().split('.').collect();
        place(&mut document, &names, value.clone());
    }
    Ok(document)
}

/// The `_id` alone, for a replacement.
pub(super) fn only_id(query: &Filter) -> Result<Document> {
    let mut document = start(query)?;
    document.retain_id();
    Ok(document)
}

trait RetainId {
    fn retain_id(&mut self);
}

impl RetainId for Document {
    fn retain_id(&mut self) {
        let id = self.remove("_id");
        self.clear();
        if let Some(id) = id {
            self.insert("_id", id);
        }
    }
}

/// A query that nothing can match says nothing about what is missing.
fn impossible(query: &Filter) -> bool {
    let never = |test: &Test| match test {
        Test::Never => true,
        Test::In(values, patterns) => values.is_empty() && patterns.is_empty(),
        _ => false,
    };
    match query {
        Filter::All(children) => children.iter().any(impossible),
        Filter::Field(_, Test::All(tests)) => tests.iter().any(never),
        Filter::Field(_, test) => never(test),
        _ => false,
    }
}

fn collect<'a>(query: &'a Filter, found: &mut Vec<(&'a Path, &'a Bson)>) {
    match query {
        Filter::All(children) => children.iter().for_each(|child| collect(child, found)),
        Filter::Any(children) if children.len() == 1 => collect(&children[0], found),
        Filter::Field(path, test) => collect_test(path, test, found),
        _ => {}
    }
}

fn collect_test<'a>(path: &'a Path, test: &'a Test, found: &mut Vec<(&'a Path, &'a Bson)>) {
    let value = match test {
        Test::Compare(Comparison::Equal, value) => value,
        Test::In(values, patterns) if values.len() == 1 && patterns.is_empty() => &values[0],
        Test::All(tests) => {
            return tests.iter().for_each(|test| collect_test(path, test, found));
        }
        _ => return,
    };
    found.push((path, value));
}

/// Two equalities may not speak of one path, nor of a path and what is inside it.
fn check(found: &[(&Path, &Bson)]) -> Result<()> {
    for (i, (path, _)) in found.iter().enumerate() {
        for (other, _) in &found[..i] {
            let (new, old) = (path.as_str(), other.as_str());
            if new == old {
                fail!(
                    NOT_SINGLE_VALUE_FIELD,
                    "cannot infer query fields to set, path '{new}' is matched twice"
                );
            }
            let inside =
                |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
            if inside(new, old) || inside(old, new) {
                fail!(
                    NOT_SINGLE_VALUE_FIELD,
                    "cannot infer query fields to set, both paths '{new}' and '{old}' are matched"
                );
            }
        }
    }
    Ok(())
}

fn place(document: &mut Document, names: &[&str], value: Bson) {
    match names {
        [name] => {
            document.insert(*name, value);
        }
        [name, rest @ ..] => {
            let inner = document.entry(*name).or_insert(Bson::Document(Document::new()));
            if let Bson::Document(inner) = inner {
                place(inner, rest, value);
            }
        }
        [] => {}
    }
}
