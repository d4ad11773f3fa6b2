//! One connection's conversation: greet, authenticate, then a request and its reply, in turn.
//!
//! Owns the order of messages, the numbers that pair them and the deadline for a reply. It knows no socket: the pump carries bytes between it and a stream. It derives
//! no keys: it says which it needs. Five verbs, as every machine here: `receive`, `next_event`,
//! `send`, `deadline`, `expire`. Read next: `incoming.rs` (the bytes of a reply), then `src/mongo/`, which
//! pumps this.

use std::fmt;
use std::time::Duration;

use bson::RawDocumentBuf;
use reactor::Instant;

use super::error::CommandError;
use super::hello::{Hello, HelloError, HelloReply};
use super::incoming::Incoming;
pub use super::incoming::Reply;
use super::sasl::{Need, Sasl};
use super::scram::{KeyRequest, Keys, ScramError};
use super::uri::Credential;
use super::wire::{Flags, HEADER_BYTES, Message, MessageWriter, OpCode, WireError, read_i32};

/// What a connection must know before its first byte.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// The name to show in the server's log.
    pub app_name: Option<String>,
    /// Who to be; a monitoring connection is nobody.
    pub credential: Option<Credential>,
    /// Fresh random characters, see [`scram::nonce`](super::scram::nonce).
    pub nonce: String,
    /// From now to the end of authentication.
    pub connect_timeout: Duration,
    /// From a request to its reply.
    pub socket_timeout: Option<Duration>,
}

/// What the pump has to know or do next.
#[derive(Debug)]
pub enum Event {
    /// The conversation needs a message from us: answer with [`Send::Prompted`].
    Prompt,
    /// Derive these keys, off the loop, and answer with [`Send::Keys`].
    KeysNeeded(KeyRequest),
    /// Greeted and authenticated: requests may be sent.
    Ready(HelloReply),
    /// The answer to the request that was sent.
    Reply(Reply),
}

/// What the pump wants to say.
#[derive(Debug)]
pub enum Send<'a> {
    /// Whatever the last [`Event::Prompt`] asked for.
    Prompted,
    /// What the last [`Event::KeysNeeded`] asked for.
    Keys(&'a Keys),
    /// A whole request, made by [`MessageWriter`]; its number is
    /// filled in here. When its flags say that no reply will come, none is waited for.
    Request(Vec<u8>),
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet.
    Fresh,
    /// The hello is out.
    Greeting(Option<Sasl>),
    /// Greeted; the server does not yet believe who we are, or we not who it is.
    Authenticating(Box<HelloReply>, Sasl),
    /// Nothing is under way.
    Idle,
    /// A request is out.
    Asked,
    /// For good.
    Failed,
}

/// One conversation.
#[derive(Debug)]
pub struct Connection {
    greeting: Greeting,
    state: State,
    /// The number of our last message, which its reply must repeat.
    request_id: i32,
    incoming: Incoming,
    deadline: Option<Instant>,
    timed_out: bool,
    prompted: bool,
}

impl Connection {
    /// A conversation that has not begun; the handshake must be over in `connect_timeout`.
    pub fn new(greeting: Greeting, now: Instant) -> Self {
        Self {
            state: State::Fresh,
            request_id: 0,
            incoming: Incoming::default(),
            deadline: Some(now + greeting.connect_timeout),
            timed_out: false,
            prompted: false,
            greeting,
        }
    }

