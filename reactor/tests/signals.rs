//! Signals as something to wait for: who hears them, and that the process is left as it was.
//!
//! Owns the tests of `reactor::signals`. Dispositions belong to the whole process, so the tests
//! take turns, and signals are raised on the thread itself: the handler has run when `raise`
//! returns. Read next: `src/sys/signal.rs`.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reactor::signals::{Signal, Signals};
use reactor::{Backend, Events, Instant, Interest, Source, Token};

/// One test at a time.
fn take_turns() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn raise(signal: Signal) {
    // SAFETY: raising a signal is sound, and every test has a handler in place for it.
    assert_eq!(unsafe { libc::raise(signal.number()) }, 0);
}

fn pending(signals: &Signals) -> Vec<Signal> {
    signals.pending().collect()
}

#[test]
fn a_signal_is_readable_on_every_backend_and_told_once() -> io::Result<()> {
    let _turn = take_turns();
    let token = Token::new(1, 1);
    for backend in Backend::available() {
        let signals = Signals::new(&[Signal::User1, Signal::Hangup])?;
        let mut reactor = backend.build()?;
        let mut events = Events::with_capacity(8);
        reactor.register(Source::fd(&signals), token, Interest::READABLE)?;
        for _ in 0..3 {
            raise(Signal::User1);
            raise(Signal::Hangup);
            raise(Signal::User1); // counts together with the first
            reactor.wait(&mut events, None)?;
            assert!(events.iter().all(|event| event.token() == token && event.is_readable()));
            assert_eq!(pending(&signals), [Signal::Hangup, Signal::User1], "{backend}");

            reactor.wait(&mut events, Some(Instant::ZERO))?;
            assert!(events.is_empty() && pending(&signals).is_empty(), "{backend}");
        }
        reactor.deregister(Source::fd(&signals))?;
    }
    Ok(())
}

#[test]
fn every_listener_hears_what_it_asked_for() -> io::Result<()> {
    let _turn = take_turns();
    let all = Signals::new(&Signal::ALL)?;
    let one = Signals::new(&[Signal::User1, Signal::User1])?; // asking twice is asking once
    let other = Signals::new(&[Signal::User2, Signal::Child])?;

    raise(Signal::User1);
    assert_eq!(pending(&one), [Signal::User1]);
    raise(Signal::User2);
    assert_eq!(pending(&other), [Signal::User2]);
    assert_eq!(pending(&all), [Signal::User1, Signal::User2]);
    assert_eq!(pending(&one), []);

    for signal in Signal::ALL {
        raise(signal);
    }
    assert_eq!(pending(&all), Signal::ALL);
    Ok(())
}

#[test]
fn the_last_listener_leaves_the_process_as_the_first_one_found_it() -> io::Result<()> {
    let _turn = take_turns();
    let number = Signal::User2.number();
    // SAFETY: ignoring a signal runs no code of ours.
    let before = unsafe { libc::signal(number, libc::SIG_IGN) };

    let first = Signals::new(&[Signal::User2])?;
    let second = Signals::new(&[Signal::User2])?;
    drop(first);
    raise(Signal::User2);
    assert_eq!(pending(&second), [Signal::User2], "somebody still listens");
    drop(second);

    raise(Signal::User2); // ignored again: the default would end this process
    // SAFETY: this puts back what the same call gave us above.
    assert_eq!(unsafe { libc::signal(number, before) }, libc::SIG_IGN);
    Ok(())
}

#[test]
fn places_are_used_again_and_a_newcomer_hears_nothing_old() -> io::Result<()> {
    let _turn = take_turns();
    let _keeps_the_handler = Signals::new(&[Signal::User1])?;
    for _ in 0..1000 {
        let newcomer = Signals::new(&[Signal::User1])?;
        assert_eq!(pending(&newcomer), []);
        raise(Signal::User1); // and it leaves without asking
    }
    Ok(())
}

#[test]
fn the_table_has_an_end_and_says_so() -> io::Result<()> {
    let _turn = take_turns();
    let many: Vec<_> = (0..64).map(|_| Signals::new(&[])).collect::<Result<_, _>>()?;
    let error = Signals::new(&[Signal::User1]).expect_err("the 65th");
    assert_eq!(error.to_string(), "more than 64 listeners for signals");
    drop(many);
    Signals::new(&[Signal::User1]).map(drop)
}
