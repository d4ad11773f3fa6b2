//! A body that is read piece by piece, at the reader's pace.
//!
//! Owns the small buffer between the connection and the handler: what has arrived is gathered
//! there (HAZ01: a thousand tiny chunks wake nobody a thousand times), and when it is full the
//! peer has to wait (T153). Knows the connection only as something to resume. Read next: `intake.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::connection::Connection;
use crate::ioloop::note_wait;
use crate::proto::http1::RemoteError;

/// The body of a request as it arrives.
///
/// Dropping it unread is fine: the rest is read and forgotten.
pub struct BodyStream {
    pipe: Rc<Pipe>,
}

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The client is gone.
    Closed,
    /// The client broke the rules or a limit; it was answered.
    Refused(RemoteError),
    /// The bytes are not what `Content-Encoding` says; the client was answered.
    Encoding,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client closed in the middle of a body"),
            Self::Refused(error) => error.fmt(f),
            Self::Encoding => f.write_str("the body is not encoded as it says"),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Closed | Self::Encoding => None,
        }
    }
}

impl BodyStream {
    /// The next piece, of at most [`Limits::piece_bytes_max`](super::Limits) bytes; `None` at the
    /// end. Dropping the future loses nothing.
    pub fn next_piece(&mut self) -> NextPiece<'_> {
        NextPiece { pipe: &self.pipe }
    }

    /// Everything that is still to come, in one.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, BodyError> {
        let mut body = Vec::new();
        while let Some(piece) = self.next_piece().await {
            body.extend_from_slice(&piece?);
        }
        Ok(body)
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream")
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        let mut state = self.pipe.state.borrow_mut();
        state.unread = Vec::new();
        state.forgotten = true;
        drop(state);
        self.pipe.resume();
    }
}

/// The future of [`BodyStream::next_piece`].
#[derive(Debug)]
pub struct NextPiece<'a> {
    pipe: &'a Rc<Pipe>,
}

impl Future for NextPiece<'_> {
    type Output = Option<Result<Vec<u8>, BodyError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.pipe.state.borrow_mut();
        if state.unread.is_empty() {
            return match state.end {
                Some(Ok(())) => Poll::Ready(None),
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None => {
                    state.reader = Some(context.waker().clone());
                    note_wait("body", std::panic::Location::caller());
                    Poll::Pending
                }
            };
        }
        let piece = state.take(self.pipe.piece_max);
        drop(state);
        self.pipe.resume();
        Poll::Ready(Some(Ok(piece)))
    }
}

/// What is shared by the one who reads and the one who delivers.
pub(super) struct Pipe {
    state: RefCell<State>,
    piece_max: usize,
    connection: Weak<Connection>,
}

#[derive(Default)]
struct State {
    unread: Vec<u8>,
    end: Option<Result<(), BodyError>>,
    reader: Option<Waker>,
    /// The handler does not want it.
    forgotten: bool,
}

impl State {
    fn take(&mut self, piece_max: usize) -> Vec<u8> {
        if self.unread.len() <= piece_max {
            return std::mem::take(&mut self.unread);
        }
        let rest = self.unread.split_off(piece_max);
        std::mem::replace(&mut self.unread, rest)
    }
}

impl Pipe {
    pub(super) fn new(piece_max: usize, connection: &Rc<Connection>) -> (Rc<Self>, BodyStream) {
        let connection = Rc::downgrade(connection);
        let pipe = Rc::new(Self { state: RefCell::default(), piece_max, connection });
        let stream = BodyStream { pipe: Rc::clone(&pipe) };
        (pipe, stream)
    }

    /// True when the peer should wait until the handler has read some.
    pub(super) fn is_full(&self) -> bool {
        self.state.borrow().unread.len() >= self.piece_max
    }

    /// Adds a piece; the handler is woken once for all that arrive together.
    pub(super) fn push(&self, data: &[u8]) {
        let mut state = self.state.borrow_mut();
        if !state.forgotten {
            state.unread.extend_from_slice(data);
            wake(state.reader.take());
        }
    }

    /// No more will come.
    pub(super) fn end(&self, end: Result<(), BodyError>) {
        let mut state = self.state.borrow_mut();
        state.end.get_or_insert(end);
        wake(state.reader.take());
    }

    fn resume(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.resume();
        }
    }
}

/// A wake only queues a step: nothing of ours runs inside.
fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipe")
    }
}
