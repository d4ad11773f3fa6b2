//! What is known of the servers, and what an error changes about that knowledge.
//!
//! Owns the description of every server (one, for now), when to look again, and the table of the
//! "Server Discovery And Monitoring" specification that says which error makes a server unknown
//! and which one empties its pool. The rules for replica sets will live here too. It asks nobody:
//! whoever pumps it makes the checks. Read next: `pool.rs`.

use std::fmt;
use std::time::Duration;

use reactor::Instant;

use super::error::CommandError;
use super::hello::{HelloReply, ServerKind, ServerLimits};
use super::uri::Host;
use super::wire::{DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX};

/// However urgent it is, a server is not asked more often than this.
pub const CHECK_INTERVAL_MIN: Duration = Duration::from_millis(500);

/// What is known of one server.
#[derive(Clone, Debug)]
pub struct ServerDescription {
    /// Where it is.
    pub host: Host,
    /// What it said it is; `Unknown` until it answered, and again after a fault.
    pub kind: ServerKind,
    /// What it accepts.
    pub limits: ServerLimits,
    /// Its newest protocol version.
    pub wire_version: i32,
    /// Why it is unknown, in words for the person who reads a selection error.
    pub last_error: Option<String>,
}

impl ServerDescription {
    fn unknown(host: Host, last_error: Option<String>) -> Self {
        let limits = ServerLimits {
            document_bytes: DOCUMENT_BYTES_MAX,
            message_bytes: MESSAGE_BYTES_MAX,
            batch_count: 100_000,
        };
        Self { host, kind: ServerKind::Unknown, limits, wire_version: 0, last_error }
    }
}

impl fmt::Display for ServerDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.host)?;
        match (&self.last_error, self.kind) {
            (Some(error), _) => f.write_str(error),
            (None, ServerKind::Unknown) => f.write_str("not asked yet"),
            (None, kind) => write!(f, "{kind:?}"),
        }
    }
}

/// What an error during an operation means for the server and its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// Nothing is known of the server any more.
    pub mark_unknown: bool,
    /// No connection made so far may be used again.
    pub clear_pool: bool,
    /// Look at once, whether or not anybody waits.
    pub check_now: bool,
}

impl Consequence {
    const NONE: Self = Self { mark_unknown: false, clear_pool: false, check_now: false };
    const LOOK: Self = Self { check_now: true, ..Self::NONE };
    const LOST: Self = Self { mark_unknown: true, clear_pool: true, check_now: false };
}

/// What went wrong with one connection.
#[derive(Clone, Copy, Debug)]
pub enum Fault<'a> {
    /// The network failed, or was silent, before the handshake was through.
    Connecting,
    /// Anything at all failed during authentication.
    Authenticating,
    /// The network failed on an established connection.
    Network,
    /// The server was silent for too long on an established connection.
    Silence,
    /// The server answered something that is not its protocol.
    Protocol,
    /// The server refused a command.
    Command(&'a CommandError),
}

impl Fault<'_> {
    /// The specification's table, one row per line.
    pub fn consequence(self) -> Consequence {
        match self {
            // Since 2026: an overloaded server must not lose its other connections for it.
            Self::Connecting => Consequence::LOOK,
            Self::Authenticating | Self::Network => Consequence::LOST,
            Self::Silence | Self::Protocol => Consequence::NONE,
            Self::Command(error) if error.is_shutdown() => Consequence::LOST,
            Self::Command(error) if error.is_not_primary() || error.is_recovering() => {
                Consequence { mark_unknown: true, clear_pool: false, check_now: true }
            }
            Self::Command(_) => Consequence::NONE,
        }
    }
}

/// The servers of one client. One for now: the one that was named.
#[derive(Debug)]
pub struct Topology {
    server: ServerDescription,
    checked_at: Option<Instant>,
    checking: bool,
    wanted: bool,
}

impl Topology {
    /// Nothing is known of `host` yet.
    pub fn single(host: Host) -> Self {
        let server = ServerDescription::unknown(host, None);
        Self { server, checked_at: None, checking: false, wanted: false }
    }

    /// What is known.
    pub fn server(&self) -> &ServerDescription {
        &self.server
    }

    /// The server to use, if it is known to be there.
    pub fn select(&self) -> Option<&ServerDescription> {
        (self.server.kind != ServerKind::Unknown).then_some(&self.server)
    }

    /// Somebody waits for a server, or has reason to doubt one: look as soon as is decent.
    pub fn request_check(&mut self) {
        self.wanted = true;
    }

    /// When the next look is due; none while nobody wants one or one is under way.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.checked_at.map_or(Instant::ZERO, |at| at + CHECK_INTERVAL_MIN);
        (self.wanted && !self.checking).then_some(due)
    }

    /// True when a look is due now; whoever hears so makes it and reports the outcome.
    pub fn begin_check(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|due| due <= now);
        if due {
            self.checking = true;
            self.wanted = false;
            self.checked_at = Some(now);
        }
        due
    }

    /// The server answered.
    pub fn check_succeeded(&mut self, reply: &HelloReply) {
        self.checking = false;
        self.wanted = false;
        self.server.kind = reply.kind;
        self.server.limits = reply.limits;
        self.server.wire_version = reply.wire_version;
        self.server.last_error = None;
    }

    /// The server did not answer, or not as it should.
    pub fn check_failed(&mut self, error: String) {
        self.checking = false;
        self.mark_unknown(error);
    }

    /// Forgets what was known; `error` says why.
    pub fn mark_unknown(&mut self, error: String) {
        let host = self.server.host.clone();
        self.server = ServerDescription::unknown(host, Some(error));
    }
}
