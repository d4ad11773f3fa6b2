//! Operators that bind variables or leave arguments unevaluated: `$cond`, `$let`, `$map` and the like.
//!
//! Owns reading and evaluating those few; everything that just computes from values is a function.
//! Read next: `functions.rs`.

use std::rc::Rc;

use bson::{Bson, Document};

use super::super::error::{FAILED_TO_PARSE, Result, fail};
use super::super::number::truthy;
use super::super::show;
use super::parse::{Parser, variable_name};
use super::{Binding, Expression, Scope, Value, nullish, type_name};

#[derive(Clone, Debug)]
pub(in super::super) enum Special {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Cond { condition: Expression, then: Expression, otherwise: Expression },
    IfNull(Vec<Expression>),
    Switch { branches: Vec<(Expression, Expression)>, default: Option<Expression> },
    Let { variables: Vec<(Rc<str>, Expression)>, body: Expression },
    Map { input: Expression, name: Rc<str>, body: Expression },
    Filter { input: Expression, name: Rc<str>, condition: Expression, limit: Option<Expression> },
    Reduce { input: Expression, initial: Expression, body: Expression },
    Convert(super::convert::Conversion),
}

impl Special {
    /// `None` if the operator is not one of these.
    pub(super) fn parse(
        parser: &mut Parser<'_>,
        name: &str,
        source: &Bson,
    ) -> Result<Option<Self>> {
        Ok(Some(match name {
            "$and" => Self::And(parser.arguments(source)?),
            "$or" => Self::Or(parser.arguments(source)?),
            "$cond" => cond(parser, source)?,
            "$ifNull" => {
                let arguments = parser.arguments(source)?;
                if arguments.len() < 2 {
                    let had = arguments.len();
                    fail!(1_257_300, "$ifNull needs at least two arguments, had: {had}");
                }
                Self::IfNull(arguments)
            }
            "$switch" => switch(parser, source)?,
            "$let" => bind(parser, source)?,
            "$map" => map(parser, source)?,
            "$filter" => filter(parser, source)?,
            "$reduce" => reduce(parser, source)?,
            "$convert" => Self::Convert(super::convert::Conversion::parse(parser, source)?),
            _ => return Ok(None),
        }))
    }

    /// A condition that is a constant has chosen already.
    pub(super) fn folded(self) -> Expression {
        match self {
            Self::Cond { condition: Expression::Constant(value), then, otherwise } => {
                if value.as_ref().is_some_and(truthy) { then } else { otherwise }
            }
            Self::And(parts) if parts.iter().any(|part| is_constant(part, false)) => {
                Expression::Constant(Some(Bson::Boolean(false)))
            }
            Self::Or(parts) if parts.iter().any(|part| is_constant(part, true)) => {
                Expression::Constant(Some(Bson::Boolean(true)))
            }
            other => Expression::Special(Box::new(other)),
        }
    }

    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value> {
        match self {
            Self::And(arguments) => all(arguments, scope, true),
            Self::Or(arguments) => all(arguments, scope, false),
            Self::Cond { condition, then, otherwise } => {
                if is_true(condition, scope)? { then } else { otherwise }.in_scope(scope)
            }
            Self::IfNull(arguments) => {
                let (last, first) = arguments.split_last().expect("two at least");
                for argument in first {
                    let value = argument.in_scope(scope)?;
                    if !nullish(&value) {
                        return Ok(value);
                    }
                }
                last.in_scope(scope)
            }
            Self::Switch { branches, default } => {
                for (case, then) in branches {
                    if is_true(case, scope)? {
                        return then.in_scope(scope);
                    }
                }
                match default {
                    Some(default) => default.in_scope(scope),
                    None if branches.iter().all(|(case, _)| is_constant(case, false)) => fail!(
                        40069,
                        "Cannot execute a switch statement where all the cases evaluate to false \
                         without a default"
                    ),
                    None => fail!(
                        40066,
                        "$switch could not find a matching branch for an input, and no default \
                         was specified."
                    ),
                }
            }
            Self::Let { variables, body } => nested(variables, scope, scope, body),
            Self::Map { input, name, body } => {
                let Some(items) = array("$map", 16883, input, scope)? else {
                    return Ok(Some(Bson::Null));
                };
                let mapped = items.into_iter().map(|item| {
                    let value = with(scope, name, Some(item), |inner| body.in_scope(inner))?;
                    Ok(value.unwrap_or(Bson::Null))
                });
                Ok(Some(Bson::Array(mapped.collect::<Result<_>>()?)))
            }
            Self::Filter { input, name, condition, limit } => {
                evaluate_filter(input, name, condition, limit.as_ref(), scope)
            }
            Self::Reduce { input, initial, body } => evaluate_reduce(input, initial, body, scope),
            Self::Convert(conversion) => conversion.evaluate(scope),
        }
    }
}

/// Whether an expression needs no document to be true, or to be false.
fn is_constant(part: &Expression, wanted: bool) -> bool {
    matches!(part, Expression::Constant(value) if value.as_ref().is_some_and(truthy) == wanted)
}

