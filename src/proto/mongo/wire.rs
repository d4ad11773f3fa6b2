//! `MongoDB` messages on the wire: the header, `OP_MSG`, its sections and its checksum.
//!
//! Owns the framing in both directions, so client and embedded server share it, and every limit
//! that framing needs. It knows no command, no connection and no socket: bytes go in, borrowed
//! views come out, and nothing is copied. Read next: `legacy.rs` for the one old message that
//! clients still begin with, then `connection.rs`, which holds a conversation.

use std::fmt;

use bson::RawDocument;

use super::crc32c;

/// Bytes of the header that opens every message.
pub const HEADER_BYTES: usize = 16;

/// The largest message anybody may send, unless the server's hello names another number.
///
/// A peer's length field is believed up to here, so this is also what one peer can make us hold.
pub const MESSAGE_BYTES_MAX: usize = 48_000_000;

/// The largest document a server takes, unless its hello names another number.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What kind of message follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// The answer to [`OpCode::Query`].
    Reply,
    /// The old request; clients still open a connection with one.
    Query,
    /// Another message, compressed. We never ask for it.
    Compressed,
    /// Everything since `MongoDB` 3.6.
    Msg,
}

impl OpCode {
    /// The number on the wire.
    pub fn code(self) -> i32 {
        match self {
            Self::Reply => 1,
            Self::Query => 2004,
            Self::Compressed => 2012,
            Self::Msg => 2013,
        }
    }

    fn from_code(code: i32) -> Option<Self> {
        [Self::Reply, Self::Query, Self::Compressed, Self::Msg]
            .into_iter()
            .find(|op| op.code() == code)
    }
}

/// The sixteen bytes in front of every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole message, these sixteen included.
    pub message_bytes: usize,
    /// The sender's own number for this message.
    pub request_id: i32,
    /// The `request_id` this message answers; zero in a request.
    pub response_to: i32,
    /// What follows.
    pub op_code: OpCode,
}

impl Header {
    /// Reads a header from the start of `bytes`; `None` while it is not all there.
    ///
    /// # Errors
    /// The length is below the header's own or above `bytes_max`, or the operation is unknown.
    pub fn parse(bytes: &[u8], bytes_max: usize) -> Result<Option<Self>, WireError> {
        let Some(length) = read_i32(bytes, 0) else { return Ok(None) };
        // Judged as soon as it is known: a length that lies must not make us wait for more.
        let message_bytes = usize::try_from(length).unwrap_or(0);
        if message_bytes <= HEADER_BYTES || message_bytes > bytes_max {
            return Err(WireError::MessageLength { length, max: bytes_max });
        }
        let (Some(request_id), Some(response_to), Some(code)) =
            (read_i32(bytes, 4), read_i32(bytes, 8), read_i32(bytes, 12))
        else {
            return Ok(None);
        };
        let op_code = OpCode::from_code(code).ok_or(WireError::OpCode(code))?;
        Ok(Some(Self { message_bytes, request_id, response_to, op_code }))
    }
}

/// Splits the first whole message off `bytes`: its header and all its bytes, header included.
///
/// `None` means that more bytes are needed. The caller drops `header.message_bytes` bytes from
/// the front of its buffer when it has used the message.
///
/// # Errors
/// As [`Header::parse`]; after an error the connection cannot be read any further.
pub fn split(bytes: &[u8], bytes_max: usize) -> Result<Option<(Header, &[u8])>, WireError> {
    let Some(header) = Header::parse(bytes, bytes_max)? else { return Ok(None) };
    Ok(bytes.get(..header.message_bytes).map(|message| (header, message)))
}

