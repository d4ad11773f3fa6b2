//! What the server says when it will not do something: a code, its name and a sentence.
//!
//! The codes, names and sentences are mongod's own, because drivers and tools decide by them. This
//! file owns the table of names and the shape of a failing reply; it does not know when to fail.
//! Read next: `commands/mod.rs`, which turns a [`ServerError`] into a reply.

use std::fmt;

use bson::{Bson, Document, doc};

/// A command or a single write was refused; the code is mongod's.
#[derive(Clone, Debug)]
pub struct ServerError {
    /// mongod's number for this kind of error, such as 11000.
    pub code: i32,
    /// The sentence mongod would say.
    pub message: String,
    /// Fields that go with the error, such as `keyPattern` and `keyValue`.
    pub details: Document,
}

/// What everything inside the engine answers.
pub(super) type Result<T> = std::result::Result<T, ServerError>;

/// An error with one of the codes below and a formatted sentence: `fail!(BAD_VALUE, "no {x}")`.
macro_rules! fail {
    ($code:expr, $($text:tt)+) => {
        return Err($crate::mongo::embedded::error::ServerError::new($code, format!($($text)+)))
    };
}
pub(super) use fail;

pub(super) const INTERNAL_ERROR: i32 = 1;
pub(super) const BAD_VALUE: i32 = 2;
pub(super) const FAILED_TO_PARSE: i32 = 9;
pub(super) const UNAUTHORIZED: i32 = 13;
pub(super) const TYPE_MISMATCH: i32 = 14;
pub(super) const OVERFLOW: i32 = 15;
pub(super) const INVALID_LENGTH: i32 = 16;
pub(super) const AUTHENTICATION_FAILED: i32 = 18;
pub(super) const ILLEGAL_OPERATION: i32 = 20;
pub(super) const NAMESPACE_NOT_FOUND: i32 = 26;
pub(super) const INDEX_NOT_FOUND: i32 = 27;
pub(super) const PATH_NOT_VIABLE: i32 = 28;
pub(super) const CONFLICTING_UPDATE_OPERATORS: i32 = 40;
pub(super) const CURSOR_NOT_FOUND: i32 = 43;
pub(super) const NAMESPACE_EXISTS: i32 = 48;
pub(super) const DOLLAR_PREFIXED_FIELD_NAME: i32 = 52;
pub(super) const INVALID_ID_FIELD: i32 = 53;
pub(super) const EMPTY_FIELD_NAME: i32 = 56;
pub(super) const COMMAND_NOT_FOUND: i32 = 59;
pub(super) const IMMUTABLE_FIELD: i32 = 66;
pub(super) const CANNOT_CREATE_INDEX: i32 = 67;
pub(super) const INVALID_OPTIONS: i32 = 72;
pub(super) const INVALID_NAMESPACE: i32 = 73;
pub(super) const INDEX_OPTIONS_CONFLICT: i32 = 85;
pub(super) const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
pub(super) const NOT_EXACT_VALUE_FIELD: i32 = 111;
pub(super) const COMMAND_NOT_SUPPORTED: i32 = 115;
pub(super) const CANNOT_INDEX_PARALLEL_ARRAYS: i32 = 171;
pub(super) const INVALID_PIPELINE_OPERATOR: i32 = 168;
pub(super) const INVALID_INDEX_SPECIFICATION_OPTION: i32 = 197;
pub(super) const NOT_IMPLEMENTED: i32 = 238;
pub(super) const CONVERSION_FAILURE: i32 = 241;
pub(super) const DUPLICATE_KEY: i32 = 11000;
pub(super) const OBJECT_TOO_LARGE: i32 = 10334;
pub(super) const UNKNOWN_STAGE: i32 = 40324;
pub(super) const MISSING_FIELD: i32 = 40414;
pub(super) const UNKNOWN_FIELD: i32 = 40415;

