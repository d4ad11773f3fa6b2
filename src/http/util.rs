//! Small pure functions around HTTP: ranges and URLs (Tornado's `httputil`).
//!
//! Owns the byte-range grammar and [`url_concat`]. Knows nothing of requests or files; the static
//! file handler is the customer.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// T150: one byte range, half-open; `None` for an end or a start that was not given. A negative
/// start counts from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From this byte to the end.
    From(u64),
    /// From the first byte up to, and not with, the second.
    Between(u64, u64),
    /// The last so many bytes.
    Last(u64),
}

impl Range {
    /// The bytes of a file of `size`: first, and one behind the last. `None` if there are none,
    /// which is a 416.
    ///
    /// ```
    /// use squall::http::util::Range;
    /// assert_eq!(Range::Last(10).within(100), Some((90, 100)));
    /// assert_eq!(Range::Between(50, 200).within(100), Some((50, 100)));
    /// assert_eq!(Range::From(100).within(100), None);
    /// ```
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let (start, end) = match self {
            Self::From(start) => (start, size),
            Self::Between(start, end) => (start, end.min(size)),
            Self::Last(count) => (size.saturating_sub(count), size),
        };
        (start < end).then_some((start, end))
    }
}

/// Reads a `Range` header: only bytes, and a single range; anything else is to be ignored.
///
/// ```
/// use squall::http::util::{Range, parse_request_range};
/// assert_eq!(parse_request_range("bytes=1-2"), Some(Range::Between(1, 3)));
/// assert_eq!(parse_request_range("bytes=6-"), Some(Range::From(6)));
/// assert_eq!(parse_request_range("bytes=-6"), Some(Range::Last(6)));
/// assert_eq!(parse_request_range("bytes=1-2,5-6"), None);
/// ```
pub fn parse_request_range(header: &str) -> Option<Range> {
    let (unit, value) = header.split_once('=')?;
    let (start, end) = value.trim().split_once('-')?;
    let number = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    if unit.trim() != "bytes" {
        return None;
    }
    match (start.trim(), end.trim()) {
        ("", last) => number(last).map(Range::Last),
        (start, "") => number(start).map(Range::From),
        (start, end) => Some(Range::Between(number(start)?, number(end)?.checked_add(1)?)),
    }
}

/// A `Content-Range` header for the bytes from `start` up to, and not with, `end`.
///
/// ```
/// assert_eq!(squall::http::util::content_range(0, 1, 4), "bytes 0-0/4");
/// ```
pub fn content_range(start: u64, end: u64, size: u64) -> String {
    format!("bytes {start}-{}/{size}", end.saturating_sub(1))
}

/// What `quote_plus` of Python leaves alone.
const QUOTED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b' ');

/// T151, F170: adds parameters to the query of a URL, before its fragment.
///
/// ```
/// use squall::http::util::url_concat;
/// let url = url_concat("https://localhost/path?r=1#end", &[("y", "a/b"), ("z", "c d")]);
/// assert_eq!(url, "https://localhost/path?r=1&y=a%2Fb&z=c+d#end");
/// ```
pub fn url_concat(url: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return url.to_owned();
    }
    let (rest, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let old = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") });
    let quote = |text: &str| utf8_percent_encode(text, QUOTED).to_string().replace(' ', "+");
    let new = parameters.iter().map(|(name, value)| format!("{}={}", quote(name), quote(value)));
    let pairs: Vec<_> = old.chain(new).collect();
    format!("{path}?{}{fragment}", pairs.join("&"))
}
