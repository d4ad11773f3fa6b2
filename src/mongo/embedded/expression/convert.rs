//! From one type to another: `$convert`, its shorthands such as `$toInt`, and `$type`.
//!
//! Owns which conversions exist and how numbers are written as text. Read next: `dates.rs` for how
//! dates are.

use bson::oid::ObjectId;
use bson::{Bson, DateTime};

use super::super::decimal::Decimal;
use super::super::error::{CONVERSION_FAILURE, FAILED_TO_PARSE, Result, ServerError, fail};
use super::super::{number, show};
use super::parse::Parser;
use super::{Expression, Scope, Value, nullish, type_name};

/// `$convert` with its two ways out.
#[derive(Clone, Debug)]
pub(in super::super) struct Conversion {
    input: Expression,
    to: Expression,
    on_error: Option<Expression>,
    on_null: Option<Expression>,
}

impl Conversion {
    pub(super) fn parse(parser: &mut Parser<'_>, source: &Bson) -> Result<Self> {
        let Bson::Document(source) = source else {
            fail!(
                FAILED_TO_PARSE,
                "$convert expects an object of named arguments but found: {}",
                show::type_name(source)
            )
        };
        let known = ["input", "to", "onError", "onNull"];
        if let Some(unknown) = source.keys().find(|key| !known.contains(&key.as_str())) {
            fail!(FAILED_TO_PARSE, "$convert found an unknown argument: {unknown}");
        }
        let mut part = |name| source.get(name).map(|part| parser.expression(part)).transpose();
        let missing = |name| {
            let message = format!("Missing '{name}' parameter to $convert");
            ServerError::new(FAILED_TO_PARSE, message)
        };
        Ok(Self {
            input: part("input")?.ok_or_else(|| missing("input"))?,
            to: part("to")?.ok_or_else(|| missing("to"))?,
            on_error: part("onError")?,
            on_null: part("onNull")?,
        })
    }

    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value> {
        let input = self.input.in_scope(scope)?;
        let to = self.to.in_scope(scope)?;
        if nullish(&input) {
            return match &self.on_null {
                Some(otherwise) => otherwise.in_scope(scope),
                None => Ok(Some(Bson::Null)),
            };
        }
        let converted = match &to {
            value if nullish(value) => return Ok(Some(Bson::Null)),
            Some(to) => convert(&input, &target(to)?),
            None => unreachable!("null was answered above"),
        };
        match (converted, &self.on_error) {
            (Err(error), Some(otherwise)) if error.code == CONVERSION_FAILURE => {
                otherwise.in_scope(scope)
            }
            (converted, _) => converted,
        }
    }
}

fn target(to: &Bson) -> Result<String> {
    match to {
        Bson::String(name) => Ok(name.clone()),
        code => match number::to_i64_exact(code) {
            Some(1) => Ok("double".to_owned()),
            Some(2) => Ok("string".to_owned()),
            Some(7) => Ok("objectId".to_owned()),
            Some(8) => Ok("bool".to_owned()),
            Some(9) => Ok("date".to_owned()),
            Some(16) => Ok("int".to_owned()),
            Some(18) => Ok("long".to_owned()),
            Some(19) => Ok("decimal".to_owned()),
            _ => fail!(
                FAILED_TO_PARSE,
                "In $convert, numeric value for 'to' does not correspond to a BSON type: {}",
                show::value(code)
            ),
        },
    }
}

fn failure(reason: &str, tail: &str) -> ServerError {
    let message = format!("{reason} in $convert with no onError value{tail}");
    ServerError::new(CONVERSION_FAILURE, message)
}

fn convert(input: &Value, to: &str) -> Result<Value> {
    let Some(value) = input else { return Ok(Some(Bson::Null)) };
    let unsupported = || {
        let reason = format!("Unsupported conversion from {} to {to}", type_name(input));
        failure(&reason, "")
    };
    Ok(Some(match to {
        "string" => Bson::String(text(value).ok_or_else(unsupported)?),
        "bool" => Bson::Boolean(number::truthy(value)),
        "int" => match whole(value, unsupported)? {
            n if i32::try_from(n).is_ok() => Bson::Int32(n as i32),
            _ => return Err(overflow(value)),
        },
        "long" => Bson::Int64(whole(value, unsupported)?),
        "double" => Bson::Double(match value {
            Bson::String(text) => parsed(text)?,
            Bson::Boolean(truth) => f64::from(u8::from(*truth)),
            Bson::DateTime(when) => when.timestamp_millis() as f64,
            value => number::to_f64(value).ok_or_else(unsupported)?,
        }),
        "decimal" => Bson::Decimal128(match value {
            Bson::Decimal128(decimal) => *decimal,
            Bson::String(text) => text.parse().map_err(|_| unparsed(text))?,
            Bson::Boolean(truth) => Decimal::from_i64(i64::from(*truth)).pack(),
            Bson::DateTime(when) => Decimal::from_i64(when.timestamp_millis()).pack(),
            value => number::to_decimal(value, 15).ok_or_else(unsupported)?.pack(),
        }),
        "date" => Bson::DateTime(match value {
            Bson::DateTime(when) => *when,
            Bson::Int64(millis) => DateTime::from_millis(*millis),
            Bson::Double(_) | Bson::Decimal128(_) => {
                DateTime::from_millis(number::to_i64_saturating(value).unwrap_or(0))
            }
            Bson::String(text) => super::dates::parse_iso(text)
                .ok_or_else(|| failure(&format!("Error parsing date string '{text}'"), ""))?,
            Bson::ObjectId(id) => id.timestamp(),
            Bson::Timestamp(at) => DateTime::from_millis(i64::from(at.time) * 1000),
            _ => return Err(unsupported()),
        }),
        "objectId" => Bson::ObjectId(match value {
            Bson::ObjectId(id) => *id,
            Bson::String(text) => ObjectId::parse_str(text).map_err(|_| bad_object_id(text))?,
            _ => return Err(unsupported()),
        }),
        other => fail!(2, "Unknown type name: {other}"),
    }))
}

