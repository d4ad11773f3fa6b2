//! The pump: what happens when the kernel reports a stream ready, in one place.
//!
//! Owns [`Inner`], the shared body of a stream, and the order of an event: connect, deliver,
//! notice the end, wake, send. Everything a reader writes while it is shown new bytes leaves with
//! one send at the end of the event. Nobody is called while the state is borrowed. Futures move
//! their bytes themselves, see `iostream/read.rs`.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::rc::Rc;
use std::task::Waker;

use reactor::Event;

use super::error::is_everyday;
use super::state::{Connect, Consumer, Pump, Readiness, State};
use super::{IoStream, StreamLimits, StreamReader};
use crate::ioloop::{EventHandler, IoLoop};
use crate::log::{self, Level};
use crate::net::Peer;

/// So many full receive buffers of one connection, then the others have their turn.
pub(super) const READS_IN_A_ROW: u8 = 16;

/// What all handles of a stream share.
pub(super) struct Inner {
    pub(super) io_loop: IoLoop,
    pub(super) limits: StreamLimits,
    pub(super) peer: Peer,
    /// The line that made the stream.
    pub(super) place: &'static Location<'static>,
    /// How many [`IoStream`]s there are; the loop's own share does not count.
    pub(super) handles: Cell<usize>,
    pub(super) state: RefCell<State>,
}

impl EventHandler for Inner {
    fn ready(self: Rc<Self>, event: Event) {
        self.state.borrow_mut().note(event);
        self.pump();
    }

    fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl Inner {
    /// Moves what can be moved.
    fn pump(self: &Rc<Self>) {
        let Some(running) = Running::begin(self) else { return };
        let more = if self.finish_connect() {
            true // who waited for it is the first to act on the stream
        } else {
            let more = self.deliver();
            self.notice_end();
            self.wake_reader();
            more || self.discard()
        };
        drop(running);
        self.flush();
        if more {
            self.schedule();
        }
    }

    /// True if a connect is done just now.
    fn finish_connect(self: &Rc<Self>) -> bool {
        let Some(Connect::Done(waker)) = self.attempt(State::finish_connect) else { return false };
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// Shows the reader what there is, until it has seen all of it or wants no more. True if it
    /// was interrupted because others must have their turn.
    fn deliver(self: &Rc<Self>) -> bool {
        for _ in 0..READS_IN_A_ROW {
            if !self.state.borrow().has_delivery() {
                return false;
            }
            if !self.deliver_in_place() {
                self.io_loop.with_receive_buffer(|buf| self.deliver_once(buf));
            }
        }
        true
    }

    /// One read straight into room of the reader's own; false if it has none.
    fn deliver_in_place(self: &Rc<Self>) -> bool {
        let Some(reader) = self.state.borrow().reader_without_rest() else { return false };
        let mut outcome = Ok(());
        let mut read = |room: &mut [u8]| {
            let room_max = room.len().min(self.limits.chunk());
            let count = self.state.borrow_mut().receive(&mut room[..room_max]);
            count.unwrap_or_else(|error| {
                outcome = Err(error);
                0
            })
        };
        let filled = reader.fill(&mut read);
        if outcome.is_err() {
            self.attempt(|_| outcome); // only now: the reader holds what it fills
        }
        filled
    }

    /// One read, one call.
    fn deliver_once(self: &Rc<Self>, buf: &mut [u8]) {
        let delivery = self.attempt(|state| state.next_delivery(buf, &self.limits));
        if let Some(Some((reader, count))) = delivery {
            self.show(reader, &buf[..count]);
        }
    }

    /// Shows `reader` what was kept and what is new; keeps what it does not consume.
    fn show(self: &Rc<Self>, reader: Rc<dyn StreamReader>, new: &[u8]) {
        let stream = IoStream::share(self);
        let mut kept = std::mem::take(&mut self.state.borrow_mut().input);
        if kept.is_empty() {
            let consumed = reader.received(&stream, new);
            kept.append(&new[consumed..]);
        } else {
            kept.append(new);
            let consumed = reader.received(&stream, kept.as_slice());
            kept.advance(consumed);
        }
        self.attempt(|state| {
            let overfull = kept.len() > self.limits.read_buffer_max;
            state.input = kept;
            match state.consumer {
                Consumer::Reader(_) if overfull => Err(full()),
                _ => Ok(()),
            }
        });
    }

    fn notice_end(self: &Rc<Self>) {
        if !self.state.borrow().readiness.is_ending() {
            return;
        }
        let over = self.io_loop.with_receive_buffer(|buf| {
            self.attempt(|state| state.is_over(buf, &self.limits)) //
        });
        if over == Some(true) && !self.outlives_input() {
            self.flush(); // what was written in answer to the last bytes still leaves
            self.close(None);
        }
    }

    /// Whether the reader keeps the stream although the peer has finished; it is asked once.
    fn outlives_input(self: &Rc<Self>) -> bool {
        let reader = match self.state.borrow().at_end() {
            Ok(reader) => reader,
            Err(kept) => return kept,
        };
        let keep = reader.end_of_input(&IoStream::share(self));
        self.state.borrow_mut().outlives_input = keep;
        keep
    }

    /// A waiting read looks for itself.
    fn wake_reader(&self) {
        let waker = match &*self.state.borrow() {
            State { consumer: Consumer::Future(waker), readiness, input, .. }
                if *readiness != Readiness::Drained || !input.is_empty() =>
            {
                waker.clone()
            }
            _ => return,
        };
        waker.wake();
    }

    /// Sends what is to be sent, and tells those who wait for it.
    pub(super) fn flush(self: &Rc<Self>) {
        self.attempt(|state| state.send(&self.io_loop));
        let next_done = || self.state.borrow_mut().output.next_done();
        while let Some(waker) = next_done() {
            waker.wake(); // the borrow is over
        }
        self.leave_if_drained();
    }

    /// Sends now, unless an event is being handled, which ends with a send anyway.
    pub(super) fn flush_unless_pumping(self: &Rc<Self>) {
        if self.state.borrow().pump != Pump::Running {
            self.flush();
        }
    }

    /// Lets the pump run in the next turn, unless it runs or will run anyway.
    pub(super) fn schedule(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if state.pump == Pump::Resting && state.closed().is_none() {
            state.pump = Pump::Scheduled;
            let inner = Rc::clone(self);
            self.io_loop.add_callback_at(self.place, move || inner.pump());
        }
    }

    /// Does something with the state; an error closes the stream, and is logged if nobody else
    /// will hear of it.
    pub(super) fn attempt<R>(
        self: &Rc<Self>,
        act: impl FnOnce(&mut State) -> io::Result<R>,
    ) -> Option<R> {
        let outcome = act(&mut self.state.borrow_mut());
        match outcome {
            Ok(answer) => Some(answer),
            Err(error) => {
                if self.state.borrow().is_unattended() {
                    self.report(&error);
                }
                self.close(Some(error));
                None
            }
        }
    }

    /// One line of the log, unless it is an everyday event (T070).
    pub(super) fn report(&self, error: &io::Error) {
        if !is_everyday(error) {
            log::general(Level::Warning, &format!("stream to {}: {error}", self.peer));
        }
    }

    /// Asks the loop to report readiness; a stream that cannot be watched is closed.
    pub(super) fn register(self: &Rc<Self>) {
        self.attempt(|state| {
            let interest = state.interest();
            let handler = Rc::clone(self) as Rc<dyn EventHandler>;
            if let Some(transport) = &state.transport {
                let token = self.io_loop.register(transport.source(), interest, handler)?;
                state.watching(token, interest);
            }
            Ok(())
        });
    }
}

/// Why a stream whose reader never consumes anything is closed.
fn full() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the read buffer is full")
}

/// While it lives, writes are kept for the end of the event. A reader that panics loses its
/// connection: what it did with the bytes nobody knows.
struct Running<'a>(&'a Rc<Inner>);

impl<'a> Running<'a> {
    fn begin(inner: &'a Rc<Inner>) -> Option<Self> {
        let mut state = inner.state.borrow_mut();
        if state.pump == Pump::Running || state.closed().is_some() {
            return None;
        }
        state.pump = Pump::Running;
        Some(Self(inner))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state.borrow_mut().pump = Pump::Resting;
        if std::thread::panicking() {
            self.0.close(None);
        }
    }
}
