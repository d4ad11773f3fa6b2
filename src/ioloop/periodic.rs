//! `PeriodicCallback`: again and again, on a grid.
//!
//! Owns the arithmetic of the grid, which is a plain function with a table of tests. A call that
//! comes late does not shift the ones after it: missed periods are skipped (T020, T021). Knows of
//! the loop only its timers. Read next: `mod.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use reactor::Instant;

use super::{IoLoop, TimeoutHandle};

/// Calls a function every `period`, first after one period.
///
/// A period of zero is refused by [`new`](Self::new). The callback never overlaps itself. Errors
/// (panics) are reported and the rhythm goes on.
///
/// ```
/// use std::time::Duration;
/// use squall::ioloop::{IoLoop, PeriodicCallback};
///
/// let io_loop = IoLoop::new()?;
/// let mut left = 3;
/// let stop = io_loop.clone();
/// let periodic = PeriodicCallback::new(&io_loop, Duration::from_millis(1), move || {
///     left -= 1;
///     if left == 0 {
///         stop.stop();
///     }
/// });
/// periodic.start();
/// io_loop.start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct PeriodicCallback {
    inner: Rc<Inner>,
}

/// What an asynchronous callback leaves behind: something that is still busy.
pub(crate) type Busy = Pin<Box<dyn Future<Output = ()>>>;

/// Runs the busy part to its end and then calls the last argument; given by the layer that knows
/// coroutines.
pub(crate) type RunBusy = fn(&IoLoop, Busy, Box<dyn FnOnce()>);

struct Inner {
    io_loop: IoLoop,
    period: Duration,
    jitter: Cell<f64>,
    callback: RefCell<Box<dyn FnMut() -> Option<Busy>>>,
    run: Option<RunBusy>,
    place: &'static Location<'static>,
    /// The grid point the pending timer stands for.
    scheduled: Cell<Instant>,
    timeout: Cell<Option<TimeoutHandle>>,
    running: Cell<bool>,
    /// The callback has not ended: what it ends with schedules the next call.
    busy: Cell<bool>,
}

impl PeriodicCallback {
    /// Prepares to call `callback` every `period`; nothing happens before [`start`](Self::start).
    ///
    /// # Panics
    /// If `period` is zero.
    #[track_caller]
    pub fn new(io_loop: &IoLoop, period: Duration, mut callback: impl FnMut() + 'static) -> Self {
        let callback = Box::new(move || {
            callback();
            None
        });
        Self::build(io_loop, period, callback, None)
    }

    /// The same for callbacks that end later; `run` drives one and then calls its last argument.
    #[track_caller]
    pub(crate) fn with_runner(
        io_loop: &IoLoop,
        period: Duration,
        mut callback: impl FnMut() -> Busy + 'static,
        run: RunBusy,
    ) -> Self {
        Self::build(io_loop, period, Box::new(move || Some(callback())), Some(run))
    }

