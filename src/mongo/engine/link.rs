//! One live connection: a stream, the conversation on it, and whoever waits for its next answer.
//!
//! Owns nothing but the carrying: bytes from the stream to the machine in
//! `proto/mongo/connection.rs` and back, its deadline to a timer, its answers to a waker. Who may
//! use the connection is the pool's business. Read next: `mod.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use reactor::Instant;

use super::Engine;
use crate::coroutine::with_timeout;
use crate::future::Promise;
use crate::ioloop::{IoLoop, TimeoutHandle, note_wait};
use crate::iostream::{IoStream, StreamError, StreamReader};
use crate::mongo::Error;
use crate::mongo::error::ConnectFault;
use crate::proto::mongo::connection::{Connection, ConnectionError, Event, Greeting, Reply, Send};
use crate::proto::mongo::hello::HelloReply;
use crate::proto::mongo::pool::ConnectionId;
use crate::proto::mongo::scram::{KeyRequest, Keys};

/// How a handshake ended.
pub(super) type Greeted = Result<HelloReply, Error>;

/// A connection in use, in the pool, or in its handshake.
pub(in crate::mongo) struct Link {
    /// Its name in the pool; a connection that looks at the server gets one when it is adopted.
    id: Cell<ConnectionId>,
    engine: Weak<Engine>,
    io_loop: IoLoop,
    stream: IoStream,
    conversation: RefCell<Connection>,
    greeted: RefCell<Option<Promise<Greeted>>>,
    answer: RefCell<Option<Result<Reply, Error>>>,
    waker: RefCell<Option<Waker>>,
    timer: Cell<Option<(Instant, TimeoutHandle)>>,
    /// A request is out.
    asked: Cell<bool>,
    over: Cell<bool>,
    me: Weak<Self>,
}

impl Link {
    /// Begins the conversation on a connected stream; `greeted` hears how the handshake ends.
    pub(super) fn begin(
        engine: &Rc<Engine>,
        id: ConnectionId,
        stream: &IoStream,
        greeting: Greeting,
        greeted: Promise<Greeted>,
    ) -> Rc<Self> {
        let io_loop = stream.io_loop().clone();
        let conversation = Connection::new(greeting, io_loop.now());
        let link = Rc::new_cyclic(|me| Self {
            id: Cell::new(id),
            engine: Rc::downgrade(engine),
            io_loop,
            stream: stream.clone(),
            conversation: RefCell::new(conversation),
            greeted: RefCell::new(Some(greeted)),
            answer: RefCell::new(None),
            waker: RefCell::new(None),
            timer: Cell::new(None),
            asked: Cell::new(false),
            over: Cell::new(false),
            me: Weak::clone(me),
        });
        stream.set_reader(Rc::clone(&link) as Rc<dyn StreamReader>);
        link.advance();
        link
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id.get()
    }

    pub(super) fn io_loop(&self) -> &IoLoop {
        &self.io_loop
    }

    pub(super) fn adopted_as(&self, id: ConnectionId) {
        self.id.set(id);
    }

    /// True when the next operation may use it.
    pub(super) fn is_idle(&self) -> bool {
        !self.over.get() && self.conversation.borrow().is_idle()
    }

    /// Closes the stream; whoever waits hears nothing more.
    pub(super) fn close(&self) {
        self.over.set(true);
        self.disarm();
        self.stream.close();
    }

    /// Sends a whole request; the answer is awaited, unless none will come.
    pub(in crate::mongo) fn request(&self, message: Vec<u8>) -> Result<(), Error> {
        self.answer.borrow_mut().take();
        self.say(Send::Request(message)).map_err(Error::Protocol)?;
        self.asked.set(!self.conversation.borrow().is_idle());
        Ok(())
    }

    /// Waits until the kernel has taken everything that was said, for `socketTimeoutMS` at most.
    pub(in crate::mongo) async fn taken(&self) -> Result<(), Error> {
        let taken = self.stream.write(Vec::new());
        let timeout = self.engine.upgrade().and_then(|engine| engine.settings().socket_timeout);
        let outcome = match timeout {
            Some(timeout) => with_timeout(timeout, taken).await,
            None => Ok(taken.await),
        };
        let Ok(taken) = outcome else {
            self.close(); // whoever comes next would wait behind what is stuck
            return Err(Error::Silence);
        };
        taken.map_err(Error::Network)
    }

