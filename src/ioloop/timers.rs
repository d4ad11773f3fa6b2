//! Timers: "call me at this instant", kept in a heap by deadline.
//!
//! Owns every pending timeout and the rule that breaks ties: first added, first run. A cancelled
//! timer gives its callback back at once and leaves a 24-byte tombstone in the heap; tombstones
//! are swept when they are the larger half (T017). Knows nothing of the kernel: the loop asks for
//! the next deadline before it sleeps and collects what is due after. Read next: `handlers.rs`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

use reactor::{Call, Instant, Slots, Token};

use super::{IoLoop, LIST_KEPT, TIMER_WAKES_APART};

/// Below this many tombstones a sweep is not worth its time.
const TOMBSTONES_TOLERATED: usize = 512;

/// When: an absolute instant of the loop's clock, or a delay from now. A bare number is neither,
/// which is the whole point (S070, S153).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// At this instant; one in the past means in the next turn.
    At(Instant),
    /// This long after the call.
    After(Duration),
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        Self::At(at)
    }
}

impl From<Duration> for Deadline {
    fn from(delay: Duration) -> Self {
        Self::After(delay)
    }
}

/// Names one timeout, to cancel it. Cancelling one that ran already is fine (T017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutHandle(Token);

/// What happens at the deadline.
enum Action {
    Call {
        callback: Call,
        place: &'static Location<'static>,
    },
    /// A sleeping coroutine: waking it needs no box.
    Wake(Waker),
}

/// One heap entry. The order of the fields is the order of expiry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    deadline: Instant,
    sequence: u64,
    slot: u64,
}

/// The heap, and beside it the actions, so that cancelling is one look into a slot.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    actions: Slots<Action>,
    sequence: u64,
}

impl Timers {
    /// Pending timeouts, without the tombstones.
    pub(super) fn len(&self) -> usize {
        self.actions.len()
    }

    fn insert(&mut self, deadline: Instant, action: Action) -> TimeoutHandle {
        let token = self.actions.insert(action);
        self.sequence += 1;
        let entry = Entry { deadline, sequence: self.sequence, slot: token.to_u64() };
        self.heap.push(Reverse(entry));
        TimeoutHandle(token)
    }

    #[inline]
    fn cancel(&mut self, handle: TimeoutHandle) -> Option<Action> {
        let action = self.actions.remove(handle.0);
        if self.heap.len() > 2 * self.actions.len() + TOMBSTONES_TOLERATED {
            self.sweep();
        }
        action
    }

    /// Takes the tombstones out of the heap; they were the larger half.
    #[inline(never)]
    fn sweep(&mut self) {
        let actions = &self.actions;
        self.heap.retain(|Reverse(entry)| actions.contains(Token::from_u64(entry.slot)));
        self.heap.shrink_to(2 * self.heap.len() + TOMBSTONES_TOLERATED);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.heap.shrink_to_fit();
        self.actions.shrink_to_fit();
    }

    fn take_action(&mut self, entry: Entry) -> Option<Action> {
        self.actions.remove(Token::from_u64(entry.slot))
    }

    /// The earliest deadline that somebody still waits for.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if self.actions.get(Token::from_u64(entry.slot)).is_some() {
                return Some(entry.deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Moves what is due out of the heap; the actions stay, so that it can still be cancelled.
    fn take_due(&mut self, now: Instant, due: &mut Vec<Entry>) {
        while let Some(Reverse(entry)) = self.heap.peek()
            && entry.deadline <= now
        {
            due.push(*entry);
            self.heap.pop();
        }
    }
}

impl IoLoop {
    /// Runs `callback` once, at an instant or after a delay, in the turn that finds it due (T016).
    /// Equal deadlines run in the order in which they were added. On a closed loop it is dropped.
    #[track_caller]
    pub fn add_timeout(
        &self,
        when: impl Into<Deadline>,
        callback: impl FnOnce() + 'static,
    ) -> TimeoutHandle {
        let action = Action::Call { callback: Call::new(callback), place: Location::caller() };
        self.insert_timer(self.instant_of(when.into()), action)
    }

    /// Runs `callback` after `delay`.
    #[track_caller]
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + 'static) -> TimeoutHandle {
        self.add_timeout(delay, callback)
    }

    /// Runs `callback` at `deadline`.
    #[track_caller]
    pub fn call_at(&self, deadline: Instant, callback: impl FnOnce() + 'static) -> TimeoutHandle {
        self.add_timeout(deadline, callback)
    }

    /// Forgets a timeout; its callback is dropped now. Fine if it ran already.
    pub fn remove_timeout(&self, timeout: TimeoutHandle) {
        let action = self.core.timers.borrow_mut().cancel(timeout);
        drop(action); // the user's destructor runs when the borrow is over
    }

    /// The instant that a deadline means, counted from this moment.
    pub fn instant_of(&self, when: Deadline) -> Instant {
        match when {
            Deadline::At(instant) => instant,
            Deadline::After(delay) => self.time() + delay,
        }
    }

    /// Pending timeouts.
    pub fn timers_pending(&self) -> usize {
        self.core.timers.borrow().len()
    }

    /// Wakes a coroutine at `deadline`.
    pub(crate) fn wake_at(&self, deadline: Instant, waker: Waker) -> TimeoutHandle {
        self.insert_timer(deadline, Action::Wake(waker))
    }

    /// Replaces who is woken, when a coroutine's future moved to another waker.
    pub(crate) fn rewake(&self, timeout: TimeoutHandle, waker: &Waker) {
        let mut timers = self.core.timers.borrow_mut();
        if let Some(Action::Wake(old)) = timers.actions.get_mut(timeout.0) {
            old.clone_from(waker);
        }
    }

    /// A closed loop gives a handle that names nothing, and drops the action.
    fn insert_timer(&self, deadline: Instant, action: Action) -> TimeoutHandle {
        let mut timers = self.core.timers.borrow_mut();
        let handle = timers.insert(deadline, action);
        if !self.is_closed() {
            return handle;
        }
        let action = timers.cancel(handle);
        drop(timers);
        drop(action); // the user's destructor runs when the borrow is over
        handle
    }

    /// Step 2 of a turn: decided before anything runs, so that a timer added by a callback of this
    /// turn waits for the next one.
    pub(super) fn take_due_timers(&self, due: &mut Vec<Entry>) {
        self.core.timers.borrow_mut().take_due(self.core.now.get(), due);
    }

    /// Step 4 of a turn: by deadline, then by age; each is looked up again, because a callback or
    /// an earlier timer may have cancelled it.
    pub(super) fn run_timers(&self, due: &mut Vec<Entry>) {
        if due.is_empty() {
            return; // most turns
        }
        for entry in due.drain(..) {
            let action = self.core.timers.borrow_mut().take_action(entry);
            match action {
                Some(Action::Call { mut callback, place }) => {
                    self.observe(|observer| observer.timer_due(entry.deadline, place));
                    self.run_guarded("timer", place, || callback.call());
                }
                Some(Action::Wake(waker)) => waker.wake(),
                None => {} // cancelled meanwhile
            }
        }
        due.shrink_to(LIST_KEPT);
        self.core.no_timer_before.set(self.core.now.get() + TIMER_WAKES_APART);
    }
}