fn is_true(expression: &Expression, scope: &Scope<'_>) -> Result<bool> {
    Ok(expression.in_scope(scope)?.is_some_and(|value| truthy(&value)))
}

fn all(arguments: &[Expression], scope: &Scope<'_>, wanted: bool) -> Result<Value> {
    for argument in arguments {
        if is_true(argument, scope)? != wanted {
            return Ok(Some(Bson::Boolean(!wanted)));
        }
    }
    Ok(Some(Bson::Boolean(wanted)))
}

/// Evaluates with one more variable.
fn with<T>(
    scope: &Scope<'_>,
    name: &str,
    value: Value,
    body: impl FnOnce(&Scope<'_>) -> Result<T>,
) -> Result<T> {
    let binding = Binding { name, value, outer: scope.bound };
    body(&Scope { root: scope.root, bound: Some(&binding) })
}

/// Binds `$let`'s variables one after the other; each is evaluated outside of the others.
fn nested(
    variables: &[(Rc<str>, Expression)],
    outer: &Scope<'_>,
    scope: &Scope<'_>,
    body: &Expression,
) -> Result<Value> {
    match variables.split_first() {
        None => body.in_scope(scope),
        Some(((name, value), rest)) => {
            let value = value.in_scope(outer)?;
            with(scope, name, value, |inner| nested(rest, outer, inner, body))
        }
    }
}

fn array(
    operator: &str,
    code: i32,
    input: &Expression,
    scope: &Scope<'_>,
) -> Result<Option<Vec<Bson>>> {
    match input.in_scope(scope)? {
        Some(Bson::Array(items)) => Ok(Some(items)),
        value if nullish(&value) => Ok(None),
        value => fail!(code, "input to {operator} must be an array not {}", type_name(&value)),
    }
}

fn evaluate_filter(
    input: &Expression,
    name: &str,
    condition: &Expression,
    limit: Option<&Expression>,
    scope: &Scope<'_>,
) -> Result<Value> {
    let Some(items) = array("$filter", 28651, input, scope)? else {
        return Ok(Some(Bson::Null));
    };
    let mut room = usize::MAX;
    if let Some(limit) = limit {
        let limit = limit.in_scope(scope)?;
        if !nullish(&limit) {
            let wanted = limit.as_ref().and_then(super::super::number::to_i64_exact);
            room = match wanted.map(usize::try_from) {
                Some(Ok(room)) if room > 0 => room,
                _ => fail!(
                    327_392,
                    "$filter: limit must be represented as a positive 32-bit integral value: {}",
                    limit.as_ref().map_or_else(String::new, show::value)
                ),
            };
        }
    }
    let mut kept = Vec::new();
    for item in items {
        if kept.len() == room {
            break;
        }
        if with(scope, name, Some(item.clone()), |inner| is_true(condition, inner))? {
            kept.push(item);
        }
    }
    Ok(Some(Bson::Array(kept)))
}

fn evaluate_reduce(
    input: &Expression,
    initial: &Expression,
    body: &Expression,
    scope: &Scope<'_>,
) -> Result<Value> {
    let items = match input.in_scope(scope)? {
        Some(Bson::Array(items)) => items,
        value if nullish(&value) => return Ok(Some(Bson::Null)),
        value => fail!(
            40080,
            "$reduce requires that 'input' be an array, found: {}",
            value.as_ref().map_or_else(String::new, show::value)
        ),
    };
    items.into_iter().try_fold(initial.in_scope(scope)?, |value, item| {
        with(scope, "value", value, |outer| {
            with(outer, "this", Some(item), |inner| body.in_scope(inner))
        })
    })
}

fn object<'a>(operator: &str, code: i32, source: &'a Bson) -> Result<&'a Document> {
    match source {
        Bson::Document(source) => Ok(source),
        other => fail!(
            code,
            "{operator} only supports an object as its argument, found: {}",
            show::type_name(other)
        ),
    }
}

fn cond(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    if let Bson::Document(named) = source
        && !named.keys().next().is_some_and(|key| key.starts_with('$'))
    {
        if let Some(unknown) = named.keys().find(|k| !matches!(k.as_str(), "if" | "then" | "else"))
        {
            fail!(17083, "Unrecognized parameter to $cond: {unknown}");
        }
        let mut part = |name: &str, code| match named.get(name) {
            Some(part) => parser.expression(part),
            None => fail!(code, "Missing '{name}' parameter to $cond"),
        };
        let (condition, then) = (part("if", 17080)?, part("then", 17081)?);
        return Ok(Special::Cond { condition, then, otherwise: part("else", 17082)? });
    }
    let arguments = parser.arguments(source)?;
    let count = arguments.len();
    let Ok([condition, then, otherwise]) = <[Expression; 3]>::try_from(arguments) else {
        fail!(16020, "Expression $cond takes exactly 3 arguments. {count} were passed in.")
    };
    Ok(Special::Cond { condition, then, otherwise })
}

