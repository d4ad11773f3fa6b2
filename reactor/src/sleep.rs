//! The wait that all backends share: a deadline kept to the nanosecond, whatever interrupts it.
//!
//! Owns the loop around a backend's one system call, and with it three clauses of the contract:
//! never early, not disturbed by signals, no wake lost. Does not know which system call it is.
//! Read next: `sys/epoll.rs` or `sys/kqueue.rs`, which bring it.

use std::io;
use std::time::Duration;

use crate::{Events, Instant, Waker, clock};

/// Kernels differ in how far ahead they can count, so nobody naps longer than this at a time.
const LONGEST_NAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits with `poll` until there is an event, a wake, or the deadline has come.
///
/// `poll` enters the kernel once: for at most the given duration, or forever for `None`.
pub(crate) fn until(
    deadline: Option<Instant>,
    waker: &Waker,
    events: &mut Events,
    mut poll: impl FnMut(&mut Events, Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    events.clear();
    loop {
        let nap = deadline.map(time_left);
        let nap = if waker.fall_asleep() { nap } else { Some(Duration::ZERO) };
        let result = poll(events, nap);
        let woken = waker.rise();

        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {} // the deadline stands
            result => result?,
        }
        if woken || !events.is_empty() || deadline.is_some_and(is_past) {
            return Ok(());
        }
    }
}

fn time_left(deadline: Instant) -> Duration {
    if deadline == Instant::ZERO {
        return Duration::ZERO; // a mere look: not worth asking the clock
    }
    (deadline - clock::monotonic()).min(LONGEST_NAP)
}

fn is_past(deadline: Instant) -> bool {
    deadline == Instant::ZERO || deadline <= clock::monotonic()
}
