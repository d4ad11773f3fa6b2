//! One command, from the caller's words to the server's answer.
//!
//! Owns how a command becomes a message, what is told to those who watch, and which errors change
//! what is known of the server. A command that is dropped half-way closes its connection, since
//! nobody could tell its late answer from the next one (HAZ35). Read next: `engine/mod.rs`.

use std::borrow::BorrowMut;
use std::rc::Rc;

use bson::raw::{CStr, cstr};
use bson::{Document, RawDocument};

use super::Error;
use super::engine::{Engine, Server};
use super::event::{Event, is_secret};
use crate::ioloop::IoLoop;
use crate::iostream::output_buffer;
use crate::proto::mongo::concern::{ReadMode, ReadPreference};
use crate::proto::mongo::connection::Reply;
use crate::proto::mongo::encode::DocumentWriter;
use crate::proto::mongo::error::CommandError;
use crate::proto::mongo::hello::ServerKind;
use crate::proto::mongo::topology::Fault;
use crate::proto::mongo::wire::{Flags, Message, MessageWriter};

/// The document of a command, written field by field where it will be sent from: behind the header
/// of its message, in a buffer that becomes the output of a stream.
pub(super) type Body = DocumentWriter<Vec<u8>>;

/// Begins a command.
pub(super) fn command() -> Body {
    let mut message = output_buffer();
    MessageWriter::new(&mut message, 0, 0, Flags::NONE).open_body();
    DocumentWriter::new(message)
}

/// A whole request, ready to be sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) name: &'a str,
    pub(super) database: &'a str,
    pub(super) message: Vec<u8>,
    /// False for a write that nobody wants to hear of.
    pub(super) answered: bool,
}

impl<'a> Request<'a> {
    /// A command without document sequences.
    pub(super) fn new(name: &'a str, database: &'a str, mut body: Body) -> Self {
        body.append(cstr!("$db"), database);
        let mut message = body.finish();
        MessageWriter::reopen(&mut message, Flags::NONE).finish();
        Self { name, database, message, answered: true }
    }

    /// A command whose documents, written by `fill`, stand for its field `sequence` (M004).
    pub(super) fn with_sequence(
        name: &'a str,
        database: &'a str,
        mut body: Body,
        answered: bool,
        (sequence, fill): (&str, impl FnOnce(&mut Vec<u8>) -> Result<(), Error>),
    ) -> Result<Self, Error> {
        body.append(cstr!("$db"), database);
        let mut message = body.finish();
        let flags = if answered { Flags::NONE } else { Flags::MORE_TO_COME };
        let mut filled = Ok(());
        MessageWriter::reopen(&mut message, flags)
            .sequence(sequence, |out| filled = fill(out))
            .finish();
        filled.map(|()| Self { name, database, message, answered })
    }
}

/// A direct connection to a secondary may be read from only if the command says so.
pub(super) fn append_read_preference(
    body: &mut Body,
    wanted: &ReadPreference,
    server: Server,
) -> Result<(), Error> {
    let wanted = match server.kind {
        ServerKind::Standalone | ServerKind::Unknown => return Ok(()),
        ServerKind::Mongos => wanted.clone(),
        _ if wanted.mode == ReadMode::Primary => {
            ReadPreference { mode: ReadMode::PrimaryPreferred, ..ReadPreference::default() }
        }
        _ => wanted.clone(),
    };
    append_document(body, cstr!("$readPreference"), &wanted.to_document())
}

/// A document of the caller's; the error names the key, never a value (SEC41).
pub(super) fn append_document(
    body: &mut DocumentWriter<impl BorrowMut<Vec<u8>>>,
    key: &CStr,
    document: &Document,
) -> Result<(), Error> {
    body.append_document(key, document).map_err(Error::Encode)
}

/// The same for an array of them.
pub(super) fn append_documents(
    body: &mut DocumentWriter<impl BorrowMut<Vec<u8>>>,
    key: &CStr,
    documents: &[Document],
) -> Result<(), Error> {
    body.append_documents(key, documents).map_err(Error::Encode)
}

impl Engine {
    /// Sends a request and waits for its answer; an answer with `ok: 0` is an error. Nothing for
    /// a request that is not answered.
    pub(super) async fn run(self: &Rc<Self>, request: Request<'_>) -> Result<Option<Reply>, Error> {
        let lease = self.check_out().await?;
        let watch = Watch::begin(self, &request);
        let outcome = async {
            lease.link().request(request.message)?;
            if !request.answered {
                lease.link().taken().await?; // or a server that is slow would fill our memory
                return Ok(None);
            }
            let reply = lease.link().answer().await?;
            match CommandError::in_reply(reply.body()) {
                None => Ok(Some(reply)),
                Some(error) => {
                    let fault = Fault::Command(&error);
                    self.heed(fault, lease.link(), &Error::Command(error.clone()));
                    Err(Error::Command(error))
                }
            }
        };
        let outcome = outcome.await;
        drop(lease); // before anybody else's code can run
        if let Some(watch) = watch {
            watch.end(&outcome);
        }
        outcome
    }

    /// The same for requests that are always answered.
    pub(super) async fn ask(self: &Rc<Self>, request: Request<'_>) -> Result<Reply, Error> {
        self.run(request).await?.ok_or(Error::Reply("everything"))
    }
}

/// What those who watch must be told when the command ends.
struct Watch<'a> {
    engine: &'a Rc<Engine>,
    request: u64,
    name: &'a str,
    begun: reactor::Instant,
    secret: bool,
}

impl<'a> Watch<'a> {
    fn begin(engine: &'a Rc<Engine>, request: &Request<'a>) -> Option<Self> {
        if !engine.is_watched() {
            return None;
        }
        let secret = is_secret(request.name);
        let watch = Self {
            engine,
            request: engine.next_request(),
            name: request.name,
            begun: IoLoop::current().time(),
            secret,
        };
        let shown = Message::parse(&request.message).ok().filter(|_| !secret);
        let command: Option<&RawDocument> = shown.as_ref().map(|message| message.body);
        let (name, database) = (request.name, request.database);
        engine.tell(&Event::CommandStarted { request: watch.request, name, database, command });
        Some(watch)
    }

    fn end(self, outcome: &Result<Option<Reply>, Error>) {
        let (request, name) = (self.request, self.name);
        let took = IoLoop::current().time() - self.begun;
        self.engine.tell(&match outcome {
            Ok(reply) => {
                let reply = reply.as_ref().filter(|_| !self.secret).map(Reply::body);
                Event::CommandSucceeded { request, name, took, reply }
            }
            Err(error) => Event::CommandFailed { request, name, took, error },
        });
    }
}
