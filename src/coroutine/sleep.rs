//! Waiting for time: `sleep`, `with_timeout`, and `yield_now`, which waits for everybody else.
//!
//! Leaf futures here are named types built by plain functions, so that each knows the line that
//! made it. Owns no timers; it borrows the loop's. Read next: `combine.rs`.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use reactor::Instant;

use crate::ioloop::{self, Deadline, IoLoop, TimeoutHandle};

/// Waits for `delay`, but at least one turn (T032).
///
/// Cancel-safe: dropping it removes the timer.
///
/// ```
/// use std::time::Duration;
/// use squall::{coroutine::sleep, ioloop::IoLoop};
///
/// IoLoop::new()?.run_sync(async { sleep(Duration::from_millis(1)).await })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn sleep(delay: Duration) -> Sleep {
    sleep_for(Deadline::After(delay), Location::caller())
}

/// Waits until `instant` of the loop's clock.
#[track_caller]
pub fn sleep_until(instant: Instant) -> Sleep {
    sleep_for(Deadline::At(instant), Location::caller())
}

fn sleep_for(when: Deadline, place: &'static Location<'static>) -> Sleep {
    let io_loop = IoLoop::current();
    Sleep { deadline: io_loop.instant_of(when), io_loop, timeout: None, place }
}

/// The future of [`sleep`].
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    io_loop: IoLoop,
    deadline: Instant,
    timeout: Option<TimeoutHandle>,
    place: &'static Location<'static>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.timeout {
            Some(_) if self.io_loop.now() >= self.deadline => return Poll::Ready(()),
            Some(timeout) => self.io_loop.rewake(timeout, context.waker()),
            None => {
                let timeout = self.io_loop.wake_at(self.deadline, context.waker().clone());
                self.timeout = Some(timeout);
            }
        }
        ioloop::note_wait("timer", self.place);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timeout) = self.timeout {
            self.io_loop.remove_timeout(timeout);
        }
    }
}

/// Lets everything that is ready run once before going on (T036).
///
/// Cancel-safe: there is nothing to lose.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "yielding does nothing unless it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The time was over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl std::error::Error for TimedOut {}

/// The outcome of `work`, or [`TimedOut`] at the deadline (T033). Work that is done already wins,
/// even against a deadline in the past. Tornado has this since 4.0 (S072).
///
/// What happens to late work depends on what it is: an `async` block is dropped, and so ends; a
/// [`squall::future::Future`](crate::future::Future) only loses this reader, so a spawned
/// coroutine goes on (S070), and its late error is logged unless
/// [`quiet_if`](crate::future::Future::quiet_if) expects it.
///
/// ```
/// use std::time::Duration;
/// use squall::coroutine::{TimedOut, sleep, with_timeout};
/// use squall::ioloop::IoLoop;
///
/// let outcome = IoLoop::new()?.run_sync(async {
///     with_timeout(Duration::from_millis(1), sleep(Duration::from_secs(3600))).await
/// })?;
/// assert_eq!(outcome, Err(TimedOut));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn with_timeout<F: IntoFuture>(
    deadline: impl Into<Deadline>,
    work: F,
) -> impl Future<Output = Result<F::Output, TimedOut>> {
    let limit = sleep_for(deadline.into(), Location::caller());
    async move {
        let (mut work, mut limit) = (pin!(work.into_future()), pin!(limit));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => limit.as_mut().poll(context).map(|()| Err(TimedOut)),
        })
        .await
    }
}
