//! What an operation can fail with, and whose fault it is.
//!
//! Owns the one error type of the client: each variant names who has to act, the caller, the
//! operator, or nobody but time. The server's own complaints are in `proto::mongo::error`, and
//! kept whole. Read next: `operation.rs`, where most of them are made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, RawDocument};

use crate::iostream::{ConnectError, StreamError};
use crate::proto::mongo::connection::ConnectionError;
use crate::proto::mongo::decode::DecodeError;
use crate::proto::mongo::error::{CommandError, WriteConcernError, WriteError};
use crate::proto::mongo::settings::SettingsError;
use crate::proto::mongo::uri::Host;

/// Why an operation did not succeed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection string, or what it asks for: whoever wrote it has to change it.
    Settings(SettingsError),
    /// No server was found in time; `seen` tells what each one answered.
    ServerSelection {
        /// How long it was waited for.
        waited: Duration,
        /// One line for each server.
        seen: String,
    },
    /// All connections were busy for as long as `waitQueueTimeoutMS` allows.
    PoolTimeout,
    /// No connection could be made. Nothing was sent: trying again is safe.
    Connect {
        /// Where to.
        host: Host,
        /// How it failed.
        cause: ConnectFault,
    },
    /// The server does not believe who we are, or we not who it is.
    Authentication(ConnectionError),
    /// The connection broke while an operation was under way: it may or may not have happened.
    Network(StreamError),
    /// The server was silent for longer than `socketTimeoutMS`: the operation may still happen.
    Silence,
    /// The server broke the protocol.
    Protocol(ConnectionError),
    /// The server refused the command.
    Command(CommandError),
    /// Some writes failed; which ones, and what became of the others.
    Write(Box<WriteFailure>),
    /// A document of ours cannot be encoded.
    Encode(bson::error::Error),
    /// A document is larger than the server takes.
    TooLarge {
        /// Its encoded size.
        bytes: usize,
        /// What the server takes.
        max: usize,
    },
    /// A document of the server's cannot be decoded.
    Decode(DecodeError),
    /// The reply lacks a field that it must have.
    Reply(&'static str),
    /// The arguments make no sense: the caller's own bug, in words.
    Argument(&'static str),
    /// The client was closed.
    Closed,
    /// The client belongs to another loop.
    WrongLoop,
}

/// How connecting failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectFault {
    /// No bytes could be exchanged at all.
    Transport(Arc<ConnectError>),
    /// The connection broke during the handshake.
    Stream(StreamError),
    /// The handshake went wrong.
    Handshake(ConnectionError),
}

/// A write command that was not wholly successful.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteFailure {
    /// The writes that failed.
    pub write_errors: Vec<WriteError>,
    /// The writes happened, but not as surely as was asked for.
    pub write_concern_error: Option<WriteConcernError>,
    /// Documents that were inserted all the same: their places in the caller's list, their ids.
    pub inserted_ids: Vec<(usize, Bson)>,
    /// Why the rest was not tried, or what became of it is not known: an error of another kind,
    /// after a batch that went through.
    pub cut_short: Option<Error>,
}

impl WriteFailure {
    /// For replies of commands other than insert, update and delete: an error if what was done is
    /// not as sure as was asked for.
    pub(super) fn check_concern(reply: &RawDocument) -> Result<(), Error> {
        match WriteConcernError::in_reply(reply) {
            None => Ok(()),
            error => {
                Err(Error::Write(Box::new(Self { write_concern_error: error, ..Self::default() })))
            }
        }
    }
}

