//! Coroutines: `async` blocks that the loop runs a step at a time.
//!
//! [`IoLoop::spawn`] runs the first step at once, in the caller's turn; every later step is one
//! entry in the loop's ready queue, put there by a waker. Owns the table of suspended coroutines
//! and what each waits for. Knows futures and the loop, and no sockets. Read next: `runner.rs`,
//! then `waker.rs`.

mod combine;
mod frame;
mod runner;
mod sleep;
mod waker;

use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use reactor::Instant;

pub use self::combine::{AsCompleted, Resume, as_completed, join_all, join_map, task};
pub(crate) use self::frame::Frames;
use self::runner::Runner;
pub use self::sleep::{Sleep, TimedOut, YieldNow, sleep, sleep_until, with_timeout, yield_now};
use crate::future::{self, Cancel, Future, Keeper, Settler};
use crate::ioloop::{CoroutineId, IoLoop, PeriodicCallback, WaitNote};

/// One suspended coroutine, as a listing shows it.
#[derive(Clone, Debug)]
pub struct CoroutineInfo {
    /// Tells it from every other of its loop.
    pub id: CoroutineId,
    /// The line that spawned it.
    pub place: &'static Location<'static>,
    /// What it waits for, if its leaf future said so.
    pub wait: Option<WaitNote>,
    /// Since when.
    pub since: Instant,
}

