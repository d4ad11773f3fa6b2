//! The shape of a document: every length fits, and nothing is nested too deeply.
//!
//! Owns the rules for lengths, and the check that runs before any decoder that is not ours may see a
//! peer's document. It keeps its own stack, of a fixed size, so no document can exhaust ours. Values
//! are not looked at: numbers are numbers, and strings are checked when they are read.
//! Read next: `decode.rs`, which reads by the same rules.

use std::fmt;
use std::ops::Range;

use super::wire::read_i32;

/// How many documents and arrays may lie within each other; the server's own limit.
pub const DEPTH_MAX: usize = 100;

/// What is wrong with a document, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// The byte at which the trouble was noticed, counted from the document's first.
    pub offset: usize,
    /// The trouble.
    pub fault: Fault,
}

/// One way in which a document can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A length is negative, too small to be one, or reaches beyond what holds it.
    Length,
    /// A string, a key or a document does not end with NUL where it should.
    NoNul,
    /// There is no element of this type.
    ElementType(u8),
    /// More than [`DEPTH_MAX`] levels.
    TooDeep,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Length => f.write_str("a length does not fit")?,
            Fault::NoNul => f.write_str("a closing NUL is missing")?,
            Fault::ElementType(kind) => write!(f, "element type {kind:#04x} is unknown")?,
            Fault::TooDeep => write!(f, "more than {DEPTH_MAX} levels of nesting")?,
        }
        write!(f, " at byte {} of the document", self.offset)
    }
}

impl std::error::Error for ShapeError {}

/// Checks that `document` is one document: all lengths right, no more than [`DEPTH_MAX`] levels.
///
/// # Errors
/// The first fault and its offset. Whoever sent the document is to blame.
pub fn check(document: &[u8]) -> Result<(), ShapeError> {
    check_levels(document, DEPTH_MAX)
}

/// The same with no more than `levels`, at most [`DEPTH_MAX`].
pub(super) fn check_levels(document: &[u8], levels: usize) -> Result<(), ShapeError> {
    let mut ends = [0; DEPTH_MAX]; // where the closing NUL of each open document stands
    let mut depth = 0;
    ends[0] = end_of(document)?;
    let mut at = 4;
    loop {
        let end = ends[depth];
        if at == end && depth == 0 {
            return Ok(());
        } else if at == end {
            depth -= 1;
            at += 1;
            continue;
        }
        let value = cstring_end(document, at + 1, end)?;
        match element(document, document[at], value, end)? {
            Element::Flat { next } => at = next,
            Element::Nested { start, end } => {
                depth += 1;
                let slot = ends[..levels].get_mut(depth);
                *slot.ok_or(ShapeError { offset: value, fault: Fault::TooDeep })? = end;
                at = start;
            }
        }
    }
}

/// One field of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The type, as its number on the wire.
    pub kind: u8,
    /// The name, which need not be UTF-8.
    pub name: &'a [u8],
    /// Where the value lies, counted from the document's first byte.
    pub value: Range<usize>,
}

/// The fields of a document, down to the first fault. What is nested is stepped over: only its
/// outer length is looked at.
///
/// ```
/// use squall::proto::mongo::shape::fields;
/// let document = bson::rawdoc! { "ok": true, "list": [1, 2] };
/// let names = fields(document.as_bytes()).map(|field| Ok(field?.name));
/// assert_eq!(names.collect::<Result<Vec<_>, _>>()?, [&b"ok"[..], b"list"]);
/// # Ok::<(), squall::proto::mongo::shape::ShapeError>(())
/// ```
pub fn fields(document: &[u8]) -> impl Iterator<Item = Result<Field<'_>, ShapeError>> {
    let (mut at, whole) = (4, end_of(document));
    let (end, mut fault) = (whole.unwrap_or(at), whole.err());
    std::iter::from_fn(move || {
        if let Some(fault) = fault.take() {
            return Some(Err(fault));
        }
        (at < end).then(|| {
            let start = std::mem::replace(&mut at, end); // after a fault there is nothing more
            let value = cstring_end(document, start + 1, end)?;
            at = match element(document, document[start], value, end)? {
                Element::Flat { next } => next,
                Element::Nested { end, .. } => end + 1,
            };
            let (kind, name) = (document[start], &document[start + 1..value - 1]);
            Ok(Field { kind, name, value: value..at })
        })
    })
}

