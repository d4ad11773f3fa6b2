//! Values as mongod prints them inside its error messages, such as `{ a: 1, b: "x" }`.
//!
//! Owns nothing but the spelling. People and tests read these sentences, so they must be the
//! server's own. Read next: `error.rs`.

use std::fmt::Write as _;

use bson::{Bson, Document};

/// One value, as in the middle of an error message.
pub(super) fn value(value: &Bson) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// A whole document with braces.
pub(super) fn document(document: &Document) -> String {
    let mut out = String::new();
    write_document(&mut out, document);
    out
}

/// A field with its name, as in `a: 1`.
pub(super) fn field(name: &str, content: &Bson) -> String {
    format!("{name}: {}", value(content))
}

/// The type names of the query language: what `$type` accepts and error messages say.
pub(super) fn type_name(value: &Bson) -> &'static str {
    match value {
        Bson::Double(_) => "double",
        Bson::String(_) => "string",
        Bson::Array(_) => "array",
        Bson::Document(_) => "object",
        Bson::Boolean(_) => "bool",
        Bson::Null => "null",
        Bson::RegularExpression(_) => "regex",
        Bson::JavaScriptCode(_) => "javascript",
        Bson::JavaScriptCodeWithScope(_) => "javascriptWithScope",
        Bson::Int32(_) => "int",
        Bson::Int64(_) => "long",
        Bson::Timestamp(_) => "timestamp",
        Bson::Binary(_) => "binData",
        Bson::ObjectId(_) => "objectId",
        Bson::DateTime(_) => "date",
        Bson::Symbol(_) => "symbol",
        Bson::Decimal128(_) => "decimal",
        Bson::Undefined => "undefined",
        Bson::MaxKey => "maxKey",
        Bson::MinKey => "minKey",
        Bson::DbPointer(_) => "dbPointer",
    }
}

/// A double as C++ prints it: the shortest digits that read back, always with a point.
pub(super) fn double(x: f64) -> String {
    if x.is_nan() {
        return "nan.0".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf.0" } else { "-inf.0" }.to_owned();
    }
    let mut text = if x != 0.0 && !(1e-4..1e16).contains(&x.abs()) {
        let text = format!("{x:e}");
        let (mantissa, exponent) = text.split_once('e').expect("written in exponent form");
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        format!("{mantissa}e{sign}{digits:0>2}")
    } else {
        format!("{x}")
    };
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

fn write_document(out: &mut String, document: &Document) {
    if document.is_empty() {
        out.push_str("{}");
        return;
    }
    out.push_str("{ ");
    for (i, (name, content)) in document.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        out.push_str(": ");
        write_value(out, content);
    }
    out.push_str(" }");
}

fn write_value(out: &mut String, value: &Bson) {
    // Writing to a String cannot fail.
    let _ = match value {
        Bson::Document(inner) => {
            write_document(out, inner);
            Ok(())
        }
        Bson::Array(items) => {
            write_array(out, items);
            Ok(())
        }
        Bson::Double(x) => write!(out, "{}", double(*x)),
        Bson::String(x) | Bson::Symbol(x) => write!(out, "\"{x}\""),
        Bson::Boolean(x) => write!(out, "{x}"),
        Bson::Null => write!(out, "null"),
        Bson::RegularExpression(x) => write!(out, "/{}/{}", x.pattern, x.options),
        Bson::JavaScriptCode(x) => write!(out, "{x}"),
        Bson::JavaScriptCodeWithScope(x) => {
            write!(out, "CodeWScope( {}, {})", x.code, document(&x.scope))
        }
        Bson::Int32(x) => write!(out, "{x}"),
        Bson::Int64(x) => write!(out, "{x}"),
        Bson::Timestamp(x) => write!(out, "Timestamp({}, {})", x.time, x.increment),
        Bson::Binary(x) => {
            let hex: String = x.bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02X}");
                hex
            });
            write!(out, "BinData({}, {hex})", u8::from(x.subtype))
        }
        Bson::ObjectId(x) => write!(out, "ObjectId('{}')", x.to_hex()),
        Bson::DateTime(x) => write!(out, "new Date({})", x.timestamp_millis()),
        Bson::Decimal128(x) => write!(out, "{x}"),
        Bson::Undefined => write!(out, "undefined"),
        Bson::MaxKey => write!(out, "MaxKey"),
        Bson::MinKey => write!(out, "MinKey"),
        Bson::DbPointer(x) => write!(out, "{x:?}"),
    };
}

fn write_array(out: &mut String, items: &[Bson]) {
    if items.is_empty() {
        out.push_str("[]");
        return;
    }
    out.push_str("[ ");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_value(out, item);
    }
    out.push_str(" ]");
}

/// A value as the aggregation prints it: `[1, {a: "x"}]`, and no point in a whole double.
pub(super) fn terse(content: &Bson) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match content {
        Bson::Array(items) => format!("[{}]", list(items.iter().map(terse).collect())),
        Bson::Document(inner) => {
            let fields = inner.iter().map(|(name, content)| format!("{name}: {}", terse(content)));
            format!("{{{}}}", list(fields.collect()))
        }
        Bson::Double(x) => double(*x).trim_end_matches(".0").to_owned(),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::DateTime(when) => super::expression::format_iso(*when),
        other => value(other),
    }
}

/// A document as `{a: 1}`, without the inner spaces, which some messages prefer.
pub(super) fn compact(source: &Document) -> String {
    let fields: Vec<String> = source.iter().map(|(name, content)| field(name, content)).collect();
    format!("{{{}}}", fields.join(", "))
}
