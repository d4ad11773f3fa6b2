//! The contract between the loop and the kernel: nine clauses that every backend keeps.
//!
//! Owns the trait [`Reactor`]. Knows neither who implements it nor anything of callbacks, futures
//! or streams. The contract is weak on purpose, so that edge-triggered,
//! level-triggered and one-shot kernels can all keep it; `tests/conformance/main.rs` runs every clause
//! on every backend. Read next: `sys/epoll.rs`, the contract kept on Linux.

use std::io;
use std::time::Duration;

use crate::{Events, Instant, Interest, Source, Token, Waker};

/// Tells which of many file descriptors may be read or written, and when time is up.
///
/// # The contract
///
/// 1. **One name each.** A source is registered at most once: a second
///    [`register`](Self::register) is `AlreadyExists`, and [`reregister`](Self::reregister) or
///    [`deregister`](Self::deregister) of a source that is not registered is `NotFound`. An error
///    changes nothing. Deregister a source before closing it.
/// 2. **Every change is reported.** A registration gets a report after what it is interested in
///    becomes possible: bytes or connections arrive, room appears, a connect is decided, the peer
///    closes, an error happens. What is possible already at `register` or `reregister` is
///    reported as well.
/// 3. **A report is a hint.** It may be stale, and it may be repeated: one wait may mention a
///    token twice, once for each direction. Trying is the only way to know.
/// 4. **A report need not be repeated** before the source was drained: read or written until
///    `WouldBlock`, or read until one read filled less than its buffer. After that, the next change
///    is reported.
/// 5. **The end is said once.** If a report says [`is_read_closed`](crate::Event::is_read_closed),
///    read to the end of file whatever the reads before it filled.
/// 6. **Silence.** A deregistered source is in no later wait's report. (One wait's reports were
///    made together, so a source deregistered by the first may be in the second: this is what the
///    generation of its [`Token`] is for.)
/// 7. **Never early.** A wait without event and without wake ends at its deadline or later, not
///    before, even if signals interrupt it. A deadline that has passed makes the wait a mere look:
///    what is ready is reported and nothing blocks.
/// 8. **No wake is lost.** A [`Waker::wake`] ends the wait in progress, or else the next one. It
///    leaves no report, and any number of wakes may be answered by one return.
/// 9. **Reactors do not know each other.** Any number of them may live in one process, each on its
///    own thread. Make them after a `fork`, not before: parent and child would share the kernel's
///    half.
pub trait Reactor {
    /// The backend's name: `epoll`, `kqueue`, `mio`, `virtual`.
    fn name(&self) -> &'static str;

    /// Now, on the clock that deadlines are measured by.
    fn now(&self) -> Instant;

    /// Now, as the calendar counts it, since 1970. It may jump; nothing waits by it.
    fn wall_time(&self) -> Duration;

    /// Starts reporting about `source`, under the name `token` (clauses 1 and 2).
    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()>;

    /// Changes name and interest of a registered source. What is possible at present is reported
    /// again (clauses 1 and 2).
    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()>;

    /// Stops reporting about `source` (clauses 1 and 6).
    fn deregister(&mut self, source: Source<'_>) -> io::Result<()>;

    /// Empties `events`, then waits until there is something to put into it, or somebody wakes
    /// this reactor, or the deadline has come; `None` never comes (clauses 3 to 8).
    ///
    /// `Some(Instant::ZERO)` is the cheapest way to look without waiting.
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()>;

    /// A handle to end a wait from any thread (clause 8).
    fn waker(&self) -> Waker;

    /// Tells a virtual clock not to jump while work goes on where it cannot see it, such as on a
    /// pool of threads. Real clocks cannot be held.
    fn hold_time(&mut self, held: bool) {
        let _ = held;
    }
}

impl<R: Reactor + ?Sized> Reactor for Box<R> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn now(&self) -> Instant {
        (**self).now()
    }
    fn wall_time(&self) -> Duration {
        (**self).wall_time()
    }
    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        (**self).register(source, token, interest)
    }
    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        (**self).reregister(source, token, interest)
    }
    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        (**self).deregister(source)
    }
    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        (**self).wait(events, deadline)
    }
    fn waker(&self) -> Waker {
        (**self).waker()
    }
    fn hold_time(&mut self, held: bool) {
        (**self).hold_time(held);
    }
}
