//! Cookies: reading `Cookie` the way browsers write it, and building `Set-Cookie` safely.
//!
//! Owns quoting, unquoting and the rules for every attribute; each is linear in its input (SEC17).
//! Knows nothing of signatures: read `signed.rs` next for values that cannot be forged.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::faults::CookieError;

/// The cookies of one request. A name may be empty; of two equal names the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Parses a `Cookie` header. Every semicolon separates, even one inside quotes, because that is
    /// what browsers do: a parser that disagrees lets one site's cookie hide another's (SEC10).
    pub fn parse(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let pairs = text.split(';').map(|chunk| {
            let (name, value) = chunk.split_once('=').unwrap_or(("", chunk));
            (name.trim(), value.trim())
        });
        let named = pairs.filter(|(name, value)| !name.is_empty() || !value.is_empty());
        Self(named.map(|(name, value)| (name.to_owned(), unquote(value))).collect())
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All cookies as they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// When a browser may send the cookie along with a request that another site caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the visitor follows a link.
    Lax,
    /// Always; browsers want [`Cookie::secure`] with it.
    None,
}

/// A cookie to be set.
///
/// ```
/// use squall::web::{Cookie, SameSite};
/// let cookie = Cookie::new("user", "ann").http_only().same_site(SameSite::Lax);
/// assert_eq!(cookie.to_header().unwrap(), "user=ann; HttpOnly; Path=/; SameSite=Lax");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a cookie is sent only when it is given to `set_cookie`"]
pub struct Cookie {
    name: String,
    value: String,
    domain: Option<String>,
    path: String,
    expires: Option<SystemTime>,
    max_age: Option<Duration>,
    http_only: bool,
    secure: bool,
    same_site: Option<SameSite>,
}

impl Cookie {
    /// A cookie for the whole site that is forgotten when the browser closes.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: None,
            path: "/".to_owned(),
            expires: None,
            max_age: None,
            http_only: false,
            secure: false,
            same_site: None,
        }
    }

    /// Which name it sets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as it was given, not quoted.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The same cookie with another value.
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// Sends it to the subdomains of `domain` too.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sends it only below `path`; an empty path leaves the choice to the browser.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Forgets it at this time (since the Unix epoch).
    pub fn expires(mut self, wall_time: Duration) -> Self {
        self.expires = Some(SystemTime::UNIX_EPOCH + wall_time);
        self
    }

    /// Forgets it so long after it arrived.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Hides it from scripts in the page.
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Sends it over TLS only.
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Restricts requests that another site caused.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// The value of the `Set-Cookie` header, attributes in alphabetical order as Tornado has them.
    pub fn to_header(&self) -> Result<String, CookieError> {
        self.check()?;
        let mut out = format!("{}={}", self.name, quote(&self.value));
        if let Some(domain) = &self.domain {
            let _ = write!(out, "; Domain={domain}");
        }
        if let Some(expires) = self.expires {
            let _ = write!(out, "; expires={}", httpdate::fmt_http_date(expires));
        }
        if self.http_only {
            out.push_str("; HttpOnly");
        }
        if let Some(age) = self.max_age {
            let _ = write!(out, "; Max-Age={}", age.as_secs());
        }
        if !self.path.is_empty() {
            let _ = write!(out, "; Path={}", self.path);
        }
        match self.same_site {
            Some(SameSite::Strict) => out.push_str("; SameSite=Strict"),
            Some(SameSite::Lax) => out.push_str("; SameSite=Lax"),
            Some(SameSite::None) => out.push_str("; SameSite=None"),
            None => {}
        }
        if self.secure {
            out.push_str("; Secure");
        }
        Ok(out)
    }

    /// SEC28: nothing may break out of its place in the header.
    fn check(&self) -> Result<(), CookieError> {
        let fault = |part| Err(CookieError { name: self.name.clone(), part });
        if self.name.is_empty() || !self.name.bytes().all(is_legal) {
            return fault("name");
        }
        if self.value.bytes().any(|b| b <= b' ') {
            return fault("value");
        }
        let breaks_out = |text: &str| text.bytes().any(|b| b <= b' ' || b == b';' || b == 0x7f);
        if self.domain.as_deref().is_some_and(breaks_out) {
            return fault("domain");
        }
        if breaks_out(&self.path) {
            return fault("path");
        }
        // `fmt_http_date` knows four digits of years; nobody's cookie lives longer.
        if self.expires.is_some_and(|at| at > SystemTime::UNIX_EPOCH + YEAR_9999) {
            return fault("expires");
        }
        Ok(())
    }
}

const YEAR_9999: Duration = Duration::from_secs(253_402_300_799);

/// Characters that need no quotes (Python's `http.cookies._LegalChars`).
fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&byte)
}

/// Puts a value in quotes if it needs them. Characters below U+0100 are written as octal escapes and
/// the others as they are, so that Tornado and squall read each other's cookies.
pub fn quote(value: &str) -> String {
    if !value.is_empty() && value.bytes().all(is_legal) {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii() && (is_legal(c as u8) || " ()/<=>?@[]{}".contains(c)) => out.push(c),
            c if u32::from(c) < 0x100 => {
                let _ = write!(out, "\\{:03o}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Undoes [`quote`]: `\ooo` and `\c` are escapes, but only inside quotes. One pass (SEC17).
pub fn unquote(value: &str) -> String {
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    if !quoted {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = &value[1..value.len() - 1];
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.as_bytes() {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                out.push(char::from((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')));
                rest = &rest[3..];
            }
            [] => out.push('\\'),
            _ => {
                let escaped = rest.chars().next().expect("not empty");
                out.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    out
}
