//! The engine of a client: who gets which connection, and when to look at the server again.
//!
//! Owns the loop's side of `proto/mongo/pool.rs` and `proto/mongo/topology.rs`: it carries out
//! their actions, keeps their timer and tells those who wait. It knows no commands. A borrow of
//! its state never lasts over anybody else's code. Read next: `link.rs` (one connection),
//! `establish.rs` (how one is made), then `mongo/operation.rs`.

mod establish;
mod lease;
mod link;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use reactor::Instant;

pub(super) use self::lease::Lease;
use self::link::Link;
use super::Error;
use super::event::{Event, Listener, Listeners};
use crate::coroutine::{TimedOut, with_timeout};
use crate::future::{Future, Promise};
use crate::ioloop::{IoLoop, TimeoutHandle};
use crate::net::{Network, OsNetwork};
use crate::proto::mongo::hello::{ServerKind, ServerLimits};
use crate::proto::mongo::pool::{Action, ConnectionId, Pool, PoolState, Refusal, WaiterId};
use crate::proto::mongo::scram::{KeyRequest, Keys};
use crate::proto::mongo::settings::Settings;
use crate::proto::mongo::topology::{Fault, Topology};

/// Key derivations that are remembered: one for each mechanism a user has, and some to spare.
const KEYS_REMEMBERED: usize = 8;

/// What an operation must know of the server before it can be encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) kind: ServerKind,
    pub(super) limits: ServerLimits,
}

/// What somebody who waits for a connection is told.
type Granted = Result<Lease, Refused>;

/// Why there is no connection; `Cleared` sends the operation back to looking for a server.
pub(super) enum Refused {
    Cleared,
    Failed(Error),
}

/// The engine of one client.
pub(super) struct Engine {
    settings: Settings,
    network: RefCell<Rc<dyn Network>>,
    /// The loop of the first operation, and of all that follow (M020).
    home: OnceCell<IoLoop>,
    state: RefCell<State>,
    keys: RefCell<BTreeMap<KeyRequest, Keys>>,
    listeners: RefCell<Listeners>,
    requests: Cell<u64>,
}

struct State {
    pool: Pool,
    topology: Topology,
    links: BTreeMap<ConnectionId, Rc<Link>>,
    /// Who waits for a connection.
    waiters: BTreeMap<WaiterId, Promise<Granted>>,
    /// Who waits for a server.
    selecting: BTreeMap<u64, Promise<Result<(), Error>>>,
    /// Connections being made.
    making: BTreeMap<ConnectionId, Future<()>>,
    /// The look at the server that is under way.
    looking: Option<Future<()>>,
    /// Why connections could not be made, until the waiter has been told.
    failures: BTreeMap<ConnectionId, Error>,
    timer: Option<(Instant, TimeoutHandle)>,
    closed: bool,
    next_selection: u64,
}

