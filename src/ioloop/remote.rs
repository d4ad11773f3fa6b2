//! The door for other threads: a queue behind a lock, and the reactor's waker.
//!
//! Owns what other threads may touch: [`LoopHandle::add_callback`] and the wake-ups of coroutines.
//! A sender writes the inbox and then calls the waker, which reaches the kernel only if the loop
//! sleeps and is never forgotten if it does not yet. Read next: `signals.rs`.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reactor::Waker;

use super::IoLoop;

/// A callback that may cross threads.
type SendCallback = (Box<dyn FnOnce() + Send>, &'static Location<'static>);

/// What waits for the loop to look.
#[derive(Default)]
struct Inbox {
    callbacks: Vec<SendCallback>,
    /// Coroutine slots to step.
    wakes: Vec<u32>,
    stop: bool,
    closed: bool,
}

/// The shared side of the door.
pub(crate) struct Remote {
    inbox: Mutex<Inbox>,
    /// The inbox is not empty: so that a turn without news takes no lock.
    news: AtomicBool,
    waker: Waker,
}

impl Remote {
    pub(super) fn new(waker: Waker) -> Self {
        Self { inbox: Mutex::default(), news: AtomicBool::new(false), waker }
    }

    /// A panic in another thread cannot leave the inbox half written: pushes are single steps.
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, write: impl FnOnce(&mut Inbox)) {
        {
            let mut inbox = self.inbox();
            if inbox.closed {
                return;
            }
            write(&mut inbox);
        }
        self.news.store(true, Ordering::Release);
        // The only failure is a closed loop, and then nobody waits for this.
        let _ = self.waker.wake();
    }

    /// Another thread woke the coroutine in `slot`.
    pub(crate) fn wake(&self, slot: u32) {
        self.send(|inbox| inbox.wakes.push(slot));
    }

    pub(super) fn close(&self) {
        let dropped = {
            let mut inbox = self.inbox();
            inbox.closed = true;
            std::mem::take(&mut inbox.callbacks)
        };
        drop(dropped); // the users' destructors run without the lock
    }
}

/// The only thing of a loop that may leave its thread (S176).
///
/// ```
/// use squall::ioloop::IoLoop;
///
/// let io_loop = IoLoop::new()?;
/// let handle = io_loop.handle();
/// let worker = std::thread::spawn(move || {
///     handle.add_callback(|| IoLoop::current().stop());
/// });
/// io_loop.start()?;
/// # worker.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct LoopHandle {
    remote: Arc<Remote>,
}

impl LoopHandle {
    /// Runs `callback` on the loop's thread, in a later turn; wakes the loop if it sleeps. On a
    /// closed loop the callback is dropped silently (T007).
    #[track_caller]
    pub fn add_callback(&self, callback: impl FnOnce() + Send + 'static) {
        let place = Location::caller();
        self.remote.send(|inbox| inbox.callbacks.push((Box::new(callback), place)));
    }

    /// Stops the loop; one that does not run will return from its next start at once.
    pub fn stop(&self) {
        self.remote.send(|inbox| inbox.stop = true);
    }

    /// True once the loop was closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.remote.inbox().closed
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").field("closed", &self.is_closed()).finish()
    }
}

impl IoLoop {
    /// A handle for other threads.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle { remote: Arc::clone(&self.core.remote) }
    }

    pub(crate) fn remote(&self) -> Arc<Remote> {
        Arc::clone(&self.core.remote)
    }

    pub(crate) fn id(&self) -> u64 {
        self.core.id
    }

    /// Moves what other threads sent to the ready queue, behind what is there.
    pub(super) fn take_remote(&self) {
        if !self.core.remote.news.load(Ordering::Relaxed) {
            return; // a sender that writes just now calls the waker after it
        }
        self.core.remote.news.store(false, Ordering::Relaxed);
        let (callbacks, wakes, stop) = {
            let mut inbox = self.core.remote.inbox();
            let stop = std::mem::take(&mut inbox.stop);
            (std::mem::take(&mut inbox.callbacks), std::mem::take(&mut inbox.wakes), stop)
        };
        for (callback, place) in callbacks {
            self.add_callback_at(place, callback);
        }
        for slot in wakes {
            self.push_step(slot);
        }
        if stop {
            self.stop();
        }
    }
}
