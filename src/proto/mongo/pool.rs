//! The connection pool as a machine: requests in, actions out, the clock is an argument.
//!
//! Owns who may have a connection and when one is made or closed, as the "Connection Monitoring
//! and Pooling" specification has it. It touches no socket: whoever pumps it carries out its
//! actions and reports back. Waiters are served first come, first served; connections are reused
//! last in, first out, so that those not needed grow old and can go. Read next: `connection.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use reactor::Instant;

use super::settings::PoolSettings;

/// Names one connection of one pool; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Names one request for a connection; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u64);

/// Whether the pool makes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolState {
    /// The server is not known to be there: no connection is made and none is given out.
    Paused,
    /// Business as usual.
    Ready,
    /// For good.
    Closed,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The pool was cleared after it was made.
    Stale,
    /// Nobody needed it for too long.
    Idle,
    /// It broke, or its state is not known any more.
    Error,
    /// The pool was closed.
    PoolClosed,
}

/// Why somebody gets no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// None became free in time.
    TimedOut,
    /// The server is not known to be there any more.
    Cleared,
    /// The pool is closed.
    Closed,
    /// This connection was being made for it and could not be.
    ConnectFailed(ConnectionId),
}

/// What the pool wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a connection, handshake and all, then say `connected` or `connect_failed`.
    Connect(ConnectionId),
    /// Close it and forget it.
    Close(ConnectionId, CloseReason),
    /// The waiter has the connection until it is checked in or discarded.
    Grant(WaiterId, ConnectionId),
    /// The waiter gets nothing.
    Refuse(WaiterId, Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Connecting,
    Available { since: Instant },
    Busy,
}

#[derive(Debug)]
struct Entry {
    generation: u64,
    using: Use,
}

#[derive(Debug)]
struct Waiter {
    id: WaiterId,
    deadline: Option<Instant>,
}

/// The pool of one server.
#[derive(Debug)]
pub struct Pool {
    settings: PoolSettings,
    state: PoolState,
    generation: u64,
    connections: BTreeMap<ConnectionId, Entry>,
    /// The free ones, the freshest last.
    available: Vec<ConnectionId>,
    waiters: VecDeque<Waiter>,
    actions: VecDeque<Action>,
    next_connection: u64,
    next_waiter: u64,
    /// Set by a failure: `size_min` is not refilled until a connection could be made again, or a
    /// server that refuses would be asked without end.
    fill_held: bool,
}

