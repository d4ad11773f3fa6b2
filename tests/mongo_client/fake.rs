//! A server that does what the test says, and remembers what it was told.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bson::{Bson, Document, doc};
use squall::coroutine::sleep;
use squall::iostream::{IoStream, StreamError, TcpServer};
use squall::mongo::{Event, MongoClient};
use squall::net::BindOptions;
use squall::proto::mongo::wire::{Flags, HEADER_BYTES, Header, Message, MessageWriter};

use crate::support::{run_on_each_backend, run_virtually};

/// What the server does with one command.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Replies; `ok: 1.0` is added when it is missing.
    Say(Document),
    /// The same after a while.
    Late(Duration, Document),
    /// Replies with these bytes; the request's number is patched in at byte 8 if `patch`.
    Bytes { bytes: Vec<u8>, patch: bool },
    /// Replies with the first half of a message, then closes.
    Half,
    /// Replies, then closes in the same breath.
    Last(Document),
    /// Closes.
    Hang,
    /// Says nothing, and keeps the connection.
    Silence,
}

/// What one command looked like.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) command: Document,
    pub(crate) documents: Vec<Document>,
    pub(crate) flags: Flags,
}

impl Seen {
    pub(crate) fn name(&self) -> &str {
        self.command.keys().next().unwrap()
    }
}

type Script = dyn Fn(&Seen) -> Answer;

/// The server; clones share it.
#[derive(Clone)]
pub(crate) struct Fake {
    inner: Rc<Inner>,
}

struct Inner {
    script: Box<Script>,
    seen: RefCell<Vec<Seen>>,
    connections: Cell<usize>,
    open: Cell<usize>,
    streams: RefCell<Vec<IoStream>>,
    server: RefCell<Option<TcpServer>>,
    port: Cell<u16>,
}

/// What any server would say to a hello.
pub(crate) fn hello() -> Document {
    doc! {
        "helloOk": true, "ismaster": true, "isWritablePrimary": true, "minWireVersion": 0,
        "maxWireVersion": 17, "maxBsonObjectSize": 16_777_216, "maxWriteBatchSize": 100_000,
        "maxMessageSizeBytes": 48_000_000,
    }
}

/// A reply with a cursor whose documents are these; id 0 is an exhausted one.
pub(crate) fn cursor(batch: &str, id: i64, documents: Vec<Document>) -> Document {
    let documents = documents.into_iter().map(Bson::Document).collect::<Vec<_>>();
    doc! { "cursor": { "id": id, "ns": "db.c", batch: documents } }
}

/// Encodes a reply; its `response_to` is patched later.
pub(crate) fn message(reply: &Document) -> Vec<u8> {
    let body = bson::RawDocumentBuf::try_from(reply).unwrap();
    let mut out = Vec::new();
    MessageWriter::new(&mut out, 9, 0, Flags::NONE).body(&body).finish();
    out
}

impl Fake {
    /// Starts a server that answers hellos as any server would, and the rest as `script` says.
    pub(crate) fn start(script: impl Fn(&Seen) -> Answer + 'static) -> Self {
        Self::start_raw(move |seen| match seen.name() {
            "isMaster" | "hello" => Answer::Say(hello()),
            _ => script(seen),
        })
    }

    /// The same with the hellos left to the script as well.
    pub(crate) fn start_raw(script: impl Fn(&Seen) -> Answer + 'static) -> Self {
        let inner = Inner {
            script: Box::new(script),
            seen: RefCell::default(),
            connections: Cell::new(0),
            open: Cell::new(0),
            streams: RefCell::default(),
            server: RefCell::new(None),
            port: Cell::new(0),
        };
        let fake = Self { inner: Rc::new(inner) };
        fake.listen();
        fake
    }

    /// Begins to accept, on the port it had before.
    pub(crate) fn listen(&self) {
        let fake = self.clone();
        let server = TcpServer::coroutine(move |stream| fake.clone().serve(stream));
        server.listen(BindOptions::new(self.inner.port.get()).address("127.0.0.1")).unwrap();
        let address = server.addresses()[0].socket_addr().unwrap();
        self.inner.port.set(address.port());
        *self.inner.server.borrow_mut() = Some(server);
    }

    /// Accepts no more and closes every connection.
    pub(crate) fn die(&self) {
        self.inner.server.borrow_mut().take().unwrap().stop();
        self.drop_connections();
    }

    pub(crate) fn drop_connections(&self) {
        self.inner.streams.take().iter().for_each(IoStream::close);
    }

