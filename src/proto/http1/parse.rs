//! From bytes to a head: `httparse` for the tokens, then everything it is too polite to refuse.
//!
//! Owns what is accepted (RFC 9112 parts 2 to 6, strictly) and how an unfinished head is resumed
//! without reading it again and again. Keeps nothing itself: the connection remembers how far it
//! has looked. Read next: `head.rs`, which is filled here, and `body.rs`.

use std::mem::MaybeUninit;

use super::authority::Authority;
use super::error::{Reason, RemoteError};
use super::head::{BodyLength, Field, RequestHead, Span, Version};
use super::headers::{Headers, InvalidHeader};
use super::limits::Limits;
use crate::buffer;

/// So many `httparse` headers fit on the stack; a larger limit costs an allocation per head.
const HEADERS_ON_STACK: usize = 128;

/// How much of an unfinished head has been looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    scanned: usize,
    line_checked: bool,
}

/// Looks for a head at the front of `bytes`: its length, or `None` when it is not all there.
///
/// A head that drips in costs one look per byte. The answer depends only on the bytes, never on
/// how they were cut: a bad request line is reported at its line end, the rest at the blank line.
pub(super) fn request_head(
    bytes: &[u8],
    progress: &mut Progress,
    limits: &Limits,
    lenient: bool,
    head: &mut RequestHead,
) -> Result<Option<usize>, RemoteError> {
    let window = &bytes[..bytes.len().min(limits.head_bytes_max)];
    if progress.scanned == 0 {
        // Nearly every head arrives whole: then this is the only look at it.
        if let Ok(Some(length)) = tokens(window, limits, lenient, head) {
            return Ok(Some(length));
        }
    }
    if !progress.line_checked
        && let Some(length) = buffer::find_byte(&window[progress.scanned..], b'\n')
    {
        tokens(&window[..=progress.scanned + length], limits, lenient, head)?;
        progress.line_checked = true;
    }
    if let Some(end) = blank_line(window, progress.scanned) {
        return if lenient {
            tokens(&unfold(&window[..end]), limits, lenient, head).map(|_| Some(end))
        } else {
            tokens(&window[..end], limits, lenient, head)
        };
    }
    progress.scanned = window.len();
    if bytes.len() < limits.head_bytes_max {
        Ok(None)
    } else if progress.line_checked {
        Err(Reason::HeadTooLarge.error())
    } else {
        Err(Reason::TargetTooLong.error())
    }
}

/// Where the head ends: behind the first line feed that follows another, or CR between them.
fn blank_line(window: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(2);
    let ends = |at: usize| match window[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    };
    let line_ends = window[from..].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    line_ends.map(|(at, _)| from + at).find_map(ends)
}

/// One run of `httparse`, and of our own rules if the head is complete.
fn tokens(
    window: &[u8],
    limits: &Limits,
    lenient: bool,
    head: &mut RequestHead,
) -> Result<Option<usize>, RemoteError> {
    let mut stack = [const { MaybeUninit::uninit() }; HEADERS_ON_STACK];
    let mut heap = Vec::new();
    let slots = if limits.header_count_max <= HEADERS_ON_STACK {
        &mut stack[..limits.header_count_max]
    } else {
        heap.resize(limits.header_count_max, MaybeUninit::uninit());
        &mut heap[..]
    };
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(window, slots) {
        Ok(httparse::Status::Complete(length)) => {
            fill(head, &window[..length], &request, lenient)?;
            Ok(Some(length))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(reason(error).error()),
    }
}

fn reason(error: httparse::Error) -> Reason {
    match error {
        httparse::Error::HeaderName => Reason::HeaderName,
        httparse::Error::HeaderValue => Reason::HeaderValue,
        httparse::Error::NewLine => Reason::LineEnd,
        httparse::Error::TooManyHeaders => Reason::TooManyHeaders,
        httparse::Error::Version => Reason::Version,
        httparse::Error::Token | httparse::Error::Status => Reason::RequestLine,
    }
}

/// Copies a complete head into its place and applies the rules that make it one.
fn fill(
    head: &mut RequestHead,
    bytes: &[u8],
    request: &httparse::Request<'_, '_>,
    lenient: bool,
) -> Result<(), Reason> {
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Reason::RequestLine);
    };
    head.version = if version == 0 { Version::Http10 } else { Version::Http11 };
    head.line.clear();
    head.line.push_str(method);
    head.line.push_str(target);
    head.method_len = method.len();

    // From here on offsets: the first header begins where the request line ended.
    let line_len = method.len() + target.len() + " ".len() + " HTTP/1.1".len();
    let block = &bytes[line_len..];
    head.block.clear();
    head.block.extend_from_slice(block);
    head.fields.clear();
    let mut rules = Rules { lenient, ..Rules::default() };
    for header in request.headers.iter() {
        let name = span_in(block, header.name.as_bytes());
        rules.line_end(block, name.start as usize)?;
        rules.header(header.name.as_bytes(), header.value)?;
        head.fields.push(Field { name, value: span_in(block, header.value) });
    }
    if !lenient && !block.ends_with(b"\r\n\r\n") {
        return Err(Reason::LineEnd);
    }
    rules.finish(head, method, target)
}