/// Where the closing NUL of the document stands, which must be all there is.
pub(super) fn end_of(document: &[u8]) -> Result<usize, ShapeError> {
    let end = document_end(document, 0, document.len())?;
    let whole = end + 1 == document.len();
    whole.then_some(end).ok_or(ShapeError { offset: 0, fault: Fault::Length })
}

/// What an element's value turned out to be.
pub(super) enum Element {
    /// Nothing inside; the next element begins at `next`.
    Flat { next: usize },
    /// A document whose first element begins at `start` and whose closing NUL stands at `end`.
    Nested { start: usize, end: usize },
}

/// Looks at the value at `at`, of the type `kind`, which must end at or before `end`.
pub(super) fn element(
    bytes: &[u8],
    kind: u8,
    at: usize,
    end: usize,
) -> Result<Element, ShapeError> {
    let next = match kind {
        0x06 | 0x0a | 0x7f | 0xff => at,
        0x08 => at + 1,
        0x10 => at + 4,
        0x01 | 0x09 | 0x11 | 0x12 => at + 8,
        0x07 => at + 12,
        0x13 => at + 16,
        0x02 | 0x0d | 0x0e => string_end(bytes, at, end)?,
        0x0c => string_end(bytes, at, end)? + 12,
        0x05 => at + 5 + length(bytes, at, 0, end)?,
        0x0b => cstring_end(bytes, cstring_end(bytes, at, end)?, end)?,
        0x03 | 0x04 => {
            return Ok(Element::Nested { start: at + 4, end: document_end(bytes, at, end)? });
        }
        0x0f => return scope(bytes, at, end),
        _ => return Err(ShapeError { offset: at, fault: Fault::ElementType(kind) }),
    };
    if next > end {
        return Err(ShapeError { offset: at, fault: Fault::Length });
    }
    Ok(Element::Flat { next })
}

/// Code with scope: its own length, a string, and a document that must fill the rest exactly.
fn scope(bytes: &[u8], at: usize, end: usize) -> Result<Element, ShapeError> {
    let wrong = ShapeError { offset: at, fault: Fault::Length };
    let after = at + length(bytes, at, 14, end)?;
    if after > end {
        return Err(wrong);
    }
    let document = string_end(bytes, at + 4, after)?;
    let nul = document_end(bytes, document, after)?;
    if nul + 1 != after {
        return Err(wrong);
    }
    Ok(Element::Nested { start: document + 4, end: nul })
}

/// The length field at `at`, at least `min`.
fn length(bytes: &[u8], at: usize, min: usize, end: usize) -> Result<usize, ShapeError> {
    let found = if at + 4 <= end { read_i32(bytes, at) } else { None };
    found
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length >= min)
        .ok_or(ShapeError { offset: at, fault: Fault::Length })
}

/// Where the closing NUL of the document at `at` stands; it must lie before `limit`.
pub(super) fn document_end(bytes: &[u8], at: usize, limit: usize) -> Result<usize, ShapeError> {
    let nul = at + length(bytes, at, 5, limit)? - 1;
    closed_by_nul(bytes, at, nul, limit)
}

/// The first byte behind the string at `at`.
fn string_end(bytes: &[u8], at: usize, limit: usize) -> Result<usize, ShapeError> {
    let nul = at + 4 + length(bytes, at, 1, limit)? - 1;
    Ok(closed_by_nul(bytes, at, nul, limit)? + 1)
}

fn closed_by_nul(bytes: &[u8], at: usize, nul: usize, limit: usize) -> Result<usize, ShapeError> {
    if nul >= limit {
        return Err(ShapeError { offset: at, fault: Fault::Length });
    }
    if bytes[nul] != 0 {
        return Err(ShapeError { offset: nul, fault: Fault::NoNul });
    }
    Ok(nul)
}

/// The first byte behind the NUL-terminated text at `at`, such as a key.
pub(super) fn cstring_end(bytes: &[u8], at: usize, end: usize) -> Result<usize, ShapeError> {
    let text = bytes.get(at..end).unwrap_or_default();
    let nul = text.iter().position(|byte| *byte == 0);
    Ok(at + nul.ok_or(ShapeError { offset: at, fault: Fault::NoNul })? + 1)
}
