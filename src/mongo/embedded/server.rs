//! The embedded store as a server: it listens on loopback and speaks the wire protocol.
//!
//! Owns the listeners and, for each connection, one coroutine that reads a message, runs it and
//! answers. A write is answered when its batch is durable (see `committer.rs`); meanwhile the loop
//! serves everybody else. Knows no command: those are the engine's. Read next: `engine.rs`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};

use super::committer::Committer;
use super::engine::{Engine, Surroundings};
use super::error::ServerError;
use super::storage::{Disk, Storage, StorageError};
use crate::ioloop::IoLoop;
use crate::iostream::{IoStream, StreamError, StreamLimits, TcpServer, WeakStream};
use crate::log::{self, Level};
use crate::net::BindOptions;
use crate::proto::mongo::decode::{self, DecodeError};
use crate::proto::mongo::legacy::{Query, Reply};
use crate::proto::mongo::wire::{
    Flags, HEADER_BYTES, Header, MESSAGE_BYTES_MAX, Message, MessageWriter, OpCode, WireError,
};

const UNSUPPORTED_OP_QUERY_COMMAND: i32 = 352;

/// A document store that clients reach like a `MongoDB`, in this process.
///
/// ```
/// use squall::ioloop::IoLoop;
/// use squall::mongo::{MongoClient, bson::doc, embedded::Server};
///
/// let io_loop = IoLoop::new()?;
/// io_loop.run_sync(async {
///     let server = Server::memory();
///     let address = server.listen(0)?;
///     let client = MongoClient::new(&format!("mongodb://{address}"))?;
///     let users = client.database("meet").collection("user");
///     users.insert_one(doc! { "username": "ann" }).await?;
///     assert_eq!(users.count_documents(doc! {}).await?, 1);
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    shared: Rc<Shared>,
    tcp: TcpServer,
}

/// What all connections share.
struct Shared {
    engine: RefCell<Engine>,
    /// Absent in memory: then everything is as durable as it will ever be.
    committer: Option<Committer>,
    connections: RefCell<BTreeMap<i32, WeakStream>>,
    last_connection: Cell<i32>,
}

impl Server {
    /// A store that forgets everything when it is dropped.
    pub fn memory() -> Self {
        Self::with(Engine::memory(), None)
    }

    /// A store in a file, which is created if need be. Reading it is done at once, before anything
    /// is served.
    ///
    /// # Errors
    /// The file cannot be used, another process has it open, or it is not a store.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::with_storage(Disk::open(path).map_err(OpenError::Storage)?)
    }

    /// A store on storage of another kind.
    ///
    /// # Errors
    /// It cannot be read, or what is in it is not what a store writes.
    pub fn with_storage(mut storage: impl Storage + 'static) -> Result<Self, OpenError> {
        let contents = storage.load().map_err(OpenError::Storage)?;
        let engine = Engine::restore(contents).map_err(OpenError::Contents)?;
        Ok(Self::with(engine, Some(Committer::new(Box::new(storage)))))
    }

    fn with(engine: Engine, committer: Option<Committer>) -> Self {
        let engine = RefCell::new(engine);
        let (connections, last_connection) = Default::default();
        let shared = Rc::new(Shared { engine, committer, connections, last_connection });
        let inside = Rc::clone(&shared);
        let limits =
            StreamLimits { read_buffer_max: 2 * MESSAGE_BYTES_MAX, ..StreamLimits::default() };
        let tcp = TcpServer::new(move |stream| {
            let number = inside.last_connection.get().wrapping_add(1);
            inside.last_connection.set(number);
            inside.connections.borrow_mut().insert(number, stream.downgrade());
            // Small replies must not wait for the client to acknowledge the last one.
            let _ = stream.set_nodelay(true);
            let connection = Connection { shared: Rc::clone(&inside), number };
            drop(IoLoop::current().spawn(connection.serve(stream)));
        });
        Self { shared, tcp: tcp.limits(limits) }
    }

    /// Listens on this port of `127.0.0.1`; 0 is any free one. There is no access control, so it
    /// listens nowhere else.
    pub fn listen(&self, port: u16) -> io::Result<SocketAddr> {
        self.tcp.listen(BindOptions::new(port).address("127.0.0.1"))?;
        let address = self.tcp.addresses().into_iter().find_map(|address| address.socket_addr());
        address.ok_or_else(|| io::Error::other("the listener has no address"))
    }

    /// Accepts no more connections, waits until everything is durable, lets the replies go out and
    /// closes what is still open.
    pub async fn close(&self) {
        self.tcp.stop();
        if let Some(committer) = &self.shared.committer {
            committer.close().await; // whoever waited for the last batch is answered by now
        }
        self.shared.close_connections();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tcp.stop();
        self.shared.close_connections();
    }
}

impl Shared {
    fn close_connections(&self) {
        let connections = std::mem::take(&mut *self.connections.borrow_mut());
        for stream in connections.values().filter_map(WeakStream::upgrade) {
            stream.close_after_write();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.tcp.addresses()).finish_non_exhaustive()
    }
}

/// One client.
struct Connection {
    shared: Rc<Shared>,
    number: i32,
}

