//! The ready queue: callbacks and coroutine steps, first in, first out.
//!
//! Owns the queue and `add_callback`. A coroutine's step is only a number here; who understands
//! it registers itself as the [`Stepper`], so that the loop need not know what a coroutine is.
//! Read next: `timers.rs`.

use std::any::Any;
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

use reactor::Call;

use super::IoLoop;

/// One thing to do.
pub(super) enum Job {
    /// Somebody's closure, and the line that added it.
    Callback { callback: Call, place: &'static Location<'static> },
    /// The next step of the coroutine in this slot.
    Step(u32),
}

/// The layer above that turns a slot number into a step of a coroutine.
pub(crate) trait Stepper: Any {
    /// Runs one step; a vacant slot is no error, only a late wake-up.
    fn step(&self, io_loop: &IoLoop, slot: u32);
    /// Drops everything that is suspended.
    fn close(&self);
}

/// The queue itself; a borrow lasts for one push.
#[derive(Default)]
pub(super) struct ReadyQueue {
    jobs: RefCell<Vec<Job>>,
}

impl ReadyQueue {
    pub(super) fn len(&self) -> usize {
        self.jobs.borrow().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.borrow().is_empty()
    }

    /// `job` is made where it is going to lie: one that had to move in would be copied word by word
    /// while its words are still on their way to memory.
    #[inline]
    pub(super) fn push(&self, job: impl FnOnce() -> Job) {
        self.jobs.borrow_mut().extend(std::iter::once_with(job));
    }

    /// Puts all that is ready into `batch`, which is empty and becomes the list to be filled next:
    /// two lists serve all turns, and nothing ever moves up.
    pub(super) fn take(&self, batch: &mut Vec<Job>) {
        std::mem::swap(&mut *self.jobs.borrow_mut(), batch);
    }
}

impl IoLoop {
    /// Runs `callback` in the next turn, after everything that was added before it (T011). Never
    /// runs it inside this call. On a closed loop it is dropped.
    #[track_caller]
    pub fn add_callback(&self, callback: impl FnOnce() + 'static) {
        self.add_callback_at(Location::caller(), callback);
    }

    /// The same, with the line to blame given by the layer above.
    pub(crate) fn add_callback_at(
        &self,
        place: &'static Location<'static>,
        callback: impl FnOnce() + 'static,
    ) {
        if !self.is_closed() {
            self.core.ready.push(|| Job::Callback { callback: Call::new(callback), place });
        }
    }

    /// Queues one step of a coroutine, behind everything that is queued already.
    #[inline]
    pub(crate) fn push_step(&self, slot: u32) {
        self.core.ready.push(|| Job::Step(slot));
    }

    /// The coroutine layer of this loop, made by `make` when it is first needed.
    pub(crate) fn stepper<S: Stepper>(&self, make: impl FnOnce() -> Rc<S>) -> Rc<S> {
        let stepper: Rc<dyn Any> = Rc::clone(self.core.stepper.get_or_init(|| make())) as _;
        stepper.downcast().unwrap_or_else(|_| unreachable!("a loop has one kind of stepper"))
    }
}
