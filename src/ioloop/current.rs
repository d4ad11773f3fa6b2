//! Which loop is "the current one": the running loop of this thread, or else its default loop.
//!
//! Owns the two thread-local slots and the process-wide first handle. Everything that needs a
//! loop and was not given one asks here. Read next: `builder.rs`.

use std::cell::RefCell;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::sync::Mutex;

use super::{Core, IoLoop, LoopHandle};

thread_local! {
    /// The loop inside whose `start` this thread is.
    /// Whoever enters also leaves, so it needs no destructor, and a look at it no question whether
    /// that ran already.
    static RUNNING: RefCell<ManuallyDrop<Option<IoLoop>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
    /// The first loop that was built on this thread and still lives.
    static DEFAULT: RefCell<Weak<Core>> = const { RefCell::new(Weak::new()) };
    /// A default loop that nobody built: `current` made it, so this slot keeps it alive.
    static KEPT: RefCell<Option<IoLoop>> = const { RefCell::new(None) };
}

/// The first loop of the process that is still open.
static INSTANCE: Mutex<Option<LoopHandle>> = Mutex::new(None);

/// What a suspended coroutine waits for, and since which line.
#[derive(Clone, Copy, Debug)]
pub struct WaitNote {
    /// For instance `timer`, `future`, `read`.
    pub what: &'static str,
    /// The line that began to wait.
    pub place: &'static Location<'static>,
}

impl IoLoop {
    /// The running loop of this thread, else the first loop that was built on it; if there is
    /// none, one is made, so that Tornado's two lines work: listen, then
    /// `IoLoop::current().start()` (T002, S081, S172).
    ///
    /// # Panics
    /// If no loop can be made, because the process is out of descriptors.
    pub fn current() -> Self {
        if let Some(running) = Self::try_current() {
            return running;
        }
        let default = DEFAULT.with(|slot| slot.borrow().upgrade()).map(|core| Self { core });
        if let Some(io_loop) = default.filter(|io_loop| !io_loop.is_closed()) {
            return io_loop;
        }
        let made = Self::new().expect("an event loop for this thread");
        KEPT.with(|slot| slot.borrow_mut().replace(made.clone()));
        made
    }

    /// The running loop of this thread (S173).
    pub fn try_current() -> Option<Self> {
        RUNNING.with(|slot| (**slot.borrow()).clone())
    }

    /// A handle to the first loop of the process, usable from any thread (S026, S172).
    pub fn instance() -> Option<LoopHandle> {
        INSTANCE.lock().ok().and_then(|slot| slot.clone())
    }

    /// Called once for every loop that is built.
    pub(super) fn announce(&self) {
        DEFAULT.with(|slot| {
            let taken = slot.borrow().upgrade().is_some_and(|core| !Self { core }.is_closed());
            if !taken {
                *slot.borrow_mut() = Rc::downgrade(&self.core);
            }
        });
        if let Ok(mut slot) = INSTANCE.lock()
            && slot.as_ref().is_none_or(LoopHandle::is_closed)
        {
            *slot = Some(self.handle());
        }
    }
}

/// A loop, named without keeping it alive.
pub(crate) struct WeakLoop(Weak<Core>);

impl WeakLoop {
    /// The loop, if it still lives; perhaps it is closed.
    pub(crate) fn upgrade(&self) -> Option<IoLoop> {
        self.0.upgrade().map(|core| IoLoop { core })
    }
}

impl IoLoop {
    pub(crate) fn downgrade(&self) -> WeakLoop {
        WeakLoop(Rc::downgrade(&self.core))
    }

    /// Makes this loop current for one step outside of `start`; nothing inside of it.
    pub(crate) fn enter_for_a_step(&self) -> Option<Entered> {
        if self.is_running() { None } else { enter(self).ok() }
    }

    /// Takes what the last polled coroutine said it waits for.
    pub(crate) fn take_wait_note(&self) -> Option<WaitNote> {
        self.core.wait_note.take()
    }
}

/// Makes `io_loop` the running one until the guard is dropped.
pub(super) fn enter(io_loop: &IoLoop) -> io::Result<Entered> {
    RUNNING.with(|slot| {
        let mut slot = slot.borrow_mut();
        if slot.is_some() {
            return Err(io::Error::other("another loop is running on this thread"));
        }
        **slot = Some(io_loop.clone());
        Ok(Entered)
    })
}

/// Ends the reign of the running loop when dropped.
pub(crate) struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        drop(ManuallyDrop::into_inner(RUNNING.take()));
    }
}

/// Runs `act` with the running loop if it is the one called `id`: how a waker finds out, without
/// a lock, that it is at home.
pub(crate) fn owner<R>(id: u64, act: impl FnOnce(&IoLoop) -> R) -> Option<R> {
    RUNNING.with_borrow(|running| match &**running {
        Some(io_loop) if io_loop.core.id == id => Some(act(io_loop)),
        _ => None,
    })
}

/// Gives the running callback a name and a line for the slow-callback detector and the trace.
/// `label` is only called when somebody watches.
pub fn describe(place: &'static Location<'static>, label: impl FnOnce() -> String) {
    let observed = RUNNING
        .with_borrow(|running| running.as_ref().filter(|io_loop| io_loop.is_observed()).cloned());
    let Some(io_loop) = observed else { return };
    let label = label(); // somebody else's code: nothing is borrowed
    if let Some(activity) = &mut *io_loop.core.activity.borrow_mut() {
        activity.place = place;
        activity.label = Some(label);
    }
}

/// Says what the coroutine that is being polled is about to wait for. Leaf futures call it just
/// before they answer `Pending`.
pub fn note_wait(what: &'static str, place: &'static Location<'static>) {
    RUNNING.with_borrow(|running| {
        if let Some(io_loop) = &**running {
            io_loop.core.wait_note.set(Some(WaitNote { what, place }));
        }
    });
}
