//! Escaping: what makes a piece of text harmless inside HTML, a URL or JSON, and the way back.
//!
//! Owns the tables of Tornado's `escape` module. Knows nothing of requests or templates: a function
//! here takes text and gives text. Read next: `arguments.rs`, which undoes what browsers escape.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// Everything but the characters RFC 3986 calls unreserved.
const URL_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same for the path of a URL, where a slash is a separator.
const URL_PATH: &AsciiSet = &URL_QUERY.remove(b'/');

/// Escapes `& < > " '` so that the text can stand in HTML, also inside an attribute.
///
/// ```
/// assert_eq!(squall::web::escape::xhtml_escape("<b>'"), "&lt;b&gt;&#x27;");
/// ```
pub fn xhtml_escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Undoes [`xhtml_escape`] and numeric entities; an entity it does not know stays as it is.
pub fn xhtml_unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let (c, length) = entity(rest).unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The character named by the entity that `text` begins with, and the entity's length.
fn entity(text: &str) -> Option<(char, usize)> {
    // The longest entity is `&#x10ffff;`; looking further would make the caller quadratic.
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = &text[1..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, end + 1))
}

/// Percent-encodes `text`. With `plus` it is meant for a query (a space is `+`, a slash `%2F`),
/// without it for a path (a space is `%20`, a slash stays).
pub fn url_escape(text: &str, plus: bool) -> String {
    if plus {
        utf8_percent_encode(text, URL_QUERY).to_string().replace("%20", "+")
    } else {
        utf8_percent_encode(text, URL_PATH).to_string()
    }
}

/// Undoes [`url_escape`] on bytes; whether the result is UTF-8 is for the caller to find out.
pub fn url_unescape(text: &[u8], plus: bool) -> Cow<'_, [u8]> {
    if plus && text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
        return Cow::Owned(percent_decode(&spaced).collect());
    }
    percent_decode(text).into()
}

/// JSON that may stand inside a `<script>` element: `</` is written `<\/`.
///
/// ```
/// let value = serde_json::json!("</script>");
/// assert_eq!(squall::web::escape::json_encode(&value), r#""<\/script>""#);
/// ```
pub fn json_encode(value: &serde_json::Value) -> String {
    value.to_string().replace("</", "<\\/")
}

/// Runs of white space become one space, and none is left at either end.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
