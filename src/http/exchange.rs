//! The request that is open on a connection, and what may be answered to it.
//!
//! Owns the rules of answering: one exchange at a time, known by its number, answered once; a
//! client that is gone is no error, an answer too many is one. The bytes of an answer are made by
//! `proto::http1`, and `connection.rs` decides what the connection does next.

use std::cell::Cell;
use std::net::IpAddr;

use reactor::Instant;

use super::connection::{Connection, Life};
use super::request::Parts;
use super::shared::Access;
use crate::ioloop::IoLoop;
use crate::iostream::IoStream;
use crate::log;
use crate::proto::http1::{Headers, LocalError, Misuse, Outgoing, ResponseHead, Status, Writing};

/// What to do when the client goes away.
pub(super) type OnClose = Box<dyn FnOnce()>;

/// One request and its answer.
#[derive(Default)]
pub(super) struct Exchange {
    /// Tells it from the others of the connection, so that a late answer is recognised.
    pub(super) number: Cell<u64>,
    pub(super) open: Cell<bool>,
    /// How many responders there are for it.
    handles: Cell<u32>,
    status: Cell<Option<Status>>,
    /// For the access hook, if there is one.
    origin: Cell<Option<(IpAddr, Instant)>>,
}

impl Connection {
    /// A request has come. Gives its number.
    pub(super) fn open(&self, parts: &Parts) -> u64 {
        let number = self.exchange.number.get() + 1;
        self.exchange.number.set(number);
        self.exchange.open.set(true);
        self.exchange.handles.set(0);
        self.exchange.status.set(None);
        if self.server.hook.is_some() {
            self.exchange.origin.set(Some((parts.origin.ip, parts.received)));
            let mut line = self.request_line.borrow_mut();
            line.clear();
            line.extend([parts.head.method(), " ", parts.head.target()]);
        }
        number
    }

    pub(super) fn is_open(&self, number: u64) -> bool {
        self.exchange.open.get() && self.exchange.number.get() == number
    }

    /// One responder more.
    pub(super) fn retain(&self, number: u64) {
        if self.is_open(number) {
            self.exchange.handles.set(self.exchange.handles.get() + 1);
        }
    }

    /// One responder less. The last one leaves no request unanswered.
    pub(super) fn release(&self, number: u64) {
        if !self.is_open(number) {
            return;
        }
        let others = self.exchange.handles.get() - 1;
        self.exchange.handles.set(others);
        if others > 0 || self.is_gone() {
            return; // somebody else may answer, or nobody waits for it
        }
        if !std::thread::panicking() {
            log::application_error("a request was dropped without an answer");
        }
        let writing = self.machine.borrow().writing();
        match writing {
            Writing::Owed => self.answer_500(number),
            _ => self.abort(number),
        }
    }

    /// An answer's head, with its body if that is known already.
    pub(super) fn answer(
        &self,
        number: u64,
        (status, reason, headers): (Status, &str, &Headers),
        body: Option<&[u8]>,
    ) {
        let Some(stream) = self.stream_for(number) else { return };
        let stamp = self.server.stamp(stream.io_loop());
        let head = ResponseHead { status, reason, headers, stamp: Some(&stamp) };
        let said = match body {
            Some(body) => self.say(&stream, Outgoing::Whole(head, body)),
            None => self.say(&stream, Outgoing::Head(head)),
        };
        drop(stamp); // the hook may answer another request
        if said.is_ok() {
            self.note_status(status);
        }
        self.said(&stream, number, said);
    }

    /// Any other part of an answer.
    pub(super) fn go_on(&self, number: u64, event: Outgoing<'_>) {
        if let Some(stream) = self.stream_for(number) {
            let said = self.say(&stream, event);
            self.said(&stream, number, said);
        }
    }

    fn answer_500(&self, number: u64) {
        self.answer(number, (Status::INTERNAL_SERVER_ERROR, "", &Headers::new()), Some(b""));
    }

    /// Breaks the connection off, so that nobody takes a part of an answer for the whole.
    pub(super) fn abort(&self, number: u64) {
        if let (true, Some(stream)) = (self.is_open(number), self.stream.upgrade()) {
            stream.close();
        }
    }

