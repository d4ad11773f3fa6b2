//! What the client tells whoever watches it: commands, connections, the pool.
//!
//! Owns the events and the rule which commands are shown without their contents, because they
//! hold passwords. Nothing is built while nobody watches. Read next: `operation.rs`.

use std::fmt;
use std::time::Duration;

use bson::RawDocument;

use super::Error;
use crate::proto::mongo::pool::CloseReason;

/// Something that happened inside a client (M031).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A command is about to be sent.
    CommandStarted {
        /// Pairs this with its end.
        request: u64,
        /// Its name, such as `find`.
        name: &'a str,
        /// The database.
        database: &'a str,
        /// The command; nothing for one that holds a password.
        command: Option<&'a RawDocument>,
    },
    /// The server answered, and `ok` was 1.
    CommandSucceeded {
        /// Pairs this with its start.
        request: u64,
        /// The command's name.
        name: &'a str,
        /// From the request to the reply.
        took: Duration,
        /// The reply; nothing for a command that holds a password.
        reply: Option<&'a RawDocument>,
    },
    /// There was no answer, or a refusal.
    CommandFailed {
        /// Pairs this with its start.
        request: u64,
        /// The command's name.
        name: &'a str,
        /// From the request to the failure.
        took: Duration,
        /// Why.
        error: &'a Error,
    },
    /// A connection is being made.
    ConnectionCreated(u64),
    /// A connection has been greeted and authenticated.
    ConnectionReady(u64),
    /// A connection is gone.
    ConnectionClosed(u64, CloseReason),
    /// The server is known to be there: connections are made again.
    PoolReady,
    /// Every connection made so far was given up.
    PoolCleared,
}

/// Somebody who watches.
pub(super) type Listener = Box<dyn Fn(&Event<'_>)>;

/// Commands whose contents, and whose replies, nobody shall see (HAZ37).
pub(super) fn is_secret(name: &str) -> bool {
    const SECRET: &[&str] = &[
        "authenticate",
        "saslStart",
        "saslContinue",
        "getnonce",
        "createUser",
        "updateUser",
        "copydbgetnonce",
        "copydbsaslstart",
        "copydb",
    ];
    SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Prints as a closure would, if closures could be printed.
pub(super) struct Listeners(pub(super) Vec<std::rc::Rc<Listener>>);

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listeners", self.0.len())
    }
}
