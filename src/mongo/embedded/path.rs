//! Dotted paths: where `a.b.0.c` leads in a document, through arrays and all.
//!
//! Owns the walk with implicit arrays that queries, indexes and sorting share: a path may lead to
//! many places, to a missing one, or nowhere. Read next: `query/matches.rs`, which asks a question at
//! each place.

use bson::{Bson, Document};

/// A dotted path, split once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    parts: Vec<Part>,
}

/// One name of a path; it may be a number too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) index: Option<usize>,
}

/// What a path found, and the index of the outermost array element it went through on its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) value: Option<&'a Bson>,
    pub(super) offset: Option<usize>,
}

/// What an array at the end of a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// Each of its elements, and then the array itself.
    Spread,
    /// Only the array.
    Whole,
}

/// Answers true to end the walk.
type Visit<'v, 'a> = &'v mut dyn FnMut(Place<'a>) -> bool;

/// The number a path component spells, if it is one without leading zeros.
pub(super) fn array_index(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with('0');
    (plain && !name.is_empty() && name.len() < 10 && name.bytes().all(|b| b.is_ascii_digit()))
        .then(|| name.parse().expect("up to nine digits"))
}

impl Path {
    pub(super) fn new(text: &str) -> Self {
        let part = |name: &str| Part { name: name.to_owned(), index: array_index(name) };
        Self { text: text.to_owned(), parts: text.split('.').map(part).collect() }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the path leads to anything at all.
    pub(super) fn exists_in(&self, document: &Document) -> bool {
        self.visit(document, Leaf::Whole, &mut |place: Place<'_>| place.value.is_some())
    }

    /// Visits every place the path leads to until `visit` answers true, and says whether it did.
    pub(super) fn visit<'a>(
        &self,
        document: &'a Document,
        leaf: Leaf,
        visit: Visit<'_, 'a>,
    ) -> bool {
        in_document(document, &self.parts, leaf, None, visit)
    }
}

fn in_document<'a>(
    document: &'a Document,
    parts: &[Part],
    leaf: Leaf,
    offset: Option<usize>,
    visit: Visit<'_, 'a>,
) -> bool {
    let (first, rest) = parts.split_first().expect("a path has at least one part");
    match document.get(&first.name) {
        Some(array @ Bson::Array(items)) => in_array(array, items, rest, leaf, offset, visit),
        value if rest.is_empty() => visit(Place { value, offset }),
        Some(Bson::Document(inner)) => in_document(inner, rest, leaf, offset, visit),
        _ => visit(Place { value: None, offset }),
    }
}

/// An array on the way: every embedded document may continue the path, and so may the element
/// whose index the path names.
fn in_array<'a>(
    array: &'a Bson,
    items: &'a [Bson],
    rest: &[Part],
    leaf: Leaf,
    offset: Option<usize>,
    visit: Visit<'_, 'a>,
) -> bool {
    let Some((next, beyond)) = rest.split_first() else {
        let spread = leaf == Leaf::Spread
            && items
                .iter()
                .enumerate()
                .any(|(i, item)| visit(Place { value: Some(item), offset: offset.or(Some(i)) }));
        return spread || visit(Place { value: Some(array), offset });
    };
    items.iter().enumerate().any(|(i, item)| {
        let here = offset.or(Some(i));
        if let Bson::Document(inner) = item
            && in_document(inner, rest, leaf, here, visit)
        {
            return true;
        }
        if next.index != Some(i) {
            return false;
        }
        match item {
            _ if beyond.is_empty() => visit(Place { value: Some(item), offset }),
            Bson::Document(inner) => in_document(inner, beyond, leaf, here, visit),
            Bson::Array(nested) => in_array(item, nested, beyond, leaf, here, visit),
            _ => false,
        }
    })
}