    pub(crate) fn uri(&self, options: &str) -> String {
        format!("mongodb://127.0.0.1:{}/db{options}", self.inner.port.get())
    }

    pub(crate) fn client(&self, options: &str) -> MongoClient {
        MongoClient::new(&self.uri(options)).unwrap()
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.inner.connections.get()
    }

    /// Connections that the client has not closed.
    pub(crate) fn open(&self) -> usize {
        self.inner.open.get()
    }

    /// Everything that was said, hellos too.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.borrow().clone()
    }

    /// The names of the commands, without the hellos.
    pub(crate) fn commands(&self) -> Vec<String> {
        let seen = self.seen();
        let names = seen.iter().map(|one| one.name().to_owned());
        names.filter(|name| name != "isMaster").collect()
    }

    async fn serve(self, stream: IoStream) -> Result<(), StreamError> {
        let connection = self.inner.connections.get();
        self.inner.connections.set(connection + 1);
        self.inner.open.set(self.inner.open.get() + 1);
        self.inner.streams.borrow_mut().push(stream.clone());
        let outcome = self.converse(&stream, connection).await;
        self.inner.open.set(self.inner.open.get() - 1);
        match outcome {
            Err(StreamError::Closed(_)) => Ok(()), // clients come and go
            other => other,
        }
    }

    async fn converse(&self, stream: &IoStream, connection: usize) -> Result<(), StreamError> {
        loop {
            let mut bytes = stream.read_bytes(HEADER_BYTES).await?;
            let header = Header::parse(&bytes, 48_000_000).unwrap().unwrap();
            bytes.extend(stream.read_bytes(header.message_bytes - HEADER_BYTES).await?);
            let message_seen = Message::parse(&bytes).unwrap();
            let decode = |raw: &bson::RawDocument| Document::try_from(raw).unwrap();
            let sequences = message_seen.sequences();
            let seen = Seen {
                connection,
                command: decode(message_seen.body),
                documents: sequences
                    .flat_map(|s| s.documents().map(decode).collect::<Vec<_>>())
                    .collect(),
                flags: message_seen.flags,
            };
            self.inner.seen.borrow_mut().push(seen.clone());
            if seen.flags.contains(Flags::MORE_TO_COME) {
                continue;
            }
            let mut answer = (self.inner.script)(&seen);
            if let Answer::Late(delay, reply) = answer {
                sleep(delay).await;
                answer = Answer::Say(reply);
            }
            match answer {
                Answer::Say(reply) => {
                    let mut reply = reply;
                    if !reply.contains_key("ok") {
                        reply.insert("ok", 1.0);
                    }
                    stream.write(answering(message(&reply), header.request_id)).await?;
                }
                Answer::Bytes { bytes, patch: true } => {
                    stream.write(answering(bytes, header.request_id)).await?;
                }
                Answer::Bytes { bytes, .. } => stream.write(bytes).await?,
                Answer::Half => {
                    let bytes = answering(message(&doc! { "ok": 1.0 }), header.request_id);
                    stream.write(&bytes[..bytes.len() / 2]).await?;
                    stream.close();
                }
                Answer::Last(mut reply) => {
                    reply.insert("ok", 1.0);
                    stream.write(answering(message(&reply), header.request_id)).await?;
                    stream.close();
                }
                Answer::Hang => stream.close(),
                Answer::Silence | Answer::Late(..) => {}
            }
        }
    }
}

fn answering(mut bytes: Vec<u8>, request: i32) -> Vec<u8> {
    bytes[8..12].copy_from_slice(&request.to_le_bytes());
    bytes
}

/// What a client told those who watch, in short words; commands are left out.
pub(crate) fn watch(client: &MongoClient) -> Rc<RefCell<Vec<String>>> {
    let log = Rc::new(RefCell::new(Vec::new()));
    let out = Rc::clone(&log);
    client.on_event(move |event| {
        let text = match event {
            Event::ConnectionClosed(_, reason) => format!("closed {reason:?}"),
            Event::PoolReady => "ready".to_owned(),
            Event::PoolCleared => "cleared".to_owned(),
            _ => return,
        };
        out.borrow_mut().push(text);
    });
    log
}

/// Runs a test on every backend, in real time, and once in virtual time.
pub(crate) fn everywhere<F: Future<Output = ()> + 'static>(test: impl Fn() -> F + Copy + 'static) {
    run_on_each_backend(test);
    virtually(test);
}

/// Runs a test that waits long in virtual time.
pub(crate) fn virtually<F: Future<Output = ()> + 'static>(test: impl Fn() -> F + 'static) {
    run_virtually(|_| test());
}