    /// The answer to the last request.
    pub(in crate::mongo) fn answer(&self) -> Answer<'_> {
        Answer(self)
    }

    fn say(&self, what: Send<'_>) -> Result<(), ConnectionError> {
        let mut out = Vec::new();
        self.conversation.borrow_mut().send(what, self.io_loop.now(), &mut out)?;
        // If it cannot be written the stream is closed, and `closed` will tell who waits.
        drop(self.stream.write(out));
        self.arm();
        Ok(())
    }

    /// Carries out everything the conversation asks for.
    fn advance(self: &Rc<Self>) {
        while !self.over.get() {
            let event = self.conversation.borrow_mut().next_event();
            let outcome = match event {
                Ok(None) => break,
                Ok(Some(Event::Prompt)) => self.say(Send::Prompted),
                Ok(Some(Event::KeysNeeded(request))) => self.find_keys(request),
                Ok(Some(Event::Ready(hello))) => {
                    self.tell_greeted(Ok(hello));
                    Ok(())
                }
                Ok(Some(Event::Reply(reply))) => {
                    self.tell(Ok(reply));
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                return self.fail(error);
            }
        }
        self.arm();
    }

    /// The keys are remembered or derived on the executor; in both cases `Send::Keys` follows.
    fn find_keys(self: &Rc<Self>, request: KeyRequest) -> Result<(), ConnectionError> {
        let Some(engine) = self.engine.upgrade() else { return Ok(()) };
        if let Some(keys) = engine.known_keys(&request) {
            return self.say(Send::Keys(&keys));
        }
        let link = Rc::clone(self);
        let job = request.clone();
        let derived = self.io_loop.run_in_executor(move || job.derive());
        let wait = async move {
            if let Ok(keys) = derived.await {
                engine.remember_keys(request, &keys);
                link.keys_derived(&keys);
            }
        };
        drop(self.io_loop.spawn(wait));
        Ok(())
    }

    fn keys_derived(self: &Rc<Self>, keys: &Keys) {
        if self.over.get() {
            return; // it was closed while the keys were being derived
        }
        match self.say(Send::Keys(keys)) {
            Ok(()) => self.advance(),
            Err(error) => self.fail(error),
        }
    }

    /// The conversation went wrong: nobody may use this connection again.
    fn fail(self: &Rc<Self>, error: ConnectionError) {
        let greeting = self.greeted.borrow().is_some();
        let error = match error {
            error @ (ConnectionError::Authentication(_) | ConnectionError::Scram(_)) => {
                Error::Authentication(error)
            }
            error if greeting => self.connect_error(ConnectFault::Handshake(error)),
            ConnectionError::TimedOut => Error::Silence,
            error => Error::Protocol(error),
        };
        self.end(error);
    }

    fn connect_error(&self, cause: ConnectFault) -> Error {
        match self.engine.upgrade() {
            Some(engine) => Error::Connect { host: engine.settings().host.clone(), cause },
            None => Error::Closed,
        }
    }

    /// Tells whoever waits, then the engine, and closes the stream.
    pub(super) fn end(self: &Rc<Self>, error: Error) {
        if self.over.replace(true) {
            return;
        }
        self.disarm();
        self.stream.close();
        let asked = self.asked.take();
        if let Some(engine) = self.engine.upgrade() {
            engine.link_ended(self, asked.then_some(&error));
        }
        self.tell_greeted(Err(error.clone()));
        self.tell(Err(error));
    }

    fn tell_greeted(&self, greeted: Greeted) {
        if let Some(promise) = self.greeted.borrow_mut().take() {
            promise.set_result_unless_cancelled(greeted);
        }
    }

    fn tell(&self, answer: Result<Reply, Error>) {
        self.asked.set(false);
        // An answer that came in time is not taken back by what goes wrong after it.
        self.answer.borrow_mut().get_or_insert(answer);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Keeps one timer for the conversation's deadline.
    fn arm(&self) {
        let deadline = self.conversation.borrow().deadline().filter(|_| !self.over.get());
        if self.timer.get().map(|(armed, _)| armed) == deadline {
            return;
        }
        self.disarm();
        let Some(deadline) = deadline else { return };
        let me = Weak::clone(&self.me);
        let expire = move || {
            if let Some(link) = me.upgrade() {
                link.timer.set(None);
                link.conversation.borrow_mut().expire(link.io_loop.now());
                link.advance();
            }
        };
        self.timer.set(Some((deadline, self.io_loop.call_at(deadline, expire))));
    }

    fn disarm(&self) {
        if let Some((_, timer)) = self.timer.take() {
            self.io_loop.remove_timeout(timer);
        }
    }
}

impl StreamReader for Link {
    fn received(self: Rc<Self>, _: &IoStream, bytes: &[u8]) -> usize {
        if !self.over.get() {
            self.conversation.borrow_mut().receive(bytes);
            self.advance();
        }
        bytes.len()
    }

    fn fill(self: Rc<Self>, read: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        let mut conversation = self.conversation.borrow_mut();
        let room = conversation.room();
        if room.is_empty() || self.over.get() {
            return false;
        }
        let count = read(room);
        conversation.received(count);
        drop(conversation);
        if count > 0 && !self.over.get() {
            self.advance();
        }
        true
    }

    fn closed(self: Rc<Self>, _: &IoStream, error: Option<Arc<io::Error>>) {
        let broken = StreamError::Closed(error);
        if self.greeted.borrow().is_some() {
            self.end(self.connect_error(ConnectFault::Stream(broken)));
        } else {
            self.end(Error::Network(broken));
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// Waits for the answer to one request. Dropping it early leaves the connection in the middle of
/// a conversation, and so whoever holds the connection closes it (HAZ35).
#[derive(Debug)]
pub(in crate::mongo) struct Answer<'a>(&'a Link);

impl Future for Answer<'_> {
    type Output = Result<Reply, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(answer) = self.0.answer.borrow_mut().take() {
            return Poll::Ready(answer);
        }
        if self.0.over.get() {
            return Poll::Ready(Err(Error::Closed));
        }
        *self.0.waker.borrow_mut() = Some(context.waker().clone());
        note_wait("reply of the database", Location::caller());
        Poll::Pending
    }
}
