//! Flash messages: a word to the visitor that survives the redirect and is shown exactly once (S029).
//!
//! Owns the list and the signed cookie that carries it to the next page, in order and in any language.
//! Knows nothing of templates: `exchange.rs` hands the list to the page and drops it when it was shown.

use std::time::Duration;

use serde_json::Value;

use super::cookies::{Cookie, SameSite};
use super::signed::{CookieSecret, create_signed_value, decode_signed_value};

/// The cookie that carries the messages.
pub const FLASH_COOKIE: &str = "_flash";

/// Browsers keep about 4096 bytes of a cookie. Base64 takes a third more than this, and the oldest
/// messages make room for new ones.
const PAYLOAD_BYTES_MAX: usize = 2700;

/// A message nobody came back for is not shown a week later.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// What kind of message it is; the page shows it as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// All is well.
    Info,
    /// Something was refused.
    Error,
}

impl Category {
    /// `info` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// One message for the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashMessage {
    /// What kind.
    pub category: Category,
    /// What it says: plain text, escaped by the template.
    pub text: String,
}

/// The messages from the request's cookie; none if there is no cookie or it is not ours.
pub fn from_cookie(secret: &CookieSecret, signed: &str, now: Duration) -> Vec<FlashMessage> {
    let payload = decode_signed_value(secret, FLASH_COOKIE, signed, MAX_AGE, now);
    let parsed = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
    let Some(Value::Array(items)) = parsed else { return Vec::new() };
    items.iter().filter_map(from_json).collect()
}

/// The cookie that shows `messages` on the next page, or ends the previous one if there are none.
pub fn to_cookie(secret: &CookieSecret, messages: &[FlashMessage], now: Duration) -> Cookie {
    let value = match payload(messages) {
        Some(payload) => create_signed_value(secret, FLASH_COOKIE, payload.as_bytes(), now),
        None => String::new(),
    };
    let cookie = Cookie::new(FLASH_COOKIE, value).http_only().same_site(SameSite::Lax);
    if messages.is_empty() { cookie.expires(Duration::ZERO) } else { cookie }
}

/// As many of the newest messages as a cookie can hold.
fn payload(messages: &[FlashMessage]) -> Option<String> {
    (0..messages.len()).find_map(|oldest| {
        let kept: Value = messages[oldest..].iter().map(to_json).collect();
        Some(kept.to_string()).filter(|payload| payload.len() <= PAYLOAD_BYTES_MAX)
    })
}

fn to_json(message: &FlashMessage) -> Value {
    Value::from(vec![message.category.as_str(), &message.text])
}

fn from_json(item: &Value) -> Option<FlashMessage> {
    let category = match item.get(0)?.as_str()? {
        "info" => Category::Info,
        "error" => Category::Error,
        _ => return None,
    };
    Some(FlashMessage { category, text: item.get(1)?.as_str()?.to_owned() })
}
