//! Push mode: a protocol does not ask for bytes, it is shown them as they arrive.
//!
//! Owns the contract [`StreamReader`] and what a reader may do with its stream: pause, resume,
//! write into the output, give the stream back. The bytes are lent from the loop's receive
//! buffer; the stream keeps only what the reader leaves over, so an idle connection holds no
//! memory. Read next: `iostream/pump.rs`, which calls the reader.

use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::output::Finishing;
use super::pump::Inner;
use super::state::{Consumer, Phase, Readiness};
use super::{IoStream, StreamError};

/// Somebody who is shown the bytes of a stream as they arrive.
pub trait StreamReader {
    /// Shows everything that arrived and was not consumed yet; gives how many bytes of it are
    /// consumed. The rest is shown again, with more behind it, when more arrives (or after
    /// [`IoStream::resume_reading`]).
    ///
    /// What is written to `stream` meanwhile leaves with one send when this returns. The call may
    /// run any code; it is never nested in another call for the same stream. If it panics, the
    /// stream is closed.
    fn received(self: Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize;

    /// For a reader that knows where the next bytes belong, such as the rest of a long message: it
    /// calls `read` with room of its own, which is filled from the front, and learns how many bytes
    /// came. They are consumed; [`received`](Self::received) does not see them. False if there is no
    /// such room. Asked before every read, unless bytes were left over.
    fn fill(self: Rc<Self>, read: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        let _ = read;
        false
    }

    /// The peer has finished sending, and everything it sent was shown. True keeps the stream for
    /// writing, until it breaks or is closed: a peer may wait for an answer with its own half
    /// closed. Otherwise, and unless told otherwise, the stream closes when its output is sent.
    fn end_of_input(self: Rc<Self>, stream: &IoStream) -> bool {
        let _ = stream;
        false
    }

    /// The stream is closed: by us or by the peer (no error), or by this error. Called once, from
    /// the loop and not from inside [`IoStream::close`]; the last call to a reader.
    fn closed(self: Rc<Self>, stream: &IoStream, error: Option<Arc<io::Error>>);
}

/// Names a stream without keeping it open or alive.
#[derive(Clone)]
pub struct WeakStream(Weak<Inner>);

impl WeakStream {
    /// The stream, if it still exists.
    pub fn upgrade(&self) -> Option<IoStream> {
        self.0.upgrade().map(|inner| IoStream::share(&inner))
    }
}

impl fmt::Debug for WeakStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakStream")
    }
}

impl IoStream {
    /// Shows everything that arrives to `reader`, what was kept first. The stream now lives until
    /// it is closed, handles or not. Called inside [`StreamReader::received`], it passes the
    /// stream on: the rest of those bytes goes to the new reader.
    ///
    /// # Panics
    /// If a read future is waiting: the bytes were promised to it.
    pub fn set_reader(&self, reader: Rc<dyn StreamReader>) {
        let mut state = self.0.state.borrow_mut();
        assert!(!matches!(state.consumer, Consumer::Future(_)), "a read is waiting for the bytes");
        if let Phase::Closed(cause) = &state.phase {
            let (stream, cause) = (self.clone(), cause.clone());
            self.0.io_loop.add_callback(move || reader.closed(&stream, cause));
            return;
        }
        let replaced = std::mem::replace(&mut state.consumer, Consumer::Resumed(reader));
        let waiting = !state.input.is_empty() || state.readiness != Readiness::Drained;
        drop(state);
        drop(replaced);
        if waiting {
            self.0.schedule();
        }
    }

    /// Takes the reader off, so that the stream can be read with futures again.
    pub fn take_reader(&self) -> Option<Rc<dyn StreamReader>> {
        let consumer = std::mem::replace(&mut self.0.state.borrow_mut().consumer, Consumer::Nobody);
        match consumer {
            Consumer::Future(_) => {
                self.0.state.borrow_mut().consumer = consumer;
                None
            }
            other => other.into_reader(),
        }
    }

    /// Shows nothing more to the reader for now. The kernel's buffer fills, and then the peer has
    /// to wait (T077); its close is still noticed when nothing is left unread.
    pub fn pause_reading(&self) {
        self.0.state.borrow_mut().consumer.pause();
    }

    /// Goes on showing, in a later turn or, inside [`StreamReader::received`], when that returns.
    /// What was left over is shown first, even if nothing new has arrived.
    pub fn resume_reading(&self) {
        let resumed = self.0.state.borrow_mut().consumer.resume();
        if resumed {
            self.0.schedule();
        }
    }

    /// Appends to the output, without a copy in between. It is sent at the end of the event that
    /// is being handled, with everything else that was appended, or in the next turn, or by
    /// [`flush`](Self::flush). To a closed stream nothing is written: [`StreamError::Closed`]. If
    /// `write` panics, the stream is closed: half a message is none.
    pub fn write_with<R>(&self, write: impl FnOnce(&mut Vec<u8>) -> R) -> Result<R, StreamError> {
        let mut output = self.0.state.borrow_mut().take_output()?;
        let before = output.len();
        let half = CloseHalfWritten(&self.0);
        let answer = write(output.writable());
        std::mem::forget(half); // whole now: only a panic drops it
        let mut state = self.0.state.borrow_mut();
        state.return_output(output, before);
        drop(state);
        self.0.schedule();
        Ok(answer)
    }

    /// Sends what was written and then the end; reading goes on. A peer that is still sending
    /// gets to read an answer that way, where a close would be a reset.
    pub fn finish_writing(&self) {
        self.0.state.borrow_mut().output.finishing = Finishing::Asked;
        self.0.flush_unless_pumping();
    }

    /// A handle that keeps nothing alive, for readers: the stream owns its reader already.
    pub fn downgrade(&self) -> WeakStream {
        WeakStream(Rc::downgrade(&self.0))
    }

    /// Sends what was written, now, except while the stream's own event is being handled: that
    /// ends with a send anyway.
    pub fn flush(&self) {
        self.0.flush_unless_pumping();
    }
}

/// Watches somebody else's code write; dropped by its panic only. `thread::panicking` would not
/// do: a destructor may write, rightly, while another panic is on its way.
struct CloseHalfWritten<'a>(&'a Rc<Inner>);

impl Drop for CloseHalfWritten<'_> {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

impl Consumer {
    fn pause(&mut self) {
        *self = match std::mem::replace(self, Self::Nobody) {
            Self::Reader(reader) | Self::Resumed(reader) => Self::Paused(reader),
            other => other,
        };
    }

    /// True if there was something to resume.
    fn resume(&mut self) -> bool {
        let paused = matches!(self, Self::Paused(_));
        *self = match std::mem::replace(self, Self::Nobody) {
            Self::Paused(reader) => Self::Resumed(reader),
            other => other,
        };
        paused
    }
}
