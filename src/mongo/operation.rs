//! One command, from the caller's words to the server's answer.
//!
//! Owns how a command becomes a message, what is told to those who watch, and which errors change
//! what is known of the server. A command that is dropped half-way closes its connection, since
//! nobody could tell its late answer from the next one (HAZ35). Read next: `engine/mod.rs`.

use std::rc::Rc;

use bson::raw::cstr;
use bson::{RawDocument, RawDocumentBuf};

use super::Error;
use super::engine::{Engine, Server};
use super::event::{Event, is_secret};
use crate::ioloop::IoLoop;
use crate::proto::mongo::concern::{ReadMode, ReadPreference};
use crate::proto::mongo::connection::Reply;
use crate::proto::mongo::encode;
use crate::proto::mongo::error::CommandError;
use crate::proto::mongo::hello::ServerKind;
use crate::proto::mongo::topology::Fault;
use crate::proto::mongo::wire::{Flags, Message, MessageWriter};

/// A document with room for a command: most need one allocation and no more.
pub(super) fn command_document() -> RawDocumentBuf {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&[5, 0, 0, 0, 0]); // the empty document
    RawDocumentBuf::from_bytes(bytes).expect("an empty document")
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
    pub(super) fn new(name: &'a str, database: &'a str, body: RawDocumentBuf) -> Self {
        Self::encode(name, database, body, true, None::<(&str, fn(&mut Vec<u8>))>)
    }

    /// A command whose documents, written by `fill`, stand for its field `sequence` (M004).
    pub(super) fn with_sequence(
        name: &'a str,
        database: &'a str,
        body: RawDocumentBuf,
        answered: bool,
        sequence: (&str, impl FnOnce(&mut Vec<u8>)),
    ) -> Self {
        Self::encode(name, database, body, answered, Some(sequence))
    }

    fn encode(
        name: &'a str,
        database: &'a str,
        mut body: RawDocumentBuf,
        answered: bool,
        sequence: Option<(&str, impl FnOnce(&mut Vec<u8>))>,
    ) -> Self {
        body.append(cstr!("$db"), database);
        let flags = if answered { Flags::NONE } else { Flags::MORE_TO_COME };
        let mut message = Vec::with_capacity(body.as_bytes().len() + 32);
        let mut writer = MessageWriter::new(&mut message, 0, 0, flags).body(&body);
        if let Some((name, fill)) = sequence {
            writer = writer.sequence(name, fill);
        }
        writer.finish();
        Self { name, database, message, answered }
    }
}

/// A direct connection to a secondary may be read from only if the command says so.
pub(super) fn append_read_preference(
    body: &mut RawDocumentBuf,
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
    body.append(cstr!("$readPreference"), raw(&wanted.to_document())?);
    Ok(())
}

/// A document as bytes; the error names the key, never a value (SEC41).
pub(super) fn raw(document: &bson::Document) -> Result<RawDocumentBuf, Error> {
    let mut bytes = Vec::with_capacity(128); // one allocation for most filters and updates
    encode::append(&mut bytes, document).map_err(Error::Encode)?;
    RawDocumentBuf::from_bytes(bytes).map_err(Error::Encode)
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