impl IoLoop {
    /// Starts a coroutine and runs its first step at once. Dropping the returned future does not
    /// stop it; [`Future::cancel`] does. A panic fails the future; if nobody looks, it is logged
    /// with the line of this call (S142).
    ///
    /// ```
    /// use squall::ioloop::IoLoop;
    ///
    /// let io_loop = IoLoop::new()?;
    /// let answer = io_loop.spawn(async { 6 * 7 });
    /// assert!(answer.done()); // it had nothing to wait for, so its first step was its last
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: 'static>(
        &self,
        coroutine: impl std::future::Future<Output = T> + 'static,
    ) -> Future<T> {
        self.spawn_outcome(Location::caller(), coroutine, Ok)
    }

    /// The same for coroutines that may fail: their error becomes the future's own, and is logged
    /// if nobody looks at it.
    #[track_caller]
    pub fn spawn_fallible<T: 'static, E: std::error::Error + 'static>(
        &self,
        coroutine: impl std::future::Future<Output = Result<T, E>> + 'static,
    ) -> Future<T> {
        self.spawn_outcome(Location::caller(), coroutine, |outcome| {
            outcome.map_err(future::Error::new)
        })
    }

    /// For the layers above: `outcome` makes the future's result of the coroutine's, and the line to
    /// blame is somebody else's.
    pub(crate) fn spawn_outcome<T: 'static, R>(
        &self,
        place: &'static Location<'static>,
        coroutine: impl std::future::Future<Output = R> + 'static,
        outcome: impl FnOnce(R) -> Result<T, future::Error> + 'static,
    ) -> Future<T> {
        let runner = Runner::of(self);
        let slot = runner.reserve(self);
        let who: Weak<dyn Cancel> = Rc::downgrade(&runner) as _;
        let settler = Settler::new(place, (who, slot.number()));
        let (future, keeper) = (settler.future(), settler.keeper());
        let body = async move { settler.settle(outcome(coroutine.await)) };
        // Made where it is going to live, as far as the compiler can.
        let frame = Box::into_pin(Box::write(Box::new_uninit(), Some(body)));
        runner.begin(self, &slot, place, frame, (keeper, None));
        future
    }

    /// For the layers above, where nobody waits for the end: `keeper` is told of a panic, and the
    /// coroutine lives in one of `frames`, so that starting it allocates nothing.
    pub(crate) fn run_coroutine<F: std::future::Future<Output = ()> + 'static>(
        &self,
        place: &'static Location<'static>,
        frames: &Frames,
        keeper: Rc<dyn Keeper>,
        coroutine: impl FnOnce() -> F,
    ) {
        let runner = Runner::of(self);
        let slot = runner.reserve(self);
        let (frame, home) = frames.fill(coroutine);
        runner.begin(self, &slot, place, frame, (keeper, Some(home)));
    }

    /// Runs the loop until `coroutine` is done (T006).
    #[track_caller]
    pub fn run_sync<T: 'static>(
        &self,
        coroutine: impl std::future::Future<Output = T> + 'static,
    ) -> Result<T, RunSyncError> {
        self.drive(coroutine, None)
    }

    /// The same, for at most `limit`; then the coroutine is cancelled.
    #[track_caller]
    pub fn run_sync_timeout<T: 'static>(
        &self,
        limit: Duration,
        coroutine: impl std::future::Future<Output = T> + 'static,
    ) -> Result<T, RunSyncError> {
        self.drive(coroutine, Some(limit))
    }

    #[track_caller]
    fn drive<T: 'static>(
        &self,
        coroutine: impl std::future::Future<Output = T> + 'static,
        limit: Option<Duration>,
    ) -> Result<T, RunSyncError> {
        // While this has an owner, somebody waits here. What is left in the queues of a run that
        // ended otherwise must neither begin the work nor stop the next run.
        let waiting = Rc::new(());
        let timed_out = Rc::new(std::cell::Cell::new(false));
        let outcome = Rc::new(std::cell::RefCell::new(None));
        let (loop_in, out, wanted) = (self.clone(), Rc::clone(&outcome), Rc::downgrade(&waiting));
        let place = Location::caller();
        self.add_callback_at(place, move || {
            if wanted.strong_count() == 0 {
                return;
            }
            // Spawned from inside, so that the loop is current in the very first step.
            let future = loop_in.spawn_outcome(place, coroutine, Ok);
            let stop = loop_in.clone();
            future.add_done_callback(move |_| {
                if wanted.strong_count() > 0 {
                    stop.stop();
                }
            });
            *out.borrow_mut() = Some(future);
        });
        let timeout = limit.map(|limit| {
            let (stop, flag) = (self.clone(), Rc::clone(&timed_out));
            self.call_later(limit, move || {
                flag.set(true);
                stop.stop();
            })
        });
        let ran = self.start();
        drop(waiting);
        if let Some(timeout) = timeout {
            self.remove_timeout(timeout);
        }
        ran.map_err(RunSyncError::Io)?;
        let Some(future) = outcome.borrow_mut().take() else { return Err(RunSyncError::Stopped) };
        match future.take() {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(RunSyncError::Failed(error)),
            None => {
                future.cancel();
                Err(if timed_out.get() { RunSyncError::TimedOut } else { RunSyncError::Stopped })
            }
        }
    }

    /// Every suspended coroutine, oldest first: who waits, for what, since when (ASK04).
    pub fn coroutines(&self) -> Vec<CoroutineInfo> {
        Runner::of(self).list()
    }
}

impl PeriodicCallback {
    /// A periodic coroutine: the next call waits until this one has ended, and then keeps to the
    /// grid (T021, F035).
    ///
    /// # Panics
    /// If `period` is zero.
    #[track_caller]
    pub fn coroutine<F: std::future::Future<Output = ()> + 'static>(
        io_loop: &IoLoop,
        period: Duration,
        mut callback: impl FnMut() -> F + 'static,
    ) -> Self {
        Self::with_runner(
            io_loop,
            period,
            move || Box::pin(callback()),
            |io_loop, busy, then| {
                let future = io_loop.spawn(busy);
                future.add_done_callback(move |_| then());
            },
        )
    }
}

/// Why [`IoLoop::run_sync`] has no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunSyncError {
    /// The limit passed; the coroutine was cancelled.
    TimedOut,
    /// Somebody stopped the loop before the coroutine was done.
    Stopped,
    /// The coroutine panicked or was cancelled.
    Failed(future::Error),
    /// The loop itself failed, or runs already.
    Io(std::io::Error),
}

impl fmt::Display for RunSyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("operation timed out"),
            Self::Stopped => f.write_str("event loop stopped before future completed"),
            Self::Failed(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunSyncError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::TimedOut | Self::Stopped => None,
        }
    }
}
