//! Read concern, write concern and read preference: how sure, and from whom.
//!
//! Owns the three values and the documents they become in a command; nothing here knows which
//! command. Empty means the server's default and is left out of commands. Read next:
//! `settings.rs`, where a connection string sets them for a client.

use std::time::Duration;

use bson::{Bson, Document, doc};

use super::options::{Options, Pairs, Value};
use super::uri::UriError;

/// The three together, as a client, a database or a collection has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concerns {
    /// For reads.
    pub read_concern: ReadConcern,
    /// For writes.
    pub write_concern: WriteConcern,
    /// For reads; only matters where there is a choice.
    pub read_preference: ReadPreference,
}

/// How settled the data must be that a read returns; empty is the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadConcern {
    /// `local`, `majority`, `linearizable`, `available`, `snapshot`, or what servers will invent.
    pub level: Option<String>,
}

impl ReadConcern {
    /// The document for a command's `readConcern`, or nothing when the server shall choose.
    pub fn to_document(&self) -> Option<Document> {
        self.level.as_ref().map(|level| doc! { "level": level })
    }
}

/// How many servers must have a write before it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// This many; zero asks for no reply at all.
    Servers(u32),
    /// `majority`, or a tag set that the replica set's configuration names.
    Name(String),
}

/// What must have happened before a write is confirmed; empty is the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteConcern {
    /// Who must have it.
    pub w: Option<Acknowledgement>,
    /// Whether it must be in the journal.
    pub journal: Option<bool>,
    /// How long the server may wait for the others.
    pub w_timeout: Option<Duration>,
}

impl WriteConcern {
    /// False when the client asks for no reply: errors then go unseen.
    pub fn is_acknowledged(&self) -> bool {
        self.w != Some(Acknowledgement::Servers(0)) || self.journal == Some(true)
    }

    /// `w: 0` and a journal together ask for silence and for an answer.
    pub fn is_valid(&self) -> bool {
        self.w != Some(Acknowledgement::Servers(0)) || self.journal != Some(true)
    }

    /// The document for a command's `writeConcern`, or nothing when the server shall choose.
    pub fn to_document(&self) -> Option<Document> {
        let mut document = Document::new();
        match &self.w {
            Some(Acknowledgement::Servers(count)) => {
                document.insert("w", i32::try_from(*count).unwrap_or(i32::MAX));
            }
            Some(Acknowledgement::Name(name)) => {
                document.insert("w", name);
            }
            None => {}
        }
        if let Some(journal) = self.journal {
            document.insert("j", journal);
        }
        if let Some(timeout) = self.w_timeout {
            let millis = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            match i32::try_from(millis) {
                Ok(millis) => document.insert("wtimeout", millis),
                Err(_) => document.insert("wtimeout", millis),
            };
        }
        (!document.is_empty()).then_some(document)
    }
}

/// The words a connection string may use for a [`ReadMode`], in its order.
pub(super) const READ_MODES: &[&str] =
    &["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"];

/// Which member of a replica set answers reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// Only the primary.
    #[default]
    Primary,
    /// The primary while there is one.
    PrimaryPreferred,
    /// Only a secondary.
    Secondary,
    /// A secondary while there is one.
    SecondaryPreferred,
    /// Whoever answers fastest.
    Nearest,
}

impl ReadMode {
    /// The word for it on the wire.
    pub fn as_str(self) -> &'static str {
        READ_MODES[self as usize]
    }

    fn from_word(word: &str) -> Option<Self> {
        use ReadMode::{Nearest, Primary, PrimaryPreferred, Secondary, SecondaryPreferred};
        [Primary, PrimaryPreferred, Secondary, SecondaryPreferred, Nearest]
            .into_iter()
            .find(|mode| mode.as_str() == word)
    }
}

/// Which member of a replica set answers reads, and with which tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadPreference {
    /// The rule.
    pub mode: ReadMode,
    /// Tag sets in order of preference; none at all is any member.
    pub tags: Vec<Pairs>,
    /// How far a secondary may lag behind.
    pub max_staleness: Option<Duration>,
}

impl ReadPreference {
    /// The document for a command's `$readPreference`.
    pub fn to_document(&self) -> Document {
        let mut document = doc! { "mode": self.mode.as_str() };
        if !self.tags.is_empty() {
            let set = |set: &Pairs| -> Document {
                set.iter().map(|(name, value)| (name.clone(), Bson::from(value))).collect()
            };
            document.insert("tags", self.tags.iter().map(set).collect::<Vec<_>>());
        }
        if let Some(staleness) = self.max_staleness {
            document.insert("maxStalenessSeconds", staleness.as_secs() as i64);
        }
        document
    }

    pub(super) fn from_options(options: &Options) -> Result<Self, UriError> {
        let mode = options.text("readPreference").and_then(ReadMode::from_word).unwrap_or_default();
        let tags = match options.get("readPreferenceTags") {
            Some(Value::PairSets(sets)) => sets.clone(),
            _ => Vec::new(),
        };
        let seconds = options.int("maxStalenessSeconds").and_then(|s| u64::try_from(s).ok());
        let max_staleness = seconds.map(Duration::from_secs);
        if mode == ReadMode::Primary && !tags.is_empty() {
            return Err(UriError::Contradiction("readPreference", "readPreferenceTags"));
        }
        if mode == ReadMode::Primary && max_staleness.is_some() {
            return Err(UriError::Contradiction("readPreference", "maxStalenessSeconds"));
        }
        Ok(Self { mode, tags, max_staleness })
    }
}

impl WriteConcern {
    pub(super) fn from_options(options: &Options) -> Result<Self, UriError> {
        let w = match options.get("w") {
            Some(Value::Int(servers)) => {
                Some(Acknowledgement::Servers(u32::try_from(*servers).unwrap_or(u32::MAX)))
            }
            Some(Value::Text(name)) => Some(Acknowledgement::Name(name.clone())),
            _ => None,
        };
        let millis = options.int("wTimeoutMS").and_then(|millis| u64::try_from(millis).ok());
        let concern = Self {
            w,
            journal: options.bool("journal"),
            w_timeout: millis.map(Duration::from_millis),
        };
        if concern.is_valid() { Ok(concern) } else { Err(UriError::Contradiction("w", "journal")) }
    }
}
