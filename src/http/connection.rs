//! One connection from its own point of view: is it used, waiting, ending?
//!
//! Owns the connection's single timer, when it reads on, and how it ends: at once, after its
//! output, or lingering until a peer that still sends has read the refusal. Bytes come in through
//! `pump.rs`; the request that is open is `exchange.rs`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use reactor::{Instant, Token};

use super::exchange::{Exchange, OnClose};
use super::intake::Intake;
use super::request::Origin;
use super::shared::Shared;
use crate::ioloop::{IoLoop, TimeoutHandle};
use crate::iostream::{IoStream, WeakStream};
use crate::proto::http1::{self, Reading, RequestHead};

/// How long a refused client may go on sending before it is cut off; long enough to read the
/// answer across a continent, short enough not to be worth an attack.
const LINGER: Duration = Duration::from_secs(2);

/// A connection of a server.
pub(super) struct Connection {
    /// For the timer, which must not keep it alive.
    this: Weak<Self>,
    pub(super) server: Rc<Shared>,
    pub(super) stream: WeakStream,
    /// What its socket says about where requests come from.
    pub(super) origin: Origin,
    pub(super) machine: RefCell<http1::Connection>,
    /// The body that is being read.
    pub(super) intake: RefCell<Option<Intake>>,
    pub(super) exchange: Exchange,
    pub(super) life: Cell<Life>,
    /// `received` is running, and will look after everything when it is done.
    pub(super) pumping: Cell<bool>,
    /// The stream was told to wait.
    pub(super) paused: Cell<bool>,
    nodelay: Cell<bool>,
    pub(super) on_close: RefCell<Option<OnClose>>,
    /// Only while somebody listens to the access hook.
    pub(super) request_line: RefCell<String>,
    timer: Cell<Option<(TimeoutHandle, Instant)>>,
    key: Cell<Option<Token>>,
}

/// The life of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Requests come and are answered.
    Serving,
    /// The peer has said its last word, and waits for ours.
    HalfClosed,
    /// Ours is said; the peer's is read and thrown away.
    Lingering,
    /// The stream was given away.
    Upgraded,
    Closed,
}

impl Connection {
    /// Serves `stream`, unless there are too many connections already.
    pub(super) fn begin(server: &Rc<Shared>, stream: &IoStream) {
        let limits = Rc::clone(&server.limits);
        let now = stream.io_loop().now();
        let mut machine = http1::Connection::server(limits, now).lenient(server.lenient);
        if !server.keep_alive {
            machine.no_keep_alive();
        }
        let connection = Rc::new_cyclic(|this| Self {
            this: this.clone(),
            server: Rc::clone(server),
            stream: stream.downgrade(),
            origin: server.origin(stream.peer()),
            machine: RefCell::new(machine),
            intake: RefCell::default(),
            exchange: Exchange::default(),
            life: Cell::new(Life::Serving),
            pumping: Cell::new(false),
            paused: Cell::new(false),
            nodelay: Cell::new(false),
            on_close: RefCell::default(),
            request_line: RefCell::default(),
            timer: Cell::new(None),
            key: Cell::new(None),
        });
        match server.register(&connection) {
            Some(key) => connection.key.set(Some(key)),
            None => return stream.close(),
        }
        connection.arm_timer(stream.io_loop());
        stream.set_reader(connection);
    }

    // ---- the stream ----------------------------------------------------------------------------

    /// An answer came later than its request's event: on to the next one.
    pub(super) fn proceed(&self, stream: &IoStream) {
        if self.machine.borrow().must_close() || self.life.get() == Life::HalfClosed {
            return self.part(stream);
        }
        if !self.resume() {
            self.begin_waiting(stream);
        }
        self.arm_timer(stream.io_loop());
    }

    /// From now on the client is late: the machine's clock runs until it says more.
    fn begin_waiting(&self, stream: &IoStream) {
        let mut machine = self.machine.borrow_mut();
        let mut nothing = machine.receive(stream.io_loop().now(), b"");
        let waiting = machine.next_event(&mut nothing, &mut RequestHead::default());
        debug_assert!(waiting.is_ok(), "there was nothing to object to");
    }

