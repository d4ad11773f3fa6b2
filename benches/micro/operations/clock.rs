//! A reactor whose clock goes on by the same step at every reading, so that counts repeat.
//!
//! squall looks at the kernel and at its timers more or less often as time goes by; under valgrind
//! time goes by as the machine pleases. Everything but the clock is the machine's own backend.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use squall::ioloop::IoLoop;
use squall::reactor::{Backend, Events, Instant, Interest, Reactor, Source, Token, Waker};

/// Set before anything is prepared when work is counted; never when it is timed.
pub(crate) static STEADY: AtomicBool = AtomicBool::new(false);

/// About what passes between two readings of a busy loop.
const STEP: Duration = Duration::from_nanos(200);
/// No operation waits for a timer: one that sleeps for so long would never end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A loop to measure on.
pub(super) fn new_loop() -> io::Result<IoLoop> {
    if !STEADY.load(Ordering::Relaxed) {
        return IoLoop::new();
    }
    let inner = Backend::native().build()?;
    let (now, wall_time) = (Cell::new(inner.now()), inner.wall_time());
    IoLoop::builder().reactor(Box::new(Steady { inner, now, wall_time })).build()
}

struct Steady {
    inner: Box<dyn Reactor>,
    now: Cell<Instant>,
    wall_time: Duration,
}

impl Reactor for Steady {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn now(&self) -> Instant {
        self.now.set(self.now.get() + STEP);
        self.now.get()
    }

    fn wall_time(&self) -> Duration {
        self.wall_time
    }

    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        self.inner.register(source, token, interest)
    }

    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.inner.reregister(source, token, interest)
    }

    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        self.inner.deregister(source)
    }

    /// Deadlines are by our clock, which the backend does not know.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        let look = deadline == Some(Instant::ZERO);
        let until = if look { Instant::ZERO } else { self.inner.now() + PATIENCE };
        self.inner.wait(events, Some(until))
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }
}
