//! Why a future gave no value, and the misuses of one.
//!
//! [`Error`] is cheap to clone, because several readers may share one failure. Knows nothing of
//! who failed; the cause is kept inside. Read next: `../coroutine/mod.rs`.

use std::fmt;
use std::rc::Rc;

/// Why a future has no value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The reader gave up.
    Cancelled,
    /// The promise was dropped: nobody will ever answer. A bug of whoever held it.
    Abandoned,
    /// The value was given to another reader; use `shared()` for several.
    Taken,
    /// The coroutine or job panicked, with this message.
    Panicked(Rc<str>),
    /// The work failed; the cause is the source.
    Failed(Rc<dyn std::error::Error>),
}

impl Error {
    /// A failure with its cause.
    pub fn new(cause: impl std::error::Error + 'static) -> Self {
        Self::Failed(Rc::new(cause))
    }

    /// The cause, if it is of type `E`.
    pub fn cause<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Failed(cause) => cause.downcast_ref(),
            _ => None,
        }
    }

    /// Worth a line in the log if nobody looks: a cancellation is not.
    pub(super) fn is_a_failure(&self) -> bool {
        matches!(self, Self::Panicked(_) | Self::Failed(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the future was cancelled"),
            Self::Abandoned => f.write_str("the promise was dropped without a result"),
            Self::Taken => f.write_str("the result was taken by another reader"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Failed(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(cause) => Some(&**cause),
            _ => None,
        }
    }
}

/// A call that does not fit the state of the future: a bug of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidState {
    /// The result was asked for before there was one. Await the future, or add a done callback:
    /// waiting here would stop the very loop that is to bring the result.
    Pending,
    /// The future has its result already; it is set only once.
    Done,
    /// The result was taken by another reader.
    Taken,
}

impl fmt::Display for InvalidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => {
                "the future is not done; await it or add a done callback, since waiting here \
                 would stop the loop that brings the result"
            }
            Self::Done => "the future is done already; its result is set only once",
            Self::Taken => "the result was taken by another reader",
        })
    }
}

impl std::error::Error for InvalidState {}
