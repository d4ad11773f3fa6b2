//! The contract, clause by clause, on every reactor of this machine.
//!
//! Owns the stage: each test runs on every backend, on virtual time over every backend, and on
//! Linux also on a kernel that pretends to be too old for `epoll_pwait2`. A failure names the
//! reactor, because each runs on a thread of that name. The clauses are those of
//! `reactor::Reactor`. Read next: `registration.rs`, then `readiness.rs`, `time.rs`, `wake.rs`, and last
//! `scripts.rs`.
//! Feature row S060: the same suite on every kernel.

mod readiness;
mod registration;
#[cfg(target_os = "linux")]
mod sandbox;
mod scripts;
mod time;
mod wake;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use reactor::{Backend, Event, Events, Instant, Interest, Reactor, Source, Token, VirtualTime};

/// Runs `test` on each reactor of this machine, on a thread that bears its name.
fn on_every_reactor(test: impl Fn(&mut Stage) -> io::Result<()> + Sync) {
    let run = |name: String, build: &(dyn Fn() -> io::Result<Box<dyn Reactor>> + Sync)| {
        let play = || test(&mut Stage::new(build()?));
        thread::scope(|scope| {
            let actor = thread::Builder::new().name(name.clone()).spawn_scoped(scope, play);
            match actor.expect("a thread can be started").join() {
                Ok(result) => result.unwrap_or_else(|error| panic!("{name}: {error}")),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
    };
    for backend in Backend::available() {
        run(backend.to_string(), &|| backend.build());
        run(format!("virtual time over {backend}"), &|| Ok(Box::new(VirtualTime::new(backend)?.0)));
    }
    #[cfg(target_os = "linux")]
    run("epoll on an old kernel".to_owned(), &|| {
        sandbox::pretend_the_kernel_is_old();
        Backend::Epoll.build()
    });
}

/// A reactor, and what the tests ask of it.
struct Stage {
    reactor: Box<dyn Reactor>,
    events: Events,
}

/// Most tests know one source by this name.
const A: Token = Token::new(1, 100);
/// And a second one by this.
const B: Token = Token::new(2, 200);

/// Long enough for the kernel to speak up if it has something to say.
const SILENCE: Duration = Duration::from_millis(10);

impl Stage {
    fn new(reactor: Box<dyn Reactor>) -> Self {
        Self { reactor, events: Events::with_capacity(64) }
    }

    fn register(&mut self, source: &impl std::os::fd::AsFd, token: Token, interest: Interest) {
        self.reactor.register(Source::fd(source), token, interest).expect("it is not registered");
    }

    fn in_a_moment(&self) -> Instant {
        self.reactor.now() + SILENCE
    }

    fn wait(&mut self, deadline: Option<Instant>) -> &Events {
        self.reactor.wait(&mut self.events, deadline).expect("waiting works");
        &self.events
    }

    /// Waits until `token` is reported as `described` says; other reports may come before.
    fn expect(&mut self, token: Token, described: impl Fn(Event) -> bool) -> Event {
        let mut heard = Vec::new();
        for _ in 0..1000 {
            let deadline = self.in_a_moment();
            let reports = self.wait(Some(deadline));
            let found = reports.iter().find(|event| event.token() == token && described(*event));
            if let Some(event) = found {
                return event;
            }
            heard.extend(reports.iter());
        }
        panic!("no such report in ten seconds, only {heard:?}");
    }

    /// Waits for a moment, and nothing is reported.
    fn expect_silence(&mut self) {
        let deadline = self.in_a_moment();
        let events = self.wait(Some(deadline));
        assert!(events.is_empty(), "expected silence, heard {events:?}");
    }
}

/// libkqueue asks for `SO_ERROR` itself, and whoever asks takes it away: the report says that there
/// is an error, and the socket does not know any more which. The real kqueues leave it there.
fn the_reason_is_taken_away() -> bool {
    let on_kqueue = thread::current().name().is_some_and(|name| name.ends_with("kqueue"));
    cfg!(squall_libkqueue) && on_kqueue
}

/// Two connected, non-blocking streams.
fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().expect("a socket pair");
    for stream in [&a, &b] {
        stream.set_nonblocking(true).expect("non-blocking");
    }
    (a, b)
}

/// Reads until `WouldBlock` or the end of file, as clause 4 asks; answers how many bytes and which.
fn drain(stream: &mut impl Read) -> (usize, bool) {
    let (mut total, mut buffer) = (0, [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (total, true),
            Ok(count) => total += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (total, false),
            Err(error) => panic!("reading failed: {error}"),
        }
    }
}

/// Writes until `WouldBlock`; answers how many bytes went in.
fn fill(stream: &mut impl Write) -> usize {
    let mut total = 0;
    loop {
        match stream.write(&[7; 4096]) {
            Ok(count) => total += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return total,
            Err(error) => panic!("writing failed: {error}"),
        }
    }
}