    /// True when a request may be sent.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.incoming.is_empty()
    }

    /// True when the server was greeted, but authentication is not through.
    pub fn is_authenticating(&self) -> bool {
        matches!(self.state, State::Authenticating(..))
    }

    /// Takes bytes from the peer; they are kept until they make a message.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.incoming.append(bytes);
    }

    /// Where the next bytes of a reply are wanted: whoever writes them there says so with
    /// [`received`](Self::received), and nothing has to be copied. Empty where it is not worth while.
    pub fn room(&mut self) -> &mut [u8] {
        self.incoming.room(matches!(self.state, State::Asked))
    }

    /// So many bytes were written to the front of the [`room`](Self::room).
    pub fn received(&mut self, count: usize) {
        self.incoming.received(count);
    }

    /// What has happened; ask until there is nothing more.
    ///
    /// # Errors
    /// The conversation is over: close the connection.
    pub fn next_event(&mut self) -> Result<Option<Event>, ConnectionError> {
        let event = self.advance();
        if event.is_err() {
            self.state = State::Failed;
        }
        event
    }

    fn advance(&mut self) -> Result<Option<Event>, ConnectionError> {
        match &self.state {
            State::Failed => return Ok(None),
            _ if self.timed_out => return Err(ConnectionError::TimedOut),
            State::Fresh if !std::mem::replace(&mut self.prompted, true) => {
                return Ok(Some(Event::Prompt));
            }
            State::Fresh | State::Idle if !self.incoming.is_empty() => {
                return Err(ConnectionError::Unasked);
            }
            _ => {}
        }
        self.take_message()?.map(|reply| self.answered(reply)).transpose()
    }

    /// Cuts the first whole message off what came, once it has all come.
    fn take_message(&mut self) -> Result<Option<Reply>, ConnectionError> {
        let Some(header) = self.incoming.header()? else { return Ok(None) };
        if header.op_code != OpCode::Msg {
            return Err(WireError::OpCode(header.op_code.code()).into());
        }
        if header.response_to != self.request_id {
            return Err(ConnectionError::WrongReply);
        }
        let Some(buffer) = self.incoming.take(header.message_bytes) else { return Ok(None) };
        let message = Message::parse(&buffer[..header.message_bytes])?;
        if message.flags.contains(Flags::MORE_TO_COME) || message.sequences().next().is_some() {
            return Err(ConnectionError::NotPlain);
        }
        let body_bytes = message.body.as_bytes().len();
        Ok(Some(Reply::new(buffer, body_bytes)))
    }

    fn answered(&mut self, reply: Reply) -> Result<Event, ConnectionError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Asked => {
                self.become_idle();
                Ok(Event::Reply(reply))
            }
            State::Greeting(sasl) => {
                if let Some(error) = CommandError::in_reply(reply.body()) {
                    return Err(ConnectionError::Refused(error));
                }
                let hello = HelloReply::parse(reply.body())?;
                let Some(mut sasl) = sasl else {
                    self.become_idle();
                    return Ok(Event::Ready(hello));
                };
                let need = sasl.greeted(&hello);
                self.authenticate(Box::new(hello), sasl, need)
            }
            State::Authenticating(hello, mut sasl) => {
                let need = sasl.answered(reply.body());
                self.authenticate(hello, sasl, need)
            }
            State::Fresh | State::Idle | State::Failed => Err(ConnectionError::Unasked),
        }
    }

    fn authenticate(
        &mut self,
        hello: Box<HelloReply>,
        sasl: Sasl,
        need: Result<Need, ConnectionError>,
    ) -> Result<Event, ConnectionError> {
        let event = match need? {
            Need::Done => {
                self.become_idle();
                return Ok(Event::Ready(*hello));
            }
            Need::Say => Event::Prompt,
            Need::Keys(request) => Event::KeysNeeded(request),
        };
        self.state = State::Authenticating(hello, sasl);
        Ok(event)
    }

    fn become_idle(&mut self) {
        self.state = State::Idle;
        self.deadline = None;
    }

    /// Says something: appends the bytes to `out` and starts waiting for the answer.
    ///
    /// # Errors
    /// It is not our turn.
    pub fn send(
        &mut self,
        what: Send<'_>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        let command = match (what, &mut self.state) {
            (Send::Request(message), State::Idle) => {
                self.request(message, now, out);
                return Ok(());
            }
            (Send::Prompted, State::Fresh) => self.greet(),
            (Send::Prompted, State::Authenticating(_, sasl)) => sasl.command()?,
            (Send::Keys(keys), State::Authenticating(_, sasl)) => {
                sasl.keys(keys)?;
                sasl.command()?
            }
            _ => return Err(ConnectionError::OutOfTurn),
        };
        let id = self.next_request_id();
        MessageWriter::new(out, id, 0, Flags::NONE).body(&command).finish();
        Ok(())
    }

    fn greet(&mut self) -> RawDocumentBuf {
        let Greeting { credential, nonce, app_name, .. } = &self.greeting;
        let sasl = credential.as_ref().map(|credential| Sasl::new(credential, nonce));
        let hello = Hello {
            app_name: app_name.as_deref(),
            sasl_supported_mechs: sasl.as_ref().and_then(Sasl::supported_mechs_of),
            speculative: sasl.as_ref().map(Sasl::speculative),
            hello_ok: false,
        };
        let command = hello.command();
        self.state = State::Greeting(sasl);
        command
    }

    /// Appends a request under a number of ours, and waits for its reply if there will be one.
    fn request(&mut self, mut message: Vec<u8>, now: Instant, out: &mut Vec<u8>) {
        let id = self.next_request_id();
        message[4..8].copy_from_slice(&id.to_le_bytes());
        let flags = read_i32(&message, HEADER_BYTES).unwrap_or(0) as u32;
        if out.is_empty() {
            *out = message; // a batch of many megabytes is not copied again
        } else {
            out.extend_from_slice(&message);
        }
        if !Flags::from_bits(flags).contains(Flags::MORE_TO_COME) {
            self.state = State::Asked;
            self.deadline = self.greeting.socket_timeout.map(|timeout| now + timeout);
        }
    }

    fn next_request_id(&mut self) -> i32 {
        self.request_id = self.request_id.wrapping_add(1);
        self.request_id
    }

    /// When the peer's silence becomes a fault.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Time has passed; if the deadline has, the next event is an error.
    pub fn expire(&mut self, now: Instant) {
        self.timed_out |= self.deadline.is_some_and(|deadline| deadline <= now);
    }
}