/// The flag word of an `OP_MSG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);
    /// A CRC-32C follows the last section.
    pub const CHECKSUM_PRESENT: Self = Self(1);
    /// The sender of a request wants no reply; the sender of a reply will send another.
    pub const MORE_TO_COME: Self = Self(1 << 1);
    /// The client can take several replies to this request.
    pub const EXHAUST_ALLOWED: Self = Self(1 << 16);

    /// These bits, unjudged: for messages of our own making.
    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// True when all flags of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The lower sixteen bits are required knowledge, the upper ones may be ignored.
    fn parse(bits: u32) -> Result<Self, WireError> {
        let known = Self::CHECKSUM_PRESENT.0 | Self::MORE_TO_COME.0;
        if bits & 0xffff & !known != 0 { Err(WireError::Flags(bits)) } else { Ok(Self(bits)) }
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One `OP_MSG`, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The flags, checked.
    pub flags: Flags,
    /// The one kind-0 section: the command, or the reply.
    pub body: &'a RawDocument,
    /// Every section, the body's too: found well formed, walked again by `sequences`.
    sections: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a whole message, as [`split`] gave it.
    ///
    /// The checksum is compared if there is one; every section and every document's outer length
    /// is checked. What is inside the documents is not looked at: see `shape.rs`.
    ///
    /// # Errors
    /// The peer broke the protocol, and the variant says how; close the connection.
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let flags = read_i32(message, HEADER_BYTES).ok_or(WireError::Truncated)?;
        let flags = Flags::parse(flags as u32)?;
        let end = if flags.contains(Flags::CHECKSUM_PRESENT) {
            check_sum(message)?
        } else {
            message.len()
        };
        let sections = message.get(HEADER_BYTES + 4..end).ok_or(WireError::Truncated)?;
        let mut body = None;
        let mut rest = sections;
        while !rest.is_empty() {
            let (section, after) = Section::split(rest)?;
            match section {
                Section::Body(document) if body.is_none() => body = Some(document),
                Section::Body(_) => return Err(WireError::TwoBodies),
                Section::Sequence(sequence) => sequence.check()?,
            }
            rest = after;
        }
        Ok(Self { flags, body: body.ok_or(WireError::NoBody)?, sections })
    }

    /// The document sequences (kind 1), in the order they came.
    pub fn sequences(&self) -> impl Iterator<Item = Sequence<'a>> + use<'a> {
        let mut rest = self.sections;
        std::iter::from_fn(move || {
            loop {
                let (section, after) = Section::split(rest).ok()?;
                rest = after;
                if let Section::Sequence(sequence) = section {
                    return Some(sequence);
                }
            }
        })
    }
}

/// Compares the checksum in the last four bytes and answers where the sections end.
fn check_sum(message: &[u8]) -> Result<usize, WireError> {
    let end = message.len() - 4;
    if end < HEADER_BYTES + 4 {
        return Err(WireError::Truncated);
    }
    let found = read_i32(message, end).ok_or(WireError::Truncated)? as u32;
    if found == crc32c::checksum(&message[..end]) { Ok(end) } else { Err(WireError::Checksum) }
}

enum Section<'a> {
    Body(&'a RawDocument),
    Sequence(Sequence<'a>),
}

impl<'a> Section<'a> {
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        match bytes.split_first() {
            None => Err(WireError::Truncated),
            Some((0, rest)) => {
                split_document(rest).map(|(document, rest)| (Self::Body(document), rest))
            }
            Some((1, rest)) => {
                Sequence::split(rest).map(|(sequence, rest)| (Self::Sequence(sequence), rest))
            }
            Some((kind, _)) => Err(WireError::SectionKind(*kind)),
        }
    }
}

/// A kind-1 section: documents back to back, belonging to the command's field `name`.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// The field these documents stand for, such as `documents` of `insert`.
    pub name: &'a str,
    bytes: &'a [u8],
}

impl<'a> Sequence<'a> {
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let size = read_i32(bytes, 0).ok_or(WireError::Truncated)?;
        let size = usize::try_from(size).map_err(|_| WireError::Truncated)?;
        let section = bytes.get(4..size).ok_or(WireError::Truncated)?;
        let nul = section.iter().position(|byte| *byte == 0).ok_or(WireError::SequenceName)?;
        let name = std::str::from_utf8(&section[..nul]).map_err(|_| WireError::SequenceName)?;
        Ok((Self { name, bytes: &section[nul + 1..] }, &bytes[size..]))
    }

    /// Every document lies inside the section and the last one ends where the section ends.
    fn check(&self) -> Result<(), WireError> {
        let mut rest = self.bytes;
        while !rest.is_empty() {
            rest = split_document(rest)?.1;
        }
        Ok(())
    }

    /// The documents, in order.
    pub fn documents(&self) -> impl Iterator<Item = &'a RawDocument> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (document, after) = split_document(rest).ok()?;
            rest = after;
            Some(document)
        })
    }
}

/// Splits the document that `bytes` begin with from what follows it.
///
/// # Errors
/// Its length is impossible, or its last byte is not the NUL that closes a document.
pub fn split_document(bytes: &[u8]) -> Result<(&RawDocument, &[u8]), WireError> {
    let length = read_i32(bytes, 0).ok_or(WireError::Truncated)?;
    let end = usize::try_from(length).map_err(|_| WireError::DocumentLength(length))?;
    let document = bytes.get(..end).ok_or(WireError::DocumentLength(length))?;
    let document =
        RawDocument::from_bytes(document).map_err(|_| WireError::DocumentLength(length))?;
    Ok((document, &bytes[end..]))
}

/// The `i32` at `at`, if the bytes reach that far.
pub(super) fn read_i32(bytes: &[u8], at: usize) -> Option<i32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(i32::from_le_bytes(*bytes))
}

