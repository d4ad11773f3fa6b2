//! The headers of an answer: ordered, case-insensitive, and impossible to inject into.
//!
//! Owns one buffer that already has the form the wire wants, so writing an answer is one copy and
//! adding a header is linear whatever came before (F189). A name or value that could end its line
//! is refused here, at the door (SEC04). Does not know which headers frame a message: `encode.rs`.

use std::borrow::Cow;
use std::fmt;

use super::parse;
use crate::buffer;

/// Header lines to be sent, in the order they were added.
///
/// ```
/// use squall::proto::http1::Headers;
/// let mut headers = Headers::new();
/// headers.set("content-type", "text/html")?;
/// headers.add("Set-Cookie", "a=1")?;
/// headers.add("Set-Cookie", "b=2")?;
/// assert_eq!(headers.get("Content-Type"), Some(&b"text/html"[..]));
/// assert_eq!(headers.get_joined("set-cookie").as_deref(), Some(&b"a=1,b=2"[..]));
/// assert!(headers.set("Location", "/\r\nX-Evil: 1").is_err());
/// # Ok::<(), squall::proto::http1::InvalidHeader>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    block: Vec<u8>, // `Name: value\r\n`, again and again
    known: u8,      // which of `Known` are present, so that encoding asks no questions
}

/// The headers that the encoder asks about for every answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    ContentLength = 1,
    TransferEncoding = 2,
    Connection = 4,
    Date = 8,
    Server = 16,
}

impl Known {
    fn find(name: &[u8]) -> u8 {
        let (text, known): (&[u8], _) = match name.len() {
            4 => (b"date", Self::Date),
            6 => (b"server", Self::Server),
            10 => (b"connection", Self::Connection),
            14 => (b"content-length", Self::ContentLength),
            17 => (b"transfer-encoding", Self::TransferEncoding),
            _ => return 0,
        };
        if name.eq_ignore_ascii_case(text) { known as u8 } else { 0 }
    }
}

/// A header that HTTP has no way to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is empty or not a token (RFC 9110 part 5.6.2).
    Name,
    /// The value holds CR, LF or another control character.
    Value,
    /// A line without a colon, or (when parsing) a folded or badly ended one.
    Line,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "header name is not a token",
            Self::Value => "control character in a header value",
            Self::Line => "malformed header line",
        })
    }
}

impl std::error::Error for InvalidHeader {}

impl Headers {
    /// No headers, and no memory.
    pub const fn new() -> Self {
        Self { block: Vec::new(), known: 0 }
    }

    /// Replaces every header of this name by one, at the end.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        check(name.as_bytes(), value.as_ref())?;
        self.remove(name);
        self.push(name.as_bytes(), value.as_ref());
        Ok(())
    }

    /// Adds one more header, beside those of the same name.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        check(name.as_bytes(), value.as_ref())?;
        self.push(name.as_bytes(), value.as_ref());
        Ok(())
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_list(name).next()
    }

    /// All values of this name, in order.
    pub fn get_list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter_map(move |(other, value)| other.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All values of this name with a comma between them (Tornado's `headers[name]`).
    pub fn get_joined(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        join(self.get_list(name))
    }

    /// True when there is a header of this name, in any case (SEC26).
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Takes every header of this name away.
    pub fn remove(&mut self, name: &str) {
        while let Some((start, end)) = self.position(name) {
            self.block.drain(start..end);
        }
        self.known &= !Known::find(name.as_bytes());
    }

    /// Forgets all headers and keeps the memory, for the next answer.
    pub fn clear(&mut self) {
        self.block.clear();
        self.known = 0;
    }

    /// True without any header.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// Names and values in order; names as HTTP likes to see them (`Content-Type`).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest = &self.block[..];
        std::iter::from_fn(move || {
            let end = buffer::find_byte(rest, b'\n')?;
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            Some(split_line(line))
        })
    }

    /// Reads header lines up to and including the blank one, as a part of a multipart body has
    /// them; the other way round is [`Headers::as_bytes`].
    ///
    /// With `lenient`, lines may end in LF alone and be folded (F181), otherwise not.
    pub fn parse(block: &[u8], lenient: bool) -> Result<Self, InvalidHeader> {
        parse::header_block(block, lenient)
    }

    /// The lines as they are sent, each with its CR LF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.block
    }

    pub(super) fn has(&self, known: Known) -> bool {
        self.known & known as u8 != 0
    }

    /// For callers who have checked both already.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.known |= Known::find(name);
        self.block.reserve(name.len() + value.len() + 4);
        let mut word_begins = true;
        self.block.extend(name.iter().map(|byte| {
            let upper = std::mem::replace(&mut word_begins, *byte == b'-');
            if upper { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }
        }));
        self.block.extend_from_slice(b": ");
        self.block.extend_from_slice(buffer::trim(value));
        self.block.extend_from_slice(b"\r\n");
    }

    fn position(&self, name: &str) -> Option<(usize, usize)> {
        let mut start = 0;
        while let Some(length) = buffer::find_byte(&self.block[start..], b'\n') {
            let end = start + length + 1;
            if split_line(&self.block[start..end]).0.eq_ignore_ascii_case(name) {
                return Some((start, end));
            }
            start = end;
        }
        None
    }
}

/// Names only: values may be secrets (T145).
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// T140: repeated values are one list, with a comma and no space.
pub(super) fn join<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Cow<'a, [u8]>> {
    let mut joined = Cow::Borrowed(values.next()?);
    for value in values {
        let text = joined.to_mut();
        text.push(b',');
        text.extend_from_slice(value);
    }
    Some(joined)
}

/// T141: a token for a name; for a value visible characters, space, tab, and 0x80 to 0xFF.
fn check(name: &[u8], value: &[u8]) -> Result<(), InvalidHeader> {
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(InvalidHeader::Name);
    }
    if !value.iter().copied().all(is_value) {
        return Err(InvalidHeader::Value);
    }
    Ok(())
}

pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

fn split_line(line: &[u8]) -> (&str, &[u8]) {
    let colon = buffer::find_byte(line, b':').expect("push wrote a colon");
    let name = std::str::from_utf8(&line[..colon]).expect("a token is ASCII");
    (name, &line[colon + 2..line.len() - 2])
}