    /// Gives the stream to another protocol, after `101` with these headers.
    pub(super) fn upgrade(&self, number: u64, headers: &Headers) -> Option<IoStream> {
        self.answer(number, (Status::SWITCHING_PROTOCOLS, "", headers), None);
        if self.machine.borrow().writing() != Writing::Upgraded || !self.is_open(number) {
            return None;
        }
        let stream = self.stream.upgrade()?;
        self.close_exchange();
        self.leave(Life::Upgraded, stream.io_loop());
        drop(stream.take_reader());
        Some(stream)
    }

    /// Calls `callback` if the client goes away while this exchange is open.
    pub(super) fn on_close(&self, number: u64, callback: OnClose) {
        if self.is_open(number) && self.life.get() == Life::Serving {
            let replaced = self.on_close.borrow_mut().replace(callback);
            drop(replaced);
        } else if matches!(self.life.get(), Life::HalfClosed | Life::Closed) {
            IoLoop::current().add_callback(callback);
        }
    }

    /// The stream is closed, whether or not we were told already.
    pub(super) fn is_gone(&self) -> bool {
        self.stream.upgrade().is_none_or(|stream| stream.closed())
    }

    /// The stream, if this exchange may still be answered. A client that is gone is no error; an
    /// answer that was given already is a bug, and said so (S043).
    #[inline]
    fn stream_for(&self, number: u64) -> Option<IoStream> {
        if self.is_open(number) {
            return self.stream.upgrade().filter(|stream| !stream.closed());
        }
        if self.life.get() != Life::Closed {
            log::application_error("an answer after the response was finished");
        }
        None
    }

    /// For the access hook.
    pub(super) fn note_status(&self, status: Status) {
        self.exchange.status.set(Some(status));
    }

    #[inline]
    fn say(&self, stream: &IoStream, event: Outgoing<'_>) -> Result<(), LocalError> {
        let mut machine = self.machine.borrow_mut();
        // To a closed stream there is nothing to say, and nobody to complain.
        stream.write_with(|out| machine.send(event, out)).unwrap_or(Ok(()))
    }

    /// What follows from what was said.
    #[inline]
    fn said(&self, stream: &IoStream, number: u64, said: Result<(), LocalError>) {
        if let Err(error) = said
            && self.is_beyond_repair(number, &error)
        {
            return;
        }
        let writing = self.machine.borrow().writing();
        match writing {
            Writing::Idle | Writing::Done => self.end_exchange(stream),
            Writing::Broken => {
                self.close_exchange();
                stream.close_after_write();
            }
            Writing::Owed | Writing::Body | Writing::Upgraded => {}
        }
    }

    /// An answer that was refused: a bug of whoever gives it. True if nothing follows from what was
    /// written so far.
    #[cold]
    fn is_beyond_repair(&self, number: u64, error: &LocalError) -> bool {
        log::application_error(&error.to_string());
        match error {
            LocalError { misuse: Misuse::OutOfTurn, .. } => true,
            LocalError { state: Writing::Owed, .. } => {
                self.answer_500(number);
                true
            }
            _ => false,
        }
    }

    /// The answer is complete.
    pub(super) fn end_exchange(&self, stream: &IoStream) {
        self.close_exchange();
        if !self.pumping.get() {
            self.proceed(stream);
        }
    }

    fn close_exchange(&self) {
        self.exchange.open.set(false);
        let cleared = self.on_close.take(); // T130: only while the answer is being produced
        drop(cleared);
        if let Some(hook) = &self.server.hook {
            let Some((remote_ip, received)) = self.exchange.origin.get() else { return };
            let request_line = self.request_line.take();
            hook(&Access {
                request_line: &request_line,
                remote_ip,
                status: self.exchange.status.get(),
                elapsed: IoLoop::current().time() - received,
            });
            self.request_line.replace(request_line);
        }
    }

    /// The client is gone, or has stopped talking: whoever works for it may want to know.
    pub(super) fn tell_closed(&self) {
        let callback = self.on_close.take();
        if let Some(callback) = callback {
            callback();
        }
    }

    /// The connection closed before its answer was complete.
    pub(super) fn abandon(&self) {
        if self.exchange.open.get() {
            self.close_exchange();
        }
    }
}
