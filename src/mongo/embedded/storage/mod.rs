//! What must be written down so that the data outlives the process.
//!
//! The engine answers from memory and notes its changes here; a [`Storage`] makes a batch of them
//! durable, all or none. It runs on another thread, so everything in it is plain bytes. Read next:
//! `disk.rs`, the store in a file.

mod disk;

use std::fmt;

pub use disk::Disk;

/// One change, in the order in which the engine made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A document was inserted or replaced.
    Put {
        /// The collection's number.
        collection: u64,
        /// The record's number in it.
        record: u64,
        /// The document's BSON.
        document: Vec<u8>,
    },
    /// A document was deleted.
    Remove {
        /// The collection's number.
        collection: u64,
        /// The record's number in it.
        record: u64,
    },
    /// A collection was created or altered (`Some`), or its name is gone (`None`).
    Catalog {
        /// `database.collection`.
        namespace: String,
        /// Number, UUID, options and indexes as BSON.
        entry: Option<Vec<u8>>,
    },
    /// All documents of a collection are gone.
    Clear {
        /// The collection's number.
        collection: u64,
    },
}

/// Everything a store holds, as it was read when it was opened.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Namespace and catalog entry of each collection.
    pub catalog: Vec<(String, Vec<u8>)>,
    /// Collection, record and BSON of each document.
    pub documents: Vec<(u64, u64, Vec<u8>)>,
}

/// Makes batches of changes durable. Called from one thread at a time, never from the loop's.
pub trait Storage: Send {
    /// Reads everything back.
    fn load(&mut self) -> Result<Contents, StorageError>;

    /// Applies a batch, all or none, and returns when it will survive a power cut.
    fn commit(&mut self, batch: &[Change]) -> Result<(), StorageError>;
}

/// The disk, or the file on it, failed us.
#[derive(Debug)]
pub struct StorageError {
    doing: &'static str,
    source: Box<redb::Error>,
}

impl StorageError {
    fn new(doing: &'static str, source: impl Into<redb::Error>) -> Self {
        Self { doing, source: Box::new(source.into()) }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.source)
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
