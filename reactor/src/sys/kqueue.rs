//! The contract kept by `kqueue`, the way of macOS and the BSDs.
//!
//! Owns the translation between our words and the kernel's, and one table of who is registered,
//! because kqueue forgives what clause 1 forbids. One system call does everything: `kevent` takes a
//! list of changes and fills a list of reports. What epoll sees as one registration is two *filters*
//! here, one for reading and one for writing, and each reports by itself. Read next: kqueue(2).

#[cfg(target_os = "linux")]
use super::libkqueue as libc;

use std::ffi::c_void;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::registered::Registered;
use crate::waker::Bell;
use crate::{Event, Events, Instant, Interest, Reactor, Source, Token, Waker, clock, sleep};

const _: () = assert!(usize::BITS == 64, "a kernel pointer must have room for a token");

/// A reactor over one kqueue.
pub(crate) struct Kqueue {
    queue: Queue,
    waker: Waker,
    registered: Registered,
    /// Where the kernel writes its reports, before they are translated.
    reports: Vec<libc::kevent>,
}

impl Kqueue {
    pub(crate) fn new() -> io::Result<Self> {
        let queue = Queue::open()?;
        queue.submit(&[change(BELL, libc::EVFILT_USER, ADD, Token::WAKER)])?;
        let waker = Waker::new(queue.clone());
        Ok(Self { queue, waker, registered: Registered::default(), reports: Vec::new() })
    }
}

impl Reactor for Kqueue {
    fn name(&self) -> &'static str {
        "kqueue"
    }

    fn now(&self) -> Instant {
        clock::monotonic()
    }

    fn wall_time(&self) -> Duration {
        clock::wall_time()
    }

    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        self.registered.check_absent(source)?;
        let added = self.queue.change_filters(source, interest, ADD, token);
        if added.is_err() {
            // One of the two may be in already; an error leaves none behind.
            let _ = self.queue.change_filters(source, interest, libc::EV_DELETE, token);
            return added;
        }
        self.registered.insert(source, interest);
        Ok(())
    }

    /// Out and in again: a filter looks at its descriptor when it is added, so what is possible at
    /// present is reported once more, on every kind of kqueue.
    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.deregister(source)?;
        self.register(source, token, interest)
    }

    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        let interest = self.registered.interest(source)?;
        self.queue.change_filters(source, interest, libc::EV_DELETE, Token::WAKER)?;
        self.registered.remove(source);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        let Self { queue, waker, reports, .. } = self;
        sleep::until(deadline, waker, events, |events, nap| {
            reports.clear();
            reports.reserve_exact(events.capacity());
            queue.enter_kernel(reports, nap)?;
            events.extend(reports.iter().filter_map(translate));
            Ok(())
        })
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// `EV_CLEAR` is the edge: a report for each change, not one in every wait until the bytes are read.
const ADD: Flags = libc::EV_ADD | libc::EV_CLEAR;

/// The number of our bell. `EVFILT_USER` events have no descriptor, so any number will do.
const BELL: RawFd = 0;

// The same C struct has fields of different widths on NetBSD.
#[cfg(not(target_os = "netbsd"))]
type Flags = u16;
#[cfg(target_os = "netbsd")]
type Flags = u32;
#[cfg(not(target_os = "netbsd"))]
type Filter = i16;
#[cfg(target_os = "netbsd")]
type Filter = u32;

/// One line for the kernel: do `flags` to this filter of this descriptor. The kernel keeps `token`
/// in a field made for a pointer, and hands it back with each report.
#[expect(unsafe_code, reason = "the fields beyond the six of the manual differ by system")]
fn change(fd: RawFd, filter: Filter, flags: Flags, token: Token) -> libc::kevent {
    // SAFETY: a kevent is numbers and one pointer that nobody follows; all of them may be zero.
    let mut change: libc::kevent = unsafe { mem::zeroed() };
    change.ident = fd as usize;
    change.filter = filter;
    change.flags = flags;
    change.udata = ptr::without_provenance_mut::<c_void>(token.to_u64() as usize);
    change
}