/// Where `part` is in `whole`, from which it was borrowed.
fn span_in(whole: &[u8], part: &[u8]) -> Span {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    debug_assert!(start + part.len() <= whole.len(), "httparse borrows from its input");
    Span { start: start as u32, len: part.len() as u32 }
}

/// What a head says about its own message, gathered header by header.
#[derive(Default)]
struct Rules<'a> {
    lenient: bool,
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl<'a> Rules<'a> {
    /// HAZ09: `httparse` takes a bare LF for a line end; a proxy in front of us may not.
    fn line_end(&self, block: &[u8], at: usize) -> Result<(), Reason> {
        if self.lenient || block[..at].ends_with(b"\r\n") { Ok(()) } else { Err(Reason::LineEnd) }
    }

    fn header(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Reason> {
        // Few names have the length and the first letter of one that matters to us.
        match (name.len(), name[0].to_ascii_uppercase()) {
            (4, b'H') if buffer::same_word(name, b"Host") => {
                let first = self.host.replace(value);
                return if first.is_none() { Ok(()) } else { Err(Reason::Host) };
            }
            (6, b'E') if buffer::same_word(name, b"Expect") => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            (10, b'C') if buffer::same_word(name, b"Connection") => {
                if value == b"keep-alive" {
                    self.keep_alive = true; // by far the most usual: no list to go through
                    return Ok(());
                }
                for option in value.split(|byte| *byte == b',').map(buffer::trim) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            (14, b'C') if buffer::same_word(name, b"Content-Length") => {
                // HAZ10: identical repetitions are somebody's mistake all the same.
                let first = self.length.replace(value);
                let same = first.is_none_or(|first| self.lenient && first == value);
                return if same { Ok(()) } else { Err(Reason::ContentLength) };
            }
            (17, b'T') if buffer::same_word(name, b"Transfer-Encoding") => {
                // T117, SEC14: one header, one word; a list or a second header is refused.
                let again = std::mem::replace(&mut self.chunked, true);
                let chunked = !again && value.eq_ignore_ascii_case(b"chunked");
                return if chunked { Ok(()) } else { Err(Reason::TransferEncoding) };
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, head: &mut RequestHead, method: &str, target: &str) -> Result<(), Reason> {
        head.body = match (self.chunked, self.length) {
            (true, Some(_)) => return Err(Reason::BothFramings),
            (true, None) => BodyLength::Chunked,
            // SEC13: digits and nothing else. A number too large for u64 is too large for us.
            (false, Some(text)) if text.iter().all(u8::is_ascii_digit) && !text.is_empty() => {
                BodyLength::Known(buffer::parse_decimal(text).ok_or(Reason::BodyTooLarge)?)
            }
            (false, Some(_)) => return Err(Reason::ContentLength),
            (false, None) => BodyLength::None,
        };
        self.host(head)?;
        path_and_query(head, method, target)?;
        let has_length = head.body != BodyLength::None;
        head.expects_continue =
            self.expects_continue && has_length && head.version == Version::Http11;
        // RFC 9112 part 6.1: chunks are news to version 1.0, so whoever passed them on may have
        // seen the end of this request elsewhere. It is the last one.
        let old_and_chunked = head.version == Version::Http10 && self.chunked;
        head.keep_alive = !self.close
            && !old_and_chunked
            && (head.version == Version::Http11
                || self.keep_alive && (has_length || matches!(method, "GET" | "HEAD")));
        Ok(())
    }

    /// T144: exactly one `Host`, which version 1.0 may leave out.
    fn host(&self, head: &mut RequestHead) -> Result<(), Reason> {
        if self.host.is_some_and(|host| head.host.as_bytes() == host && !host.is_empty()) {
            return Ok(()); // what was here before had passed the same check
        }
        head.host.clear();
        let host = match self.host {
            Some(value) => std::str::from_utf8(value).map_err(|_| Reason::Host)?,
            None if head.version == Version::Http10 => "127.0.0.1",
            None => return Err(Reason::Host),
        };
        Authority::parse(host).ok_or(Reason::Host)?;
        head.host.push_str(host);
        Ok(())
    }
}

/// Sorts out which of the four forms the target has, and where in the line its path and query are.
fn path_and_query(head: &mut RequestHead, method: &str, target: &str) -> Result<(), Reason> {
    let path_at = match (method, target) {
        ("CONNECT", authority) => {
            Authority::parse(authority).and_then(|it| it.port).ok_or(Reason::Target)?;
            0
        }
        ("OPTIONS", "*") => 0,
        (_, path) if path.starts_with('/') => 0,
        (_, absolute) => {
            let (scheme, rest) = absolute.split_once("://").ok_or(Reason::Target)?;
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
                return Err(Reason::Target);
            }
            let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
            // HAZ18: two names for one server are one too many.
            if !authority.eq_ignore_ascii_case(&head.host) {
                return Err(Reason::Host);
            }
            scheme.len() + "://".len() + authority.len()
        }
    };
    let (start, end) = (method.len() + path_at, method.len() + target.len());
    let question = question_mark(&target.as_bytes()[path_at..]);
    head.path = start..question.map_or(end, |length| start + length);
    head.query = question.map(|length| start + length + 1..end);
    Ok(())
}

/// Most targets are too short for a search that looks at many bytes at once to be worth its start.
fn question_mark(text: &[u8]) -> Option<usize> {
    if text.len() > 32 {
        return buffer::find_byte(text, b'?');
    }
    text.iter().position(|byte| *byte == b'?')
}

/// RFC 9112 part 5.2, only for the lenient: a line that begins with white space goes on where the
/// one before it ended, with one space between (F181).
fn unfold(block: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let mut rest = line;
        while let (false, [b' ' | b'\t', after @ ..]) = (out.is_empty(), rest) {
            rest = after;
        }
        if rest.len() < line.len() {
            while let Some(b'\r' | b'\n' | b' ' | b'\t') = out.last() {
                out.pop();
            }
            out.push(b' ');
        }
        out.extend_from_slice(rest);
    }
    out
}

/// Header lines without a request before them, up to and including the blank one.
pub(super) fn header_block(block: &[u8], lenient: bool) -> Result<Headers, InvalidHeader> {
    let unfolded = if lenient { unfold(block) } else { block.to_vec() };
    let mut lines = unfolded.split_inclusive(|byte| *byte == b'\n');
    if !lenient && !lines.all(|line| line.ends_with(b"\r\n")) {
        return Err(InvalidHeader::Line);
    }
    let line_count = unfolded.split(|byte| *byte == b'\n').count();
    let mut slots = vec![httparse::EMPTY_HEADER; line_count];
    let parsed = match httparse::parse_headers(&unfolded, &mut slots) {
        Ok(httparse::Status::Complete((length, parsed))) if length == unfolded.len() => parsed,
        Ok(_) | Err(httparse::Error::NewLine) => return Err(InvalidHeader::Line),
        Err(httparse::Error::HeaderName) => return Err(InvalidHeader::Name),
        Err(_) => return Err(InvalidHeader::Value),
    };
    let mut headers = Headers::new();
    for header in parsed {
        headers.push_checked(header.name, header.value);
    }
    Ok(headers)
}