impl Engine {
    pub(super) fn new(settings: Settings) -> Rc<Self> {
        let state = State {
            pool: Pool::new(settings.pool),
            topology: Topology::single(settings.host.clone()),
            links: BTreeMap::new(),
            waiters: BTreeMap::new(),
            selecting: BTreeMap::new(),
            making: BTreeMap::new(),
            looking: None,
            failures: BTreeMap::new(),
            timer: None,
            closed: false,
            next_selection: 0,
        };
        Rc::new(Self {
            settings,
            network: RefCell::new(Rc::new(OsNetwork::new())),
            home: OnceCell::new(),
            state: RefCell::new(state),
            keys: RefCell::default(),
            listeners: RefCell::new(Listeners(Vec::new())),
            requests: Cell::new(0),
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn use_network(&self, network: Rc<dyn Network>) {
        *self.network.borrow_mut() = network;
    }

    /// The loop this client lives on: that of its first operation (M020).
    pub(super) fn home(&self) -> Result<&IoLoop, Error> {
        let current = IoLoop::current();
        let home = self.home.get_or_init(|| current.clone());
        if home.id() == current.id() { Ok(home) } else { Err(Error::WrongLoop) }
    }

    /// The same for those who only tidy up: nothing if there is no loop to do it on.
    pub(super) fn open_home(&self) -> Option<&IoLoop> {
        self.home.get().filter(|home| !home.is_closed())
    }

    /// Connections of every kind.
    pub(super) fn connections(&self) -> usize {
        self.state.borrow().pool.total()
    }

    // ---- who watches ---------------------------------------------------------------------------

    pub(super) fn listen(&self, listener: Listener) {
        self.listeners.borrow_mut().0.push(Rc::new(listener));
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.listeners.borrow().0.is_empty()
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        let listeners = self.listeners.borrow().0.clone();
        for listener in listeners {
            listener(event);
        }
    }

    /// A number for a command, to pair its events.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    // ---- finding a server ----------------------------------------------------------------------

    /// Waits until the server is known to be there, for `serverSelectionTimeoutMS` at most.
    pub(super) async fn select(self: &Rc<Self>) -> Result<Server, Error> {
        let deadline = self.home()?.now() + self.settings.server_selection_timeout;
        self.select_by(deadline).await
    }

    async fn select_by(self: &Rc<Self>, deadline: Instant) -> Result<Server, Error> {
        loop {
            if let Some(server) = self.known_server()? {
                return Ok(server);
            }
            let waiting = Selecting::new(self);
            match with_timeout(deadline, waiting.outcome()).await {
                Ok(outcome) => outcome?,
                Err(TimedOut) => return Err(self.selection_error()),
            }
        }
    }

    fn known_server(&self) -> Result<Option<Server>, Error> {
        let state = self.state.borrow();
        if state.closed {
            return Err(Error::Closed);
        }
        let known = state.topology.select().filter(|_| state.pool.state() == PoolState::Ready);
        Ok(known.map(|server| Server { kind: server.kind, limits: server.limits }))
    }

    fn selection_error(&self) -> Error {
        let seen = self.state.borrow().topology.server().to_string();
        Error::ServerSelection { waited: self.settings.server_selection_timeout, seen }
    }

    // ---- getting a connection ------------------------------------------------------------------

    /// A connection of one's own until it is dropped: first come, first served.
    pub(super) async fn check_out(self: &Rc<Self>) -> Result<Lease, Error> {
        let now = self.home()?.now();
        let deadline = now + self.settings.server_selection_timeout;
        loop {
            self.select_by(deadline).await?;
            let granted = match self.free_connection() {
                Some(lease) => Ok(lease),
                None => lease::Waiting::new(self).granted().await,
            };
            match granted {
                Ok(lease) if lease.link().is_idle() => return Ok(lease),
                Ok(_) => {} // it ended between being granted and being taken
                Err(Refused::Failed(error)) => return Err(error),
                Err(Refused::Cleared) if self.home()?.now() >= deadline => {
                    return Err(self.selection_error());
                }
                Err(Refused::Cleared) => {} // nothing was sent: look for the server again
            }
        }
    }

    fn free_connection(self: &Rc<Self>) -> Option<Lease> {
        let now = self.home.get()?.now();
        let mut state = self.state.borrow_mut();
        let id = state.pool.check_out_now(now)?;
        let link = Rc::clone(state.links.get(&id)?);
        Some(Lease::new(self, link))
    }

    /// A lease ended: the connection is good for somebody else, or it is not.
    fn give_back(self: &Rc<Self>, link: &Rc<Link>) {
        let Some(io_loop) = self.home.get() else { return };
        let now = io_loop.now();
        if link.is_idle() {
            self.state.borrow_mut().pool.check_in(link.id(), now);
        } else {
            self.state.borrow_mut().pool.discard(link.id(), now);
        }
        self.carry_out();
    }

    /// A link ended by itself; `error` if somebody waited for an answer on it.
    fn link_ended(self: &Rc<Self>, link: &Rc<Link>, error: Option<&Error>) {
        let now = link.io_loop().now();
        let fault = match error {
            Some(Error::Network(_)) => Some(Fault::Network),
            Some(Error::Silence) => Some(Fault::Silence),
            Some(Error::Protocol(_)) => Some(Fault::Protocol),
            _ => None,
        };
        if let (Some(fault), Some(error)) = (fault, error) {
            self.heed(fault, link, error);
        }
        self.state.borrow_mut().pool.discard(link.id(), now);
        self.carry_out();
    }

    /// Draws the consequences of a fault, unless the pool was cleared since that connection began.
    pub(super) fn heed(self: &Rc<Self>, fault: Fault<'_>, link: &Link, error: &Error) {
        let generation = self.state.borrow().pool.generation_of(link.id());
        self.heed_generation(fault, generation, error);
    }

    fn heed_generation(self: &Rc<Self>, fault: Fault<'_>, generation: Option<u64>, error: &Error) {
        let consequence = fault.consequence();
        let mut state = self.state.borrow_mut();
        if generation != Some(state.pool.generation()) {
            return;
        }
        if consequence.mark_unknown {
            state.topology.mark_unknown(error.to_string());
        }
        let cleared = consequence.clear_pool && state.pool.state() == PoolState::Ready;
        if cleared {
            state.pool.clear();
        }
        if consequence.check_now {
            state.topology.request_check();
        }
        drop(state);
        if cleared {
            self.tell(&Event::PoolCleared);
        }
        self.carry_out();
    }

    // ---- carrying out --------------------------------------------------------------------------

    /// Does what pool and topology ask for, then sets the timer for what they will ask later.
    fn carry_out(self: &Rc<Self>) {
        loop {
            let action = self.state.borrow_mut().pool.next_action();
            match action {
                None => break,
                Some(Action::Connect(id)) => self.make(id),
                Some(Action::Grant(waiter, id)) => self.grant(waiter, id),
                Some(Action::Refuse(waiter, why)) => self.refuse(waiter, why),
                Some(Action::Close(id, reason)) => {
                    let mut state = self.state.borrow_mut();
                    let (link, making) = (state.links.remove(&id), state.making.remove(&id));
                    drop(state);
                    if let Some(link) = link {
                        link.close();
                    }
                    if let Some(making) = making {
                        making.cancel();
                    }
                    self.tell(&Event::ConnectionClosed(id.0, reason));
                }
            }
        }
        self.set_timer();
    }

    fn grant(self: &Rc<Self>, waiter: WaiterId, id: ConnectionId) {
        let mut state = self.state.borrow_mut();
        let (promise, link) = (state.waiters.remove(&waiter), state.links.get(&id).cloned());
        drop(state);
        let Some(link) = link else { return };
        let lease = Lease::new(self, link);
        match promise {
            // If nobody reads the promise any more, dropping the lease gives the connection back.
            Some(promise) => promise.set_result_unless_cancelled(Ok(lease)),
            None => drop(lease),
        }
    }

    fn refuse(&self, waiter: WaiterId, why: Refusal) {
        let mut state = self.state.borrow_mut();
        let promise = state.waiters.remove(&waiter);
        let refused = match why {
            Refusal::Cleared => Refused::Cleared,
            Refusal::TimedOut => Refused::Failed(Error::PoolTimeout),
            Refusal::Closed => Refused::Failed(Error::Closed),
            Refusal::ConnectFailed(id) => {
                state.failures.remove(&id).map_or(Refused::Cleared, Refused::Failed)
            }
        };
        drop(state);
        if let Some(promise) = promise {
            promise.set_result_unless_cancelled(Err(refused));
        }
    }

    /// One timer for the pool's and the topology's deadlines.
    fn set_timer(self: &Rc<Self>) {
        let Some(io_loop) = self.home.get() else { return };
        let mut state = self.state.borrow_mut();
        let deadlines = [state.pool.deadline(), state.topology.deadline()];
        let deadline = deadlines.into_iter().flatten().min().filter(|_| !state.closed);
        if state.timer.map(|(armed, _)| armed) == deadline {
            return;
        }
        if let Some((_, timer)) = state.timer.take() {
            io_loop.remove_timeout(timer);
        }
        if let Some(deadline) = deadline {
            let engine = Rc::downgrade(self);
            let expire = move || {
                if let Some(engine) = engine.upgrade() {
                    engine.expire();
                }
            };
            state.timer = Some((deadline, io_loop.call_at(deadline, expire)));
        }
    }

    fn expire(self: &Rc<Self>) {
        let Some(io_loop) = self.home.get() else { return };
        let now = io_loop.now();
        let mut state = self.state.borrow_mut();
        state.timer = None;
        state.pool.expire(now);
        let look = state.topology.begin_check(now);
        drop(state);
        if look {
            self.look();
        }
        self.carry_out();
    }

    // ---- keys ----------------------------------------------------------------------------------

    fn known_keys(&self, request: &KeyRequest) -> Option<Keys> {
        self.keys.borrow().get(request).cloned()
    }

    fn remember_keys(&self, request: KeyRequest, keys: &Keys) {
        let mut known = self.keys.borrow_mut();
        if known.len() >= KEYS_REMEMBERED {
            known.clear(); // a server that changes its salt all the time gets no more than this
        }
        known.insert(request, keys.clone());
    }

    // ---- the end -------------------------------------------------------------------------------

    /// Closes every connection; operations under way and to come fail (M023).
    pub(super) fn close(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        state.pool.close();
        let selecting = std::mem::take(&mut state.selecting);
        let links = std::mem::take(&mut state.links);
        let looking = state.looking.take();
        drop(state);
        for promise in selecting.into_values() {
            promise.set_result_unless_cancelled(Err(Error::Closed));
        }
        looking.inspect(|looking| {
            looking.cancel();
        });
        for link in links.into_values() {
            link.end(Error::Closed);
        }
        self.carry_out();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("host", &self.settings.host).finish_non_exhaustive()
    }
}

/// Somebody who waits for a server; going away is enough to stop waiting.
struct Selecting<'a> {
    engine: &'a Rc<Engine>,
    number: u64,
    future: Option<Future<Result<(), Error>>>,
}

impl<'a> Selecting<'a> {
    fn new(engine: &'a Rc<Engine>) -> Self {
        let promise = Promise::new();
        let future = Some(promise.future());
        let mut state = engine.state.borrow_mut();
        let number = state.next_selection;
        state.next_selection += 1;
        state.selecting.insert(number, promise);
        state.topology.request_check();
        drop(state);
        engine.set_timer();
        Self { engine, number, future }
    }

    async fn outcome(mut self) -> Result<(), Error> {
        match self.future.take() {
            Some(future) => future.await.unwrap_or(Err(Error::Closed)),
            None => Ok(()),
        }
    }
}

impl Drop for Selecting<'_> {
    fn drop(&mut self) {
        let promise = self.engine.state.borrow_mut().selecting.remove(&self.number);
        drop(promise);
    }
}
