//! What can go wrong on a stream: it is closed, the read cannot be satisfied, a buffer is full.
//!
//! Owns [`StreamError`], Tornado's three facts in one enum, and the rule which causes of a close
//! are everyday events that nobody needs in the log. Read next: `iostream/mod.rs`.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::{error, fmt};

/// Why a read, a write or a connect did not happen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The stream is closed: by us, by the peer (no cause), or because of this error (T076).
    Closed(Option<Arc<io::Error>>),
    /// The peer sent `max_bytes` without the delimiter. The stream is closed with it (T062).
    UnsatisfiableRead,
    /// A buffer is at its limit. When reading, the peer sent too much, and the stream is closed;
    /// when writing, the peer reads too slowly, and these bytes were not taken.
    BufferFull,
    /// Our own bug: one read at a time, and none while a reader is set (T065).
    AlreadyReading,
}

impl StreamError {
    /// What the kernel (or the resolver) said, if that closed the stream.
    pub fn real_error(&self) -> Option<&io::Error> {
        match self {
            Self::Closed(Some(cause)) => Some(cause),
            _ => None,
        }
    }
}

impl From<io::Error> for StreamError {
    fn from(cause: io::Error) -> Self {
        Self::Closed(Some(Arc::new(cause)))
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(None) => f.write_str("the stream is closed"),
            Self::Closed(Some(cause)) => write!(f, "the stream is closed: {cause}"),
            Self::UnsatisfiableRead => f.write_str("the peer sent no delimiter within the limit"),
            Self::BufferFull => f.write_str("a buffer of the stream is full"),
            Self::AlreadyReading => f.write_str("somebody else reads from this stream already"),
        }
    }
}

impl error::Error for StreamError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.real_error().map(|cause| cause as &(dyn error::Error + 'static))
    }
}

/// Peers vanish every day; only other errors deserve a line in the log (T070).
pub(super) fn is_everyday(cause: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    let wrong_type = rustix::io::Errno::PROTOTYPE.raw_os_error(); // macOS, for a write after a reset
    matches!(cause.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | TimedOut)
        || cause.raw_os_error() == Some(wrong_type)
}
