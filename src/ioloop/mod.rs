//! The event loop. [`IoLoop::start`] is a `while` around `turn`, and one turn is the
//! whole idea of squall: run what is ready, sleep until something happens, hand it out.
//!
//! Owns the order of a turn and the four places work waits in: `callbacks`, `timers`, `handlers`
//! and, for other threads, `remote`. Knows nothing of futures, coroutines or sockets: those are
//! built above, out of callbacks. A panic in a callback is caught, reported with the line that
//! registered it, and the loop goes on. Read next: `callbacks.rs`, `timers.rs`, then `future/mod.rs`.

mod builder;
mod busy;
mod callbacks;
mod current;
mod entropy;
mod guard;
mod handlers;
mod observer;
mod periodic;
mod remote;
mod signals;
mod slow;
mod timers;
mod trace;

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use reactor::{Events, Instant, Reactor, Slots};

pub use self::builder::Builder;
use self::busy::BusyRow;
pub(crate) use self::callbacks::Stepper;
use self::callbacks::{Job, ReadyQueue};
pub(crate) use self::current::{WaitNote, WeakLoop, owner};
pub use self::current::{describe, note_wait};
use self::entropy::Entropy;
pub use self::guard::Exception;
pub(crate) use self::guard::panic_message;
pub use self::handlers::{EventHandler, HandlerId};
pub use self::observer::{Activity, CoroutineId, LoopObserver, Turn};
pub use self::periodic::PeriodicCallback;
pub use self::remote::LoopHandle;
pub(crate) use self::remote::Remote;
pub use self::signals::SignalHandle;
pub use self::slow::SlowCallbackDetector;
use self::timers::Timers;
pub use self::timers::{Deadline, TimeoutHandle};
pub use self::trace::TextTrace;

/// The loop does not wake for timers alone more often than this: deadlines that lie closer together
/// share a wake-up, which costs ten times as much as a timer. One that is alone is not delayed.
const TIMER_WAKES_APART: Duration = Duration::from_micros(90);

/// The lists of a turn keep so much room for the next one; only a crowd needs more.
const LIST_KEPT: usize = 16 * 1024;

/// The loop-wide receive buffer: one read of any connection fits, and no idle connection needs its own.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// A handle to one event loop. Cloning it is cheap; it never leaves its thread.
///
/// A loop holds its callbacks and coroutines, and those often hold the loop. Call
/// [`close`](Self::close) when you are done with one before the process ends.
///
/// ```
/// use squall::ioloop::IoLoop;
///
/// let io_loop = IoLoop::new()?;
/// let stop = io_loop.clone();
/// io_loop.add_callback(move || stop.stop());
/// io_loop.start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct IoLoop {
    core: Rc<Core>,
}

/// What all handles of one loop share. Every cell is borrowed for a moment only, and never while
/// somebody else's code runs.
struct Core {
    /// Tells this loop from every other of the process.
    id: u64,
    /// Where the loop is in its life.
    state: Cell<State>,
    /// The kernel, and the only clock.
    reactor: RefCell<Box<dyn Reactor>>,
    /// The time at which this turn began; read once a turn.
    now: Cell<Instant>,
    /// Callbacks and coroutine steps, first in, first out.
    ready: ReadyQueue,
    /// Deadlines and what to do then.
    timers: RefCell<Timers>,
    /// Registered sources and who hears about them.
    handlers: RefCell<Slots<Rc<dyn EventHandler>>>,
    /// What the kernel reported last; taken out while it is dispatched.
    events: Cell<Option<Events>>,
    /// Before that, nobody wakes for a timer.
    no_timer_before: Cell<Instant>,
    /// What happened since the kernel was last asked.
    busy: Cell<BusyRow>,
    /// The door for other threads.
    remote: Arc<Remote>,
    /// Who watches; empty in production.
    observers: RefCell<Vec<Rc<dyn LoopObserver>>>,
    /// `observers` is not empty: one load on the hot path.
    observed: Cell<bool>,
    /// What the running callback is called, while somebody watches.
    activity: RefCell<Option<Activity>>,
    /// Time spent in steps that ran inside the running callback: it is theirs, not its.
    nested: Cell<Duration>,
    /// What the coroutine that is being polled says it waits for.
    wait_note: Cell<Option<WaitNote>>,
    /// The coroutine layer, once it is used.
    stepper: OnceCell<Rc<dyn Stepper>>,
    /// What the layers above keep for this loop, one value of each type.
    extensions: RefCell<Vec<Rc<dyn Any>>>,
    /// Taken by a stream while it reads.
    receive_buffer: Cell<Option<Box<[u8]>>>,
    /// Jobs of other threads that will come back here.
    outside_work: Cell<usize>,
    /// Where chance comes from.
    entropy: RefCell<Entropy>,
    /// The line for signals, opened at the first `on_signal`.
    signals: RefCell<Option<signals::SignalTable>>,
    /// What to do with an exception; without it, it is logged.
    exception_hook: RefCell<Option<guard::Hook>>,
    /// Turns since the loop was made.
    turns: Cell<u64>,
}

