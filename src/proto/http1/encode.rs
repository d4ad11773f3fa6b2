//! Our half on the wire: status line, headers, and how the peer will know where the body ends.
//!
//! Owns the framing rules for answers (T123, RFC 9112 part 6). Checks everything before it writes
//! anything, so a refused answer leaves nothing behind. Does not know whether it is our turn:
//! that is `state.rs`.

use super::date::Stamp;
use super::error::Misuse;
use super::head::Version;
use super::headers::{self, Headers, Known};
use super::status::Status;
use crate::buffer;

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// What to say.
    pub status: Status,
    /// In which words; empty for the standard ones. Unprintable words become "Unknown" (SEC23).
    pub reason: &'a str,
    /// The handler's headers; framing is added when they do not say it.
    pub headers: &'a Headers,
    /// `Server` and `Date`, unless the handler has its own.
    pub stamp: Option<&'a Stamp>,
}

impl From<Status> for ResponseHead<'static> {
    fn from(status: Status) -> Self {
        static NONE: Headers = Headers::new();
        Self { status, reason: "", headers: &NONE, stamp: None }
    }
}

/// What of the request decides how its answer looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    pub(super) version: Version,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
}

/// How the end of our body is marked, and what is missing of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum BodyWriter {
    /// 1xx, 204 and 304: there is no body, and an attempt to write one is a bug.
    #[default]
    Forbidden,
    /// `HEAD`: the handler may write as for `GET`; nothing is sent.
    Discarded,
    Length(u64),
    Chunked,
    UntilClose,
}

/// Writes a head, and answers how its body is written. `whole` is the body's length, if known.
pub(super) fn head(
    head: &ResponseHead<'_>,
    whole: Option<u64>,
    context: &mut Context,
    out: &mut Vec<u8>,
) -> Result<BodyWriter, Misuse> {
    let declared = declared_length(head)?;
    let body = framing(head.status, declared, whole, *context)?;
    let says_close = says_close(head.headers);
    if says_close || matches!(body, BodyWriter::UntilClose) {
        context.keep_alive = false;
    }

    opening(head, out);
    out.extend_from_slice(head.headers.as_bytes());
    match (body, whole) {
        _ if declared.is_some() => {}
        (BodyWriter::Length(length), _) | (BodyWriter::Discarded, Some(length)) => {
            push_content_length(out, length);
        }
        (BodyWriter::Chunked, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        _ => {}
    }
    match (context.keep_alive, context.version) {
        _ if head.status == Status::SWITCHING_PROTOCOLS || says_close => {}
        (false, Version::Http11) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, Version::Http10) => out.extend_from_slice(b"Connection: Keep-Alive\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    Ok(body)
}

/// The line that nearly every answer has, with one copy.
fn push_content_length(out: &mut Vec<u8>, length: u64) {
    const NAME: &[u8; 16] = b"Content-Length: ";
    const DIGITS_MAX: usize = 20; // u64::MAX has so many
    let mut line = [0; NAME.len() + DIGITS_MAX + 2];
    let (mut at, mut rest) = (NAME.len() + DIGITS_MAX, length);
    line[at..].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        line[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    at -= NAME.len();
    line[at..][..NAME.len()].copy_from_slice(NAME);
    out.extend_from_slice(&line[at..]);
}

/// The status line, and the lines that are the same for every answer of one second.
fn opening(head: &ResponseHead<'_>, out: &mut Vec<u8>) {
    let known = |header| head.headers.has(header);
    match (head.stamp, known(Known::Server), known(Known::Date)) {
        (Some(stamp), false, false) if head.status == Status::OK && has_standard_words(head) => {
            out.extend_from_slice(stamp.ok());
        }
        (stamp, has_server, has_date) => {
            status_line(head.status, head.reason, out);
            out.extend_from_slice(stamp.map_or(b"", |stamp| stamp.lines(has_server, has_date)));
        }
    }
}

fn has_standard_words(head: &ResponseHead<'_>) -> bool {
    head.reason.is_empty() || head.reason == head.status.reason()
}

/// An interim answer: a head without headers.
pub(super) fn interim(status: Status, out: &mut Vec<u8>) {
    status_line(status, "", out);
    out.extend_from_slice(b"\r\n");
}

fn declared_length(head: &ResponseHead<'_>) -> Result<Option<u64>, Misuse> {
    if head.headers.has(Known::TransferEncoding) {
        return Err(Misuse::TransferEncoding);
    }
    if !head.headers.has(Known::ContentLength) {
        return Ok(None);
    }
    let mut values = head.headers.get_list("Content-Length");
    let length = values.next().and_then(buffer::parse_decimal).ok_or(Misuse::ContentLength)?;
    // RFC 9110 part 8.6: not with 1xx and 204; 304 says what a 200 would have had.
    let forbidden = head.status.has_no_body() && head.status != Status::NOT_MODIFIED;
    if forbidden || values.next().is_some() {
        return Err(Misuse::ContentLength);
    }
    Ok(Some(length))
}

fn framing(
    status: Status,
    declared: Option<u64>,
    whole: Option<u64>,
    context: Context,
) -> Result<BodyWriter, Misuse> {
    match (declared, whole) {
        (_, Some(1..)) if status.has_no_body() => Err(Misuse::TooMuchData),
        _ if status.has_no_body() => Ok(BodyWriter::Forbidden),
        _ if context.is_head => Ok(BodyWriter::Discarded),
        (Some(declared), Some(whole)) if whole > declared => Err(Misuse::TooMuchData),
        (Some(declared), Some(whole)) if whole < declared => {
            Err(Misuse::TooLittleData(declared - whole))
        }
        (Some(length), _) | (None, Some(length)) => Ok(BodyWriter::Length(length)),
        (None, None) if context.version == Version::Http11 => Ok(BodyWriter::Chunked),
        (None, None) => Ok(BodyWriter::UntilClose),
    }
}

fn says_close(headers: &Headers) -> bool {
    headers.has(Known::Connection)
        && headers.get_list("Connection").any(|value| {
            let mut options = value.split(|byte| *byte == b',').map(buffer::trim);
            options.any(|option| option.eq_ignore_ascii_case(b"close"))
        })
}

fn status_line(status: Status, reason: &str, out: &mut Vec<u8>) {
    if let (Some(line), true) = (status.line(), reason.is_empty()) {
        return out.extend_from_slice(line.as_bytes());
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    buffer::push_decimal(out, u64::from(status.code()));
    out.push(b' ');
    out.extend_from_slice(match reason {
        "" => status.reason().as_bytes(),
        reason if reason.bytes().all(headers::is_value) => reason.as_bytes(),
        _ => b"Unknown",
    });
    out.extend_from_slice(b"\r\n");
}

impl BodyWriter {
    /// A piece of the body; what must not be sent is refused before anything is written.
    #[inline]
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        match self {
            _ if data.is_empty() => {} // an empty chunk would be the last one
            Self::Forbidden => return Err(Misuse::TooMuchData),
            Self::Discarded => {}
            Self::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Misuse::TooMuchData)?;
                out.extend_from_slice(data);
            }
            Self::Chunked => {
                buffer::push_hex(out, data.len() as u64);
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(data);
                out.extend_from_slice(b"\r\n");
            }
            Self::UntilClose => out.extend_from_slice(data),
        }
        Ok(())
    }

    /// The end of the body.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        match self {
            Self::Length(left @ 1..) => return Err(Misuse::TooLittleData(*left)),
            Self::Chunked => out.extend_from_slice(b"0\r\n\r\n"),
            _ => {}
        }
        Ok(())
    }
}