impl Pool {
    /// An empty pool, paused until the server is known to be there.
    pub fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            state: PoolState::Paused,
            generation: 0,
            connections: BTreeMap::new(),
            available: Vec::new(),
            waiters: VecDeque::new(),
            actions: VecDeque::new(),
            next_connection: 1,
            next_waiter: 1,
            fill_held: false,
        }
    }

    /// Whether connections are made.
    pub fn state(&self) -> PoolState {
        self.state
    }

    /// How often the pool was cleared; a connection belongs to the generation it was begun in.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation of one connection, while it lives.
    pub fn generation_of(&self, id: ConnectionId) -> Option<u64> {
        self.connections.get(&id).map(|entry| entry.generation)
    }

    /// Connections of every kind, those being made included.
    pub fn total(&self) -> usize {
        self.connections.len()
    }

    /// Connections that wait for work.
    pub fn available(&self) -> usize {
        self.available.len()
    }

    /// Requests that wait for a connection.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// What is to be done next; ask until there is nothing.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Asks for a connection; a `Grant` or a `Refuse` for the answered name will follow.
    pub fn check_out(&mut self, now: Instant) -> WaiterId {
        let id = WaiterId(fresh(&mut self.next_waiter));
        match self.state {
            PoolState::Closed => self.actions.push_back(Action::Refuse(id, Refusal::Closed)),
            PoolState::Paused => self.actions.push_back(Action::Refuse(id, Refusal::Cleared)),
            PoolState::Ready => {
                let deadline = self.settings.wait_timeout.map(|wait| now + wait);
                self.waiters.push_back(Waiter { id, deadline });
                self.work(now);
            }
        }
        id
    }

    /// The short way: a free connection at once, if there is one and nobody waits for it.
    pub fn check_out_now(&mut self, now: Instant) -> Option<ConnectionId> {
        if self.state != PoolState::Ready || !self.waiters.is_empty() {
            return None;
        }
        let id = *self.available.last()?;
        if self.idle_deadline_passed(id, now) {
            return None;
        }
        self.available.pop();
        self.connections.get_mut(&id).expect("a free connection is known").using = Use::Busy;
        Some(id)
    }

    /// The server is there, and a connection that was made to look at it can be used: takes it
    /// in, if there is room, and gives it to whoever waits.
    pub fn resume(&mut self, now: Instant) -> Option<ConnectionId> {
        if self.state == PoolState::Closed || self.total() >= self.settings.size_max {
            self.ready(now);
            return None;
        }
        let id = ConnectionId(fresh(&mut self.next_connection));
        let using = Use::Available { since: now };
        self.connections.insert(id, Entry { generation: self.generation, using });
        self.available.push(id);
        self.state = PoolState::Ready;
        self.fill_held = false;
        self.work(now);
        Some(id)
    }

    /// The waiter went away. If it had been granted a connection, that one must be given back
    /// by [`check_in`](Self::check_in) or [`discard`](Self::discard) as well.
    pub fn cancel(&mut self, waiter: WaiterId) {
        self.waiters.retain(|other| other.id != waiter);
    }

    /// Takes back a connection whose conversation is complete.
    pub fn check_in(&mut self, id: ConnectionId, now: Instant) {
        let Some(entry) = self.connections.get_mut(&id) else { return };
        if self.state == PoolState::Closed {
            self.close_one(id, CloseReason::PoolClosed);
        } else if entry.generation != self.generation {
            self.close_one(id, CloseReason::Stale);
        } else {
            entry.using = Use::Available { since: now };
            self.available.push(id);
        }
        self.work(now);
    }

    /// Forgets a connection that broke, or whose conversation was left in the middle.
    pub fn discard(&mut self, id: ConnectionId, now: Instant) {
        if self.connections.contains_key(&id) {
            self.close_one(id, CloseReason::Error);
            self.work(now);
        }
    }

    /// A connection that was to be made is ready for work.
    pub fn connected(&mut self, id: ConnectionId, now: Instant) {
        self.fill_held = false;
        self.check_in(id, now);
    }

    /// A connection that was to be made could not be; whoever has waited longest hears of it,
    /// unless the attempt is older than the last clear: then it was not made for anybody here.
    pub fn connect_failed(&mut self, id: ConnectionId, now: Instant) {
        if let Some(entry) = self.connections.remove(&id) {
            if entry.generation == self.generation
                && let Some(waiter) = self.waiters.pop_front()
            {
                let refusal = Refusal::ConnectFailed(id);
                self.actions.push_back(Action::Refuse(waiter.id, refusal));
            }
            self.fill_held = true;
            self.work(now);
        }
    }

    /// The server is there.
    pub fn ready(&mut self, now: Instant) {
        if self.state == PoolState::Paused {
            self.state = PoolState::Ready;
            self.fill_held = false;
            self.work(now);
        }
    }

    /// The server is not there any more, or is another one: nothing made so far may be used again.
    pub fn clear(&mut self) {
        if self.state == PoolState::Closed {
            return;
        }
        self.generation += 1;
        self.state = PoolState::Paused;
        self.refuse_all(Refusal::Cleared);
        for id in std::mem::take(&mut self.available) {
            self.close_one(id, CloseReason::Stale);
        }
    }

    /// Closes everything that is not in use; what is in use is closed when it comes back.
    pub fn close(&mut self) {
        self.state = PoolState::Closed;
        self.refuse_all(Refusal::Closed);
        let unused =
            |(id, entry): (&ConnectionId, &Entry)| (entry.using != Use::Busy).then_some(*id);
        for id in self.connections.iter().filter_map(unused).collect::<Vec<_>>() {
            self.close_one(id, CloseReason::PoolClosed);
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let waiters = self.waiters.iter().filter_map(|waiter| waiter.deadline);
        let idle = || self.available.iter().filter_map(|id| self.idle_deadline(*id)).min();
        waiters.chain(self.settings.idle_time_max.and_then(|_| idle())).min()
    }

    /// Time has passed: refuses those who waited too long, closes what lay unused too long.
    pub fn expire(&mut self, now: Instant) {
        let late = |waiter: &Waiter| waiter.deadline.is_some_and(|deadline| deadline <= now);
        while let Some(at) = self.waiters.iter().position(late) {
            let waiter = self.waiters.remove(at).expect("the position was just found");
            self.actions.push_back(Action::Refuse(waiter.id, Refusal::TimedOut));
        }
        let idle = |id: &ConnectionId| self.idle_deadline(*id).is_some_and(|end| end <= now);
        for id in self.available.iter().copied().filter(idle).collect::<Vec<_>>() {
            self.close_one(id, CloseReason::Idle);
        }
        self.work(now);
    }

    fn idle_deadline(&self, id: ConnectionId) -> Option<Instant> {
        let idle_time_max: Duration = self.settings.idle_time_max?;
        match self.connections.get(&id)?.using {
            Use::Available { since } => Some(since + idle_time_max),
            Use::Connecting | Use::Busy => None,
        }
    }

    /// Matches waiters with connections, then makes as many as are missing and allowed.
    fn work(&mut self, now: Instant) {
        if self.state != PoolState::Ready {
            return;
        }
        while !self.waiters.is_empty() {
            let Some(id) = self.available.pop() else { break };
            if self.idle_deadline_passed(id, now) {
                self.close_one(id, CloseReason::Idle);
                continue;
            }
            let entry = self.connections.get_mut(&id).expect("a free connection is known");
            entry.using = Use::Busy;
            let waiter = self.waiters.pop_front().expect("looked just now");
            self.actions.push_back(Action::Grant(waiter.id, id));
        }
        let filling = |pool: &Self| !pool.fill_held && pool.total() < pool.settings.size_min;
        if self.waiters.is_empty() && !filling(self) {
            return; // as after every operation, however many connections there are
        }
        let connecting = |entry: &&Entry| entry.using == Use::Connecting;
        let current = |entry: &&Entry| entry.generation == self.generation;
        let mut useful = self.connections.values().filter(connecting).filter(current).count();
        let mut connecting = self.connections.values().filter(connecting).count();
        // Each one that is being made will serve somebody, unless a clear made it worthless.
        while connecting < self.settings.connecting_max
            && self.connections.len() < self.settings.size_max
            && (useful < self.waiters.len() || filling(self))
        {
            let id = ConnectionId(fresh(&mut self.next_connection));
            let entry = Entry { generation: self.generation, using: Use::Connecting };
            self.connections.insert(id, entry);
            self.actions.push_back(Action::Connect(id));
            connecting += 1;
            useful += 1;
        }
    }

    fn idle_deadline_passed(&self, id: ConnectionId, now: Instant) -> bool {
        self.idle_deadline(id).is_some_and(|deadline| deadline <= now)
    }

    fn close_one(&mut self, id: ConnectionId, reason: CloseReason) {
        self.connections.remove(&id);
        self.available.retain(|other| *other != id);
        self.actions.push_back(Action::Close(id, reason));
    }

    fn refuse_all(&mut self, refusal: Refusal) {
        for waiter in std::mem::take(&mut self.waiters) {
            self.actions.push_back(Action::Refuse(waiter.id, refusal));
        }
    }
}

fn fresh(next: &mut u64) -> u64 {
    let id = *next;
    *next += 1;
    id
}
