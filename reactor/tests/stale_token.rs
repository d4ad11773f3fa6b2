//! Why a file descriptor's number is not a name: the kernel gives it to the next one at once.
//!
//! Owns one story, told on every backend: a report about a connection that is already closed must
//! not be taken for its successor's, although both have the same descriptor number and the same
//! slot. A loop that keeps its handlers in `Slots` gets this for nothing. Read next: `src/token.rs`.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use reactor::{Backend, Event, Events, Instant, Interest, Reactor, Slots, Source, Token};

struct Loop {
    reactor: Box<dyn Reactor>,
    streams: Slots<UnixStream>,
}

impl Loop {
    fn add(&mut self, stream: UnixStream) -> io::Result<Token> {
        let token = self.streams.insert(stream);
        let stream = self.streams.get(token).expect("just inserted");
        self.reactor.register(Source::fd(stream), token, Interest::READABLE)?;
        Ok(token)
    }

    fn close(&mut self, token: Token) -> io::Result<()> {
        let stream = self.streams.remove(token).expect("still open");
        self.reactor.deregister(Source::fd(&stream))
    }
}

/// The whole test is one thread's work on one table of descriptors, so it is also one function:
/// another test of this file could take the number in between.
#[test]
fn a_report_about_the_last_tenant_is_not_taken_for_the_next_ones() -> io::Result<()> {
    for backend in Backend::available() {
        let mut events = Events::with_capacity(8);
        let mut this = Loop { reactor: backend.build()?, streams: Slots::new() };

        // A connection has something to say, and this is reported ...
        let (old, mut old_peer) = UnixStream::pair()?;
        let number = old.as_raw_fd();
        let old = this.add(old)?;
        old_peer.write_all(b"!")?;
        this.reactor.wait(&mut events, None)?;
        let late: Vec<Event> = events.iter().filter(|event| event.token() == old).collect();
        assert_eq!(late.len(), 1, "{backend}");

        // ... but before the loop gets to it, the connection is closed and another one opened.
        this.close(old)?;
        let (new, mut new_peer) = UnixStream::pair()?;
        assert_eq!(new.as_raw_fd(), number, "{backend}: the kernel reuses the number at once");
        let new = this.add(new)?;
        assert_eq!(new.index(), old.index(), "{backend}: and the slab its slot");

        // The late report finds nobody, whatever it says.
        assert!(this.streams.get(late[0].token()).is_none(), "{backend}");

        // The kernel says nothing about the new one that was meant for the old one.
        old_peer.write_all(b"anybody there?").expect_err("nobody");
        this.reactor.wait(&mut events, Some(Instant::ZERO))?;
        assert!(events.is_empty(), "{backend}: {events:?}");

        // And the new one is heard under its own name.
        new_peer.write_all(b"!")?;
        this.reactor.wait(&mut events, None)?;
        assert!(events.iter().all(|event| this.streams.contains(event.token())), "{backend}");
        assert!(events.iter().any(|event| event.token() == new), "{backend}");
        this.close(new)?;
    }
    Ok(())
}
