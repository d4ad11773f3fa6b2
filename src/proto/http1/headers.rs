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
    names: u64,     // a bit for each name that is present, so that most questions need no search
    repeated: u64,  // a bit for each name that may be present more than once
    last: usize,    // where the last line begins; at the end, if that is not known
}

/// The names that most answers are made of: they need no check, no change of case, and have a bit
/// of their own. The encoder asks about the first five for every answer.
macro_rules! known {
    ($($name:ident $text:literal)*) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Known { $($name,)* }

        const KNOWN: &[&str] = &[$($text,)*];

        impl Known {
            /// The name as it is written on the wire.
            fn exactly(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

known! {
    ContentLength "Content-Length"
    TransferEncoding "Transfer-Encoding"
    Connection "Connection"
    Date "Date"
    Server "Server"
    ContentType "Content-Type"
    Etag "Etag"
    SetCookie "Set-Cookie"
    Location "Location"
    CacheControl "Cache-Control"
    LastModified "Last-Modified"
    Vary "Vary"
    ContentEncoding "Content-Encoding"
    ContentRange "Content-Range"
    AcceptRanges "Accept-Ranges"
    Expires "Expires"
}

/// A name, and its bit in [`Headers::names`]. Unknown names share a few bits: for them a bit only
/// says that a search is worth while.
#[derive(Clone, Copy)]
struct Name<'a> {
    text: &'a str,
    bit: u64,
    is_known: bool,
}

impl<'a> Name<'a> {
    /// A name that is written in the code costs nothing: it is looked up when that is compiled.
    #[inline]
    fn new(text: &'a str) -> Self {
        match Known::exactly(text) {
            Some(known) => Self { text, bit: known.bit(), is_known: true },
            None => Self::unusual(text),
        }
    }

    /// Somebody may have his own idea of upper and lower case.
    fn unusual(text: &'a str) -> Self {
        let alike = KNOWN.iter().position(|known| known.eq_ignore_ascii_case(text));
        let shared = || KNOWN.len() + text.len() % (64 - KNOWN.len());
        let bit = 1 << alike.unwrap_or_else(shared);
        Self { text, bit, is_known: false }
    }
}

impl Known {
    const fn bit(self) -> u64 {
        1 << self as u8
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
        Self { block: Vec::new(), names: 0, repeated: 0, last: 0 }
    }

    /// Replaces every header of this name by one, at the end.
    #[inline]
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        self.set_named(Name::new(name), value.as_ref())
    }

    fn set_named(&mut self, name: Name<'_>, value: &[u8]) -> Result<(), InvalidHeader> {
        check(name, value)?;
        if self.may_have(name) {
            self.replace(name, value);
        } else {
            self.push(name, value);
        }
        Ok(())
    }

    /// Most of those that are replaced are the last, or the only one: then the name can stay.
    fn replace(&mut self, name: Name<'_>, value: &[u8]) {
        let alone = self.repeated & name.bit == 0;
        if alone && value_of(&self.block[self.last..], name.text).is_some() {
            self.block.truncate(self.last + name.text.len() + ": ".len());
            self.push_value(value);
        } else {
            self.remove_all(name);
            self.push(name, value);
        }
    }

    /// Adds one more header, beside those of the same name.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        let name = Name::new(name);
        check(name, value.as_ref())?;
        self.push(name, value.as_ref());
        Ok(())
    }

    /// The first value of this name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        if self.may_have(Name::new(name)) { self.get_list(name).next() } else { None }
    }

    /// All values of this name, in order.
    pub fn get_list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let lines = lines(if self.may_have(Name::new(name)) { &self.block } else { b"" });
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
        self.remove_all(Name::new(name));
    }

    fn remove_all(&mut self, name: Name<'_>) {
        let mut more = self.may_have(name);
        while more {
            let Some(line) = self.position(name.text) else { break };
            self.block.drain(line);
            self.last = self.block.len();
            more = self.repeated & name.bit != 0;
        }
        if name.bit < 1 << KNOWN.len() {
            self.names &= !name.bit; // nobody shares it
            self.repeated &= !name.bit;
        }
    }

    /// Forgets all headers and keeps the memory, for the next answer.
    pub fn clear(&mut self) {
        self.block.clear();
        (self.names, self.repeated, self.last) = (0, 0, 0);
    }

    /// Becomes a copy of `other`, in the memory it has.
    pub fn copy_from(&mut self, other: &Self) {
        let Self { block, names, repeated, last } = other;
        self.block.clear();
        self.block.extend_from_slice(block);
        (self.names, self.repeated, self.last) = (*names, *repeated, *last);
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
        self.names & known.bit() != 0
    }

    /// False: there is certainly none of this name.
    fn may_have(&self, name: Name<'_>) -> bool {
        self.names & name.bit != 0
    }

    /// For those who have checked both already.
    pub(super) fn push_checked(&mut self, name: &str, value: &[u8]) {
        self.push(Name::new(name), value);
    }

    fn push(&mut self, name: Name<'_>, value: &[u8]) {
        self.repeated |= self.names & name.bit;
        self.names |= name.bit;
        let start = self.block.len();
        self.last = start;
        self.block.reserve(name.text.len() + value.len() + 4);
        self.block.extend_from_slice(name.text.as_bytes());
        if !name.is_known {
            capitalize(&mut self.block[start..]);
        }
        self.block.extend_from_slice(b": ");
        self.push_value(value);
    }

    #[inline]
    fn push_value(&mut self, value: &[u8]) {
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

/// `content-type` as HTTP likes to see it.
fn capitalize(name: &mut [u8]) {
    let mut word_begins = true;
    for byte in name {
        *byte = if word_begins { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        word_begins = *byte == b'-';
    }
}

/// T141: a token for a name; for a value visible characters, space, tab, and 0x80 to 0xFF.
#[inline]
fn check(name: Name<'_>, value: &[u8]) -> Result<(), InvalidHeader> {
    if !name.is_known && (name.text.is_empty() || !all(name.text.as_bytes(), TOKEN)) {
        return Err(InvalidHeader::Name);
    }
    let (words, rest) = value.as_chunks::<8>();
    let clean = |word: &[u8; 8]| !has_control(u64::from_ne_bytes(*word)) || all(word, VALUE);
    if words.iter().all(clean) && all(rest, VALUE) { Ok(()) } else { Err(InvalidHeader::Value) }
}

/// Without a way out in the middle this loop is shorter than with one.
fn all(text: &[u8], class: u8) -> bool {
    text.iter().fold(class, |all, &byte| all & CLASS[usize::from(byte)]) != 0
}

/// Whether one of eight bytes is below the space, or DEL. That may be a tab; it seldom is.
const fn has_control(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = 0x80 * ONES;
    let below_space = word.wrapping_sub(0x20 * ONES) & !word;
    let from_del = word ^ (0x7f * ONES); // zero where it was DEL
    let is_del = from_del.wrapping_sub(ONES) & !from_del;
    (below_space | is_del) & HIGH_BITS != 0
}

pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// May stand in a name.
const TOKEN: u8 = 1;
/// May stand in a value.
const VALUE: u8 = 2;

/// What each byte is good for: one look is less than ten comparisons.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let token = if is_token(byte as u8) { TOKEN } else { 0 };
        let value = if is_value(byte as u8) { VALUE } else { 0 };
        table[byte] = token | value;
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
#[inline]
fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let found = rest.starts_with(b": ") && buffer::same_word(start, name.as_bytes());
    found.then(|| &rest[2..rest.len() - 2])
}

fn split_line(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = buffer::find_byte(line, b':').expect("push wrote a colon");
    (&line[..colon], &line[colon + 2..line.len() - 2])
}
