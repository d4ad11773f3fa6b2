//! One HTTP/1 connection, server side: the five verbs `receive`, `next_event`, `send`, `deadline`
//! and `expire`.
//!
//! Owns the order of things: whose turn it is, when the connection can be used again, and which
//! clock is running. Owns no bytes: what could not be used yet is shown again by the caller, with
//! more behind it, so an idle connection is these few words and no buffer.
//! Read next: `state.rs` for the tables, `http/pump.rs` for the one who carries the bytes.

use std::rc::Rc;

use reactor::Instant;

use super::body::{BodyReader, Piece};
use super::encode::{self, BodyWriter, Context, ResponseHead};
use super::error::{LocalError, Misuse, Reason, RemoteError};
use super::head::{RequestHead, Version};
use super::limits::Limits;
use super::parse::{self, Progress};
use super::state::{Reading, Said, Seen, Writing};
use super::status::Status;

/// A server's end of one connection.
#[derive(Debug)]
pub struct Connection {
    limits: Rc<Limits>,
    lenient: bool,
    reuse: bool,
    reading: Reading,
    writing: Writing,
    progress: Progress,
    body: BodyReader,
    context: Context,
    answer: BodyWriter,
    ended: bool,
    now: Instant,
    clock: Option<(Timeout, Instant)>,
}

/// What the peer did. Pieces borrow from the bytes given to [`Connection::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A request's head is complete; it is in the [`RequestHead`] that was passed in.
    Request,
    /// A piece of its body, never empty.
    Data(&'a [u8]),
    /// The request is complete. Follows every `Request`, with or without body.
    EndOfMessage,
    /// Nothing more can be said until more bytes come.
    NeedData,
    /// Nothing more will be said until this request is answered (or the connection is closed).
    Paused,
    /// The peer has closed, between two messages as it should.
    Closed,
}

/// What we do. See [`Connection::send`].
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// `100 Continue` and its kind, before the real answer.
    Interim(Status),
    /// The head of an answer whose body follows in pieces.
    Head(ResponseHead<'a>),
    /// A piece of the body.
    Data(&'a [u8]),
    /// The end of the body.
    End,
    /// An answer in one go, head and body.
    Whole(ResponseHead<'a>, &'a [u8]),
}

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// No request came.
    Idle,
    /// A head was begun and not finished.
    Head,
    /// A body was begun and not finished.
    Body,
}

/// Some bytes from the peer, and how many of them have been used.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    /// How many bytes were used; the rest has to be shown again, with more behind it.
    pub fn used(&self) -> usize {
        self.used
    }

    /// What was not used.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.used..]
    }

    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, _) = self.rest().split_at(count);
        self.used += count;
        taken
    }
}

impl Connection {
    /// A new connection, accepted at `now`.
    pub fn server(limits: impl Into<Rc<Limits>>, now: Instant) -> Self {
        let limits = limits.into();
        Self {
            lenient: false,
            reuse: true,
            reading: Reading::Head,
            writing: Writing::Idle,
            progress: Progress::default(),
            body: BodyReader::default(),
            context: Context::default(),
            answer: BodyWriter::default(),
            ended: false,
            now,
            clock: Some((Timeout::Idle, now + limits.idle_time_max)),
            limits,
        }
    }

    /// Accept lines that end in LF alone, folded headers and identical repeated lengths (T142).
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// S165: let the answer that is owed, or the next one, be the last.
    pub fn no_keep_alive(&mut self) {
        self.reuse = false;
        self.context.keep_alive = false;
    }

