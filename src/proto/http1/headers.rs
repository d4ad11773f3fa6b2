//! The headers of an answer: ordered, case-insensitive, and impossible to inject into.
//!
//! Owns one buffer that already has the form the wire wants, so writing an answer is one copy and
//! adding a header is linear whatever came before (F189). A name or value that could end its line
//! is refused here, at the door (SEC04). Does not know which headers frame a message: `encode.rs`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

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
#[derive(Clone, Default)]
pub struct Headers {
    block: Vec<u8>, // `Name: value\r\n`, again and again
    known: u8,      // which of `Known` are present, so that encoding asks no questions
    names: u64,     // a bit for each name that may be present: most look-ups need no search
    repeated: u64,  // a bit for each name that may be present more than once
}

/// The bit of a name in `Headers::names`. Two names may share one; then a search decides.
fn bit(name: &str) -> u64 {
    let name = name.as_bytes();
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let mixed = usize::from(first & 0x1f) + 3 * usize::from(last & 0x1f) + 5 * name.len();
    1 << (mixed % 64)
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
    /// The bit of a name in the form that `push` gives it.
    fn find(name: &[u8]) -> u8 {
        match name {
            b"Date" => Self::Date as u8,
            b"Server" => Self::Server as u8,
            b"Connection" => Self::Connection as u8,
            b"Content-Length" => Self::ContentLength as u8,
            b"Transfer-Encoding" => Self::TransferEncoding as u8,
            _ => 0,
        }
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
        Self { block: Vec::new(), known: 0, names: 0, repeated: 0 }
    }

    /// Replaces every header of this name by one, at the end.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        check(name.as_bytes(), value.as_ref())?;
        self.remove(name);
        self.push(name, value.as_ref());
        Ok(())
    }

    /// Adds one more header, beside those of the same name.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        check(name.as_bytes(), value.as_ref())?;
        self.push(name, value.as_ref());
        Ok(())
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_list(name).next()
    }

    /// All values of this name, in order.
    pub fn get_list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let lines = lines(if self.names & bit(name) == 0 { b"" } else { &self.block });
        lines.filter_map(move |line| value_of(line, name))
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
        let bit = bit(name);
        let mut more = self.names & bit != 0;
        while let (true, Some(line)) = (more, self.position(name)) {
            self.known &= !Known::find(&self.block[line.start..][..name.len()]);
            self.block.drain(line);
            more = self.repeated & bit != 0;
        }
    }

    /// Forgets all headers and keeps the memory, for the next answer.
    pub fn clear(&mut self) {
        self.block.clear();
        (self.known, self.names, self.repeated) = (0, 0, 0);
    }

    /// Becomes a copy of `other`, in the memory it has.
    pub fn copy_from(&mut self, other: &Self) {
        let Self { block, known, names, repeated } = other;
        self.block.clear();
        self.block.extend_from_slice(block);
        (self.known, self.names, self.repeated) = (*known, *names, *repeated);
    }

    /// How much memory they occupy, for those who keep headers in a pool.
    pub fn capacity(&self) -> usize {
        self.block.capacity()
    }

    /// True without any header.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// Names and values in order; names as HTTP likes to see them (`Content-Type`).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        lines(&self.block).map(|line| {
            let (name, value) = split_line(line);
            (std::str::from_utf8(name).expect("a token is ASCII"), value)
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
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        let bit = bit(name);
        self.repeated |= self.names & bit;
        self.names |= bit;
        let start = self.block.len();
        self.block.reserve(name.len() + value.len() + 4);
        self.block.extend_from_slice(name.as_bytes());
        let mut word_begins = true;
        for byte in &mut self.block[start..] {
            *byte = if word_begins { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
            word_begins = *byte == b'-';
        }
        self.known |= Known::find(&self.block[start..]);
        self.block.extend_from_slice(b": ");
        self.block.extend_from_slice(buffer::trim(value));
        self.block.extend_from_slice(b"\r\n");
    }

    /// Where the first line of this name is.
    fn position(&self, name: &str) -> Option<Range<usize>> {
        let mut end = 0;
        lines(&self.block).find_map(|line| {
            end += line.len();
            value_of(line, name).map(|_| end - line.len()..end)
        })
    }
}

/// Equal is what looks equal on the wire.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.block == other.block
    }
}

impl Eq for Headers {}

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
    // Without a way out in the middle these loops are shorter than with one.
    let is_name = name.iter().fold(!name.is_empty(), |good, &b| good & TOKEN[usize::from(b)]);
    if !is_name {
        return Err(InvalidHeader::Name);
    }
    if !value.iter().fold(true, |good, &byte| good & is_value(byte)) {
        return Err(InvalidHeader::Value);
    }
    Ok(())
}

pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Which bytes may stand in a name: one look is less than ten comparisons.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token(byte as u8);
        byte += 1;
    }
    table
};

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// The lines of a block, each with its CR LF.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = buffer::find_byte(rest, b'\n')?;
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        Some(line)
    })
}

/// The value, if the line has this name.
fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let found = rest.starts_with(b": ") && buffer::same_word(start, name.as_bytes());
    found.then(|| &rest[2..rest.len() - 2])
}

fn split_line(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = buffer::find_byte(line, b':').expect("push wrote a colon");
    (&line[..colon], &line[colon + 2..line.len() - 2])
}
