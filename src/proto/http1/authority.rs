//! `host:port`, as it stands in `Host` and in absolute targets (RFC 3986 part 3.2).
//!
//! Owns the grammar check and the split. Knows nothing of addresses or name look-up, which are
//! `net`'s. Read next: `parse.rs`, which refuses a request whose `Host` is not one of these.

/// The two halves of `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The name or address; an IPv6 address keeps its brackets.
    pub host: &'a str,
    /// The port, if there is one.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Checks the grammar; commas are refused although RFC 3986 has them, since a list is the
    /// work of somebody between us and the client (T144).
    pub fn parse(text: &'a str) -> Option<Self> {
        let host_len = if text.starts_with('[') {
            let end = text.find(']')?;
            text[1..end].parse::<std::net::Ipv6Addr>().ok()?;
            end + 1
        } else {
            text.bytes().position(|byte| byte == b':').unwrap_or(text.len())
        };
        let (host, rest) = text.split_at(host_len);
        if !host.starts_with('[') && !host.bytes().all(is_name) {
            return None;
        }
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some("") => None, // "host:" is legal and means the default
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Self { host, port })
    }
}

/// RFC 3986 `reg-name`: unreserved, percent signs, and sub-delimiters except the comma.
const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&'..=b'+' | b';' | b'='
        )
}

/// Tornado's `split_host_and_port`: the port is what follows the last colon, if it is a number.
///
/// ```
/// use squall::proto::http1::split_host_and_port;
/// assert_eq!(split_host_and_port("example.org:8080"), ("example.org", Some(8080)));
/// assert_eq!(split_host_and_port("[::1]"), ("[::1]", None));
/// ```
pub fn split_host_and_port(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse().map_or((text, None), |port| (host, Some(port)))
        }
        _ => (text, None),
    }
}
