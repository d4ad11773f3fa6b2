//! Reading expressions: field paths, variables, literals and operators.
//!
//! Owns which variables are in scope while reading, so that an undefined one is an error before any
//! document is touched. Read next: `functions.rs` and `special.rs` for the operators.

use std::rc::Rc;

use bson::{Bson, Document};

use super::super::error::{FAILED_TO_PARSE, INVALID_PIPELINE_OPERATOR, Result, ServerError, fail};
use super::special::Special;
use super::{Expression, Given, Value, Variable, functions, in_document};

pub(super) struct Parser<'g> {
    given: &'g Given,
    bound: Vec<Rc<str>>,
    /// The first thing wrong with a constant part. mongod computes those once, beforehand, and
    /// then complains even if nobody would have asked for the result.
    wrong: Option<ServerError>,
}

impl<'g> Parser<'g> {
    pub(super) fn new(given: &'g Given) -> Self {
        Self { given, bound: Vec::new(), wrong: None }
    }

    /// The expression, unless a constant part of it cannot be computed.
    pub(super) fn finish(self, expression: Expression) -> Result<Expression> {
        match self.wrong {
            Some(error) => Err(error),
            None => Ok(expression),
        }
    }

    /// Computes what needs no document.
    fn fold(&mut self, expression: Expression) -> Expression {
        let constant = |part: &Expression| matches!(part, Expression::Constant(_));
        let foldable = match &expression {
            Expression::Call(_, parts) | Expression::Array(parts) => parts.iter().all(constant),
            Expression::Object(fields) => fields.iter().all(|(_, part)| constant(part)),
            _ => false,
        };
        if !foldable {
            return expression;
        }
        match expression.evaluate(&Document::new()) {
            Ok(value) => Expression::Constant(value),
            Err(error) => {
                self.wrong.get_or_insert(error);
                expression
            }
        }
    }

    pub(super) fn expression(&mut self, source: &Bson) -> Result<Expression> {
        match source {
            Bson::String(text) if text.starts_with('$') => self.path(text),
            Bson::Document(document) => self.document(document),
            Bson::Array(items) => {
                let items = items.iter().map(|item| self.expression(item));
                let array = Expression::Array(items.collect::<Result<_>>()?);
                Ok(self.fold(array))
            }
            value => Ok(Expression::Constant(Some(value.clone()))),
        }
    }

    fn document(&mut self, document: &Document) -> Result<Expression> {
        if let Some((name, arguments)) = document.iter().next()
            && name.starts_with('$')
        {
            if document.len() > 1 {
                fail!(
                    15983,
                    "An object representing an expression must have exactly one field: {}",
                    super::super::show::document(document)
                );
            }
            return self.operator(name, arguments);
        }
        let mut fields = Vec::with_capacity(document.len());
        for (name, value) in document {
            if name.starts_with('$') {
                fail!(
                    16410,
                    "FieldPath field names may not start with '$'. Consider using $getField or \
                     $setField."
                );
            }
            if name.contains('.') {
                fail!(
                    16412,
                    "FieldPath field names may not contain '.'. Consider using $getField or $setField."
                );
            }
            fields.push((name.clone(), self.expression(value)?));
        }
        Ok(self.fold(Expression::Object(fields)))
    }

    pub(super) fn operator(&mut self, name: &str, arguments: &Bson) -> Result<Expression> {
        if matches!(name, "$literal" | "$const") {
            return Ok(Expression::Constant(Some(arguments.clone())));
        }
        if let Some(special) = Special::parse(self, name, arguments)? {
            return Ok(special.folded());
        }
        let Some(function) = functions::look_up(name) else {
            fail!(INVALID_PIPELINE_OPERATOR, "Unrecognized expression '{name}'")
        };
        let arguments = if name == "$getField" && !matches!(arguments, Bson::Document(_)) {
            // The short form: a name, read from the document at hand.
            vec![self.expression(arguments)?, Expression::Path(Variable::Root, Vec::new())]
        } else if let Some(named) = function.named {
            self.named_arguments(name, named, arguments)?
        } else {
            self.arguments(arguments)?
        };
        functions::check_arity(name, &function, arguments.len())?;
        let mut arguments = arguments;
        if function.commutes {
            // As mongod does: what is known beforehand is looked at last.
            arguments.sort_by_key(|part| matches!(part, Expression::Constant(_)));
        }
        Ok(self.fold(Expression::Call(function, arguments)))
    }

