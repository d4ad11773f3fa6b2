//! Strings in expressions: joining, cutting, trimming, searching.
//!
//! Case is changed for ASCII letters only, as mongod does. Read next: `functions.rs` for the names.

use bson::Bson;

use super::super::error::{Result, fail};
use super::super::number;
use super::super::query::Pattern;
use super::{Value, convert, nullish, type_name};

const NULL: Result<Value> = Ok(Some(Bson::Null));

fn text(value: impl Into<String>) -> Result<Value> {
    Ok(Some(Bson::String(value.into())))
}

fn count(value: usize) -> Result<Value> {
    Ok(Some(number::integer(value as i64)))
}

pub(super) fn concat(arguments: &[Value]) -> Result<Value> {
    let mut joined = String::new();
    for argument in arguments {
        match argument {
            value if nullish(value) => return NULL,
            Some(Bson::String(part)) => joined.push_str(part),
            other => fail!(16702, "$concat only supports strings, not {}", type_name(other)),
        }
    }
    text(joined)
}

/// A value that is, or can be written as, a string; null is the empty one.
fn coerce(value: &Value) -> Result<String> {
    Ok(match value {
        value if nullish(value) => String::new(),
        Some(Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text)) => text.clone(),
        Some(Bson::DateTime(when)) => super::dates::format_iso(*when),
        Some(value) if number::is_number(value) => convert::number_text(value),
        Some(Bson::Timestamp(at)) => format!("Timestamp({}, {})", at.time, at.increment),
        other => fail!(16007, "can't convert from BSON type {} to String", type_name(other)),
    })
}

pub(super) fn to_upper(arguments: &[Value]) -> Result<Value> {
    text(coerce(&arguments[0])?.to_ascii_uppercase())
}

pub(super) fn to_lower(arguments: &[Value]) -> Result<Value> {
    text(coerce(&arguments[0])?.to_ascii_lowercase())
}

pub(super) fn compare_ignoring_case(arguments: &[Value]) -> Result<Value> {
    let lower = |value| Ok(coerce(value)?.to_ascii_lowercase());
    let order = lower(&arguments[0])?.cmp(&lower(&arguments[1])?);
    Ok(Some(Bson::Int32(order as i32)))
}

fn string<'a>(operator: &str, code: i32, value: &'a Value) -> Result<&'a str> {
    match value {
        Some(Bson::String(text)) => Ok(text),
        other => fail!(code, "{operator} requires a string argument, found: {}", type_name(other)),
    }
}

pub(super) fn length_code_points(arguments: &[Value]) -> Result<Value> {
    count(string("$strLenCP", 34471, &arguments[0])?.chars().count())
}

pub(super) fn length_bytes(arguments: &[Value]) -> Result<Value> {
    count(string("$strLenBytes", 34473, &arguments[0])?.len())
}

fn bound(operator: &str, code: i32, what: &str, value: &Value) -> Result<i64> {
    match value {
        Some(value) if number::is_number(value) => {
            Ok(number::to_i64_saturating(value).unwrap_or(0))
        }
        other => fail!(
            code,
            "{operator}:  {what} must be a numeric type (is BSON type {})",
            type_name(other)
        ),
    }
}