fn bad_object_id(text: &str) -> ServerError {
    let why = if text.len() == 24 {
        let bad = text.chars().find(|c| !c.is_ascii_hexdigit()).unwrap_or(' ');
        format!("Invalid character found in hex string: '{bad}'")
    } else {
        let found = text.len();
        format!("Invalid string length for parsing to OID, expected 24 but found {found}")
    };
    failure(&format!("Failed to parse objectId '{text}'"), &format!(": {why}"))
}

fn unparsed(text: &str) -> ServerError {
    let tail = if text.is_empty() { ": No digits" } else { ": Did not consume whole string." };
    failure(&format!("Failed to parse number '{text}'"), tail)
}

fn overflow(value: &Bson) -> ServerError {
    failure("Conversion would overflow target type", &format!(": {}", number_text(value)))
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| unparsed(text))
}

fn whole(value: &Bson, unsupported: impl FnOnce() -> ServerError) -> Result<i64> {
    Ok(match value {
        Bson::Int32(n) => i64::from(*n),
        Bson::Int64(n) => *n,
        Bson::Boolean(truth) => i64::from(*truth),
        Bson::DateTime(when) => when.timestamp_millis(),
        Bson::String(text) => parsed(text)?,
        Bson::Double(x) if !x.is_finite() => {
            return Err(failure("Attempt to convert NaN value to integer type", ""));
        }
        Bson::Double(x) => number::f64_to_i64(*x).ok_or_else(|| overflow(value))?,
        Bson::Decimal128(x) => {
            Decimal::unpack(*x).truncate().to_i64_exact().ok_or_else(|| overflow(value))?
        }
        _ => return Err(unsupported()),
    })
}

fn text(value: &Bson) -> Option<String> {
    Some(match value {
        Bson::String(text) | Bson::Symbol(text) => text.clone(),
        Bson::Boolean(truth) => truth.to_string(),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::DateTime(when) => super::dates::format_iso(*when),
        value if number::is_number(value) => number_text(value),
        _ => return None,
    })
}

/// A number as `$toString` writes it: six significant digits for doubles would lose some, so the
/// shortest form that reads back, without a trailing `.0`.
pub(super) fn number_text(value: &Bson) -> String {
    match value {
        Bson::Double(x) => double_text(*x),
        other => show::value(other),
    }
}

pub(super) fn double_text(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let exponent = x.abs().log10().floor();
    let text = if x != 0.0 && exponent >= 10.0 && x.fract() == 0.0 {
        // C++ chooses the exponent form as soon as it is shorter.
        let long = format!("{x}");
        let short = exponent_form(x);
        if short.len() < long.len() { short } else { long }
    } else {
        show::double(x)
    };
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn exponent_form(x: f64) -> String {
    let text = format!("{x:e}");
    let (mantissa, exponent) = text.split_once('e').expect("written in exponent form");
    format!("{mantissa}e+{exponent:0>2}")
}

fn shorthand(input: &Value, to: &str) -> Result<Value> {
    if nullish(input) { Ok(Some(Bson::Null)) } else { convert(input, to) }
}

pub(super) fn to_string(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "string")
}

pub(super) fn to_int(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "int")
}

pub(super) fn to_long(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "long")
}

pub(super) fn to_double(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "double")
}

pub(super) fn to_decimal(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "decimal")
}

pub(super) fn to_bool(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "bool")
}

pub(super) fn to_date(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "date")
}

pub(super) fn to_object_id(arguments: &[Value]) -> Result<Value> {
    shorthand(&arguments[0], "objectId")
}

pub(super) fn type_of(arguments: &[Value]) -> Result<Value> {
    Ok(Some(Bson::String(type_name(&arguments[0]).to_owned())))
}

pub(super) fn is_number(arguments: &[Value]) -> Result<Value> {
    let is_number = arguments[0].as_ref().is_some_and(number::is_number);
    Ok(Some(Bson::Boolean(is_number)))
}
