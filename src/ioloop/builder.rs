//! Building a loop: backend, observers, seed.
//!
//! Knows how the parts of [`IoLoop`] begin and nothing of how they work. Read next: `mod.rs`.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reactor::{Backend, Reactor, Slots};

use super::callbacks::ReadyQueue;
use super::entropy::Entropy;
use super::timers::Timers;
use super::{Core, IoLoop, LoopObserver, Remote, State};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Chooses the parts of a loop; see [`IoLoop::builder`].
#[derive(Default)]
pub struct Builder {
    reactor: Option<Box<dyn Reactor>>,
    backend: Option<Backend>,
    observers: Vec<Rc<dyn LoopObserver>>,
    seed: Option<u64>,
}

impl Builder {
    /// This backend, whatever `SQUALL_REACTOR` says.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Any reactor: a simulated one, or one with a virtual clock.
    pub fn reactor(mut self, reactor: Box<dyn Reactor>) -> Self {
        self.reactor = Some(reactor);
        self
    }

    /// Adds somebody who watches.
    pub fn observer(mut self, observer: Rc<dyn LoopObserver>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Makes [`IoLoop::random`] repeatable. For tests: what it gives can be predicted.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Opens the backend and makes the loop.
    pub fn build(self) -> io::Result<IoLoop> {
        let reactor = match (self.reactor, self.backend) {
            (Some(reactor), _) => reactor,
            (None, Some(backend)) => backend.build()?,
            (None, None) => Backend::from_env()?.build()?,
        };
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let now = reactor.now();
        let core = Core {
            id,
            state: Cell::new(State::Idle),
            now: Cell::new(now),
            ready: ReadyQueue::default(),
            timers: RefCell::new(Timers::default()),
            handlers: RefCell::new(Slots::default()),
            events: Cell::new(None),
            no_timer_before: Cell::new(now),
            busy: Cell::default(),
            remote: Arc::new(Remote::new(reactor.waker())),
            reactor: RefCell::new(reactor),
            observed: Cell::new(!self.observers.is_empty()),
            observers: RefCell::new(self.observers),
            activity: RefCell::new(None),
            nested: Cell::new(Duration::ZERO),
            wait_note: Cell::new(None),
            stepper: OnceCell::new(),
            extensions: RefCell::default(),
            receive_buffer: Cell::new(None),
            outside_work: Cell::new(0),
            entropy: RefCell::new(self.seed.map_or(Entropy::System, Entropy::seeded)),
            signals: RefCell::new(None),
            exception_hook: RefCell::new(None),
            turns: Cell::new(0),
        };
        let io_loop = IoLoop { core: Rc::new(core) };
        io_loop.announce();
        Ok(io_loop)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("backend", &self.backend)
            .field("observers", &self.observers.len())
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