pub(super) fn substring_bytes(arguments: &[Value]) -> Result<Value> {
    let source = coerce(&arguments[0])?;
    let start = bound("$substrBytes", 16034, "starting index", &arguments[1])?;
    let length = bound("$substrBytes", 16035, "length", &arguments[2])?;
    let Ok(start) = usize::try_from(start) else {
        fail!(50752, "$substrBytes:  starting index must be non-negative (got: {start})")
    };
    if start >= source.len() {
        return text("");
    }
    let end = usize::try_from(length)
        .map_or(source.len(), |length| start.saturating_add(length).min(source.len()));
    if !source.is_char_boundary(start) {
        fail!(28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte.");
    }
    match source.get(start..end) {
        Some(part) => text(part),
        None => fail!(
            28657,
            "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character."
        ),
    }
}

pub(super) fn substring_code_points(arguments: &[Value]) -> Result<Value> {
    let source = coerce(&arguments[0])?;
    let start = bound("$substrCP", 34450, "starting index", &arguments[1])?;
    let length = bound("$substrCP", 34452, "length", &arguments[2])?;
    let (Ok(start), Ok(length)) = (usize::try_from(start), usize::try_from(length)) else {
        if start < 0 {
            fail!(34455, "$substrCP: the starting index must be nonnegative integer.");
        }
        fail!(34454, "$substrCP: length must be a nonnegative integer.")
    };
    text(source.chars().skip(start).take(length).collect::<String>())
}

pub(super) fn split(arguments: &[Value]) -> Result<Value> {
    if nullish(&arguments[0]) || nullish(&arguments[1]) {
        return NULL;
    }
    let Some(Bson::String(source)) = &arguments[0] else {
        fail!(
            40085,
            "$split requires an expression that evaluates to a string as a first argument, found: {}",
            type_name(&arguments[0])
        )
    };
    let Some(Bson::String(separator)) = &arguments[1] else {
        fail!(
            40086,
            "$split requires an expression that evaluates to a string as a second argument, \
             found: {}",
            type_name(&arguments[1])
        )
    };
    if separator.is_empty() {
        fail!(40087, "$split requires a non-empty separator");
    }
    let parts = source.split(separator.as_str()).map(|part| Bson::String(part.to_owned()));
    Ok(Some(Bson::Array(parts.collect())))
}

pub(super) fn index_of_code_point(arguments: &[Value]) -> Result<Value> {
    if nullish(&arguments[0]) {
        return NULL;
    }
    let Some(Bson::String(source)) = &arguments[0] else {
        fail!(
            40093,
            "$indexOfCP requires a string as the first argument, found: {}",
            type_name(&arguments[0])
        )
    };
    let Some(Bson::String(wanted)) = &arguments[1] else {
        fail!(
            40094,
            "$indexOfCP requires a string as the second argument, found: {}",
            type_name(&arguments[1])
        )
    };
    let position = |i: usize, default: usize| {
        let value = arguments.get(i).and_then(Option::as_ref);
        value
            .and_then(number::to_i64_exact)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(default)
    };
    let (start, end) = (position(2, 0), position(3, usize::MAX));
    let window: String = source.chars().take(end).skip(start).collect();
    let found = window.find(wanted.as_str()).map(|at| window[..at].chars().count() + start);
    if start > source.chars().count() {
        return Ok(Some(Bson::Int32(-1)));
    }
    found.map_or(Ok(Some(Bson::Int32(-1))), count)
}

fn trimmed(operator: &str, arguments: &[Value], left: bool, right: bool) -> Result<Value> {
    let (input, chars) = (&arguments[0], &arguments[1]);
    if nullish(input) {
        return NULL;
    }
    let Some(Bson::String(source)) = input else {
        fail!(
            50699,
            "{operator} requires its input to be a string, got {} (of type {}) instead.",
            input.as_ref().map_or_else(String::new, super::super::show::value),
            type_name(input)
        )
    };
    let set: Vec<char> = match chars {
        None => "\0 \t\n\u{b}\u{c}\r\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}".chars().collect(),
        Some(Bson::String(set)) => set.chars().collect(),
        value if nullish(value) => return NULL,
        Some(other) => fail!(
            50700,
            "{operator} requires 'chars' to be a string, got {} (of type {}) instead.",
            super::super::show::value(other),
            super::super::show::type_name(other)
        ),
    };
    let mut rest = source.as_str();
    if left {
        rest = rest.trim_start_matches(set.as_slice());
    }
    if right {
        rest = rest.trim_end_matches(set.as_slice());
    }
    text(rest)
}

pub(super) fn trim(arguments: &[Value]) -> Result<Value> {
    trimmed("$trim", arguments, true, true)
}

pub(super) fn trim_left(arguments: &[Value]) -> Result<Value> {
    trimmed("$ltrim", arguments, true, false)
}

pub(super) fn trim_right(arguments: &[Value]) -> Result<Value> {
    trimmed("$rtrim", arguments, false, true)
}

fn replaced(operator: &str, arguments: &[Value], limit: usize) -> Result<Value> {
    let mut parts = Vec::new();
    for (argument, (name, code)) in
        arguments.iter().zip([("input", 51746), ("find", 51745), ("replacement", 51744)])
    {
        match argument {
            value if nullish(value) => parts.push(None),
            Some(Bson::String(part)) => parts.push(Some(part.as_str())),
            other => fail!(
                code,
                "{operator} requires that '{name}' be a string, found: {}",
                other.as_ref().map_or_else(String::new, super::super::show::value)
            ),
        }
    }
    match parts.as_slice() {
        [Some(input), Some(find), Some(with)] => text(input.replacen(find, with, limit)),
        _ => NULL,
    }
}

pub(super) fn replace_one(arguments: &[Value]) -> Result<Value> {
    replaced("$replaceOne", arguments, 1)
}

pub(super) fn replace_all(arguments: &[Value]) -> Result<Value> {
    replaced("$replaceAll", arguments, usize::MAX)
}

pub(super) fn regex_match(arguments: &[Value]) -> Result<Value> {
    let [input, regex, options] = arguments else { unreachable!("three arguments were named") };
    let options = match options {
        Some(Bson::String(options)) => options.as_str(),
        value if nullish(value) => "",
        _ => fail!(51106, "$regexMatch needs 'options' to be of type string"),
    };
    let pattern = match regex {
        Some(Bson::String(pattern)) => Pattern::new(pattern, options)?,
        Some(Bson::RegularExpression(regex)) => {
            let own = regex.options.as_str();
            Pattern::new(regex.pattern.as_str(), if own.is_empty() { options } else { own })?
        }
        value if nullish(value) => return Ok(Some(Bson::Boolean(false))),
        _ => fail!(51105, "$regexMatch needs 'regex' to be of type string or regex"),
    };
    match input {
        Some(Bson::String(_) | Bson::Symbol(_)) => {
            let matched = input.as_ref().is_some_and(|value| pattern.matches(value));
            Ok(Some(Bson::Boolean(matched)))
        }
        value if nullish(value) => Ok(Some(Bson::Boolean(false))),
        _ => fail!(51104, "$regexMatch needs 'input' to be of type string"),
    }
}