impl ServerError {
    /// An error that has nothing to say but its sentence.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Document::new() }
    }

    pub(super) fn bad_value(message: impl Into<String>) -> Self {
        Self::new(BAD_VALUE, message)
    }

    pub(super) fn with_details(mut self, details: Document) -> Self {
        self.details = details;
        self
    }

    /// The same error, found while doing something else.
    pub(super) fn context(mut self, context: &str) -> Self {
        self.message = format!("{context} :: caused by :: {}", self.message);
        self
    }

    /// The reply to a command that failed as a whole.
    pub fn to_reply(&self) -> Document {
        let mut reply = doc! {
            "ok": 0.0,
            "errmsg": self.message.clone(),
            "code": self.code,
            "codeName": code_name(self.code),
        };
        reply.extend(self.details.clone());
        reply
    }

    /// One entry of `writeErrors`: the command went well, this write did not.
    pub(super) fn to_write_error(&self, index: usize) -> Document {
        let mut entry = doc! { "index": index as i32, "code": self.code };
        entry.extend(self.details.clone());
        entry.insert("errmsg", Bson::String(self.message.clone()));
        entry
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", code_name(self.code), self.code, self.message)
    }
}

impl std::error::Error for ServerError {}

/// mongod's name for a code; codes without one are named after the place that raised them.
pub(super) fn code_name(code: i32) -> String {
    let name = match code {
        INTERNAL_ERROR => "InternalError",
        BAD_VALUE => "BadValue",
        6 => "HostUnreachable",
        7 => "HostNotFound",
        FAILED_TO_PARSE => "FailedToParse",
        UNAUTHORIZED => "Unauthorized",
        TYPE_MISMATCH => "TypeMismatch",
        OVERFLOW => "Overflow",
        INVALID_LENGTH => "InvalidLength",
        17 => "ProtocolError",
        AUTHENTICATION_FAILED => "AuthenticationFailed",
        ILLEGAL_OPERATION => "IllegalOperation",
        22 => "InvalidBSON",
        NAMESPACE_NOT_FOUND => "NamespaceNotFound",
        INDEX_NOT_FOUND => "IndexNotFound",
        PATH_NOT_VIABLE => "PathNotViable",
        CONFLICTING_UPDATE_OPERATORS => "ConflictingUpdateOperators",
        CURSOR_NOT_FOUND => "CursorNotFound",
        NAMESPACE_EXISTS => "NamespaceExists",
        50 => "MaxTimeMSExpired",
        DOLLAR_PREFIXED_FIELD_NAME => "DollarPrefixedFieldName",
        INVALID_ID_FIELD => "InvalidIdField",
        EMPTY_FIELD_NAME => "EmptyFieldName",
        COMMAND_NOT_FOUND => "CommandNotFound",
        IMMUTABLE_FIELD => "ImmutableField",
        CANNOT_CREATE_INDEX => "CannotCreateIndex",
        INVALID_OPTIONS => "InvalidOptions",
        INVALID_NAMESPACE => "InvalidNamespace",
        INDEX_OPTIONS_CONFLICT => "IndexOptionsConflict",
        INDEX_KEY_SPECS_CONFLICT => "IndexKeySpecsConflict",
        89 => "NetworkTimeout",
        91 => "ShutdownInProgress",
        96 => "OperationFailed",
        NOT_EXACT_VALUE_FIELD => "NotExactValueField",
        112 => "WriteConflict",
        COMMAND_NOT_SUPPORTED => "CommandNotSupported",
        INVALID_PIPELINE_OPERATOR => "InvalidPipelineOperator",
        CANNOT_INDEX_PARALLEL_ARRAYS => "CannotIndexParallelArrays",
        189 => "PrimarySteppedDown",
        INVALID_INDEX_SPECIFICATION_OPTION => "InvalidIndexSpecificationOption",
        NOT_IMPLEMENTED => "NotImplemented",
        CONVERSION_FAILURE => "ConversionFailure",
        262 => "ExceededTimeLimit",
        9001 => "SocketException",
        10107 => "NotWritablePrimary",
        OBJECT_TOO_LARGE => "BSONObjectTooLarge",
        352 => "UnsupportedOpQueryCommand",
        DUPLICATE_KEY => "DuplicateKey",
        11600 => "InterruptedAtShutdown",
        11601 => "Interrupted",
        11602 => "InterruptedDueToReplStateChange",
        13388 => "StaleConfig",
        13435 => "NotPrimaryNoSecondaryOk",
        13436 => "NotPrimaryOrSecondary",
        other => return format!("Location{other}"),
    };
    name.to_owned()
}
