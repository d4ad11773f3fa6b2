//! Clauses 8 and 9: no wake is lost, and reactors do not know each other.
//!
//! Owns the tests with more than one thread. None of them sleeps: a [`Waker`] shows in its debug
//! output whether its reactor is asleep, so the other thread can choose its moment. Feature rows
//! F002 and F003: work added from this thread or from another does not wait for the poll.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use reactor::{Backend, Event, Interest, Waker};

use super::{A, Stage, on_every_reactor, pair};

fn until_asleep(waker: &Waker) {
    while format!("{waker:?}") != "Waker(asleep)" {
        thread::yield_now();
    }
}

/// F002: this is what adding a callback inside the loop relies on.
#[test]
fn a_wake_before_the_wait_ends_it_and_leaves_no_report() {
    on_every_reactor(|stage| {
        stage.reactor.waker().wake()?;
        assert!(stage.wait(None).is_empty());
        Ok(())
    });
}

/// F003: without a deadline, only the other thread can end this.
#[test]
fn a_wake_during_the_wait_ends_it() {
    on_every_reactor(|stage| {
        let waker = stage.reactor.waker();
        for _ in 0..20 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    until_asleep(&waker);
                    waker.wake()
                });
                assert!(stage.wait(None).is_empty());
            });
        }
        Ok(())
    });
}

#[test]
fn a_wake_after_the_wait_is_kept_for_the_next() {
    on_every_reactor(|stage| {
        let waker = stage.reactor.waker();
        stage.expect_silence();
        thread::scope(|scope| scope.spawn(|| waker.wake()).join().expect("no panic"))?;
        assert!(stage.wait(None).is_empty());
        Ok(())
    });
}

/// A wake is used up by the wait it ended, however late the kernel hears the bell.
#[test]
fn a_thousand_wakes_are_one_and_are_answered_once() {
    on_every_reactor(|stage| {
        let waker = stage.reactor.waker();
        for _ in 0..1000 {
            waker.wake()?;
        }
        assert!(stage.wait(None).is_empty());
        let deadline = stage.in_a_moment();
        stage.wait(Some(deadline));
        assert!(stage.reactor.now() >= deadline, "there was only one wake");
        Ok(())
    });
}

#[test]
fn a_wake_does_not_hide_a_report() {
    on_every_reactor(|stage| {
        let (here, mut there) = pair();
        stage.register(&here, A, Interest::READABLE);
        there.write_all(b"!")?;
        stage.reactor.waker().wake()?;
        stage.expect(A, Event::is_readable);
        Ok(())
    });
}

/// Each of eight threads sends a request, wakes, and waits for its answer before the next: one
/// lost wake and the answer never comes.
#[test]
fn eight_threads_wake_and_none_is_lost() {
    const REQUESTS: usize = 500;
    on_every_reactor(|stage| {
        let (requests, inbox) = channel::<Sender<()>>();
        let waker = stage.reactor.waker();
        stage.reactor.hold_time(true); // the threads work where a virtual clock cannot see them
        thread::scope(|scope| {
            for _ in 0..8 {
                let (requests, waker) = (requests.clone(), &waker);
                scope.spawn(move || -> io::Result<()> {
                    let (answer, answers) = channel();
                    for _ in 0..REQUESTS {
                        requests.send(answer.clone()).expect("the server is there");
                        waker.wake()?;
                        answers.recv().expect("an answer");
                    }
                    Ok(())
                });
            }
            let mut answered = 0;
            while answered < 8 * REQUESTS {
                let deadline = stage.reactor.now() + Duration::from_secs(10);
                stage.wait(Some(deadline));
                assert!(stage.reactor.now() < deadline, "a wake was lost");
                answered += answer_all(&inbox);
            }
        });
        Ok(())
    });
}

fn answer_all(inbox: &Receiver<Sender<()>>) -> usize {
    inbox.try_iter().inspect(|sender| sender.send(()).expect("it waits for us")).count()
}

#[test]
fn a_waker_may_outlive_its_reactor() {
    for backend in Backend::available() {
        let reactor = backend.build().expect("it is available");
        let waker = reactor.waker();
        drop(reactor);
        waker.wake().expect("nobody hears it, and nothing breaks");
    }
}

#[test]
fn two_reactors_on_two_threads_wake_each_other() {
    on_every_reactor(|stage| {
        let our_waker = stage.reactor.waker();
        let (send, receive) = channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut other = Stage::new(Backend::native().build().expect("a second reactor"));
                send.send(other.reactor.waker()).expect("the first is listening");
                for _ in 0..200 {
                    other.wait(None);
                    our_waker.wake().expect("waking works");
                }
            });
            let their_waker = receive.recv().expect("the second reactor's waker");
            for _ in 0..200 {
                their_waker.wake().expect("waking works");
                stage.wait(None);
            }
        });
        Ok(())
    });
}