/// The kernel's words in ours; `None` for our own bell, whose state is kept by the [`Waker`].
fn translate(report: &libc::kevent) -> Option<Event> {
    let event = Event::new(Token::from_u64(report.udata.addr() as u64));
    let closed = report.flags & libc::EV_EOF != 0;
    let broken = report.flags & libc::EV_ERROR != 0 || closed && report.fflags != 0;
    match report.filter {
        libc::EVFILT_READ => Some(event.readable(true).read_closed(closed).error(broken)),
        libc::EVFILT_WRITE => Some(event.writable(true).write_closed(closed).error(broken)),
        _ => None,
    }
}

/// The kernel's queue. The reactor and its wakers share it; the last one closes it.
#[derive(Clone)]
struct Queue(Arc<OwnedFd>);

impl Queue {
    #[expect(unsafe_code, reason = "libkqueue's function of this name is unknown to rustix")]
    fn open() -> io::Result<Self> {
        // SAFETY: the call takes nothing.
        let fd = unsafe { libc::kqueue() };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, so nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Does `flags` to one or both filters of `source`.
    fn change_filters(
        &self,
        source: Source<'_>,
        interest: Interest,
        flags: Flags,
        token: Token,
    ) -> io::Result<()> {
        let fd = source.as_fd().as_raw_fd();
        let read = change(fd, libc::EVFILT_READ, flags, token);
        let write = change(fd, libc::EVFILT_WRITE, flags, token);
        match (interest.is_readable(), interest.is_writable()) {
            // In this order, because libkqueue keeps the extra flags of the last one only.
            (true, true) => self.submit(&[write, read]),
            (true, false) => self.submit(&[read]),
            (false, _) => self.submit(&[write]),
        }
    }

    /// Hands in one or two changes and reads the receipts.
    #[expect(unsafe_code, reason = "kevent takes descriptors by number")]
    fn submit<const N: usize>(&self, changes: &[libc::kevent; N]) -> io::Result<()> {
        // With EV_RECEIPT each change is answered by one entry, and waiting reports stay where
        // they are; without it they would fill the room meant for errors.
        let changes =
            changes.map(|change| libc::kevent { flags: change.flags | libc::EV_RECEIPT, ..change });
        let mut receipts = changes;
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both arrays have N entries and outlive the call. The descriptors in them are
        // borrowed by our caller for as long, and the kernel forgets a descriptor that is closed.
        let count = unsafe {
            let (from, to) = (changes.as_ptr(), receipts.as_mut_ptr());
            libc::kevent(self.0.as_raw_fd(), from, N as _, to, N as _, &raw const now)
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            // "All changes in the changelist have been applied" in this case, says FreeBSD.
            let applied = error.kind() == io::ErrorKind::Interrupted;
            return if applied { Ok(()) } else { Err(error) };
        };
        let errors = receipts[..count].iter().filter(|receipt| receipt.flags & libc::EV_ERROR != 0);
        // macOS says EPIPE for a pipe without its other end, adds it all the same, and reports
        // the end of file as it should.
        match errors
            .map(|receipt| receipt.data as i32)
            .find(|&code| code != 0 && code != libc::EPIPE)
        {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Ok(()),
        }
    }

    /// The one place where a thread of squall sleeps. `None` sleeps until something happens.
    #[expect(unsafe_code, reason = "kevent writes to memory that it gets as a bare pointer")]
    fn enter_kernel(
        &self,
        reports: &mut Vec<libc::kevent>,
        nap: Option<Duration>,
    ) -> io::Result<()> {
        let nap = nap.map(|nap| libc::timespec {
            tv_sec: nap.as_secs() as _,
            tv_nsec: nap.subsec_nanos() as _,
        });
        let timeout = nap.as_ref().map_or(ptr::null(), ptr::from_ref);
        let room = reports.spare_capacity_mut();
        // SAFETY: the kernel writes at most `room.len()` entries there, and reads no changes;
        // `timeout` is null or points to `nap`, which lives until the end of this function.
        let count = unsafe {
            let (start, len) = (room.as_mut_ptr().cast(), room.len());
            libc::kevent(self.0.as_raw_fd(), ptr::null(), 0, start, len as _, timeout)
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: the kernel says that it has written the first `count` entries.
        unsafe { reports.set_len(reports.len() + count) };
        Ok(())
    }
}

impl Bell for Queue {
    fn ring(&self) -> io::Result<()> {
        let mut trigger = change(BELL, libc::EVFILT_USER, 0, Token::WAKER);
        trigger.fflags = libc::NOTE_TRIGGER;
        self.submit(&[trigger])
    }
}
