//! Time that a test owns: what a `VirtualTime` adds to the contract.
//!
//! Owns the tests of the jump, of holding it back, and of the hand on the clock. The contract
//! itself is run on virtual time by `conformance`. Read next: `src/sim/mod.rs`.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use reactor::{
    Backend, Events, Instant, Interest, Reactor, Source, TimeControl, Token, VirtualTime, Waker,
};

const HOUR: Duration = Duration::from_secs(3600);

fn on_every_backend(test: impl Fn(VirtualTime, TimeControl) -> io::Result<()>) {
    for backend in Backend::available() {
        let (reactor, control) = VirtualTime::new(backend).expect("it is available");
        test(reactor, control).unwrap_or_else(|error| panic!("{backend}: {error}"));
    }
}

fn until_asleep(waker: &Waker) {
    while format!("{waker:?}") != "Waker(asleep)" {
        thread::yield_now();
    }
}

#[test]
fn a_year_of_hours_passes_in_no_time_and_lands_on_the_nanosecond() {
    on_every_backend(|mut reactor, control| {
        let mut events = Events::with_capacity(8);
        let start = reactor.now();
        for hour in 1..=100 {
            let deadline = start + HOUR * hour + Duration::from_nanos(hour.into());
            reactor.wait(&mut events, Some(deadline))?;
            assert_eq!(reactor.now(), deadline);
            assert_eq!(control.now(), deadline);
        }
        Ok(())
    });
}

#[test]
fn every_run_starts_at_the_same_moment() -> io::Result<()> {
    let (first, _) = VirtualTime::new(Backend::native())?;
    let (second, _) = VirtualTime::new(Backend::native())?;
    assert_eq!(first.now(), second.now());
    assert_eq!(first.wall_time(), Duration::from_secs(1_704_067_200), "2024-01-01");
    assert_eq!(first.wall_time(), second.wall_time());
    Ok(())
}

#[test]
fn the_clock_does_not_jump_over_what_is_already_there() {
    on_every_backend(|mut reactor, _control| {
        let (here, mut there) = UnixStream::pair()?;
        reactor.register(Source::fd(&here), Token::new(0, 0), Interest::READABLE)?;
        there.write_all(b"!")?;
        let (mut events, start) = (Events::with_capacity(8), reactor.now());
        reactor.wait(&mut events, Some(start + HOUR))?;
        assert_eq!((events.len(), reactor.now()), (1, start));
        Ok(())
    });
}

#[test]
fn held_time_stands_still_until_the_work_elsewhere_is_done() {
    on_every_backend(|mut reactor, _control| {
        let (mut events, start, waker) = (Events::with_capacity(8), reactor.now(), reactor.waker());
        reactor.hold_time(true);
        thread::scope(|scope| {
            scope.spawn(|| {
                until_asleep(&waker);
                waker.wake()
            });
            reactor.wait(&mut events, Some(start + HOUR))
        })?;
        assert_eq!(reactor.now(), start);

        reactor.hold_time(false);
        reactor.wait(&mut events, Some(start + HOUR))?;
        assert_eq!(reactor.now(), start + HOUR);
        Ok(())
    });
}

#[test]
fn a_test_may_move_the_clock_while_the_reactor_waits() {
    on_every_backend(|mut reactor, control| {
        let (mut events, start, waker) = (Events::with_capacity(8), reactor.now(), reactor.waker());
        thread::scope(|scope| {
            scope.spawn(|| {
                until_asleep(&waker);
                control.advance(HOUR)
            });
            reactor.wait(&mut events, None)
        })?;
        assert_eq!(reactor.now(), start + HOUR);

        reactor.wait(&mut events, Some(start))?;
        assert_eq!(reactor.now(), start + HOUR, "it never goes back");
        Ok(())
    });
}

#[test]
fn the_calendar_follows_the_clock_and_may_be_set() {
    on_every_backend(|mut reactor, control| {
        let start = reactor.now();
        control.set_wall_time(Duration::from_secs(2_000_000_000));
        assert_eq!(reactor.now(), start, "nothing waits by the calendar");
        reactor.wait(&mut Events::with_capacity(8), Some(start + HOUR))?;
        assert_eq!(reactor.wall_time(), Duration::from_secs(2_000_003_600));
        assert_eq!(control.wall_time(), reactor.wall_time());
        Ok(())
    });
}

#[test]
fn the_end_of_time_is_not_jumped_to() {
    on_every_backend(|mut reactor, _control| {
        let start = reactor.now();
        reactor.waker().wake()?;
        reactor.wait(&mut Events::with_capacity(8), Some(Instant::MAX))?;
        assert_eq!(reactor.now(), start);
        Ok(())
    });
}
