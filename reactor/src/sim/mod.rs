//! Time that a test owns: real sockets, and a clock that jumps over every silence.
//!
//! Owns [`VirtualTime`], a reactor around a real one, and [`TimeControl`], the test's hand on the
//! clock. A program that sleeps for a minute and then answers takes a few milliseconds here, and
//! its timers fire in the same order at the same instants in every run. The kernel is still the
//! real one. Read next: `reactor.rs`, whose clauses hold here too, by the virtual clock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::waker::Bell;
use crate::{Backend, Events, Instant, Interest, Reactor, Source, Token, Waker};

/// What the clock shows at first.
const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// The calendar's date at [`START`]: 2024-01-01 00:00:00 UTC.
const START_ON_THE_WALL: Duration = Duration::from_secs(1_704_067_200);

/// How long a silence must really last before the clock jumps over it: bytes that were written to
/// a loopback socket need this time to arrive at its other end.
const GRACE: Duration = Duration::from_millis(2);

/// A reactor with real sockets and an invented clock.
///
/// When a wait finds nothing to report, and nothing comes for two real milliseconds, the clock is
/// set to the deadline and the wait is over. Without a deadline, or while time is
/// [held](Reactor::hold_time), the clock stands still and the wait is a real one.
///
/// ```
/// use std::time::Duration;
/// use reactor::{Backend, Events, Reactor, VirtualTime};
///
/// let (mut reactor, _control) = VirtualTime::new(Backend::native())?;
/// let start = reactor.now();
/// let tomorrow = start + Duration::from_secs(24 * 60 * 60);
/// reactor.wait(&mut Events::with_capacity(8), Some(tomorrow))?; // returns at once
/// assert_eq!(reactor.now(), tomorrow);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct VirtualTime {
    real: Box<dyn Reactor>,
    waker: Waker,
    clock: Arc<Clock>,
    held: bool,
}

/// Reads and moves the clock of a [`VirtualTime`], from any thread.
#[derive(Clone, Debug)]
pub struct TimeControl {
    clock: Arc<Clock>,
    waker: Waker,
}

#[derive(Debug)]
struct Clock {
    nanos: AtomicU64,
    /// The date at instant zero, in nanoseconds since 1970.
    wall_at_zero: AtomicU64,
}

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::Acquire))
    }

    /// The clock never goes back, whoever moves it.
    fn jump_to(&self, instant: Instant) {
        self.nanos.fetch_max(instant.as_nanos(), Ordering::AcqRel);
    }

    fn wall_time(&self) -> Duration {
        let wall_at_zero = self.wall_at_zero.load(Ordering::Acquire);
        Duration::from_nanos(wall_at_zero.saturating_add(self.now().as_nanos()))
    }

    /// The wall clock may be set to any date after 1970 that leaves instant zero there too.
    fn set_wall_time(&self, date: Duration) {
        let nanos = u64::try_from(date.as_nanos()).unwrap_or(u64::MAX);
        self.wall_at_zero.store(nanos.saturating_sub(self.now().as_nanos()), Ordering::Release);
    }
}

impl TimeControl {
    /// What the clock shows.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// What the calendar shows.
    pub fn wall_time(&self) -> Duration {
        self.clock.wall_time()
    }

    /// Moves the clock forward, and wakes the reactor so that it notices.
    pub fn advance(&self, by: Duration) -> io::Result<()> {
        self.clock.jump_to(self.clock.now() + by);
        self.waker.wake()
    }

    /// Sets the date, since 1970. As on any computer, no timer notices.
    pub fn set_wall_time(&self, date: Duration) {
        self.clock.set_wall_time(date);
    }
}

impl VirtualTime {
    /// A reactor of the given kind, its clock, and the hand on the clock.
    pub fn new(backend: Backend) -> io::Result<(Self, TimeControl)> {
        let real = backend.build()?;
        let waker = Waker::new(RealWaker(real.waker()));
        let clock = Arc::new(Clock {
            nanos: AtomicU64::new(START.as_nanos()),
            wall_at_zero: AtomicU64::new(0),
        });
        clock.set_wall_time(START_ON_THE_WALL);
        let control = TimeControl { clock: clock.clone(), waker: waker.clone() };
        Ok((Self { real, waker, clock, held: false }, control))
    }

    /// What a wait may really take, in the real reactor's time; `None` is forever.
    fn patience(&self, deadline: Option<Instant>) -> Option<Instant> {
        match deadline {
            Some(deadline) if deadline <= self.clock.now() => Some(Instant::ZERO),
            Some(_) if !self.held => Some(self.real.now() + GRACE),
            _ => None,
        }
    }
}

impl Reactor for VirtualTime {
    fn name(&self) -> &'static str {
        "virtual"
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn wall_time(&self) -> Duration {
        self.clock.wall_time()
    }

    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        self.real.register(source, token, interest)
    }

    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.real.reregister(source, token, interest)
    }

    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        self.real.deregister(source)
    }

    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        let deadline = deadline.filter(|&deadline| deadline != Instant::MAX); // that is: never
        loop {
            let patience = self.patience(deadline);
            let patience = if self.waker.fall_asleep() { patience } else { Some(Instant::ZERO) };
            let result = self.real.wait(events, patience);
            let woken = self.waker.rise();
            result?;

            if woken || !events.is_empty() {
                return Ok(());
            }
            let silent = patience.is_some_and(|end| end <= self.real.now());
            if silent && let Some(deadline) = deadline {
                self.clock.jump_to(deadline); // a whole grace, and not a sound
                return Ok(());
            }
        }
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn hold_time(&mut self, held: bool) {
        self.held = held;
    }
}

impl std::fmt::Debug for VirtualTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { real, clock, held, .. } = self;
        write!(f, "VirtualTime({} at {:?}, held: {held})", real.name(), clock.now())
    }
}

/// The virtual reactor's bell is the real one's waker. It is a second agreement around the first,
/// because only the one who fell asleep can tell a wake from a silence.
struct RealWaker(Waker);

impl Bell for RealWaker {
    fn ring(&self) -> io::Result<()> {
        self.0.wake()
    }
}