impl Connection {
    /// Reads, runs and answers until the client goes.
    async fn serve(self, stream: IoStream) {
        let ended = loop {
            if let Err(ended) = self.next(&stream).await {
                break ended;
            }
        };
        if let Ended::Misbehaved(why) = ended {
            let peer = stream.peer();
            log::general(Level::Warning, &format!("embedded store, {peer}: {why}"));
        }
        stream.close();
        self.shared.connections.borrow_mut().remove(&self.number);
    }

    /// One message.
    async fn next(&self, stream: &IoStream) -> Result<(), Ended> {
        let mut message = stream.read_bytes(HEADER_BYTES).await?;
        let header = Header::parse(&message, MESSAGE_BYTES_MAX)?.ok_or(WireError::Truncated)?;
        message.extend(stream.read_bytes(header.message_bytes - HEADER_BYTES).await?);
        let peer = stream.peer().to_string();
        let mut out = Vec::new();
        match header.op_code {
            OpCode::Query => {
                let query = Query::parse(&message)?;
                let reply = match greeting(&query)? {
                    Ok(command) => self.run(&command, &peer).await?,
                    Err(error) => raw(&error.to_reply()),
                };
                Reply::write(&mut out, 0, header.request_id, &reply);
            }
            OpCode::Msg => {
                let request = Message::parse(&message)?;
                let reply = self.run(&command_of(&request)?, &peer).await?;
                if request.flags.contains(Flags::MORE_TO_COME) {
                    return Ok(()); // w: 0, the client does not listen
                }
                // A client that sends checksums gets them.
                let checked = request.flags.contains(Flags::CHECKSUM_PRESENT);
                let flags = if checked { Flags::CHECKSUM_PRESENT } else { Flags::NONE };
                MessageWriter::new(&mut out, 0, header.request_id, flags).body(&reply).finish();
            }
            other => return Err(WireError::OpCode(other.code()).into()),
        }
        stream.write(out).await?;
        Ok(())
    }
}

impl Connection {
    /// Runs a command, and waits until what it changed is durable.
    async fn run(&self, command: &Document, peer: &str) -> Result<RawDocumentBuf, Ended> {
        let io_loop = IoLoop::current();
        let mut around = Surroundings {
            now: DateTime::from_millis(io_loop.wall_time().as_millis() as i64),
            random: &mut |bytes| io_loop.random(bytes),
            connection: self.number,
            peer,
        };
        let (reply, changes) = {
            let mut engine = self.shared.engine.borrow_mut();
            (engine.execute(command, &mut around), engine.take_changes())
        };
        // A fail point wants the client to be left alone.
        let mut reply = reply.ok_or(Ended::Stream)?;
        if let Some(committer) = &self.shared.committer
            && !changes.is_empty()
            && let Err(error) = committer.commit(changes).await
        {
            reply = refused(&error.to_string());
        }
        Ok(raw(&reply))
    }
}

/// Old clients greet with a query; everything else must come as a message.
fn greeting(query: &Query<'_>) -> Result<Result<Document, ServerError>, Ended> {
    let mut command = decode(query.command)?;
    let name = command.keys().next().cloned().unwrap_or_default();
    if !matches!(name.as_str(), "hello" | "ismaster" | "isMaster") {
        let message = format!(
            "Unsupported OP_QUERY command: {name}. The client driver may require an upgrade. For \
             more details see https://dochub.mongodb.org/core/legacy-opcode-removal"
        );
        return Ok(Err(ServerError::new(UNSUPPORTED_OP_QUERY_COMMAND, message)));
    }
    command.insert("$db", query.database);
    Ok(Ok(command))
}

/// The reply when the disk has failed: the write is in memory, but nobody can promise it.
fn refused(reason: &str) -> Document {
    let message = format!("write not durable: {reason}");
    doc! { "ok": 0.0, "errmsg": message, "code": 8, "codeName": "UnknownError" }
}

fn raw(reply: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(reply).unwrap_or_else(|error| {
        let refusal = refused(&error.to_string());
        RawDocumentBuf::try_from(&refusal).expect("a refusal is four plain fields")
    })
}

/// The command with its document sequences in their fields, as if they had been sent there.
fn command_of(request: &Message<'_>) -> Result<Document, Ended> {
    let mut command = decode(request.body)?;
    for sequence in request.sequences() {
        let documents: Result<Vec<Bson>, Ended> =
            sequence.documents().map(|document| Ok(decode(document)?.into())).collect();
        command.insert(sequence.name, documents?);
    }
    Ok(command)
}

/// Decodes what a client sent, once its shape is known to be harmless (SEC40, SEC43).
fn decode(document: &RawDocument) -> Result<Document, Ended> {
    Ok(decode::decode(document)?)
}

/// Why a connection is at its end.
enum Ended {
    /// The client has gone, or the stream broke.
    Stream,
    /// The client broke the protocol.
    Misbehaved(String),
}

impl From<StreamError> for Ended {
    fn from(_: StreamError) -> Self {
        Self::Stream
    }
}

impl From<WireError> for Ended {
    fn from(error: WireError) -> Self {
        Self::Misbehaved(error.to_string())
    }
}

impl From<DecodeError> for Ended {
    fn from(error: DecodeError) -> Self {
        Self::Misbehaved(error.to_string())
    }
}

/// Why a file could not be opened as a store.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file, or the disk under it.
    Storage(StorageError),
    /// What is in the file is not what a store writes.
    Contents(ServerError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Contents(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Storage(error) => Some(error),
            Self::Contents(error) => Some(error),
        }
    }
}