/// The conversation is over; close the connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer broke the wire protocol.
    Wire(WireError),
    /// The peer answered something else than the request that is out.
    WrongReply,
    /// The peer spoke although nothing was asked.
    Unasked,
    /// The reply promises another one, or carries document sequences; neither was asked for.
    NotPlain,
    /// The two sides have no protocol version in common.
    Hello(HelloError),
    /// The server refused the handshake.
    Refused(CommandError),
    /// The server refused to believe who we are.
    Authentication(CommandError),
    /// The proof of a password went wrong; see there who is to blame.
    Scram(ScramError),
    /// The peer was silent for too long.
    TimedOut,
    /// Something was sent out of turn: our own bug.
    OutOfTurn,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wire(_) => "the server broke the wire protocol",
            Self::WrongReply => "the server answered another request",
            Self::Unasked => "the server spoke although nothing was asked",
            Self::NotPlain => "the server sent a kind of reply that was not asked for",
            Self::Hello(_) => "the server cannot be used",
            Self::Refused(_) => "the server refused the handshake",
            Self::Authentication(_) => "authentication failed",
            Self::Scram(_) => "authentication failed",
            Self::TimedOut => "the server was silent for too long",
            Self::OutOfTurn => "a message was sent out of turn",
        })
    }
}

impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Wire(error) => Some(error),
            Self::Hello(error) => Some(error),
            Self::Refused(error) | Self::Authentication(error) => Some(error),
            Self::Scram(error) => Some(error),
            _ => None,
        }
    }
}

impl From<WireError> for ConnectionError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<HelloError> for ConnectionError {
    fn from(error: HelloError) -> Self {
        Self::Hello(error)
    }
}

impl From<ScramError> for ConnectionError {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}
