//! Aggregation expressions: `{ $add: ["$price", 1] }`, parsed once, evaluated for many documents.
//!
//! Owns the shape of an expression, field paths and variables. `parse.rs` reads them, `special.rs` has
//! the operators that do not evaluate all their arguments, and the other files hold plain functions
//! of values, looked up in `functions.rs`. An operator that is not there is refused.

mod arithmetic;
mod arrays;
mod convert;
mod dates;
mod functions;
mod logic;
mod objects;
mod parse;
mod sets;
mod special;
mod strings;

use std::rc::Rc;

use bson::{Bson, DateTime, Document};

use super::error::Result;
pub(super) use arithmetic::{divide, sum_of};
pub(super) use arrays::window;
pub(super) use dates::format_iso;
use functions::Function;
pub(super) use parse::field_path;
use special::Special;

/// A value or a missing field.
pub(super) type Value = Option<Bson>;

/// What a command gives its expressions: the time and its `let` variables.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// `$$NOW`.
    pub(super) now: DateTime,
    /// The command's `let`.
    pub(super) variables: Document,
}

/// A parsed expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Constant(Value),
    /// A variable and a path into it; `"$a.b"` is `$$CURRENT.a.b`.
    Path(Variable, Vec<String>),
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    Call(Function, Vec<Self>),
    Special(Box<Special>),
}

/// Where a path begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// The document at hand: `$$ROOT` and `$$CURRENT`.
    Root,
    /// A variable bound by `$let`, `$map`, `$filter` or `$reduce`.
    Bound(Rc<str>),
}

/// The bound variables, innermost first, and the document.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    root: &'a Document,
    bound: Option<&'a Binding<'a>>,
}

struct Binding<'a> {
    name: &'a str,
    value: Value,
    outer: Option<&'a Self>,
}

impl<'a> Scope<'a> {
    fn look_up(&self, name: &str) -> Option<&'a Value> {
        let mut binding = self.bound;
        while let Some(found) = binding {
            if found.name == name {
                return Some(&found.value);
            }
            binding = found.outer;
        }
        None
    }
}

impl Expression {
    /// Reads an expression as it stands in a command.
    pub(super) fn parse(source: &Bson, given: &Given) -> Result<Self> {
        let mut parser = parse::Parser::new(given);
        let expression = parser.expression(source)?;
        parser.finish(expression)
    }

    /// The expression's value for a document.
    pub(super) fn evaluate(&self, document: &Document) -> Result<Value> {
        self.in_scope(&Scope { root: document, bound: None })
    }

    fn in_scope(&self, scope: &Scope<'_>) -> Result<Value> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Path(Variable::Root, path) => match path.split_first() {
                None => Some(Bson::Document(scope.root.clone())),
                Some(_) => in_document(scope.root, path),
            },
            Self::Path(Variable::Bound(name), path) => {
                let value = scope.look_up(name).and_then(Option::as_ref);
                match (value, path.is_empty()) {
                    (value, true) => value.cloned(),
                    (Some(Bson::Document(inner)), false) => in_document(inner, path),
                    (Some(Bson::Array(items)), false) => Some(in_array(items, path)),
                    _ => None,
                }
            }
            Self::Object(fields) => {
                let mut object = Document::new();
                for (name, field) in fields {
                    if let Some(value) = field.in_scope(scope)? {
                        object.insert(name, value);
                    }
                }
                Some(Bson::Document(object))
            }
            Self::Array(items) => {
                let items = items.iter().map(|i| Ok(i.in_scope(scope)?.unwrap_or(Bson::Null)));
                Some(Bson::Array(items.collect::<Result<_>>()?))
            }
            Self::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = argument.in_scope(scope)?;
                    if function.stops_at_null && nullish(&value) {
                        (function.call)(&values)?; // what came before may be wrong
                        return Ok(Some(Bson::Null));
                    }
                    values.push(value);
                }
                (function.call)(&values)?
            }
            Self::Special(special) => special.evaluate(scope)?,
        })
    }
}

/// The value at a path, where an array on the way answers with the array of its elements' values.
pub(super) fn in_document(document: &Document, path: &[String]) -> Value {
    let (first, rest) = path.split_first()?;
    let value = document.get(first)?;
    match value {
        value if rest.is_empty() => Some(value.clone()),
        Bson::Document(inner) => in_document(inner, rest),
        Bson::Array(items) => Some(in_array(items, rest)),
        _ => None,
    }
}

fn in_array(items: &[Bson], path: &[String]) -> Bson {
    let inner = items.iter().filter_map(|item| match item {
        Bson::Document(inner) => in_document(inner, path),
        _ => None,
    });
    Bson::Array(inner.collect())
}

/// Null, undefined and missing are one to most functions.
fn nullish(value: &Value) -> bool {
    matches!(value, None | Some(Bson::Null | Bson::Undefined))
}

/// The type's name in an error message.
fn type_name(value: &Value) -> &'static str {
    value.as_ref().map_or("missing", super::show::type_name)
}
