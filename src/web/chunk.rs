//! What a handler may write: text, bytes, or a JSON object.
//!
//! Owns the rule that a JSON list is no response (HAZ20) and the content type that JSON implies. Borrowed
//! text is not copied. Read next: `reply.rs`, where chunks go.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::escape::json_encode;
use super::faults::TopLevelList;

/// A piece of a response. Made by `into()` from text, bytes, `()` and JSON objects.
///
/// ```
/// use squall::web::Chunk;
/// let json: Chunk<'_> = serde_json::json!({"name": "ann"}).into();
/// let text: Chunk<'_> = "hello".into();
/// # drop((json, text));
/// ```
#[derive(Clone, Debug)]
pub struct Chunk<'a> {
    content: Result<Cow<'a, [u8]>, TopLevelList>,
    is_json: bool,
}

impl Chunk<'static> {
    /// A JSON list as a response, for clients that are programs and not old browsers.
    pub fn json_list(items: &[Value]) -> Self {
        Self::json(&Value::Array(items.to_vec()))
    }

    fn json(value: &Value) -> Self {
        Self { content: Ok(Cow::Owned(json_encode(value).into_bytes())), is_json: true }
    }
}

impl<'a> Chunk<'a> {
    /// The bytes, unless they are a list that nobody asked for.
    pub(super) fn into_bytes(self) -> Result<Cow<'a, [u8]>, TopLevelList> {
        self.content
    }

    /// True if the response shall be called `application/json`.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    fn plain(content: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { content: Ok(content.into()), is_json: false }
    }
}

impl From<()> for Chunk<'_> {
    fn from((): ()) -> Self {
        Self::plain(&b""[..])
    }
}

impl<'a> From<&'a str> for Chunk<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Chunk<'a> {
    fn from(text: &'a String) -> Self {
        Self::plain(text.as_bytes())
    }
}

impl From<String> for Chunk<'_> {
    fn from(text: String) -> Self {
        Self::plain(text.into_bytes())
    }
}

impl<'a> From<&'a [u8]> for Chunk<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::plain(bytes)
    }
}

impl From<Vec<u8>> for Chunk<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::plain(bytes)
    }
}

impl From<Map<String, Value>> for Chunk<'_> {
    fn from(object: Map<String, Value>) -> Self {
        Chunk::json(&Value::Object(object))
    }
}

impl From<Value> for Chunk<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Array(_) => Self { content: Err(TopLevelList), is_json: true },
            value => Chunk::json(&value),
        }
    }
}
