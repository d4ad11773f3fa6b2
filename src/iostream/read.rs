//! Reading as futures: so many bytes, up to a delimiter, to the end.
//!
//! Owns [`ReadFuture`] and [`ReadInto`]. A future that is polled looks at what the stream kept,
//! reads from the kernel as long as it is not satisfied, and waits for an event. What arrived
//! stays with the stream until a read completes, so **dropping a read future loses no data**.
//! Read next: `iostream/write.rs`.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use regex::bytes::Regex;

use super::bytes::Bytes;
use super::pump::{Inner, READS_IN_A_ROW};
use super::state::{Consumer, Phase, Readiness};
use super::{IoStream, StreamError};
use crate::buffer;
use crate::ioloop::note_wait;
use crate::log::{self, Level};

/// What a read waits for.
#[derive(Debug)]
pub(super) enum Want {
    /// So many bytes.
    Exactly(usize),
    /// At least one byte, at most so many.
    AtMost(usize),
    /// Through the delimiter. No match begins before `searched`.
    Until { delimiter: Vec<u8>, max_bytes: Option<usize>, searched: usize },
    /// Through a match. `searched` bytes were searched in vain.
    UntilRegex { regex: Regex, max_bytes: Option<usize>, searched: usize },
    /// Everything.
    UntilClose,
}

/// Whether more bytes are to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    /// Yes, and at once.
    More,
    /// Perhaps later.
    Dry,
    /// No: the peer has sent everything, or we closed the stream while this read was waiting.
    Ended,
    /// No: an error closed the stream while this read was waiting.
    Broken,
    /// No: the stream was closed before this read began.
    Gone,
}

impl Want {
    /// How many bytes of `input` satisfy the read, if they do.
    fn satisfied_by(&mut self, input: &[u8], supply: Supply) -> Result<Option<usize>, StreamError> {
        match self {
            Self::Exactly(count) => Ok(Some(*count).filter(|count| *count <= input.len())),
            Self::AtMost(0) => Ok(Some(0)),
            Self::AtMost(count) => Ok(Some(input.len().min(*count)).filter(|count| *count > 0)),
            Self::Until { delimiter, max_bytes, searched } => {
                let found = buffer::find(&input[*searched..], delimiter);
                let end = found.map(|at| *searched + at + delimiter.len());
                *searched = (input.len() + 1).saturating_sub(delimiter.len()).max(*searched);
                check_limit(end, input.len(), *max_bytes)
            }
            // A search begins at the front each time: look again only when the input has doubled,
            // or when there is nothing else to do, so that the work stays linear.
            Self::UntilRegex { searched, .. }
                if supply == Supply::More && input.len() < 2 * *searched =>
            {
                Ok(None)
            }
            Self::UntilRegex { regex, max_bytes, searched } => {
                *searched = input.len();
                let end = regex.find(input).map(|found| found.end());
                check_limit(end, input.len(), *max_bytes)
            }
            Self::UntilClose => Ok(match supply {
                Supply::Ended => Some(input.len()),
                Supply::Gone => Some(input.len()).filter(|count| *count > 0),
                Supply::More | Supply::Dry | Supply::Broken => None,
            }),
        }
    }
}

/// The limit counts the delimiter, and a match beyond it is none, even if it arrived (T062).
fn check_limit(
    end: Option<usize>,
    seen: usize,
    max_bytes: Option<usize>,
) -> Result<Option<usize>, StreamError> {
    match max_bytes {
        Some(max) if end.unwrap_or(seen + 1) > max => Err(StreamError::UnsatisfiableRead),
        _ => Ok(end),
    }
}

/// A read under way, see [`IoStream::read_bytes`] and its sisters. Dropping it loses no data.
#[derive(Debug)]
#[must_use = "a read does nothing unless it is awaited"]
pub struct ReadFuture {
    turn: ReadTurn,
    want: Want,
}

impl ReadFuture {
    pub(super) fn new(stream: &IoStream, want: Want, place: &'static Location<'static>) -> Self {
        Self { turn: ReadTurn::new(stream, place), want }
    }
}

impl Future for ReadFuture {
    type Output = Result<Vec<u8>, StreamError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { turn, want } = &mut *self;
        let answer = turn.poll(context, |input, supply| {
            let count = want.satisfied_by(input.as_slice(), supply)?;
            Ok(count.map(|count| input.take(count)))
        });
        if let (Poll::Ready(Ok(_)), Want::UntilClose) = (&answer, &want) {
            turn.inner().state.borrow_mut().readiness = Readiness::Told;
        }
        answer
    }
}

/// A read into the caller's own memory, see [`IoStream::read_into`]. If it is dropped before it
/// is complete, what it had put there goes back to the stream.
#[derive(Debug)]
#[must_use = "a read does nothing unless it is awaited"]
pub struct ReadInto<'a> {
    turn: ReadTurn,
    buf: &'a mut [u8],
    filled: usize,
    partial: bool,
}

impl<'a> ReadInto<'a> {
    pub(super) fn new(
        stream: &IoStream,
        buf: &'a mut [u8],
        partial: bool,
        place: &'static Location<'static>,
    ) -> Self {
        Self { turn: ReadTurn::new(stream, place), buf, filled: 0, partial }
    }
}

impl Future for ReadInto<'_> {
    type Output = Result<usize, StreamError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { turn, buf, filled, partial } = &mut *self;
        let answer = turn.poll(context, |input, _| {
            let count = input.len().min(buf.len() - *filled);
            buf[*filled..*filled + count].copy_from_slice(&input.as_slice()[..count]);
            input.advance(count);
            *filled += count;
            let done = *filled == buf.len() || (*partial && *filled > 0);
            Ok(done.then_some(*filled))
        });
        if let Poll::Ready(Ok(_)) = answer {
            *filled = 0; // it is the caller's now
        }
        answer
    }
}

