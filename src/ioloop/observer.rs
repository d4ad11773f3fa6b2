//! The loop shows itself: what an observer is told, and when.
//!
//! Owns the list of observers. Without one the loop pays a single load per callback. The slow
//! callback detector, the text trace and everything that draws the loop are consumers of this
//! trait and nothing more. Read next: `slow.rs`, `trace.rs`.

use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use reactor::{Event, Instant};

use super::{IoLoop, WaitNote};

/// A turn that begins.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Counted from one.
    pub number: u64,
    /// When it began.
    pub now: Instant,
    /// Callbacks and steps that are ready.
    pub ready: usize,
    /// Timers that are pending.
    pub timers: usize,
}

/// Something that runs on the loop.
#[derive(Clone, Debug)]
pub struct Activity {
    /// `callback`, `timer`, `handler` or `coroutine`.
    pub kind: &'static str,
    /// The line that registered it.
    pub place: &'static Location<'static>,
    /// What it says it does, for instance `POST /auth/register`; see [`describe`](super::describe).
    pub label: Option<String>,
}

/// Tells one coroutine from another, for as long as the loop lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoroutineId(pub u64);

/// Watches a loop. Every method has an empty body: implement what you need. Methods run on the
/// loop's thread in the middle of its work, so they must be quick and must not call the loop.
pub trait LoopObserver {
    /// A turn begins.
    fn turn_start(&self, turn: &Turn) {
        let _ = turn;
    }
    /// A turn ended, at `now`; the time spent asleep is part of the turn.
    fn turn_end(&self, number: u64, now: Instant) {
        let _ = (number, now);
    }
    /// The kernel reported a source ready.
    fn fd_ready(&self, event: Event) {
        let _ = event;
    }
    /// A timer came due.
    fn timer_due(&self, deadline: Instant, place: &'static Location<'static>) {
        let _ = (deadline, place);
    }
    /// A callback, timer, handler or coroutine step begins.
    fn callback_start(&self, activity: &Activity) {
        let _ = activity;
    }
    /// It ended. The time is its own: a coroutine step that ran inside it has told of itself.
    fn callback_end(&self, activity: &Activity, elapsed: Duration) {
        let _ = (activity, elapsed);
    }
    /// A coroutine was spawned.
    fn coroutine_spawn(&self, id: CoroutineId, place: &'static Location<'static>) {
        let _ = (id, place);
    }
    /// A coroutine is about to run its next step.
    fn coroutine_step(&self, id: CoroutineId) {
        let _ = id;
    }
    /// A coroutine suspended itself, and says what it waits for.
    fn coroutine_wait(&self, id: CoroutineId, wait: Option<WaitNote>) {
        let _ = (id, wait);
    }
    /// A coroutine was made ready to run.
    fn coroutine_wake(&self, id: CoroutineId) {
        let _ = id;
    }
    /// A coroutine ended, or was cancelled.
    fn coroutine_end(&self, id: CoroutineId) {
        let _ = id;
    }
}

impl IoLoop {
    /// Adds an observer; it sees everything from the next event on.
    pub fn add_observer(&self, observer: Rc<dyn LoopObserver>) {
        self.core.observers.borrow_mut().push(observer);
        self.core.observed.set(true);
    }

    /// True when somebody watches: work done only for observers can be skipped otherwise.
    pub fn is_observed(&self) -> bool {
        self.core.observed.get()
    }

    /// Tells every observer.
    #[inline]
    pub(crate) fn observe(&self, tell: impl Fn(&dyn LoopObserver)) {
        if self.core.observed.get() {
            self.tell_observers(&tell);
        }
    }

    /// Apart, so that a loop that nobody watches has none of this in the middle of its code.
    #[cold]
    #[inline(never)]
    fn tell_observers(&self, tell: &dyn Fn(&dyn LoopObserver)) {
        let observers = self.core.observers.borrow().clone();
        for observer in &observers {
            tell(&**observer);
        }
    }
}