    #[track_caller]
    fn build(
        io_loop: &IoLoop,
        period: Duration,
        callback: Box<dyn FnMut() -> Option<Busy>>,
        run: Option<RunBusy>,
    ) -> Self {
        assert!(!period.is_zero(), "a periodic callback needs a period above zero");
        let inner = Inner {
            io_loop: io_loop.clone(),
            period,
            jitter: Cell::new(0.0),
            callback: RefCell::new(callback),
            run,
            place: Location::caller(),
            scheduled: Cell::new(Instant::ZERO),
            timeout: Cell::new(None),
            running: Cell::new(false),
            busy: Cell::new(false),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Spreads the calls: each period is multiplied by `1 + jitter * (random - 0.5)`.
    pub fn jitter(self, jitter: f64) -> Self {
        self.inner.jitter.set(jitter);
        self
    }

    /// Begins, or begins anew: the first call comes one period from now, or on that grid when the
    /// call that is still busy has ended.
    pub fn start(&self) {
        self.stop();
        self.inner.running.set(true);
        self.inner.scheduled.set(self.inner.io_loop.time());
        if !self.inner.busy.get() {
            Inner::schedule(&self.inner);
        }
    }

    /// No further call.
    pub fn stop(&self) {
        self.inner.running.set(false);
        if let Some(timeout) = self.inner.timeout.take() {
            self.inner.io_loop.remove_timeout(timeout);
        }
    }

    /// True between `start` and `stop`.
    pub fn is_running(&self) -> bool {
        self.inner.running.get()
    }
}

impl fmt::Debug for PeriodicCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicCallback")
            .field("period", &self.inner.period)
            .field("running", &self.inner.running.get())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn schedule(inner: &Rc<Self>) {
        let io_loop = &inner.io_loop;
        let period = jittered(inner.period, inner.jitter.get(), || random_fraction(io_loop));
        let next = next_on_grid(inner.scheduled.get(), io_loop.time(), period);
        inner.scheduled.set(next);
        let again = Rc::clone(inner);
        let timeout = io_loop.call_at(next, move || Self::run(&again));
        inner.timeout.set(Some(timeout));
    }

    fn run(inner: &Rc<Self>) {
        inner.timeout.set(None);
        inner.busy.set(true);
        let mut busy = None;
        inner.io_loop.run_guarded("periodic callback", inner.place, || {
            busy = (inner.callback.borrow_mut())();
        });
        let again = Rc::clone(inner);
        let reschedule = move || {
            again.busy.set(false);
            if again.running.get() {
                Self::schedule(&again);
            }
        };
        match (busy, inner.run) {
            (Some(busy), Some(run)) => run(&inner.io_loop, busy, Box::new(reschedule)),
            _ => reschedule(),
        }
    }
}

/// The period of one round.
fn jittered(period: Duration, jitter: f64, random: impl FnOnce() -> f64) -> Duration {
    if jitter == 0.0 { period } else { period.mul_f64(1.0 + jitter * (random() - 0.5)) }
}

/// A number in `0.0..1.0` from the loop's source of chance.
fn random_fraction(io_loop: &IoLoop) -> f64 {
    let mut bytes = [0; 4];
    io_loop.random(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

/// The next grid point after `now`. Late calls skip whole periods; a clock that seems to stand
/// before the grid (it cannot, with a monotonic clock, but a caller's arithmetic might) just
/// advances by one period.
fn next_on_grid(scheduled: Instant, now: Instant, period: Duration) -> Instant {
    if now <= scheduled {
        return scheduled + period;
    }
    let late = (now - scheduled).as_nanos();
    let periods = late / period.as_nanos().max(1) + 1;
    let ahead = periods.saturating_mul(period.as_nanos());
    scheduled + Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: f64) -> Instant {
        Instant::from_nanos((value * 1e9).round() as u64)
    }

    /// Plays one schedule: each call takes `durations[i]` (negative: the clock steps back).
    fn play(period: f64, jitter: f64, durations: &[f64], mut random: Vec<f64>) -> Vec<f64> {
        let (mut now, mut scheduled, mut calls) = (1000.0, seconds(1000.0), Vec::new());
        for duration in durations {
            let chance = if random.is_empty() { 0.5 } else { random.remove(0) };
            let period = jittered(Duration::from_secs_f64(period), jitter, || chance);
            scheduled = next_on_grid(scheduled, seconds(now), period);
            let at = scheduled.as_nanos() as f64 / 1e9;
            calls.push(at);
            now = at + duration;
        }
        calls
    }

    #[test]
    fn f030_calls_come_on_the_grid() {
        let calls = play(10.0, 0.0, &[0.0; 5], vec![]);
        assert_eq!(calls, [1010.0, 1020.0, 1030.0, 1040.0, 1050.0]);
    }

    #[test]
    fn f031_late_calls_skip_whole_periods() {
        let durations = [9.0, 9.0, 10.0, 11.0, 20.0, 20.0, 35.0, 35.0, 0.0, 0.0, 0.0];
        let calls = play(10.0, 0.0, &durations, vec![]);
        let expected = [
            1010.0, 1020.0, 1030.0, 1050.0, 1070.0, 1100.0, 1130.0, 1170.0, 1210.0, 1220.0, 1230.0,
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn f032_a_clock_that_steps_back_adds_one_period() {
        let calls = play(10.0, 0.0, &[-2.0, -1.0, -3.0, -2.0, 0.0], vec![]);
        assert_eq!(calls, [1010.0, 1020.0, 1030.0, 1040.0, 1050.0]);
        assert_eq!(play(10.0, 0.0, &[-100.0, 0.0, 0.0], vec![]), [1010.0, 1020.0, 1030.0]);
    }

    #[test]
    fn f033_jitter_stretches_and_shrinks_each_period() {
        let calls = play(10.0, 0.5, &[0.0; 4], vec![0.5, 1.0, 0.0, 0.75]);
        assert_eq!(calls, [1010.0, 1022.5, 1030.0, 1041.25]);
    }
}
