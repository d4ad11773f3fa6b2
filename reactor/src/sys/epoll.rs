//! The contract kept by Linux's `epoll`: one descriptor that knows about all the others.
//!
//! Owns the translation between our words and the kernel's, and nothing else: the kernel itself
//! remembers who is registered, and `sleep.rs` keeps the deadline. Needs six system calls:
//! `epoll_create1` and `prctl` once, `epoll_ctl` for each change, `epoll_pwait2` for each wait, and
//! `eventfd` with one `write` for each wake of a sleeper. Read next: epoll(7), then `kqueue.rs` to
//! compare.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use crate::waker::Bell;
use crate::{Event, Events, Instant, Interest, Reactor, Source, Token, Waker, clock, sleep};

/// A reactor over one epoll descriptor.
pub(crate) struct Epoll {
    fd: OwnedFd,
    waker: Waker,
    /// Where the kernel writes its reports, before they are translated.
    reports: Vec<epoll::Event>,
    /// Whether this thread has told the kernel to take its deadlines literally.
    exact: bool,
    /// Whether the kernel has `epoll_pwait2` (Linux 5.11), which counts in nanoseconds.
    counts_nanos: bool,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&fd, &bell, name(Token::WAKER), EventFlags::IN | EventFlags::ET)?;
        let waker = Waker::new(EventFd(bell));
        Ok(Self { fd, waker, reports: Vec::new(), exact: false, counts_nanos: true })
    }
}

impl Reactor for Epoll {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn now(&self) -> Instant {
        clock::monotonic()
    }

    fn wall_time(&self) -> Duration {
        clock::wall_time()
    }

    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.fd, source.as_fd(), name(token), flags(interest))?)
    }

    /// `EPOLL_CTL_MOD` looks at the descriptor afresh, even if neither name nor interest change:
    /// this is what makes the kernel repeat itself.
    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, source.as_fd(), name(token), flags(interest))?)
    }

    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, source.as_fd())?)
    }

    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        if !self.exact {
            // The kernel adds 50 us to every deadline of a thread, to wake for several at once. The
            // loop does that itself where it pays. Without the call a timer is only a little late.
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            self.exact = true;
        }
        let Self { fd, waker, reports, counts_nanos, .. } = self;
        sleep::until(deadline, waker, events, |events, nap| {
            reports.clear();
            reports.reserve_exact(events.capacity());
            enter_kernel(fd, reports, nap, counts_nanos)?;
            events.extend(reports.iter().filter_map(translate));
            Ok(())
        })
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// The 64 bits that the kernel keeps with a registration and hands back with each report.
fn name(token: Token) -> EventData {
    EventData::new_u64(token.to_u64())
}

/// What we ask for. `EPOLLHUP` and `EPOLLERR` come unasked.
fn flags(interest: Interest) -> EventFlags {
    // Edge-triggered: a report for each change, not one in every wait until the bytes are read.
    // A stream that is slow to read costs nothing, and no call is needed to pause it.
    let mut flags = EventFlags::ET;
    if interest.is_readable() {
        // Without EPOLLRDHUP a peer that closed its half looks like any readable socket, and the
        // rule "a short read means drained" would miss the end of file.
        flags |= EventFlags::IN | EventFlags::RDHUP;
    }
    if interest.is_writable() {
        flags |= EventFlags::OUT;
    }
    flags
}

/// The kernel's words in ours; `None` for our own bell, whose state is kept by the [`Waker`].
fn translate(report: &epoll::Event) -> Option<Event> {
    let epoll::Event { flags, data } = *report; // the struct is packed: copy, do not borrow
    let token = Token::from_u64(data.u64());
    if token == Token::WAKER {
        return None;
    }
    let event = Event::new(token)
        .readable(flags.intersects(EventFlags::IN))
        .writable(flags.intersects(EventFlags::OUT))
        .read_closed(flags.intersects(EventFlags::RDHUP | EventFlags::HUP))
        .write_closed(flags.intersects(EventFlags::HUP | EventFlags::ERR))
        .error(flags.intersects(EventFlags::ERR));
    Some(event)
}

/// The one place where a thread of squall sleeps. `None` sleeps until something happens.
fn enter_kernel(
    epoll: &OwnedFd,
    reports: &mut Vec<epoll::Event>,
    nap: Option<Duration>,
    counts_nanos: &mut bool,
) -> io::Result<()> {
    if *counts_nanos {
        let timeout = nap.map(|nap| Timespec {
            tv_sec: nap.as_secs() as i64,
            tv_nsec: nap.subsec_nanos().into(),
        });
        match epoll::wait(epoll, spare_capacity(reports), timeout.as_ref()) {
            // An older kernel says NOSYS; some sandboxes that have not heard of it say PERM.
            Err(Errno::NOSYS | Errno::PERM) => *counts_nanos = false,
            result => return result.map(drop).map_err(io::Error::from),
        }
    }
    wait_in_millis(epoll, reports, nap)
}

/// `epoll_wait`, the call of 2002, which counts in milliseconds: a deadline in the middle of one
/// is met at its end.
#[expect(unsafe_code, reason = "rustix offers either call, not both, and we want the newer")]
fn wait_in_millis(
    epoll: &OwnedFd,
    reports: &mut Vec<epoll::Event>,
    nap: Option<Duration>,
) -> io::Result<()> {
    let timeout = nap.map_or(-1, millis_rounded_up);
    let room = reports.spare_capacity_mut();
    let (start, len) = (room.as_mut_ptr().cast::<libc::epoll_event>(), room.len() as libc::c_int);
    // SAFETY: `start` points to `len` writable entries for the whole call, and rustix lays out
    // its event exactly as the kernel does (its own tests compare it with libc's).
    let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), start, len, timeout) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel says that it has written the first `count` entries.
    unsafe { reports.set_len(reports.len() + count) };
    Ok(())
}

/// Whole milliseconds, rounded up: too late is allowed, too early never.
fn millis_rounded_up(nap: Duration) -> libc::c_int {
    libc::c_int::try_from(nap.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
}

/// The bell: a counter in the kernel that is readable when it is not zero.
///
/// It is registered edge-triggered and nobody ever reads it: each write is a change, each change is
/// a report, and the counter has room for five hundred years of a thousand million wakes a second.
struct EventFd(OwnedFd);

impl Bell for EventFd {
    fn ring(&self) -> io::Result<()> {
        rustix::io::write(&self.0, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        for (nanos, millis) in [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2)] {
            assert_eq!(millis_rounded_up(Duration::from_nanos(nanos)), millis, "{nanos} ns");
        }
    }
}