/// What one turn takes in hand; the lists serve the next turn again.
#[derive(Default)]
struct Work {
    ready: Vec<Job>,
    due: Vec<timers::Entry>,
}

/// The life of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not running.
    Idle,
    /// `stop` came before `start`: the next `start` answers at once (T005).
    StopRequested,
    /// Inside `start`.
    Running,
    /// Inside `start`, but this turn is the last.
    Stopping,
    /// Closed for good.
    Closed,
}

impl IoLoop {
    /// A loop over this machine's own backend, or the one `SQUALL_REACTOR` names
    /// (`epoll`, `kqueue` or `mio`).
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// Chooses backend, observers and seed.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs turns until [`stop`](Self::stop). Starting a loop that runs already, or starting a
    /// second one on the same thread from inside a callback, is an error (T004).
    pub fn start(&self) -> io::Result<()> {
        match self.core.state.get() {
            State::StopRequested => {
                self.core.state.set(State::Idle);
                return Ok(());
            }
            State::Closed => return Err(io::Error::other("the loop is closed")),
            State::Running | State::Stopping => {
                return Err(io::Error::other("the loop is running already"));
            }
            State::Idle => {}
        }
        let _current = current::enter(self)?;
        self.core.state.set(State::Running);
        let _run = Run(self);
        self.refresh_now();
        let mut work = Work::default();
        while self.core.state.get() == State::Running {
            self.turn(&mut work)?;
        }
        Ok(())
    }

    /// One turn, in Tornado's order. What a callback adds runs in the next turn, never in this
    /// one, so that no callback can starve the sockets.
    fn turn(&self, work: &mut Work) -> io::Result<()> {
        self.turn_started();
        self.core.ready.take(&mut work.ready); // 1. what is ready now
        self.take_due_timers(&mut work.due); //   2. what is due, before anything runs
        let jobs = work.ready.len() + work.due.len();
        self.run_ready(&mut work.ready); //       3. the callbacks, first in, first out
        self.run_timers(&mut work.due); //        4. the timers, each if it is still wanted
        if self.core.state.get() == State::Running {
            if self.stays_busy(jobs) {
                self.take_remote();
            } else {
                let deadline = self.next_wakeup(); // 5. how long there is nothing to do
                let events = self.wait(deadline)?; // 6. sleep, or only look
                self.dispatch(events); //         7. hand out what the kernel reported
            }
        }
        self.turn_ended();
        Ok(())
    }

    /// Ends the running [`start`](Self::start) after this turn; before `start`, makes it return at once.
    pub fn stop(&self) {
        let next = match self.core.state.get() {
            State::Idle | State::StopRequested => State::StopRequested,
            State::Running | State::Stopping => State::Stopping,
            State::Closed => State::Closed,
        };
        self.core.state.set(next);
    }

    /// Drops everything the loop holds: callbacks, timers, handlers with their sources, suspended
    /// coroutines, observers. From now on whatever is added is dropped, silently (T007, T011).
    pub fn close(&self) {
        if self.core.state.replace(State::Closed) == State::Closed {
            return;
        }
        self.core.remote.close();
        let mut ready = Vec::new();
        self.core.ready.take(&mut ready);
        let timers = std::mem::take(&mut *self.core.timers.borrow_mut());
        let handlers = std::mem::take(&mut *self.core.handlers.borrow_mut());
        let signals = self.core.signals.take();
        if let Some(stepper) = self.core.stepper.get() {
            stepper.close();
        }
        // The users' destructors run here, when nothing of ours is borrowed.
        drop((ready, timers, handlers, signals));
        // Last those who may want to hear of that; they often hold the loop, which is a cycle.
        self.core.observed.set(false);
        let observers = self.core.observers.take();
        let exception_hook = self.core.exception_hook.take();
        let extensions = self.core.extensions.take();
        drop((observers, exception_hook, extensions));
    }

    /// True after [`close`](Self::close).
    pub fn is_closed(&self) -> bool {
        self.core.state.get() == State::Closed
    }

    /// True while [`start`](Self::start) runs.
    pub fn is_running(&self) -> bool {
        matches!(self.core.state.get(), State::Running | State::Stopping)
    }

    /// The time at which this turn began. One clock read serves a whole turn.
    pub fn now(&self) -> Instant {
        if self.is_running() { self.core.now.get() } else { self.time() }
    }

    /// The time at this very moment, on the monotonic clock that timers use (T018).
    pub fn time(&self) -> Instant {
        self.core.reactor.borrow().now()
    }

    /// Wall-clock time since the Unix epoch: for dates, cookies and logs, never for deadlines.
    pub fn wall_time(&self) -> Duration {
        self.core.reactor.borrow().wall_time()
    }

    /// Turns since the loop was made.
    pub fn turns(&self) -> u64 {
        self.core.turns.get()
    }

