//! The handshake: the first thing said on a connection, and what its answer promises.
//!
//! Owns the `hello` command with the client's description of itself, never over 512 bytes, and
//! the parts of the reply that somebody here uses. It does not know when it is sent: see
//! `connection.rs`.

use std::fmt;

use bson::raw::{RawBsonRef, cstr};
use bson::{RawArrayBuf, RawDocument, RawDocumentBuf};

use super::error::number;
use super::wire::{DOCUMENT_BYTES_MAX, MESSAGE_BYTES_MAX};

/// A server refuses the whole handshake when the client's description is longer than this.
pub const METADATA_BYTES_MAX: usize = 512;

/// A server refuses an application's name longer than this.
pub const APP_NAME_BYTES_MAX: usize = 128;

/// `MongoDB` 4.2: the oldest server we speak to.
pub const WIRE_VERSION_MIN: i32 = 8;

/// `MongoDB` 8.x: the newest server whose protocol we have read about.
pub const WIRE_VERSION_MAX: i32 = 29;

/// What a client says of itself, in the order and within the bounds of the specification.
///
/// What does not fit is left out in the prescribed order: first the system's details, then the
/// platform; driver and system type always fit.
pub fn metadata(app_name: Option<&str>) -> RawDocumentBuf {
    let full = [true, false].into_iter().flat_map(|os| [true, false].map(|rust| (os, rust)));
    let mut candidates = full.map(|(os, platform)| metadata_with(app_name, os, platform));
    candidates
        .find(|document| document.as_bytes().len() <= METADATA_BYTES_MAX)
        .unwrap_or_else(|| metadata_with(None, false, false))
}

fn metadata_with(app_name: Option<&str>, os_details: bool, platform: bool) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    if let Some(name) = app_name {
        let mut application = RawDocumentBuf::new();
        application.append(cstr!("name"), name);
        document.append(cstr!("application"), application);
    }
    let mut driver = RawDocumentBuf::new();
    driver.append(cstr!("name"), "squall");
    driver.append(cstr!("version"), env!("CARGO_PKG_VERSION"));
    document.append(cstr!("driver"), driver);
    let mut os = RawDocumentBuf::new();
    os.append(cstr!("type"), std::env::consts::OS);
    if os_details {
        os.append(cstr!("architecture"), std::env::consts::ARCH);
    }
    document.append(cstr!("os"), os);
    if platform {
        document.append(cstr!("platform"), "Rust, squall event loop");
    }
    document
}

/// The parts of a handshake that differ from one to the next.
#[derive(Debug, Default)]
pub struct Hello<'a> {
    /// The name to show in the server's log.
    pub app_name: Option<&'a str>,
    /// `database.user`: asks which mechanisms that user has.
    pub sasl_supported_mechs: Option<String>,
    /// A `saslStart` sent along, to save a round trip.
    pub speculative: Option<RawDocumentBuf>,
    /// The server said `helloOk` before, so the modern spelling is understood.
    pub hello_ok: bool,
}

impl Hello<'_> {
    /// The command. The first one on a connection uses the name that every server understands.
    pub fn command(&self) -> RawDocumentBuf {
        let mut command = RawDocumentBuf::new();
        if self.hello_ok {
            command.append(cstr!("hello"), 1);
        } else {
            command.append(cstr!("isMaster"), 1);
            command.append(cstr!("helloOk"), true);
        }
        command.append(cstr!("client"), metadata(self.app_name));
        if let Some(user) = &self.sasl_supported_mechs {
            command.append(cstr!("saslSupportedMechs"), user.as_str());
        }
        if let Some(start) = &self.speculative {
            command.append(cstr!("speculativeAuthenticate"), start);
        }
        command.append(cstr!("compression"), RawArrayBuf::new());
        command.append(cstr!("$db"), "admin");
        command
    }
}

/// What the server allows; every number was checked against our own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The largest document.
    pub document_bytes: usize,
    /// The largest message.
    pub message_bytes: usize,
    /// The most writes in one command.
    pub batch_count: usize,
}

