//! `OP_QUERY` and `OP_REPLY`: the greeting that Node and mongosh still begin a connection with.
//!
//! Owns just enough of the two old messages for a server to answer that greeting; everything else
//! went to `OP_MSG` long ago, and our own client sends neither. Read next: `wire.rs`.

use bson::RawDocument;

use super::wire::{
    HEADER_BYTES, OpCode, WireError, patch_length, read_i32, split_document, write_header,
};

/// An `OP_QUERY` that carries a command, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The database whose `$cmd` collection was "queried".
    pub database: &'a str,
    /// The command.
    pub command: &'a RawDocument,
}

impl<'a> Query<'a> {
    /// Reads a whole message, as [`split`](super::wire::split) gave it.
    ///
    /// Flags, skip and the number of documents mean nothing for a command and are passed over; so
    /// is the field selector that may follow.
    ///
    /// # Errors
    /// The message is malformed, or asks for documents of a collection.
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        let rest = message.get(HEADER_BYTES + 4..).ok_or(WireError::Truncated)?;
        let nul = rest.iter().position(|byte| *byte == 0).ok_or(WireError::Truncated)?;
        let name = std::str::from_utf8(&rest[..nul]).map_err(|_| WireError::NotACommand)?;
        let database = name.strip_suffix(".$cmd").ok_or(WireError::NotACommand)?;
        let documents = rest.get(nul + 1 + 8..).ok_or(WireError::Truncated)?;
        let (command, _selector) = split_document(documents)?;
        Ok(Self { database, command })
    }

    /// Writes a command as a query; only tests that play an old client need it.
    pub fn write(out: &mut Vec<u8>, request_id: i32, database: &str, command: &RawDocument) {
        let start = out.len();
        write_header(out, request_id, 0, OpCode::Query);
        out.extend_from_slice(&0_i32.to_le_bytes());
        out.extend_from_slice(database.as_bytes());
        out.extend_from_slice(b".$cmd\0");
        out.extend_from_slice(&0_i32.to_le_bytes());
        out.extend_from_slice(&(-1_i32).to_le_bytes()); // one document, then close the cursor
        out.extend_from_slice(command.as_bytes());
        patch_length(out, start);
    }
}

/// An `OP_REPLY` with one document, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// What the command answered.
    pub document: &'a RawDocument,
}

/// Where the documents of an `OP_REPLY` begin: flags, cursor, offset and count come first.
const REPLY_DOCUMENTS: usize = HEADER_BYTES + 20;

impl<'a> Reply<'a> {
    /// Reads a whole message, as [`split`](super::wire::split) gave it.
    ///
    /// # Errors
    /// The message is malformed or does not hold exactly one document.
    pub fn parse(message: &'a [u8]) -> Result<Self, WireError> {
        if read_i32(message, REPLY_DOCUMENTS - 4) != Some(1) {
            return Err(WireError::NoBody);
        }
        match split_document(&message[REPLY_DOCUMENTS..])? {
            (document, []) => Ok(Self { document }),
            _ => Err(WireError::TwoBodies),
        }
    }

    /// Writes the answer to the query numbered `response_to`.
    pub fn write(out: &mut Vec<u8>, request_id: i32, response_to: i32, document: &RawDocument) {
        const AWAIT_CAPABLE: i32 = 8; // every server of the last fifteen years sets it
        let start = out.len();
        write_header(out, request_id, response_to, OpCode::Reply);
        out.extend_from_slice(&AWAIT_CAPABLE.to_le_bytes());
        out.extend_from_slice(&0_i64.to_le_bytes()); // no cursor
        out.extend_from_slice(&0_i32.to_le_bytes()); // starting from the first
        out.extend_from_slice(&1_i32.to_le_bytes()); // one document
        out.extend_from_slice(document.as_bytes());
        patch_length(out, start);
    }
}
