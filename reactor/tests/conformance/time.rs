//! Clause 7: a wait may end late, but never early.
//!
//! Owns the tests of deadlines and of the interruption of system calls, by the reactor's own
//! clock, which on virtual time is not the machine's.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reactor::signals::{Signal, Signals};
use reactor::{Event, Instant, Interest};

use super::{A, on_every_reactor, pair};

/// F004 among others: one microsecond is a duration like any other.
#[test]
fn no_deadline_is_met_early() {
    on_every_reactor(|stage| {
        for micros in [1, 7, 50, 300, 999, 1000, 1001, 2500, 12_345] {
            for _ in 0..5 {
                let deadline = stage.reactor.now() + Duration::from_micros(micros);
                assert!(stage.wait(Some(deadline)).is_empty());
                let now = stage.reactor.now();
                assert!(now >= deadline, "{micros} µs: {:?} early", deadline - now);
            }
        }
        Ok(())
    });
}

#[test]
fn a_deadline_in_the_past_is_a_mere_look() {
    on_every_reactor(|stage| {
        let past = stage.reactor.now();
        assert!(stage.wait(Some(past)).is_empty());
        assert!(stage.wait(Some(Instant::ZERO)).is_empty());

        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        there.write_all(b"!")?;
        let events = stage.wait(Some(Instant::ZERO));
        assert!(events.iter().any(|event| event.token() == A), "what is ready is reported");
        Ok(())
    });
}

#[test]
fn a_report_ends_the_wait_before_its_deadline() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        there.write_all(b"!")?;
        let deadline = stage.reactor.now() + Duration::from_secs(3600);
        assert_eq!(stage.wait(Some(deadline)).iter().filter(|e| e.is_readable()).count(), 1);
        assert!(stage.reactor.now() < deadline);
        Ok(())
    });
}

#[test]
fn the_end_of_time_is_a_deadline_too() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        thread::scope(|scope| {
            scope.spawn(|| there.write_all(b"!"));
            let readable = stage.wait(Some(Instant::MAX)).iter().any(Event::is_readable);
            assert!(readable, "nothing else could have ended this wait");
        });
        Ok(())
    });
}

#[test]
fn the_clocks_move_forward() {
    on_every_reactor(|stage| {
        let (now, wall) = (stage.reactor.now(), stage.reactor.wall_time());
        stage.expect_silence();
        assert!(stage.reactor.now() > now);
        assert!(stage.reactor.wall_time() > wall);
        assert!(wall > Duration::from_secs(1_577_836_800), "2020");
        Ok(())
    });
}

/// `EINTR`: signal handlers run on this thread, in the middle of its wait, and the wait goes on.
#[test]
fn signals_do_not_shorten_a_wait() {
    let _handler = Signals::new(&[Signal::User1]).expect("a handler");
    on_every_reactor(|stage| {
        // SAFETY: the call takes nothing and cannot fail.
        let waiting = unsafe { libc::pthread_self() };
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // SAFETY: the thread joins us before it ends, so its handle is valid.
                    unsafe { libc::pthread_kill(waiting, Signal::User1.number()) };
                    thread::yield_now();
                }
            });
            for _ in 0..10 {
                let deadline = stage.reactor.now() + Duration::from_millis(3);
                assert!(stage.wait(Some(deadline)).is_empty());
                assert!(stage.reactor.now() >= deadline);
            }
            done.store(true, Ordering::Relaxed);
        });
        Ok(())
    });
}