impl Drop for ReadInto<'_> {
    fn drop(&mut self) {
        if self.filled > 0 {
            let mut state = self.turn.stream.0.state.borrow_mut();
            state.input.put_back(&self.buf[..self.filled]);
        }
    }
}

/// The right to read from a stream, which only one future has at a time.
#[derive(Debug)]
struct ReadTurn {
    stream: IoStream,
    /// This future is the stream's consumer.
    waiting: bool,
    place: &'static Location<'static>,
}

impl ReadTurn {
    fn new(stream: &IoStream, place: &'static Location<'static>) -> Self {
        Self { stream: stream.clone(), waiting: false, place }
    }

    /// Offers what there is to `take`, and gets more, until it takes something or must wait.
    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        mut take: impl FnMut(&mut Bytes, Supply) -> Result<Option<T>, StreamError>,
    ) -> Poll<Result<T, StreamError>> {
        loop {
            let supply = match self.supply() {
                Ok(supply) => supply,
                Err(busy) => return Poll::Ready(Err(busy)),
            };
            let taken = take(&mut self.inner().state.borrow_mut().input, supply);
            let outcome = match (taken, supply) {
                (Ok(Some(taken)), _) => Poll::Ready(Ok(self.complete(taken))),
                (Err(error), _) => Poll::Ready(Err(self.give_up(error))),
                (Ok(None), Supply::Dry) => self.wait(context),
                (Ok(None), Supply::More) if self.is_greedy() => {
                    context.waker().wake_by_ref();
                    self.wait(context)
                }
                (Ok(None), Supply::More) => match self.read_once() {
                    Ok(()) => continue,
                    Err(error) => Poll::Ready(Err(error)),
                },
                (Ok(None), Supply::Ended | Supply::Broken | Supply::Gone) => {
                    Poll::Ready(Err(self.end()))
                }
            };
            return outcome;
        }
    }

    fn inner(&self) -> &Rc<Inner> {
        &self.stream.0
    }

    /// Whether there is more to be had; an error if another reads.
    fn supply(&self) -> Result<Supply, StreamError> {
        let state = self.inner().state.borrow();
        let mine = match &state.consumer {
            Consumer::Nobody => true,
            Consumer::Future(_) => self.waiting,
            Consumer::Reader(_) | Consumer::Resumed(_) | Consumer::Paused(_) => false,
        };
        if !mine {
            return Err(StreamError::AlreadyReading);
        }
        Ok(match (&state.phase, state.readiness) {
            (_, Readiness::Ended) => Supply::Ended,
            (Phase::Closed(None), _) if self.waiting => Supply::Ended,
            (Phase::Closed(Some(_)), _) if self.waiting => Supply::Broken,
            (Phase::Closed(_), _) | (_, Readiness::Told) => Supply::Gone,
            (_, Readiness::Drained) => Supply::Dry,
            (_, Readiness::Readable | Readiness::ReadableToEnd) => Supply::More,
        })
    }

    /// One read from the kernel into the stream's buffer.
    fn read_once(&mut self) -> Result<(), StreamError> {
        let inner = self.inner();
        if inner.state.borrow().input.len() >= inner.limits.read_buffer_max {
            return Err(self.give_up(StreamError::BufferFull));
        }
        let outcome = inner.io_loop.with_receive_buffer(|buf| {
            let mut state = inner.state.borrow_mut();
            state.reads_in_a_row += 1;
            state.fill(buf, &inner.limits)?;
            state.watch(&inner.io_loop)
        });
        outcome.map_err(|error| {
            if self.waiting {
                inner.report(&error);
            }
            inner.close(Some(error));
            self.closed()
        })
    }

    /// A peer that sends without pause must not keep everybody else waiting.
    fn is_greedy(&self) -> bool {
        self.inner().state.borrow().reads_in_a_row >= READS_IN_A_ROW
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        let mut state = self.inner().state.borrow_mut();
        state.reads_in_a_row = 0;
        match &mut state.consumer {
            Consumer::Future(waker) => waker.clone_from(context.waker()),
            consumer => *consumer = Consumer::Future(context.waker().clone()),
        }
        drop(state);
        self.waiting = true;
        note_wait("read", self.place);
        Poll::Pending
    }

    /// The read is over; a close that waited for it may go on.
    fn complete<T>(&mut self, taken: T) -> T {
        self.leave();
        if self.inner().state.borrow().readiness.is_ending() {
            self.inner().schedule();
        }
        taken
    }

    /// The peer did what this read does not allow.
    fn give_up(&mut self, error: StreamError) -> StreamError {
        self.leave();
        let inner = self.inner();
        log::general(Level::Info, &format!("closing the stream to {}: {error}", inner.peer));
        inner.close(Some(io::Error::new(ErrorKind::InvalidData, error.clone())));
        error
    }

    /// What is left will never be enough.
    fn end(&mut self) -> StreamError {
        self.leave();
        self.inner().state.borrow_mut().readiness = Readiness::Told;
        self.inner().close(None);
        self.closed()
    }

    fn closed(&self) -> StreamError {
        self.inner().state.borrow().closed().unwrap_or(StreamError::Closed(None))
    }

    /// Gives the turn back.
    fn leave(&mut self) {
        if std::mem::take(&mut self.waiting) {
            let mut state = self.inner().state.borrow_mut();
            if matches!(state.consumer, Consumer::Future(_)) {
                state.consumer = Consumer::Nobody;
            }
        }
    }
}

impl Drop for ReadTurn {
    fn drop(&mut self) {
        self.leave();
    }
}
