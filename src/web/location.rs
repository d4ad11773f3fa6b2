//! Targets of redirects: where we may send a visitor.
//!
//! Owns two checks. [`location`] keeps our own handlers from writing a header that means something else
//! than it looks (HAZ14); [`local_path`] keeps a `next` parameter from leading off the site (SEC24).

use std::fmt::Write as _;

/// The value for a `Location` header, or `None` for a target that no honest handler writes.
///
/// Control characters and backslashes are refused (browsers read `\` as `/`); several leading slashes
/// become one, because `//host` would leave the site; what is not ASCII is percent-encoded.
pub fn location(target: &str) -> Option<String> {
    if target.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    let path = target.trim_start_matches('/');
    let mut out = String::with_capacity(target.len());
    if path.len() < target.len() {
        out.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Some(out)
}

/// `next` itself, if it is a path on this site: one leading slash, and nothing a browser could take
/// for another host.
///
/// ```
/// use squall::web::local_path;
/// assert_eq!(local_path("/profile?tab=1"), Some("/profile?tab=1"));
/// for evil in ["//evil", "https://evil", "/\\evil", "\\\\evil", "/\t/evil", "profile"] {
///     assert_eq!(local_path(evil), None);
/// }
/// ```
pub fn local_path(next: &str) -> Option<&str> {
    let clean = !next.contains(|c: char| c.is_control() || c == '\\');
    (clean && next.starts_with('/') && !next.starts_with("//")).then_some(next)
}
