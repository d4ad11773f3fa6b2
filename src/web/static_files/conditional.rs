//! Conditional and partial requests: when the client's copy will do, and which bytes it wants.
//!
//! Pure functions over header values (RFC 9110, parts 13 and 14). Know nothing of files.

use std::time::{Duration, SystemTime};

/// True if `If-None-Match` names this strong `etag` (quotes included): `*`, a list, weak ones too.
///
/// ```
/// use squall::web::static_files::etag_matches;
/// assert!(etag_matches(r#"W/"a", "b""#, r#""b""#));
/// ```
pub fn etag_matches(if_none_match: &str, etag: &str) -> bool {
    let mut candidates = if_none_match.split(',').map(str::trim);
    candidates.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// True if the client's copy is still good, so that a 304 is all it needs. `If-None-Match` wins over
/// `If-Modified-Since` (T216); a date that is malformed or before 1970 is ignored.
pub fn not_modified(
    if_none_match: Option<&str>,
    if_modified_since: Option<&str>,
    etag: Option<&str>,
    modified: Duration,
) -> bool {
    if let Some(tags) = if_none_match {
        return etag.is_some_and(|etag| etag_matches(tags, etag));
    }
    let since = if_modified_since.and_then(|date| httpdate::parse_http_date(date).ok());
    let since = since.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok());
    // HTTP dates have no fractions: compare whole seconds.
    since.is_some_and(|since| since.as_secs() >= modified.as_secs())
}

/// True if a part is wanted of this very version: `If-Range` names its strong `etag` or its exact
/// date, or is not there. Otherwise the client must get all of it, or it would glue two versions.
pub fn range_applies(if_range: Option<&str>, etag: &str, modified: Duration) -> bool {
    let Some(condition) = if_range else { return true };
    let date = httpdate::parse_http_date(condition).ok();
    let date = date.and_then(|date| date.duration_since(SystemTime::UNIX_EPOCH).ok());
    condition == etag || date.is_some_and(|date| date.as_secs() == modified.as_secs())
}

/// What a `Range` header asks of something that is `size` bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// All of it: no range, one that nobody understands, or one that covers everything.
    Whole,
    /// The bytes from `start` up to, not including, `end`.
    Part {
        /// The first byte.
        start: u64,
        /// One past the last byte.
        end: u64,
    },
    /// Nothing there: the answer is 416.
    Unsatisfiable,
}

/// Reads a `Range` header. Only one range of bytes is understood; anything else is ignored, as the RFC
/// allows. Asking for the whole file by a range gives the whole file (Chrome wants that).
pub fn requested_range(range: Option<&str>, size: u64) -> ByteRange {
    let Some((start, end)) = range.and_then(parse_range) else { return ByteRange::Whole };
    let (start, end) = match (start, end) {
        (None, None) => return ByteRange::Whole,
        (None, Some(0)) => return ByteRange::Unsatisfiable,
        (None, Some(suffix)) => (size.saturating_sub(suffix), size),
        (Some(start), None) => (start, size),
        (Some(start), Some(last)) => (start, last.saturating_add(1)),
    };
    if start >= size || start >= end {
        return ByteRange::Unsatisfiable;
    }
    let end = end.min(size);
    if end - start == size { ByteRange::Whole } else { ByteRange::Part { start, end } }
}

/// `bytes=0-9`, `bytes=5-`, `bytes=-5`: first and last byte, or only how many from the end.
fn parse_range(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, value) = header.split_once('=')?;
    let (start, end) = value.split_once('-').unwrap_or((value, ""));
    let (start, end) = (start.trim(), end.trim());
    // `parse` would take a sign.
    let digits = start.bytes().chain(end.bytes()).all(|b| b.is_ascii_digit());
    let number = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
    let known = unit.trim() == "bytes" && digits;
    known.then_some((number(start).ok()?, number(end).ok()?))
}

/// The `Content-Range` of a range of something that is `size` bytes long.
pub fn content_range(range: ByteRange, size: u64) -> Option<String> {
    match range {
        ByteRange::Whole => None,
        ByteRange::Part { start, end } => Some(format!("bytes {start}-{}/{size}", end - 1)),
        ByteRange::Unsatisfiable => Some(format!("bytes */{size}")),
    }
}
