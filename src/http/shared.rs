//! What all connections of one server share.
//!
//! Owns the settings, the spare request buffers, the `Server` and `Date` lines of this second, and
//! the list of connections. Calls the service's `plan` and the access hook, nothing else of the
//! user's. Read next: `connection.rs`.

use std::cell::{Cell, Ref, RefCell};
use std::net::IpAddr;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use reactor::{Instant, Slots, Token};

use super::connection::Connection;
use super::request::{Origin, Parts, Protocol};
use super::service::{BodyPlan, Service};
use super::xheaders::Trusted;
use crate::future::Promise;
use crate::ioloop::IoLoop;
use crate::net::Peer;
use crate::proto::http1::{Limits, RequestHead, Stamp, Status};

/// So many request buffers wait for the next request; more are in use only in a burst.
const SPARE_PARTS: usize = 64;

/// One answered request, for the access hook.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// Method and target, as in `GET /path`.
    pub request_line: &'a str,
    /// The client.
    pub remote_ip: IpAddr,
    /// What was answered; `None` when the client left before that.
    pub status: Option<Status>,
    /// From the complete head of the request to the end of the answer.
    pub elapsed: Duration,
}

/// The access hook.
pub(super) type Hook = Box<dyn Fn(&Access<'_>)>;

/// See the head of this file.
pub(super) struct Shared {
    pub(super) service: Rc<dyn Service>,
    pub(super) limits: Rc<Limits>,
    pub(super) trusted: Option<Trusted>,
    pub(super) protocol: Protocol,
    pub(super) keep_alive: bool,
    pub(super) lenient: bool,
    pub(super) decompress: bool,
    pub(super) connections_max: usize,
    pub(super) hook: Option<Hook>,
    /// The line that made the server, to blame for what its service does.
    pub(super) place: &'static Location<'static>,
    stamp: RefCell<Stamp>,
    stamp_until: Cell<Instant>,
    #[expect(clippy::vec_box, reason = "they are handed around, and large")]
    spare: RefCell<Vec<Box<Parts>>>,
    connections: RefCell<Slots<Weak<Connection>>>,
    drained: RefCell<Vec<Promise<()>>>,
}

impl Shared {
    #[track_caller]
    pub(super) fn new(service: Rc<dyn Service>) -> Self {
        let name = concat!("squall/", env!("CARGO_PKG_VERSION"));
        Self {
            service,
            limits: Rc::default(),
            trusted: None,
            protocol: Protocol::Http,
            keep_alive: true,
            lenient: false,
            decompress: false,
            connections_max: usize::MAX,
            hook: None,
            place: Location::caller(),
            stamp: RefCell::new(Stamp::new(name, Duration::ZERO)),
            stamp_until: Cell::new(Instant::ZERO),
            spare: RefCell::default(),
            connections: RefCell::default(),
            drained: RefCell::default(),
        }
    }

    pub(super) fn name(&mut self, name: &str) {
        self.stamp = RefCell::new(Stamp::new(name, Duration::ZERO));
        self.stamp_until.set(Instant::ZERO);
    }

    /// The two lines, written anew when their second is over.
    pub(super) fn stamp(&self, io_loop: &IoLoop) -> Ref<'_, Stamp> {
        let now = io_loop.now();
        if now >= self.stamp_until.get() {
            let wall = io_loop.wall_time();
            self.stamp.borrow_mut().refresh(wall);
            self.stamp_until
                .set(now + Duration::from_nanos(1_000_000_000 - u64::from(wall.subsec_nanos())));
        }
        self.stamp.borrow()
    }

    /// Buffers for one request.
    pub(super) fn take_parts(&self) -> Box<Parts> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes them back.
    pub(super) fn give_parts(&self, mut parts: Box<Parts>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_PARTS {
            parts.reset();
            spare.push(parts);
        }
    }

    /// Where the requests of a connection come from, as far as its socket knows.
    pub(super) fn origin(&self, peer: &Peer) -> Origin {
        let ip = peer.ip().unwrap_or(Origin::default().ip);
        Origin { ip, protocol: self.protocol }
    }

    /// What the service wants to do with a body; a plan that panics is the default one.
    pub(super) fn plan(&self, io_loop: &IoLoop, head: &RequestHead) -> BodyPlan {
        let mut plan = BodyPlan::buffered();
        io_loop.run_guarded("body plan", self.place, || plan = self.service.plan(head));
        plan
    }

    /// Keeps account of a connection; `None` if there are too many already (HAZ06).
    pub(super) fn register(&self, connection: &Rc<Connection>) -> Option<Token> {
        let mut connections = self.connections.borrow_mut();
        let room = connections.len() < self.connections_max;
        room.then(|| connections.insert(Rc::downgrade(connection)))
    }

    pub(super) fn unregister(&self, token: Token) {
        self.connections.borrow_mut().remove(token);
        self.tell_drained();
    }

    pub(super) fn connection_count(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Fulfils `promise` when no connection is left.
    pub(super) fn drain(&self, promise: Promise<()>) {
        self.drained.borrow_mut().push(promise);
        let connections: Vec<_> =
            self.connections.borrow().iter().filter_map(|(_, weak)| weak.upgrade()).collect();
        for connection in connections {
            connection.retire();
        }
        self.tell_drained();
    }

    fn tell_drained(&self) {
        if self.connections.borrow().is_empty() {
            let waiting = std::mem::take(&mut *self.drained.borrow_mut());
            for promise in waiting {
                promise.set_result_unless_cancelled(());
            }
        }
    }
}