/// Writes one `OP_MSG` straight into an output buffer; lengths are filled in when it is finished.
///
/// ```
/// use squall::proto::mongo::wire::{Flags, Message, MessageWriter};
/// let ping = bson::rawdoc! { "ping": 1, "$db": "admin" };
/// let mut out = Vec::new();
/// MessageWriter::new(&mut out, 7, 0, Flags::NONE).body(&ping).finish();
/// assert_eq!(*Message::parse(&out)?.body, *ping);
/// # Ok::<(), squall::proto::mongo::wire::WireError>(())
/// ```
#[derive(Debug)]
#[must_use = "a message without `finish` has no length"]
pub struct MessageWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    flags: Flags,
}

impl<'a> MessageWriter<'a> {
    /// Begins a message behind whatever `out` holds already.
    pub fn new(out: &'a mut Vec<u8>, request_id: i32, response_to: i32, flags: Flags) -> Self {
        let start = out.len();
        write_header(out, request_id, response_to, OpCode::Msg);
        out.extend_from_slice(&flags.0.to_le_bytes());
        Self { out, start, flags }
    }

    /// Opens the kind-0 section: exactly one document is to be appended to `out`, and then
    /// [`reopen`](Self::reopen) goes on.
    pub fn open_body(self) {
        self.out.push(0);
    }

    /// Goes on with the message at the front of `out`, under these flags.
    pub fn reopen(out: &'a mut Vec<u8>, flags: Flags) -> Self {
        out[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&flags.0.to_le_bytes());
        Self { out, start: 0, flags }
    }

    /// Adds the kind-0 section; a message has exactly one.
    pub fn body(self, document: &RawDocument) -> Self {
        self.out.push(0);
        self.out.extend_from_slice(document.as_bytes());
        self
    }

    /// Adds a kind-1 section for the command's field `name`; `fill` appends whole documents.
    pub fn sequence(self, name: &str, fill: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.out.push(1);
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(0);
        fill(self.out);
        patch_length(self.out, start);
        self
    }

    /// Bytes of the message so far, for those who must stay below a limit.
    pub fn message_bytes(&self) -> usize {
        self.out.len() - self.start
    }

    /// Fills in the length, and the checksum when the flags promise one; answers the length.
    pub fn finish(self) -> usize {
        let checked = self.flags.contains(Flags::CHECKSUM_PRESENT);
        let length = self.message_bytes() + if checked { 4 } else { 0 };
        self.out[self.start..self.start + 4].copy_from_slice(&(length as i32).to_le_bytes());
        if checked {
            let sum = crc32c::checksum(&self.out[self.start..]);
            self.out.extend_from_slice(&sum.to_le_bytes());
        }
        length
    }
}

/// Writes a header whose length is still to be patched.
pub(super) fn write_header(out: &mut Vec<u8>, request_id: i32, response_to: i32, op: OpCode) {
    for field in [0, request_id, response_to, op.code()] {
        out.extend_from_slice(&field.to_le_bytes());
    }
}

/// Writes the number of bytes since `start` into the four bytes at `start`.
pub(super) fn patch_length(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// The peer broke the wire protocol: close the connection, nothing on it can be trusted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The message length is not more than a header, or above the limit.
    MessageLength {
        /// What the header said.
        length: i32,
        /// What was allowed.
        max: usize,
    },
    /// An operation that is not one of [`OpCode`].
    OpCode(i32),
    /// A flag among the lower sixteen that nobody has told us about.
    Flags(u32),
    /// A section that is neither a body nor a sequence.
    SectionKind(u8),
    /// No kind-0 section.
    NoBody,
    /// More than one kind-0 section.
    TwoBodies,
    /// The name of a document sequence does not end, or is not UTF-8.
    SequenceName,
    /// A document is longer than what holds it, shorter than a document can be, or does not end
    /// with NUL.
    DocumentLength(i32),
    /// The message ends inside a field.
    Truncated,
    /// The CRC-32C does not match.
    Checksum,
    /// An `OP_QUERY` for something else than a `$cmd` collection.
    NotACommand,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageLength { length, max } => {
                write!(f, "message length {length} is not between {} and {max}", HEADER_BYTES + 1)
            }
            Self::OpCode(code) => write!(f, "operation {code} is unknown"),
            Self::Flags(bits) => write!(f, "flag bits {bits:#x} are unknown"),
            Self::SectionKind(kind) => write!(f, "section kind {kind} is unknown"),
            Self::NoBody => f.write_str("the message has no body section"),
            Self::TwoBodies => f.write_str("the message has more than one body section"),
            Self::SequenceName => f.write_str("the name of a document sequence is malformed"),
            Self::DocumentLength(length) => write!(f, "document length {length} is impossible"),
            Self::Truncated => f.write_str("the message ends inside a field"),
            Self::Checksum => f.write_str("the checksum does not match"),
            Self::NotACommand => f.write_str("an OP_QUERY may only carry a command"),
        }
    }
}

impl std::error::Error for WireError {}