fn switch(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    let Bson::Document(source) = source else {
        fail!(
            40060,
            "$switch requires an object as an argument, found: {}",
            show::type_name(source)
        )
    };
    let mut branches = Vec::new();
    let mut default = None;
    for (name, value) in source {
        match (name.as_str(), value) {
            ("branches", Bson::Array(items)) => {
                for item in items {
                    branches.push(branch(parser, item)?);
                }
            }
            ("branches", other) => fail!(
                40061,
                "$switch expected an array for 'branches', found: {}",
                show::type_name(other)
            ),
            ("default", value) => default = Some(parser.expression(value)?),
            (other, _) => fail!(40067, "$switch found an unknown argument: {other}"),
        }
    }
    if branches.is_empty() {
        fail!(40068, "$switch requires at least one branch");
    }
    Ok(Special::Switch { branches, default })
}

fn branch(parser: &mut Parser<'_>, source: &Bson) -> Result<(Expression, Expression)> {
    let Bson::Document(source) = source else {
        fail!(
            40062,
            "$switch expected each branch to be an object, found: {}",
            show::type_name(source)
        )
    };
    if let Some(unknown) = source.keys().find(|key| !matches!(key.as_str(), "case" | "then")) {
        fail!(40063, "$switch found an unknown argument to a branch: {unknown}");
    }
    match (source.get("case"), source.get("then")) {
        (Some(case), Some(then)) => Ok((parser.expression(case)?, parser.expression(then)?)),
        (None, _) => fail!(40064, "$switch requires each branch have a 'case' expression"),
        _ => fail!(40065, "$switch requires each branch have a 'then' expression."),
    }
}

fn bind(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    let source = object("$let", 16874, source)?;
    if let Some(unknown) = source.keys().find(|key| !matches!(key.as_str(), "vars" | "in")) {
        fail!(16875, "Unrecognized parameter to $let: {unknown}");
    }
    let Some(vars) = source.get("vars") else { fail!(16876, "Missing 'vars' parameter to $let") };
    let Some(body) = source.get("in") else { fail!(16877, "Missing 'in' parameter to $let") };
    let Bson::Document(vars) = vars else {
        fail!(10065, "invalid parameter: expected an object (vars)")
    };
    let mut variables = Vec::with_capacity(vars.len());
    for (name, value) in vars {
        variables.push((variable_name(name)?, parser.expression(value)?));
    }
    let names: Vec<Rc<str>> = variables.iter().map(|(name, _)| Rc::clone(name)).collect();
    let body = parser.with_variables(&names, body)?;
    Ok(Special::Let { variables, body })
}

/// The name after `as`, or `this`.
fn loop_variable(source: &Document) -> Result<Rc<str>> {
    match source.get("as") {
        None => Ok("this".into()),
        Some(Bson::String(name)) => variable_name(name),
        Some(other) => {
            fail!(FAILED_TO_PARSE, "'as' must be a string, found: {}", show::type_name(other))
        }
    }
}

fn map(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    let source = object("$map", 16878, source)?;
    if let Some(unknown) = source.keys().find(|k| !matches!(k.as_str(), "input" | "as" | "in")) {
        fail!(16879, "Unrecognized parameter to $map: {unknown}");
    }
    let Some(input) = source.get("input") else {
        fail!(16880, "Missing 'input' parameter to $map")
    };
    let Some(body) = source.get("in") else { fail!(16882, "Missing 'in' parameter to $map") };
    let input = parser.expression(input)?;
    let name = loop_variable(source)?;
    let body = parser.with_variables(&[Rc::clone(&name)], body)?;
    Ok(Special::Map { input, name, body })
}

fn filter(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    let source = object("$filter", 28646, source)?;
    let known = ["input", "as", "cond", "limit"];
    if let Some(unknown) = source.keys().find(|key| !known.contains(&key.as_str())) {
        fail!(28647, "Unrecognized parameter to $filter: {unknown}");
    }
    let Some(input) = source.get("input") else {
        fail!(28648, "Missing 'input' parameter to $filter")
    };
    let Some(condition) = source.get("cond") else {
        fail!(28650, "Missing 'cond' parameter to $filter")
    };
    let input = parser.expression(input)?;
    let name = loop_variable(source)?;
    let condition = parser.with_variables(&[Rc::clone(&name)], condition)?;
    let limit = source.get("limit").map(|limit| parser.expression(limit)).transpose()?;
    Ok(Special::Filter { input, name, condition, limit })
}

fn reduce(parser: &mut Parser<'_>, source: &Bson) -> Result<Special> {
    let Bson::Document(source) = source else {
        fail!(
            40075,
            "$reduce requires an object as an argument, found: {}",
            show::type_name(source)
        )
    };
    let known = ["input", "initialValue", "in"];
    if let Some(unknown) = source.keys().find(|key| !known.contains(&key.as_str())) {
        fail!(40076, "$reduce found an unknown argument: {unknown}");
    }
    let part = |name: &str, code| match source.get(name) {
        Some(part) => Ok(part),
        None => fail!(code, "$reduce requires '{name}' to be specified"),
    };
    let input = parser.expression(part("input", 40077)?)?;
    let initial = parser.expression(part("initialValue", 40078)?)?;
    let body = parser.with_variables(&["value".into(), "this".into()], part("in", 40079)?)?;
    Ok(Special::Reduce { input, initial, body })
}
