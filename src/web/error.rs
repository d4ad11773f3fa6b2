//! What can go wrong in a handler, and which status each fault deserves.
//!
//! Owns [`Error`], which a handler returns: it is made by `?` from any error there is, remembers the line,
//! and knows its status. `4xx` means the client's fault, `5xx` ours; the log says more than the page.
//! Read next: `faults.rs`, the small error types of the formats that are parsed here.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use super::faults::{ArgumentError, HandlerPanicked, MultipartError, XsrfError};
use crate::http::Status;

/// What a handler fails with. `?` makes one of any error: [`HttpError`] chooses its status, a bad argument
/// is a 400, a bad XSRF token a 403, and everything else is our own fault, a 500.
pub struct Error {
    cause: Box<dyn StdError>,
    place: &'static Location<'static>,
}

impl Error {
    /// A panic has no line of its own left; the route's line leads to the handler.
    pub(super) fn panicked(message: String, place: &'static Location<'static>) -> Self {
        Self { cause: Box::new(HandlerPanicked(message)), place }
    }

    /// The status the client gets.
    pub fn status(&self) -> u16 {
        if let Some(error) = self.downcast_ref::<HttpError>() {
            error.status
        } else if self.is::<MissingArgument>()
            || self.is::<ArgumentError>()
            || self.is::<MultipartError>()
        {
            400
        } else if self.is::<XsrfError>() {
            403
        } else {
            500
        }
    }

    /// The reason phrase the client gets.
    pub fn reason(&self) -> &str {
        let chosen = self.downcast_ref::<HttpError>().and_then(|error| error.reason.as_deref());
        chosen.unwrap_or_else(|| reason_phrase(self.status()))
    }

    /// The line of the handler that failed.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// The error itself.
    pub fn cause(&self) -> &(dyn StdError + 'static) {
        &*self.cause
    }

    /// The error itself, if it is an `E`.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.cause.downcast_ref()
    }

    fn is<E: StdError + 'static>(&self) -> bool {
        self.cause.is::<E>()
    }
}

// `Error` is not itself a `std::error::Error`, so that it can be made of everything that is.
impl<E: StdError + 'static> From<E> for Error {
    #[track_caller]
    fn from(cause: E) -> Self {
        Self { cause: Box::new(cause), place: Location::caller() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        let mut source = self.cause.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (at {})", self.place)
    }
}

/// An error with the status the client shall see (Tornado's `HTTPError`).
///
/// ```
/// use squall::web::HttpError;
/// let error = HttpError::new(418).reason("I'm a teapot").log("asked for coffee");
/// assert_eq!(error.to_string(), "HTTP 418: I'm a teapot (asked for coffee)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// The status code.
    pub status: u16,
    /// The reason phrase, if it is not the usual one. Shown to the client.
    pub reason: Option<String>,
    /// What the log shall say. Not shown to the client.
    pub log_message: Option<String>,
}

impl HttpError {
    /// An error with this status.
    pub fn new(status: u16) -> Self {
        Self { status, reason: None, log_message: None }
    }

    /// Sets the reason phrase.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets the text for the log.
    pub fn log(mut self, message: impl Into<String>) -> Self {
        self.log_message = Some(message.into());
        self
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.as_deref().unwrap_or_else(|| reason_phrase(self.status));
        write!(f, "HTTP {}: {reason}", self.status)?;
        match &self.log_message {
            Some(message) => write!(f, " ({message})"),
            None => Ok(()),
        }
    }
}

impl StdError for HttpError {}

/// A required argument was not sent: the client gets a 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingArgument {
    /// The argument asked for.
    pub name: String,
    /// One that was sent and looks like it: a typing mistake in the form or in the handler.
    pub near_miss: Option<String>,
}

impl fmt::Display for MissingArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Missing argument {}", self.name)?;
        match &self.near_miss {
            Some(sent) => write!(f, " (the request has `{sent}`: is one of them misspelt?)"),
            None => Ok(()),
        }
    }
}

impl StdError for MissingArgument {}

/// The usual phrase for a status code, or `Unknown`.
pub fn reason_phrase(status: u16) -> &'static str {
    Status::new(status).map_or("Unknown", Status::reason)
}
