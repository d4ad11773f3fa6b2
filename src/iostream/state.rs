//! What a stream knows about itself, and the transitions between what it can be.
//!
//! Owns the four small state machines of a stream: its life ([`Phase`]), what the kernel has for
//! it ([`Readiness`]), who gets the bytes ([`Consumer`]) and who moves them ([`Pump`]). Calls
//! nobody but the transport; who is to be called is `iostream/pump.rs`, read that next.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use reactor::{Event, Interest, Token};

use super::bytes::Bytes;
use super::output::Output;
use super::{StreamError, StreamLimits, StreamReader};
use crate::ioloop::{IoLoop, TimeoutHandle};
use crate::net::Transport;

/// The life of a stream.
pub(super) enum Phase {
    /// A connect is under way. `then_drain`: `close_after_write` was called meanwhile.
    Connecting { waker: Option<Waker>, then_drain: bool },
    /// Both directions work.
    Open,
    /// Nothing more is shown or accepted for writing; what was written is still sent.
    Draining(Linger),
    /// Everything is sent; what the peer still sends is thrown away until it has seen that.
    Lingering,
    /// For good, and why.
    Closed(Option<Arc<io::Error>>),
}

/// Whether to listen a little longer after the last byte was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linger {
    /// Nobody cares any more.
    Never,
    /// If bytes are left unread, over which our last words could be lost.
    IfUnread,
    /// The peer is in the middle of sending.
    Always,
}

/// What the kernel holds for us to read, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Nothing: the next event will tell.
    Drained,
    /// Something.
    Readable,
    /// Something, and then the end: a short read is no sign of having seen everything.
    ReadableToEnd,
    /// The end was read, and nobody who reads has heard of it.
    Ended,
    /// The end was read, and a read has reported it.
    Told,
}

impl Readiness {
    fn after_short_read(self) -> Self {
        match self {
            Self::Drained | Self::Readable => Self::Drained,
            Self::ReadableToEnd | Self::Ended | Self::Told => self,
        }
    }

    /// An event is news only to one who has not seen the end.
    fn after_event(self, closed: bool) -> Self {
        match (self, closed) {
            (Self::Ended | Self::Told, _) => self,
            (Self::ReadableToEnd, _) | (_, true) => Self::ReadableToEnd,
            (Self::Drained | Self::Readable, false) => Self::Readable,
        }
    }

    pub(super) fn has_more(self) -> bool {
        matches!(self, Self::Readable | Self::ReadableToEnd)
    }

    /// No event will come any more.
    pub(super) fn is_ending(self) -> bool {
        matches!(self, Self::ReadableToEnd | Self::Ended | Self::Told)
    }

    pub(super) fn has_ended(self) -> bool {
        matches!(self, Self::Ended | Self::Told)
    }
}

/// Who gets the bytes that arrive.
pub(super) enum Consumer {
    /// Nobody asks; they stay in the kernel.
    Nobody,
    /// A read future that is waiting.
    Future(Waker),
    /// A protocol pump.
    Reader(Rc<dyn StreamReader>),
    /// A protocol pump that has not been shown yet what the stream kept.
    Resumed(Rc<dyn StreamReader>),
    /// A protocol pump that wants to be left alone.
    Paused(Rc<dyn StreamReader>),
}

impl Consumer {
    pub(super) fn into_reader(self) -> Option<Rc<dyn StreamReader>> {
        match self {
            Self::Reader(reader) | Self::Resumed(reader) | Self::Paused(reader) => Some(reader),
            Self::Nobody | Self::Future(_) => None,
        }
    }
}

/// Who moves the bytes: at most one pump runs for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pump {
    /// Nobody, until an event comes.
    Resting,
    /// A callback of the next turn.
    Scheduled,
    /// It runs now, and will send at its end whatever is written meanwhile.
    Running,
}

/// What became of a connect in this event.
pub(super) enum Connect {
    /// Nothing new.
    Idle,
    /// It is done, and this is who waits for it.
    Done(Option<Waker>),
}

/// What a closed stream leaves behind: to be woken, told and dropped.
pub(super) struct Farewell {
    pub(super) transport: Option<Box<dyn Transport>>,
    pub(super) token: Option<Token>,
    pub(super) wakers: Vec<Waker>,
    pub(super) reader: Option<Rc<dyn StreamReader>>,
    pub(super) on_close: Option<Box<dyn FnOnce()>>,
    pub(super) watchdog: Option<TimeoutHandle>,
}