    /// First verb. Bytes came, beginning with those that were not used the last time; or time has
    /// passed and the machine should look at the rest again.
    pub fn receive<'a>(&mut self, now: Instant, bytes: &'a [u8]) -> Input<'a> {
        self.now = now;
        Input::new(bytes)
    }

    /// The peer will send nothing after the bytes of the next [`Connection::receive`].
    pub fn receive_eof(&mut self) {
        self.ended = true;
    }

    /// Second verb. What the bytes mean, one event at a time, until `NeedData` or `Paused`.
    ///
    /// After an error nothing more is read; if nothing was answered yet, an answer is owed.
    pub fn next_event<'a>(
        &mut self,
        input: &mut Input<'a>,
        head: &mut RequestHead,
    ) -> Result<Event<'a>, RemoteError> {
        let event = match self.reading {
            Reading::Head => self.next_head(input, head),
            Reading::Body => self.next_piece(input),
            Reading::Done => Ok(Event::Paused),
            Reading::Closed => Ok(Event::Closed),
        };
        event.inspect_err(|_| self.fail())
    }

    /// Second verb, made short. True between two requests, if the peer may go on: what [`Connection::next_event`] would say to
    /// no bytes at all, without a head to fill. The time for the next request begins.
    pub fn await_request(&mut self) -> bool {
        let between = self.reading == Reading::Head && !self.ended;
        if between {
            self.wait(Timeout::Idle, self.limits.idle_time_max);
        }
        between
    }

    /// Second verb, made short. True if the request whose head was just seen has no body, as most have none: then this was
    /// its [`Event::EndOfMessage`], without bytes to look at.
    pub fn end_without_body(&mut self) -> bool {
        let ends = self.reading == Reading::Body && self.body.is_absent();
        if ends {
            self.end_message();
        }
        ends
    }

    /// F157: another limit for the body of the request whose head was just seen.
    pub fn set_body_limit(&mut self, bytes_max: u64) {
        self.body.allowed = bytes_max;
    }

    /// Third verb. Appends to `out` what the event looks like on the wire.
    ///
    /// When it fails, nothing was appended. A head that was refused may be replaced by a better
    /// one; a body that was refused leaves a broken answer, see [`Connection::must_close`].
    #[inline]
    pub fn send(&mut self, event: Outgoing<'_>, out: &mut Vec<u8>) -> Result<(), LocalError> {
        let error = |misuse| LocalError { state: self.writing, misuse };
        let said = said(&event).ok_or(error(Misuse::Status))?;
        let next = self.writing.after(said).ok_or(error(Misuse::OutOfTurn))?;
        self.write(event, out).map_err(|misuse| {
            let error = LocalError { state: self.writing, misuse };
            if self.writing == Writing::Body {
                self.say(Said::Nonsense);
            }
            error
        })?;
        self.writing = next;
        self.take_turn();
        Ok(())
    }

    /// Fourth verb. When [`Connection::expire`] wants to be called; moves without notice, so ask
    /// when the last answer has come and not after each event.
    pub fn deadline(&self) -> Option<Instant> {
        self.clock.map(|(_, deadline)| deadline)
    }

    /// Fifth verb. Says which time has run out, if one has: close, and answer nothing (T127).
    pub fn expire(&mut self, now: Instant) -> Option<Timeout> {
        let (timeout, _) = self.clock.filter(|(_, deadline)| *deadline <= now)?;
        self.clock = None;
        self.reading = self.reading.after(Seen::Close);
        Some(timeout)
    }

    /// The body is no good, although its framing is: nothing more is read, as after an error of
    /// [`Connection::next_event`].
    pub fn refuse(&mut self) {
        if self.reading != Reading::Closed {
            self.fail();
        }
    }

    /// True when the answer is out and the connection cannot be used again. Ask after the last
    /// event: an answer that overtook the end of its request may still find it in the input.
    pub fn must_close(&self) -> bool {
        matches!(self.writing, Writing::Done | Writing::Broken)
    }

    /// How far our answer is.
    pub fn writing(&self) -> Writing {
        self.writing
    }

    /// How far the peer's request is.
    pub fn reading(&self) -> Reading {
        self.reading
    }

    fn next_head<'a>(
        &mut self,
        input: &mut Input<'a>,
        head: &mut RequestHead,
    ) -> Result<Event<'a>, RemoteError> {
        self.skip_empty_lines(input)?;
        if matches!(input.rest(), [] | [b'\r']) {
            if !self.ended {
                return Ok(self.wait(Timeout::Idle, self.limits.idle_time_max));
            }
            self.see(Seen::Close);
            return Ok(Event::Closed);
        }
        let (progress, limits) = (&mut self.progress, &self.limits);
        match parse::request_head(input.rest(), progress, limits, self.lenient, head)? {
            Some(length) => {
                input.take(length);
                self.begin(head);
                Ok(Event::Request)
            }
            None if self.ended => Err(Reason::Truncated.error()),
            None => Ok(self.wait(Timeout::Head, limits.head_time_max)),
        }
    }

    /// T110: an extra CR LF between requests is nobody's fault, and nobody's memory.
    fn skip_empty_lines(&mut self, input: &mut Input<'_>) -> Result<(), Reason> {
        loop {
            match input.rest() {
                [b'\r', b'\n', ..] => input.take(2),
                [b'\n', ..] if self.lenient => input.take(1),
                [b'\n', ..] => return Err(Reason::LineEnd),
                _ => return Ok(()),
            };
        }
    }

    fn begin(&mut self, head: &RequestHead) {
        self.see(Seen::Request);
        self.say(Said::Debt);
        self.progress = Progress::default();
        self.body = BodyReader::new(head.body_length(), self.limits.body_bytes_max);
        self.clock = None;
        self.context = Context {
            version: head.version(),
            is_head: head.method() == "HEAD",
            keep_alive: self.reuse && head.keep_alive(),
        };
    }

    fn next_piece<'a>(&mut self, input: &mut Input<'a>) -> Result<Event<'a>, RemoteError> {
        match self.body.next_piece(input, self.limits.piece_bytes_max)? {
            Piece::Data(data) => Ok(Event::Data(data)),
            Piece::NeedData if self.ended => Err(Reason::Truncated.error()),
            Piece::NeedData => Ok(self.wait(Timeout::Body, self.limits.body_time_max)),
            Piece::End => {
                self.end_message();
                Ok(Event::EndOfMessage)
            }
        }
    }

    fn end_message(&mut self) {
        self.see(Seen::EndOfMessage);
        self.clock = None;
        self.take_turn();
    }

    /// The clock starts when we first wait for something, and is not pushed on by each byte.
    fn wait<'a>(&mut self, timeout: Timeout, at_most: std::time::Duration) -> Event<'a> {
        if self.clock.is_none_or(|(running, _)| running != timeout) {
            self.clock = Some((timeout, self.now + at_most));
        }
        Event::NeedData
    }

    fn fail(&mut self) {
        self.see(Seen::Close);
        self.clock = None;
        if self.writing == Writing::Idle {
            self.context = Context { version: Version::Http11, is_head: false, keep_alive: false };
            self.say(Said::Debt);
        }
    }

    fn write(&mut self, event: Outgoing<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        match event {
            Outgoing::Interim(status) => encode::interim(status, out),
            Outgoing::Head(head) => {
                let mut context = self.context;
                context.keep_alive &= self.reading != Reading::Closed;
                self.answer = encode::head(&head, None, &mut context, out)?;
                self.context = context;
            }
            Outgoing::Whole(head, body) => {
                let mut context = self.context;
                context.keep_alive &= self.reading == Reading::Done; // T115
                let length = Some(body.len() as u64);
                let mut answer = encode::head(&head, length, &mut context, out)?;
                answer.data(body, out)?;
                self.context = context;
            }
            Outgoing::Data(data) => self.answer.data(data, out)?,
            Outgoing::End => self.answer.end(out)?,
        }
        Ok(())
    }

    /// When both halves are done and may go on, the next turn begins.
    fn take_turn(&mut self) {
        let done = self.reading == Reading::Done && self.writing == Writing::Done;
        if done && self.context.keep_alive {
            self.see(Seen::NextTurn);
            self.say(Said::NextTurn);
        }
    }

    fn see(&mut self, seen: Seen) {
        self.reading = self.reading.after(seen);
    }

    fn say(&mut self, said: Said) {
        self.writing = self.writing.after(said).expect("checked by the caller");
    }
}

/// `None`: an interim status where a final one belongs, or the reverse.
fn said(event: &Outgoing<'_>) -> Option<Said> {
    let interim = |status: Status| status.is_informational();
    Some(match event {
        Outgoing::Interim(Status::SWITCHING_PROTOCOLS) => return None,
        Outgoing::Interim(status) if interim(*status) => Said::Interim,
        Outgoing::Interim(_) => return None,
        Outgoing::Head(head) if head.status == Status::SWITCHING_PROTOCOLS => Said::Upgrade,
        Outgoing::Head(head) | Outgoing::Whole(head, _) if interim(head.status) => return None,
        Outgoing::Head(_) => Said::Head,
        Outgoing::Whole(..) => Said::Whole,
        Outgoing::Data(_) => Said::Data,
        Outgoing::End => Said::End,
    })
}