impl Error {
    /// The server's code for the first thing that went wrong, if it was the server that said so.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Command(error) => Some(error.code),
            Self::Authentication(ConnectionError::Authentication(error)) => Some(error.code),
            Self::Write(failure) => {
                let write = failure.write_errors.first().map(|error| error.code);
                let concern = failure.write_concern_error.as_ref().map(|error| error.code);
                write.or(concern).or_else(|| failure.cut_short.as_ref()?.code())
            }
            _ => None,
        }
    }

    /// Another document has the same value under a unique index (S028): "already exists".
    pub fn is_duplicate_key(&self) -> bool {
        match self {
            Self::Command(error) => error.is_duplicate_key(),
            Self::Write(failure) => failure.write_errors.iter().any(WriteError::is_duplicate_key),
            _ => false,
        }
    }

    /// Nothing was sent, or nothing can have happened: trying again cannot do it twice.
    pub fn nothing_was_sent(&self) -> bool {
        matches!(
            self,
            Self::ServerSelection { .. }
                | Self::PoolTimeout
                | Self::Connect { .. }
                | Self::Authentication(_)
                | Self::Encode(_)
                | Self::TooLarge { .. }
                | Self::Argument(_)
                | Self::WrongLoop
        )
    }

    /// Hints of the server, and ours for connections that could not be made.
    pub fn has_label(&self, label: &str) -> bool {
        match self {
            Self::Connect { .. } => matches!(label, "SystemOverloadedError" | "RetryableError"),
            Self::Command(error) => error.labels.iter().any(|other| other == label),
            Self::Write(failure) => failure
                .write_concern_error
                .as_ref()
                .is_some_and(|error| error.labels.iter().any(|other| other == label)),
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::ServerSelection { waited, seen } => {
                write!(f, "no server was found within {waited:?}: {seen}")
            }
            Self::PoolTimeout => f.write_str("no connection became free in time"),
            Self::Connect { host, cause } => write!(f, "cannot connect to {host}: {cause}"),
            Self::Authentication(error) => chain(f, error),
            Self::Network(error) => write!(f, "the connection broke: {error}"),
            Self::Silence => f.write_str("the server was silent for too long"),
            Self::Protocol(error) => chain(f, error),
            Self::Command(error) => error.fmt(f),
            Self::Write(failure) => failure.fmt(f),
            Self::Encode(error) => write!(f, "a document cannot be encoded: {error}"),
            Self::TooLarge { bytes, max } => {
                write!(f, "a document has {bytes} bytes, the server takes {max}")
            }
            Self::Decode(error) => chain(f, error),
            Self::Reply(field) => write!(f, "the server's reply lacks {field}"),
            Self::Argument(what) => f.write_str(what),
            Self::Closed => f.write_str("the client is closed"),
            Self::WrongLoop => f.write_str("the client is bound to another event loop"),
        }
    }
}

/// An error and what caused it, in one line.
fn chain(f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error) -> fmt::Result {
    write!(f, "{error}")?;
    error.source().map_or(Ok(()), |source| write!(f, ": {source}"))
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The kernel's own words are the shortest, and the host is named already.
            Self::Transport(error) => match &**error {
                ConnectError::Connect { cause, .. } => stream_cause(f, cause),
                error => error.fmt(f),
            },
            Self::Stream(error) => stream_cause(f, error),
            Self::Handshake(error) => chain(f, error),
        }
    }
}

fn stream_cause(f: &mut fmt::Formatter<'_>, error: &StreamError) -> fmt::Result {
    match error.real_error() {
        Some(cause) => write!(f, "{cause}"),
        None => write!(f, "{error}"),
    }
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.write_errors.split_first(), &self.write_concern_error, &self.cut_short) {
            (Some((first, [])), ..) => first.fmt(f),
            (Some((first, more)), ..) => write!(f, "{first}, and {} more", more.len()),
            (None, Some(error), _) => error.fmt(f),
            (None, None, Some(error)) => write!(f, "the write stopped half-way: {error}"),
            (None, None, None) => f.write_str("the write failed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(error),
            Self::Connect { cause, .. } => match cause {
                ConnectFault::Transport(error) => Some(&**error),
                ConnectFault::Stream(error) => Some(error),
                ConnectFault::Handshake(error) => Some(error),
            },
            Self::Authentication(error) | Self::Protocol(error) => Some(error),
            Self::Network(error) => Some(error),
            Self::Command(error) => Some(error),
            Self::Encode(error) => Some(error),
            Self::Decode(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}