    /// `epoll`, `kqueue`, `mio` or `virtual`.
    pub fn backend_name(&self) -> &'static str {
        self.core.reactor.borrow().name()
    }

    /// Lends the loop's one receive buffer (64 KiB), so that idle connections need none. A nested
    /// call gets a fresh buffer.
    pub fn with_receive_buffer<R>(&self, use_it: impl FnOnce(&mut [u8]) -> R) -> R {
        let taken = self.core.receive_buffer.take();
        let mut buffer = taken.unwrap_or_else(|| vec![0; RECEIVE_BUFFER_BYTES].into_boxed_slice());
        let answer = use_it(&mut buffer);
        self.core.receive_buffer.set(Some(buffer));
        answer
    }

    /// The value of type `T` that a layer above keeps with this loop, made when it is first asked for.
    pub(crate) fn extension<T: 'static>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let kept =
            self.core.extensions.borrow().iter().find_map(|any| Rc::clone(any).downcast().ok());
        kept.unwrap_or_else(|| {
            let made = Rc::new(make());
            self.core.extensions.borrow_mut().push(Rc::clone(&made) as Rc<dyn Any>);
            made
        })
    }

    /// Declares that work elsewhere (an executor job) will come back to this loop, so that a
    /// virtual clock does not jump over it. Every `1` must be followed by a `-1`.
    pub(crate) fn outside_work(&self, change: isize) {
        let held = self.core.outside_work.get().saturating_add_signed(change);
        self.core.outside_work.set(held);
        self.core.reactor.borrow_mut().hold_time(held > 0);
    }

    /// Step 3 of a turn. What is left when a callback closes the loop is dropped.
    fn run_ready(&self, batch: &mut Vec<Job>) {
        for job in batch.iter_mut() {
            match job {
                Job::Callback { callback, place } => {
                    self.run_guarded("callback", place, || callback.call());
                }
                Job::Step(slot) => {
                    if let Some(stepper) = self.core.stepper.get() {
                        stepper.step(self, *slot);
                    }
                }
            }
            if self.is_closed() {
                break;
            }
        }
        batch.clear();
        batch.shrink_to(LIST_KEPT);
    }

    /// With more to do already, most turns of so many jobs need not ask the kernel at all.
    fn stays_busy(&self, jobs: usize) -> bool {
        if self.core.ready.is_empty() {
            return false;
        }
        let mut row = self.core.busy.get();
        let before = self.core.now.get();
        if row.wants_the_time(jobs) {
            self.refresh_now();
            row.learns_the_time(before, self.core.now.get());
        }
        self.core.busy.set(row);
        !row.is_over(self.core.now.get())
    }

    /// Step 5: `Some(past)` means do not sleep, `None` sleep until something happens.
    fn next_wakeup(&self) -> Option<Instant> {
        if !self.core.ready.is_empty() {
            return Some(Instant::ZERO);
        }
        let deadline = self.core.timers.borrow_mut().next_deadline();
        deadline.map(|at| at.max(self.core.no_timer_before.get()))
    }

    /// Step 6.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<Events> {
        let mut events = self.core.events.take().unwrap_or_else(|| Events::with_capacity(1024));
        let outcome = self.core.reactor.borrow_mut().wait(&mut events, deadline);
        self.refresh_now();
        self.take_remote();
        self.core.busy.set(BusyRow::begins(self.core.now.get()));
        outcome.map(|()| events)
    }

    /// Step 7: a handler may add, change and remove other handlers; whoever was removed during
    /// this batch is not called any more, because its token is stale.
    fn dispatch(&self, mut events: Events) {
        for event in &events {
            let handler = self.core.handlers.borrow().get(event.token()).cloned();
            if let Some(handler) = handler {
                self.run_handler(handler, event);
            }
        }
        events.clear();
        self.core.events.set(Some(events));
    }

    fn refresh_now(&self) {
        self.core.now.set(self.time());
    }

    fn turn_started(&self) {
        self.core.turns.set(self.core.turns.get() + 1);
        if self.core.observed.get() {
            let turn = Turn {
                number: self.core.turns.get(),
                now: self.core.now.get(),
                ready: self.core.ready.len(),
                timers: self.core.timers.borrow().len(),
            };
            self.observe(|observer| observer.turn_start(&turn));
        }
    }

    fn turn_ended(&self) {
        if self.core.observed.get() {
            let (number, now) = (self.core.turns.get(), self.time());
            self.observe(|observer| observer.turn_end(number, now));
        }
    }
}

/// Ends a run, also one that is left by an error or a panic: the loop can be started again.
struct Run<'a>(&'a IoLoop);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.0.is_closed() {
            self.0.core.state.set(State::Idle);
        }
    }
}

impl fmt::Debug for IoLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoLoop")
            .field("id", &self.core.id)
            .field("state", &self.core.state.get())
            .field("turns", &self.core.turns.get())
            .finish_non_exhaustive()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.remote.close();
    }
}
