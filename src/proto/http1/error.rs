//! The two faults of HTTP: the peer's ([`RemoteError`]) and our own handler's ([`LocalError`]).
//!
//! Owns the reasons and which status answers each of them. Does not decide what happens next: the
//! pump answers a `RemoteError` and closes, and reports a `LocalError` as the bug it is.
//! Read next: `parse.rs`, where most reasons come from.

use std::fmt;

use super::state::Writing;
use super::status::Status;

/// The peer broke RFC 9112 or one of our limits: answer `status`, then close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteError {
    /// What to answer, if nothing was answered yet.
    pub status: Status,
    /// What was wrong.
    pub reason: Reason,
}

/// What the peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The method is not a token, or the target holds a space, a control or nothing.
    RequestLine,
    /// The target is none of the four forms of RFC 9112 part 3.2.
    Target,
    /// Not HTTP/1.0 or HTTP/1.1.
    Version,
    /// A line that does not end in CR LF.
    LineEnd,
    /// A header's name is empty or not a token, or a space stands before the colon.
    HeaderName,
    /// A header's value holds a control character.
    HeaderValue,
    /// `Host` is missing, repeated, malformed, or disagrees with the target.
    Host,
    /// `Content-Length` is not a number or is repeated.
    ContentLength,
    /// `Transfer-Encoding` is anything but one `chunked`.
    TransferEncoding,
    /// Both framings at once: somebody is being smuggled.
    BothFramings,
    /// A chunk's size line is not plain hexadecimal digits.
    ChunkSize,
    /// A chunk's data is not followed by CR LF.
    ChunkEnd,
    /// Something follows the last chunk; trailers are not accepted.
    Trailer,
    /// The request line alone exceeds the limit for heads.
    TargetTooLong,
    /// The head exceeds its limit.
    HeadTooLarge,
    /// More headers than allowed.
    TooManyHeaders,
    /// The body exceeds its limit.
    BodyTooLarge,
    /// The body is not encoded as `Content-Encoding` says.
    Encoding,
    /// The peer closed in the middle of a message.
    Truncated,
}

impl Reason {
    pub(super) const fn error(self) -> RemoteError {
        let status = match self {
            Self::TargetTooLong => Status::URI_TOO_LONG,
            Self::HeadTooLarge | Self::TooManyHeaders => Status::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => Status::CONTENT_TOO_LARGE,
            _ => Status::BAD_REQUEST,
        };
        RemoteError { status, reason: self }
    }
}

impl From<Reason> for RemoteError {
    fn from(reason: Reason) -> Self {
        reason.error()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "malformed request line",
            Self::Target => "request target of no known form",
            Self::Version => "unknown protocol version",
            Self::LineEnd => "line does not end in CR LF",
            Self::HeaderName => "malformed header name",
            Self::HeaderValue => "control character in a header value",
            Self::Host => "missing, repeated or malformed Host",
            Self::ContentLength => "malformed or repeated Content-Length",
            Self::TransferEncoding => "unsupported Transfer-Encoding",
            Self::BothFramings => "both Content-Length and Transfer-Encoding",
            Self::ChunkSize => "malformed chunk size",
            Self::ChunkEnd => "chunk data not followed by CR LF",
            Self::Trailer => "trailers are not accepted",
            Self::TargetTooLong => "request line too long",
            Self::HeadTooLarge => "head too large",
            Self::TooManyHeaders => "too many headers",
            Self::BodyTooLarge => "body too large",
            Self::Encoding => "the body is not encoded as it says",
            Self::Truncated => "connection closed in the middle of a message",
        })
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl std::error::Error for RemoteError {}

/// Our own side asked for something illegal: a bug in a handler, so it names the state it was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalError {
    /// How far the answer had come.
    pub state: Writing,
    /// What was asked.
    pub misuse: Misuse,
}

/// What our own side asked for and cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// This part of an answer does not fit here: no request, a second head, data after the end.
    OutOfTurn,
    /// The handler's own `Content-Length` is not a number.
    ContentLength,
    /// The handler set `Transfer-Encoding`, which belongs to this module.
    TransferEncoding,
    /// An interim status where a final one belongs, or the reverse.
    Status,
    /// "Tried to write more data than Content-Length", or any data where none is allowed.
    TooMuchData,
    /// "Tried to write N bytes less than Content-Length".
    TooLittleData(u64),
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.misuse {
            Misuse::OutOfTurn => f.write_str("this part of an answer does not belong here")?,
            Misuse::ContentLength => f.write_str("content-length is not a number")?,
            Misuse::TransferEncoding => f.write_str("transfer-encoding is not the handler's")?,
            Misuse::Status => f.write_str("an interim status where a final one belongs")?,
            Misuse::TooMuchData => f.write_str("tried to write more data than content-length")?,
            Misuse::TooLittleData(missing) => {
                write!(f, "tried to write {missing} bytes less than content-length")?;
            }
        }
        write!(f, " (answer: {:?})", self.state)
    }
}

impl std::error::Error for LocalError {}
