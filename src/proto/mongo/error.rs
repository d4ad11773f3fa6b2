//! What a server can complain about: codes, labels, and which write of a batch is meant.
//!
//! Owns the three shapes of an error in a reply (`ok: 0`, `writeErrors`, `writeConcernError`) and
//! what the specifications say of single codes. Faults of the network and of framing are not
//! here: see `wire.rs` and `connection.rs`. Read next: `topology.rs`, which draws consequences.

use std::fmt;

use bson::{Document, RawBsonRef, RawDocument};

use super::decode::decode;

/// Another document has the same value under a unique index.
pub const DUPLICATE_KEY: i32 = 11000;
/// The server forgot the cursor, or never knew it.
pub const CURSOR_NOT_FOUND: i32 = 43;
/// The command took longer than its `maxTimeMS`.
pub const MAX_TIME_EXPIRED: i32 = 50;
/// The server has no such command.
pub const COMMAND_NOT_FOUND: i32 = 59;
/// Wrong user or password.
pub const AUTHENTICATION_FAILED: i32 = 18;
/// The user may not do this.
pub const UNAUTHORIZED: i32 = 13;
/// There is no such collection.
pub const NAMESPACE_NOT_FOUND: i32 = 26;

/// The server refused a command: `ok` was 0.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandError {
    /// The number to decide by.
    pub code: i32,
    /// The number's name, such as `DuplicateKey`; empty when the server gave none.
    pub code_name: String,
    /// The server's own words. They may quote what was in a document.
    pub message: String,
    /// Hints such as `RetryableWriteError`.
    pub labels: Vec<String>,
}

impl CommandError {
    /// The error in `reply`, if its `ok` is not 1.
    pub fn in_reply(reply: &RawDocument) -> Option<Self> {
        if number(reply, "ok") == Some(1) {
            return None;
        }
        Some(Self {
            code: number(reply, "code").unwrap_or(0) as i32,
            code_name: text(reply, "codeName"),
            message: text(reply, "errmsg"),
            labels: labels(reply),
        })
    }

    /// The member is not, or no longer, the primary.
    pub fn is_not_primary(&self) -> bool {
        matches!(self.code, 10107 | 13435 | 10058)
    }

    /// The member is starting, stopping or recovering.
    pub fn is_recovering(&self) -> bool {
        matches!(self.code, 11600 | 11602 | 13436 | 189 | 91)
    }

    /// The server is going down: its connections are not worth keeping.
    pub fn is_shutdown(&self) -> bool {
        matches!(self.code, 11600 | 91)
    }

    /// Another document has the same value under a unique index.
    pub fn is_duplicate_key(&self) -> bool {
        is_duplicate_key(self.code)
    }
}

/// True for today's code of a duplicate key, and for the two that old servers used.
pub fn is_duplicate_key(code: i32) -> bool {
    matches!(code, DUPLICATE_KEY | 11001 | 12582)
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused the command: {} ({}", self.message, self.code)?;
        if !self.code_name.is_empty() {
            write!(f, " {}", self.code_name)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for CommandError {}

/// One write of a batch failed; the command itself was fine.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteError {
    /// Which one, counted over everything the caller handed in.
    pub index: usize,
    /// The number to decide by.
    pub code: i32,
    /// The server's own words. They may quote what was in a document.
    pub message: String,
    /// For a duplicate key: the index's key, such as `{ name: 1 }`.
    pub key_pattern: Option<Document>,
    /// For a duplicate key: the values that were there already.
    pub key_value: Option<Document>,
}

impl WriteError {
    /// Another document has the same value under a unique index.
    pub fn is_duplicate_key(&self) -> bool {
        is_duplicate_key(self.code)
    }

    /// The write errors in `reply`, whose batch began at `offset` of the caller's list.
    pub fn all_in_reply(reply: &RawDocument, offset: usize) -> Vec<Self> {
        let list = reply.get("writeErrors").ok().flatten().and_then(RawBsonRef::as_array);
        let Some(list) = list else { return Vec::new() }; // asked thus, it is no error to allocate
        let errors = list.into_iter().filter_map(|item| match item {
            Ok(RawBsonRef::Document(error)) => Some(error),
            _ => None,
        });
        let parse = |error: &RawDocument| Self {
            index: offset + usize::try_from(number(error, "index").unwrap_or(0)).unwrap_or(0),
            code: number(error, "code").unwrap_or(0) as i32,
            message: text(error, "errmsg"),
            key_pattern: owned(error, "keyPattern"),
            key_value: owned(error, "keyValue"),
        };
        errors.map(parse).collect()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {} failed: {} ({})", self.index, self.message, self.code)
    }
}

impl std::error::Error for WriteError {}

/// The write happened, but not with the certainty that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteConcernError {
    /// The number to decide by.
    pub code: i32,
    /// The number's name; empty when the server gave none.
    pub code_name: String,
    /// The server's own words.
    pub message: String,
    /// Hints such as `RetryableWriteError`.
    pub labels: Vec<String>,
}

impl WriteConcernError {
    /// The write concern error in `reply`, if there is one.
    pub fn in_reply(reply: &RawDocument) -> Option<Self> {
        let error = reply.get("writeConcernError").ok()??.as_document()?;
        Some(Self {
            code: number(error, "code").unwrap_or(0) as i32,
            code_name: text(error, "codeName"),
            message: text(error, "errmsg"),
            labels: labels(reply),
        })
    }
}

impl fmt::Display for WriteConcernError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the write concern was not met: {} ({})", self.message, self.code)
    }
}

impl std::error::Error for WriteConcernError {}

/// The field `key` as a whole number; servers send counts as `i32`, `i64` or double.
pub fn number(document: &RawDocument, key: &str) -> Option<i64> {
    match document.get(key).ok()?? {
        RawBsonRef::Int32(value) => Some(value.into()),
        RawBsonRef::Int64(value) => Some(value),
        RawBsonRef::Double(value) if value.is_finite() => Some(value as i64),
        RawBsonRef::Boolean(value) => Some(value.into()),
        _ => None,
    }
}

fn text(document: &RawDocument, key: &str) -> String {
    document.get_str(key).unwrap_or_default().to_owned()
}

fn owned(document: &RawDocument, key: &str) -> Option<Document> {
    document.get_document(key).ok().and_then(|inner| decode(inner).ok())
}

fn labels(reply: &RawDocument) -> Vec<String> {
    let Ok(list) = reply.get_array("errorLabels") else { return Vec::new() };
    let words = list.into_iter().filter_map(|item| item.ok()?.as_str().map(str::to_owned));
    words.collect()
}