/// What kind of server answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerKind {
    /// Nothing is known, or no longer.
    #[default]
    Unknown,
    /// One server on its own.
    Standalone,
    /// The member of a replica set that takes writes.
    Primary,
    /// A member that follows the primary.
    Secondary,
    /// A member that holds no data, or is not ready.
    OtherMember,
    /// A router before a sharded cluster.
    Mongos,
}

/// The parts of a handshake's reply that are used.
#[derive(Clone, Debug, PartialEq)]
pub struct HelloReply {
    /// Who answered.
    pub kind: ServerKind,
    /// What may be sent.
    pub limits: ServerLimits,
    /// The newest protocol version the server speaks; 17 is `MongoDB` 6.0.
    pub wire_version: i32,
    /// The name of its replica set.
    pub set_name: Option<String>,
    /// The modern spelling of this command is understood.
    pub hello_ok: bool,
    /// The mechanisms the asked-for user has.
    pub mechanisms: Vec<String>,
    /// The answer to the `saslStart` that was sent along.
    pub speculative: Option<RawDocumentBuf>,
    /// The server's own number for this connection.
    pub connection_id: Option<i64>,
}

impl HelloReply {
    /// Understands a reply whose `ok` was 1.
    ///
    /// # Errors
    /// The server is too old, too new, or not a `MongoDB` server at all.
    pub fn parse(reply: &RawDocument) -> Result<Self, HelloError> {
        let wire_version = |key| number(reply, key).map_or(0, |version| version as i32);
        let (oldest, newest) = (wire_version("minWireVersion"), wire_version("maxWireVersion"));
        if newest < WIRE_VERSION_MIN {
            return Err(HelloError::TooOld(newest));
        }
        if oldest > WIRE_VERSION_MAX {
            return Err(HelloError::TooNew(oldest));
        }
        let words = reply.get_array("saslSupportedMechs").ok().into_iter().flatten();
        let speculative = reply.get_document("speculativeAuthenticate").ok();
        Ok(Self {
            kind: kind(reply),
            limits: ServerLimits {
                document_bytes: limit(reply, "maxBsonObjectSize", DOCUMENT_BYTES_MAX),
                message_bytes: limit(reply, "maxMessageSizeBytes", MESSAGE_BYTES_MAX),
                batch_count: limit(reply, "maxWriteBatchSize", 100_000),
            },
            wire_version: newest,
            set_name: reply.get_str("setName").ok().map(str::to_owned),
            hello_ok: flag(reply, "helloOk"),
            mechanisms: words.filter_map(|w| w.ok()?.as_str().map(str::to_owned)).collect(),
            speculative: speculative.map(ToOwned::to_owned),
            connection_id: number(reply, "connectionId"),
        })
    }
}

/// A limit the server named, but never more than ours: its word must not cost us memory.
fn limit(reply: &RawDocument, key: &str, ours: usize) -> usize {
    let named = number(reply, key).and_then(|value| usize::try_from(value).ok());
    named.filter(|value| *value > 0).unwrap_or(ours).min(ours)
}

fn flag(reply: &RawDocument, key: &str) -> bool {
    matches!(reply.get(key), Ok(Some(RawBsonRef::Boolean(true))))
}

fn kind(reply: &RawDocument) -> ServerKind {
    let primary = flag(reply, "isWritablePrimary") || flag(reply, "ismaster");
    if reply.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        ServerKind::Mongos
    } else if reply.get_str("setName").is_err() && !flag(reply, "isreplicaset") {
        ServerKind::Standalone
    } else if primary {
        ServerKind::Primary
    } else if flag(reply, "secondary") {
        ServerKind::Secondary
    } else {
        ServerKind::OtherMember
    }
}

/// The two sides have no protocol version in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HelloError {
    /// The server's newest version is older than our oldest.
    TooOld(i32),
    /// The server's oldest version is newer than our newest.
    TooNew(i32),
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld(version) => write!(
                f,
                "the server speaks wire version {version}, MongoDB 4.2 ({WIRE_VERSION_MIN}) is needed"
            ),
            Self::TooNew(version) => write!(
                f,
                "the server wants wire version {version} or later, {WIRE_VERSION_MAX} is known here"
            ),
        }
    }
}

impl std::error::Error for HelloError {}