    /// Goes on reading where it was interrupted; false if it was not.
    pub(super) fn resume(&self) -> bool {
        let paused = self.paused.replace(false);
        if let (true, Some(stream)) = (paused, self.stream.upgrade()) {
            stream.resume_reading();
        }
        paused
    }

    pub(super) fn pause(&self, stream: &IoStream) {
        self.paused.set(true);
        stream.pause_reading();
    }

    /// Reads on when the client has taken what it was answered, and not for ever.
    pub(super) fn pause_until_sent(self: &Rc<Self>, stream: &IoStream) {
        self.pause(stream);
        self.begin_waiting(stream);
        let (connection, sent) = (Rc::clone(self), stream.write(Vec::new()));
        drop(stream.io_loop().spawn(async move {
            let _ = sent.await; // a closed stream has nothing to resume
            connection.resume();
        }));
    }

    /// The first head that goes out without its body: what follows shall not wait for the client
    /// to acknowledge it.
    pub(super) fn small_pieces(&self) {
        if let (false, Some(stream)) = (self.nodelay.replace(true), self.stream.upgrade()) {
            let _ = stream.set_nodelay(true); // a connection without it is slower, that is all
        }
    }

    /// Ends the connection as soon as the answer is sent. Whoever is still sending would lose the
    /// answer to a reset, and is listened to a little longer.
    pub(super) fn part(&self, stream: &IoStream) {
        if self.machine.borrow().reading() == Reading::Done || self.life.get() == Life::HalfClosed {
            return stream.close_after_write();
        }
        self.life.set(Life::Lingering);
        stream.finish_writing();
        self.resume();
        self.disarm_timer(stream.io_loop());
        self.set_timer(stream.io_loop(), stream.io_loop().now() + LINGER);
    }

    /// `close_all_connections`: now if nothing is going on, else after the answer.
    pub(super) fn retire(&self) {
        self.machine.borrow_mut().no_keep_alive();
        if let (false, Some(stream)) = (self.exchange.open.get(), self.stream.upgrade()) {
            Self::close_when_sent(&stream);
        }
    }

    /// Wants nothing more from the peer; what it was answered it still gets, as long as it takes
    /// some.
    fn close_when_sent(stream: &IoStream) {
        if stream.unsent() == 0 { stream.close() } else { stream.close_after_write() }
    }

    /// No longer one of the server's connections.
    pub(super) fn leave(&self, life: Life, io_loop: &IoLoop) {
        self.life.set(life);
        self.disarm_timer(io_loop);
        if let Some(key) = self.key.take() {
            self.server.unregister(key);
        }
    }

    // ---- the timer -----------------------------------------------------------------------------

    /// Makes sure that somebody looks at the machine's deadline in time. The deadline moves with
    /// every request, the timer does not: it looks when it fires, and is set again.
    pub(super) fn arm_timer(&self, io_loop: &IoLoop) {
        let Some(deadline) = self.machine.borrow().deadline() else { return };
        match self.timer.get() {
            Some((_, at)) if at <= deadline => return,
            Some(_) => self.disarm_timer(io_loop),
            None => {}
        }
        self.set_timer(io_loop, deadline);
    }

    fn disarm_timer(&self, io_loop: &IoLoop) {
        if let Some((handle, _)) = self.timer.take() {
            io_loop.remove_timeout(handle);
        }
    }

    fn set_timer(&self, io_loop: &IoLoop, at: Instant) {
        let this = self.this.clone();
        let handle = io_loop.call_at(at, move || {
            if let Some(connection) = this.upgrade() {
                connection.timer_fired();
            }
        });
        self.timer.set(Some((handle, at)));
    }

    /// T127, T168: whoever is too slow is cut off without an answer.
    fn timer_fired(&self) {
        self.timer.set(None);
        let Some(stream) = self.stream.upgrade() else { return };
        let expired = self.machine.borrow_mut().expire(stream.io_loop().now());
        if expired.is_some() || self.life.get() == Life::Lingering {
            Self::close_when_sent(&stream);
        } else {
            self.arm_timer(stream.io_loop());
        }
    }
}