/// Everything that changes in the life of a stream.
pub(super) struct State {
    /// Gone when closed.
    pub(super) transport: Option<Box<dyn Transport>>,
    pub(super) token: Option<Token>,
    /// What the loop watches the transport for.
    pub(super) watched: Interest,
    pub(super) phase: Phase,
    pub(super) readiness: Readiness,
    /// The kernel reported both directions dead.
    pub(super) broken: bool,
    /// And not in good order: the next read will fail.
    pub(super) reset: bool,
    /// The reader keeps the stream for writing, although the peer sends no more.
    pub(super) outlives_input: bool,
    pub(super) consumer: Consumer,
    pub(super) pump: Pump,
    pub(super) input: Bytes,
    pub(super) output: Output,
    pub(super) on_close: Option<Box<dyn FnOnce()>>,
    /// Ends a stream whose peer does not let it end.
    pub(super) watchdog: Option<TimeoutHandle>,
    /// Kernel reads of futures since one had to wait.
    pub(super) reads_in_a_row: u8,
}

impl State {
    pub(super) fn new(transport: Box<dyn Transport>, phase: Phase) -> Self {
        Self {
            transport: Some(transport),
            token: None,
            watched: Interest::READABLE,
            phase,
            readiness: Readiness::Drained,
            broken: false,
            reset: false,
            outlives_input: false,
            consumer: Consumer::Nobody,
            pump: Pump::Resting,
            input: Bytes::default(),
            output: Output::default(),
            on_close: None,
            watchdog: None,
            reads_in_a_row: 0,
        }
    }

    /// What a read or a write on this stream fails with, if it is closed.
    pub(super) fn closed(&self) -> Option<StreamError> {
        match &self.phase {
            Phase::Closed(cause) => Some(StreamError::Closed(cause.clone())),
            _ => None,
        }
    }

    /// Nobody would hear of an error.
    pub(super) fn is_unattended(&self) -> bool {
        let nobody_waits = self.output.waiters.is_empty()
            && !matches!(self.phase, Phase::Connecting { waker: Some(_), .. });
        nobody_waits && matches!(self.consumer, Consumer::Nobody)
    }

    /// What the loop must watch now.
    pub(super) fn interest(&self) -> Interest {
        let wanted = match self.phase {
            Phase::Connecting { .. } => Interest::BOTH,
            _ if self.output.blocked => Interest::BOTH,
            _ => Interest::READABLE,
        };
        self.transport.as_ref().map_or(wanted, |transport| transport.interest(wanted))
    }

    /// Remembers what has been registered.
    pub(super) fn watching(&mut self, token: Token, interest: Interest) {
        self.token = Some(token);
        self.watched = interest;
    }

    /// Tells the loop, if it must watch something else than before: once per connection, as a
    /// rule never.
    pub(super) fn watch(&mut self, io_loop: &IoLoop) -> io::Result<()> {
        let interest = self.interest();
        if interest == self.watched {
            return Ok(());
        }
        if let (Some(transport), Some(token)) = (&self.transport, self.token) {
            io_loop.reregister(transport.source(), token, interest)?;
            self.watched = interest;
        }
        Ok(())
    }

    /// Takes note of a report.
    pub(super) fn note(&mut self, event: Event) {
        let Some(transport) = &self.transport else { return };
        let met = |wanted: Interest| {
            (event.is_readable() && wanted.is_readable())
                || (event.is_writable() && wanted.is_writable())
        };
        let broken = event.is_error() || event.is_write_closed();
        self.broken |= broken;
        self.reset |= event.is_error();
        let ending = broken || event.is_read_closed();
        if ending || met(transport.interest(Interest::READABLE)) {
            self.readiness = self.readiness.after_event(ending);
        }
        if broken || met(transport.interest(Interest::WRITABLE)) {
            self.output.blocked = false;
        }
    }

