//! The same contract over the mio crate, which speaks epoll and kqueue for half of Rust.
//!
//! Owns the translation between mio's words and ours. It is here to be compared with: in tests,
//! where the hand-written backends must not differ from it, and in benchmarks. It counts in
//! milliseconds on Linux, rounded up. Read next: mio's own guide, then `sys/epoll.rs` again.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mio::unix::SourceFd;

use crate::registered::Registered;
use crate::waker::Bell;
use crate::{Event, Events, Instant, Interest, Reactor, Source, Token, Waker, clock, sleep};

/// A reactor over one `mio::Poll`.
pub(crate) struct Mio {
    poll: mio::Poll,
    waker: Waker,
    registered: Registered,
    /// Where mio writes its reports, before they are translated.
    reports: mio::Events,
}

impl Mio {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let waker = Waker::new(mio::Waker::new(poll.registry(), name(Token::WAKER))?);
        let reports = mio::Events::with_capacity(1);
        Ok(Self { poll, waker, registered: Registered::default(), reports })
    }
}

impl Reactor for Mio {
    fn name(&self) -> &'static str {
        "mio"
    }

    fn now(&self) -> Instant {
        clock::monotonic()
    }

    fn wall_time(&self) -> Duration {
        clock::wall_time()
    }

    fn register(&mut self, source: Source<'_>, token: Token, interest: Interest) -> io::Result<()> {
        self.registered.check_absent(source)?;
        let fd = source.as_fd().as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&fd), name(token), interests(interest))?;
        self.registered.insert(source, interest);
        Ok(())
    }

    fn reregister(
        &mut self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.registered.interest(source)?;
        let fd = source.as_fd().as_raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&fd), name(token), interests(interest))?;
        self.registered.insert(source, interest);
        Ok(())
    }

    fn deregister(&mut self, source: Source<'_>) -> io::Result<()> {
        self.registered.interest(source)?;
        let fd = source.as_fd().as_raw_fd();
        self.poll.registry().deregister(&mut SourceFd(&fd))?;
        self.registered.remove(source);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, deadline: Option<Instant>) -> io::Result<()> {
        let Self { poll, waker, reports, .. } = self;
        if reports.capacity() != events.capacity() {
            *reports = mio::Events::with_capacity(events.capacity());
        }
        sleep::until(deadline, waker, events, |events, nap| {
            poll.poll(reports, nap)?; // mio rounds the nap up by itself
            events.extend(reports.iter().filter_map(translate));
            Ok(())
        })
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Bell for mio::Waker {
    fn ring(&self) -> io::Result<()> {
        self.wake()
    }
}

const _: () = assert!(usize::BITS == 64, "mio's token must have room for ours");

fn name(token: Token) -> mio::Token {
    mio::Token(token.to_u64() as usize)
}

fn interests(interest: Interest) -> mio::Interest {
    match (interest.is_readable(), interest.is_writable()) {
        (true, true) => mio::Interest::READABLE | mio::Interest::WRITABLE,
        (true, false) => mio::Interest::READABLE,
        (false, _) => mio::Interest::WRITABLE,
    }
}

/// mio's words in ours; `None` for our own bell.
fn translate(report: &mio::event::Event) -> Option<Event> {
    let token = Token::from_u64(report.token().0 as u64);
    if token == Token::WAKER {
        return None;
    }
    let event = Event::new(token)
        .readable(report.is_readable())
        .writable(report.is_writable())
        .read_closed(report.is_read_closed())
        .write_closed(report.is_write_closed())
        .error(report.is_error());
    Some(event)
}