    /// An array is a list of arguments; anything else is one argument.
    pub(super) fn arguments(&mut self, source: &Bson) -> Result<Vec<Expression>> {
        match source {
            Bson::Array(items) => items.iter().map(|item| self.expression(item)).collect(),
            one => Ok(vec![self.expression(one)?]),
        }
    }

    /// `{ input: .., chars: .. }` in the order of the function's own list; absent ones are missing.
    fn named_arguments(
        &mut self,
        name: &str,
        names: &[&str],
        source: &Bson,
    ) -> Result<Vec<Expression>> {
        let Bson::Document(source) = source else {
            fail!(50696, "{name} only supports an object as an argument")
        };
        if let Some(unknown) = source.keys().find(|key| !names.contains(&key.as_str())) {
            fail!(50694, "{name} found an unknown argument: {unknown}");
        }
        names
            .iter()
            .map(|wanted| match source.get(wanted) {
                Some(value) => self.expression(value),
                None => Ok(Expression::Constant(None)),
            })
            .collect()
    }

    /// `"$a.b"`, `"$$name"` or `"$$name.a.b"`.
    fn path(&mut self, text: &str) -> Result<Expression> {
        let Some(variable) = text.strip_prefix("$$") else {
            return Ok(Expression::Path(Variable::Root, field_path(&text[1..])?));
        };
        let (name, path) = match variable.split_once('.') {
            Some((name, path)) => (name, field_path(path)?),
            None => (variable, Vec::new()),
        };
        if name.is_empty() {
            fail!(FAILED_TO_PARSE, "empty variable names are not allowed");
        }
        if let Some(bound) = self.bound.iter().find(|bound| &***bound == name) {
            return Ok(Expression::Path(Variable::Bound(Rc::clone(bound)), path));
        }
        let constant = |value: Value| match (value, path.is_empty()) {
            (Some(Bson::Document(inner)), false) => in_document(&inner, &path),
            (value, true) => value,
            _ => None,
        };
        Ok(match name {
            "ROOT" | "CURRENT" => Expression::Path(Variable::Root, path),
            "NOW" => Expression::Constant(constant(Some(Bson::DateTime(self.given.now)))),
            "REMOVE" => Expression::Constant(None),
            name => match self.given.variables.get(name) {
                Some(value) => Expression::Constant(constant(Some(value.clone()))),
                None => fail!(17276, "Use of undefined variable: {name}"),
            },
        })
    }

    /// Reads `source` with some more names in scope.
    pub(super) fn with_variables(
        &mut self,
        names: &[Rc<str>],
        source: &Bson,
    ) -> Result<Expression> {
        let before = self.bound.len();
        self.bound.extend(names.iter().rev().map(Rc::clone));
        self.bound.rotate_right(names.len());
        let expression = self.expression(source);
        self.bound.drain(..names.len());
        debug_assert_eq!(self.bound.len(), before, "every name bound here is released here");
        expression
    }
}

/// A name that users may give to a variable.
pub(super) fn variable_name(name: &str) -> Result<Rc<str>> {
    match name.chars().next() {
        None => fail!(FAILED_TO_PARSE, "empty variable names are not allowed"),
        Some(first) if first.is_ascii_lowercase() || !first.is_ascii() => {}
        Some(_) if name == "CURRENT" => {}
        Some(_) => fail!(
            FAILED_TO_PARSE,
            "'{name}' starts with an invalid character for a user variable name"
        ),
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        fail!(
            FAILED_TO_PARSE,
            "'{name}' contains an invalid character for a variable name: '{bad}'"
        );
    }
    Ok(name.into())
}

/// The names of a dotted field path, checked.
pub(in super::super) fn field_path(text: &str) -> Result<Vec<String>> {
    if text.is_empty() {
        fail!(16872, "'$' by itself is not a valid FieldPath");
    }
    if text.ends_with('.') {
        fail!(40353, "FieldPath must not end with a '.'.");
    }
    let names: Vec<String> = text.split('.').map(str::to_owned).collect();
    for name in &names {
        if name.is_empty() {
            fail!(15998, "FieldPath field names may not be empty strings.");
        }
        if name.starts_with('$') {
            fail!(
                16410,
                "FieldPath field names may not start with '$'. Consider using $getField or \
                 $setField."
            );
        }
        if name.contains('\0') {
            fail!(16411, "FieldPath field names may not contain '\\0'.");
        }
    }
    Ok(names)
}