    /// Reads once. 0 means nothing now; whether for now or for ever says `readiness`.
    pub(super) fn receive(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(transport) = &mut self.transport else { return Ok(0) };
        loop {
            match transport.try_read(buf) {
                Ok(0) => self.readiness = Readiness::Ended,
                Ok(count) => {
                    if count < buf.len() {
                        self.readiness = self.readiness.after_short_read();
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readiness = Readiness::Drained;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(0);
        }
    }

    /// Reads once into the stream's own buffer; `buf` is the loop's.
    pub(super) fn fill(&mut self, buf: &mut [u8], limits: &StreamLimits) -> io::Result<usize> {
        let room = limits.read_buffer_max.saturating_sub(self.input.len());
        let chunk = room.min(limits.chunk()).min(buf.len());
        let count = self.receive(&mut buf[..chunk])?;
        self.input.append(&buf[..count]);
        Ok(count)
    }

    /// Whether a reader is there that may have something to see.
    pub(super) fn has_delivery(&self) -> bool {
        let something = match &self.consumer {
            Consumer::Reader(_) => self.readiness.has_more(),
            Consumer::Resumed(_) => true,
            Consumer::Nobody | Consumer::Future(_) | Consumer::Paused(_) => false,
        };
        something && matches!(self.phase, Phase::Open)
    }

    /// Who is to be shown what: a reader, and how many new bytes in `buf`. `None` when a look
    /// found nothing to show.
    pub(super) fn next_delivery(
        &mut self,
        buf: &mut [u8],
        limits: &StreamLimits,
    ) -> io::Result<Option<(Rc<dyn StreamReader>, usize)>> {
        let reader = match &self.consumer {
            Consumer::Reader(reader) => Rc::clone(reader),
            Consumer::Resumed(reader) => {
                let reader = Rc::clone(reader);
                self.consumer = Consumer::Reader(Rc::clone(&reader));
                if !self.input.is_empty() {
                    return Ok(Some((reader, 0)));
                }
                reader
            }
            Consumer::Nobody | Consumer::Future(_) | Consumer::Paused(_) => return Ok(None),
        };
        if !self.readiness.has_more() {
            return Ok(None);
        }
        let chunk = buf.len().min(limits.chunk());
        let count = self.receive(&mut buf[..chunk])?;
        Ok((count > 0).then_some((reader, count)))
    }

    /// The reader, if it has been shown everything that arrived and left nothing over.
    pub(super) fn reader_without_rest(&self) -> Option<Rc<dyn StreamReader>> {
        match &self.consumer {
            Consumer::Reader(reader) if self.input.is_empty() => Some(Rc::clone(reader)),
            _ => None,
        }
    }

    /// Whether the end was read and nobody can want what was kept. Where nobody reads, but
    /// somebody wants to know of the close, the end is found by reading a little ahead, and only
    /// if the kernel said that it is there (T069). Where nobody wants to know, a peer that has
    /// finished sending still gets its answer.
    pub(super) fn is_over(&mut self, buf: &mut [u8], limits: &StreamLimits) -> io::Result<bool> {
        let idle = match self.consumer {
            Consumer::Nobody => self.on_close.is_some(),
            Consumer::Paused(_) => true,
            Consumer::Future(_) | Consumer::Reader(_) | Consumer::Resumed(_) => false,
        };
        if !matches!(self.phase, Phase::Open) {
            return Ok(false);
        }
        if self.reset && matches!(self.consumer, Consumer::Paused(_)) {
            return Err(ErrorKind::ConnectionReset.into()); // whatever was kept: nobody is there
        }
        if idle && self.readiness == Readiness::ReadableToEnd && self.input.is_empty() {
            self.fill(buf, limits)?;
        }
        let unwanted = match self.consumer {
            Consumer::Reader(_) => true, // it has seen everything and cannot go on
            Consumer::Nobody | Consumer::Paused(_) => idle && self.input.is_empty(),
            Consumer::Future(_) | Consumer::Resumed(_) => false, // they look for themselves
        };
        Ok(unwanted && self.readiness.has_ended())
    }

    /// At the end of the input: the reader to ask whether the stream shall live on for writing,
    /// or, once it was asked, whether it does.
    pub(super) fn at_end(&self) -> Result<Rc<dyn StreamReader>, bool> {
        match &self.consumer {
            Consumer::Reader(_) if self.outlives_input => Err(!self.broken),
            Consumer::Reader(reader) if !self.broken => Ok(Rc::clone(reader)),
            _ => Err(false),
        }
    }

    /// Goes on with a connect, if there is one.
    pub(super) fn finish_connect(&mut self) -> io::Result<Connect> {
        let Phase::Connecting { waker, then_drain } = &mut self.phase else {
            return Ok(Connect::Idle);
        };
        let Some(transport) = &mut self.transport else { return Ok(Connect::Idle) };
        match transport.try_connect() {
            Ok(()) => {
                let waker = waker.take();
                self.phase =
                    if *then_drain { Phase::Draining(Linger::IfUnread) } else { Phase::Open };
                Ok(Connect::Done(waker))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Connect::Idle),
            Err(error) => Err(error),
        }
    }

    /// Closes, once; gives everything that must be let go of when nothing is borrowed any more.
    pub(super) fn close(&mut self, cause: Option<Arc<io::Error>>) -> Option<Farewell> {
        let phase = match &self.phase {
            Phase::Closed(_) => return None,
            _ => std::mem::replace(&mut self.phase, Phase::Closed(cause)),
        };
        self.output.bytes = Bytes::default();
        let mut wakers: Vec<Waker> = Vec::new();
        if let Phase::Connecting { waker: Some(waker), .. } = phase {
            wakers.push(waker);
        }
        let reader = match std::mem::replace(&mut self.consumer, Consumer::Nobody) {
            Consumer::Future(waker) => {
                wakers.push(waker);
                None
            }
            other => other.into_reader(),
        };
        wakers.extend(self.output.waiters.drain(..).map(|(_, waker)| waker));
        Some(Farewell {
            transport: self.transport.take(),
            token: self.token.take(),
            wakers,
            reader,
            on_close: self.on_close.take(),
            watchdog: self.watchdog.take(),
        })
    }
}
