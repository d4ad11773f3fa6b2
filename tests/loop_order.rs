//! The order of a turn, clause by clause, and the life of a loop: what runs before what, what
//! wakes a sleeping loop, what a stopped, nested or closed loop does (T001-T024, F001-F035).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, block and look at the real clock"
)]

mod support;

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use squall::coroutine::yield_now;
use squall::ioloop::{IoLoop, LoopObserver, PeriodicCallback, Turn};
use squall::log;
use squall::reactor::{Instant, Interest};
use support::{on_each_backend, run, run_virtually, virtual_loop};

/// A list that callbacks write their names into.
#[derive(Clone, Default)]
struct Story(Rc<RefCell<Vec<String>>>);

impl Story {
    fn tell(&self, word: &str) -> impl Fn() + Clone + use<> {
        let (story, word) = (self.clone(), word.to_owned());
        move || story.0.borrow_mut().push(word.clone())
    }

    fn words(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

#[test]
fn t011_callbacks_run_first_in_first_out_and_never_inside_add_callback() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        for word in ["one", "two", "three"] {
            io_loop.add_callback(story.tell(word));
        }
        assert!(story.words().is_empty());
        let stop = io_loop.clone();
        io_loop.add_callback(move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(story.words(), ["one", "two", "three"]);
    });
}

#[test]
fn b1_what_a_callback_adds_runs_in_the_next_turn_behind_the_timers_of_this_one() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        io_loop.add_timeout(Instant::ZERO, story.tell("timer"));
        let (adder, added, stop) = (io_loop.clone(), story.tell("added"), io_loop.clone());
        let first = story.tell("first");
        io_loop.add_callback(move || {
            first();
            adder.add_callback(added);
            adder.add_callback(move || stop.stop());
        });
        io_loop.start().unwrap();
        assert_eq!(story.words(), ["first", "timer", "added"]);
    });
}

#[test]
fn b1_due_timers_are_collected_before_callbacks_run_so_a_timer_added_by_one_waits_a_turn() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        let (adder, late, next) = (io_loop.clone(), story.tell("timer"), story.tell("callback"));
        let stop = io_loop.clone();
        io_loop.add_callback(move || {
            adder.add_timeout(Instant::ZERO, late);
            adder.add_callback(next);
            adder.call_later(Duration::ZERO, move || stop.stop());
        });
        io_loop.start().unwrap();
        // Had the timer joined the running turn, it would have come before the callback.
        assert_eq!(story.words(), ["callback", "timer"]);
    });
}

#[test]
fn b1_timers_run_by_deadline_and_equal_deadlines_in_the_order_they_were_added() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        let now = io_loop.time();
        let at = |ms| now + Duration::from_millis(ms);
        for (word, ms) in [("c", 2), ("d", 2), ("a", 1), ("e", 2), ("b", 1)] {
            io_loop.call_at(at(ms), story.tell(word));
        }
        let stop = io_loop.clone();
        io_loop.call_at(at(3), move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(story.words().concat(), "abcde");
    });
}

#[test]
fn f012_a_timer_or_callback_may_cancel_a_timer_that_is_due_in_the_same_turn() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        let victim = Rc::new(Cell::new(None));
        let (handle, canceller) = (Rc::clone(&victim), io_loop.clone());
        let first = story.tell("first");
        io_loop.call_at(Instant::from_nanos(1), move || {
            first();
            canceller.remove_timeout(handle.get().unwrap());
        });
        victim.set(Some(io_loop.call_at(Instant::from_nanos(2), story.tell("second"))));
        let third = io_loop.call_at(Instant::from_nanos(3), story.tell("third"));
        let canceller = io_loop.clone();
        io_loop.add_callback(move || canceller.remove_timeout(third));
        let stop = io_loop.clone();
        io_loop.call_at(Instant::from_nanos(4), move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(story.words(), ["first"]);
    });
}

#[test]
fn f010_f014_cancelling_a_timer_after_it_ran_is_fine_and_never_hits_its_successor() {
    on_each_backend(|io_loop| {
        let story = Story::default();
        let ran = io_loop.call_later(Duration::ZERO, story.tell("ran"));
        let (cancel, stop) = (io_loop.clone(), io_loop.clone());
        let successor = story.tell("successor");
        io_loop.call_later(Duration::from_millis(1), move || {
            let second = cancel.call_later(Duration::ZERO, successor);
            cancel.remove_timeout(ran); // the slot may be the same, the tenant is not
            assert_ne!(ran, second);
            cancel.call_later(Duration::from_millis(1), move || stop.stop());
        });
        io_loop.start().unwrap();
        assert_eq!(story.words(), ["ran", "successor"]);
    });
}

#[test]
fn t017_a_million_timers_added_and_cancelled_leave_nothing_behind() {
    let io_loop = IoLoop::new().unwrap();
    let dropped = Rc::new(Cell::new(0_u32));
    let mut after_first = None;
    for round in 0..10 {
        let handles: Vec<_> = (0..100_000)
            .map(|i| {
                let count = Count(Rc::clone(&dropped));
                let delay = Duration::from_secs(3600) + Duration::from_nanos(i);
                io_loop.call_later(delay, move || drop(count))
            })
            .collect();
        assert_eq!(io_loop.timers_pending(), 100_000);
        for handle in handles {
            io_loop.remove_timeout(handle);
        }
        assert_eq!(io_loop.timers_pending(), 0);
        assert_eq!(dropped.get(), (round + 1) * 100_000, "callbacks go at once, not at expiry");
        match (after_first, resident_kib()) {
            (None, now) => after_first = now,
            (Some(first), Some(now)) => assert!(now < first + 4096, "{first} -> {now} KiB"),
            (Some(_), None) => {}
        }
    }
}

/// Counts its own end.
struct Count(Rc<Cell<u32>>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// This process's resident memory, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn f011_cancelling_half_of_many_timers_keeps_the_other_half_in_order() {
    run_virtually(|io_loop| async move {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let handles: Vec<_> = (0..2000_u64)
            .map(|i| {
                let seen = Rc::clone(&seen);
                let delay = Duration::from_millis((i * 7919) % 2000);
                io_loop.call_later(delay, move || seen.borrow_mut().push((i * 7919) % 2000))
            })
            .collect();
        for handle in handles.iter().step_by(2) {
            io_loop.remove_timeout(*handle);
        }
        squall::coroutine::sleep(Duration::from_secs(3)).await;
        let seen = seen.borrow();
        assert_eq!(seen.len(), 1000);
        assert!(seen.is_sorted());
    });
}

/// Counts turns.
#[derive(Default)]
struct Turns(Cell<u64>);

impl LoopObserver for Turns {
    fn turn_start(&self, _: &Turn) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_sleep_of_a_millisecond_costs_at_most_three_turns_and_never_ends_early() {
    on_each_backend(|io_loop| {
        let turns = Rc::new(Turns::default());
        io_loop.add_observer(Rc::<Turns>::clone(&turns));
        for _ in 0..20 {
            let (watch, counted) = (io_loop.clone(), Rc::clone(&turns));
            run(io_loop, async move {
                let (started, before) = (watch.time(), counted.0.get());
                squall::coroutine::sleep(Duration::from_millis(1)).await;
                let elapsed = watch.time() - started;
                assert!(elapsed >= Duration::from_millis(1), "woke early, after {elapsed:?}");
                let turns = counted.0.get() - before;
                assert!(turns <= 3, "{turns} turns for one sleep");
            });
        }
    });
}

#[test]
fn f004_a_timeout_of_a_microsecond_is_accepted_and_not_early() {
    on_each_backend(|io_loop| {
        let (watch, stop) = (io_loop.clone(), io_loop.clone());
        let started = io_loop.time();
        io_loop.call_later(Duration::from_micros(1), move || {
            assert!(watch.time() - started >= Duration::from_micros(1));
            stop.stop();
        });
        io_loop.start().unwrap();
    });
}

#[test]
fn s153_a_deadline_is_an_instant_or_a_delay_and_a_past_instant_fires_in_the_next_turn() {
    run_virtually(|io_loop| async move {
        let story = Story::default();
        let start = io_loop.time();
        io_loop.add_timeout(start + Duration::from_secs(1), story.tell("absolute"));
        io_loop.add_timeout(Duration::from_secs(2), story.tell("relative"));
        io_loop.add_timeout(Instant::from_nanos(1), story.tell("long ago"));
        squall::coroutine::sleep(Duration::from_millis(1)).await;
        assert_eq!(story.words(), ["long ago"]);
        squall::coroutine::sleep(Duration::from_secs(3)).await;
        assert_eq!(story.words(), ["long ago", "absolute", "relative"]);
    });
}

#[test]
fn f001_t014_an_idle_loop_does_not_spin() {
    on_each_backend(|io_loop| {
        let turns = Rc::new(Turns::default());
        io_loop.add_observer(Rc::<Turns>::clone(&turns));
        io_loop.add_callback(|| ());
        let stop = io_loop.clone();
        io_loop.call_later(Duration::from_millis(50), move || stop.stop());
        io_loop.start().unwrap();
        assert!(turns.0.get() < 10, "{} turns in 50 ms of nothing", turns.0.get());
    });
}

#[test]
fn f002_a_callback_added_from_inside_the_loop_does_not_wait_for_the_poll() {
    on_each_backend(|io_loop| {
        // A timer far away would hold the poll for an hour if the new callback were slept through.
        let far = io_loop.call_later(Duration::from_secs(3600), || unreachable!());
        let (adder, stop) = (io_loop.clone(), io_loop.clone());
        io_loop.add_callback(move || {
            let again = adder.clone();
            adder.add_callback(move || again.add_callback(move || stop.stop()));
        });
        io_loop.start().unwrap();
        io_loop.remove_timeout(far);
    });
}

#[test]
fn f003_a_callback_from_another_thread_wakes_a_sleeping_poll() {
    on_each_backend(|io_loop| {
        let handle = io_loop.handle();
        let home = std::thread::current().id();
        let thread = std::thread::spawn(move || {
            handle.add_callback(move || {
                assert_eq!(std::thread::current().id(), home);
                IoLoop::current().stop();
            });
        });
        io_loop.start().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn t011_no_wake_up_of_eight_threads_is_lost() {
    on_each_backend(|io_loop| {
        const THREADS: usize = 8;
        const EACH: usize = 5_000;
        let arrived = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (handle, arrived) = (io_loop.handle(), Arc::clone(&arrived));
                std::thread::spawn(move || {
                    for i in 0..EACH {
                        let arrived = Arc::clone(&arrived);
                        handle.add_callback(move || {
                            if arrived.fetch_add(1, Ordering::Relaxed) + 1 == THREADS * EACH {
                                IoLoop::current().stop();
                            }
                        });
                        if i % 64 == 0 {
                            std::thread::yield_now(); // let the loop fall asleep in between
                        }
                    }
                })
            })
            .collect();
        io_loop.start().unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(arrived.load(Ordering::Relaxed), THREADS * EACH);
    });
}

#[test]
fn f007_a_loop_in_a_second_thread_is_stopped_through_its_handle() {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let io_loop = IoLoop::new().unwrap();
        send.send(io_loop.handle()).unwrap();
        io_loop.start().unwrap();
    });
    receive.recv().unwrap().stop();
    thread.join().unwrap();
}

#[test]
fn f008_add_callback_racing_with_close_never_fails() {
    on_each_backend(|io_loop| {
        let handle = io_loop.handle();
        let (ready, go) = (Arc::new(std::sync::Barrier::new(2)), io_loop.handle());
        let gate = Arc::clone(&ready);
        let thread = std::thread::spawn(move || {
            gate.wait();
            for _ in 0..1000 {
                handle.add_callback(|| ());
            }
        });
        ready.wait();
        go.stop();
        io_loop.start().unwrap();
        io_loop.close();
        thread.join().unwrap();
        assert!(io_loop.handle().is_closed());
    });
}

#[test]
fn t005_stop_before_start_makes_start_return_at_once() {
    on_each_backend(|io_loop| {
        io_loop.stop();
        let story = Story::default();
        io_loop.add_callback(story.tell("later"));
        io_loop.start().unwrap();
        assert!(story.words().is_empty());
        let stop = io_loop.clone();
        io_loop.add_callback(move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(story.words(), ["later"]);
    });
}

#[test]
fn f018_starting_inside_a_callback_is_an_error_and_the_outer_loop_goes_on() {
    on_each_backend(|io_loop| {
        let (nested, stop) = (io_loop.clone(), io_loop.clone());
        let other = IoLoop::new().unwrap();
        io_loop.add_callback(move || {
            assert!(nested.start().is_err());
            assert!(other.start().is_err(), "one running loop per thread");
        });
        io_loop.add_callback(move || stop.stop());
        io_loop.start().unwrap();
    });
}

#[test]
fn f019_a_panic_in_a_callback_is_one_log_line_with_its_place_and_the_loop_goes_on() {
    on_each_backend(|io_loop| {
        let log = log::capture();
        io_loop.add_callback(|| panic!("the first"));
        io_loop.call_later(Duration::ZERO, || panic!("the {}", "second"));
        let stop = io_loop.clone();
        io_loop.call_later(Duration::from_millis(1), move || stop.stop());
        io_loop.start().unwrap();
        let lines = log.messages();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("exception in callback added at tests/loop_order.rs:"));
        assert!(lines[0].ends_with("the first"));
        assert!(lines[1].ends_with("the second"));
    });
}

#[test]
fn t023_an_exception_hook_replaces_the_log_line() {
    on_each_backend(|io_loop| {
        let (log, seen) = (log::capture(), Rc::new(RefCell::new(Vec::new())));
        let hook = Rc::clone(&seen);
        io_loop.on_exception(move |exception| hook.borrow_mut().push(exception.message.clone()));
        io_loop.add_callback(|| panic!("mine"));
        let stop = io_loop.clone();
        io_loop.add_callback(move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(*seen.borrow(), ["mine"]);
        assert!(log.messages().is_empty());
    });
}

#[test]
fn f023_f024_a_loop_is_the_running_one_inside_start_only_and_can_start_again() {
    on_each_backend(|io_loop| {
        for _ in 0..3 {
            assert!(IoLoop::try_current().is_none());
            let stop = io_loop.clone();
            io_loop.add_callback(move || {
                assert!(IoLoop::try_current().is_some());
                stop.stop();
            });
            io_loop.start().unwrap();
        }
        assert!(IoLoop::try_current().is_none());
    });
}

#[test]
fn f022_loops_are_made_and_closed_in_many_threads_at_once() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..20 {
                    let io_loop = IoLoop::new().unwrap();
                    let stop = io_loop.clone();
                    io_loop.add_callback(move || stop.stop());
                    io_loop.start().unwrap();
                    io_loop.close();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn s172_s026_the_instance_is_a_handle_that_reaches_the_first_open_loop_from_any_thread() {
    let io_loop = IoLoop::new().unwrap();
    let instance = IoLoop::instance().expect("a loop is open");
    assert!(!instance.is_closed());
    // The first loop of the process may be another test's; from its own handle it is reachable.
    let handle = io_loop.handle();
    let thread = std::thread::spawn(move || handle.add_callback(|| IoLoop::current().stop()));
    io_loop.start().unwrap();
    thread.join().unwrap();
}

#[test]
fn s173_each_thread_has_its_own_current_loop() {
    let outer = IoLoop::new().unwrap();
    let stop = outer.clone();
    outer.add_callback(move || {
        let inner = std::thread::spawn(|| {
            assert!(IoLoop::try_current().is_none());
            let io_loop = IoLoop::new().unwrap();
            let stop = io_loop.clone();
            io_loop.add_callback(move || stop.stop());
            io_loop.start().unwrap();
            format!("{io_loop:?}")
        });
        assert_ne!(inner.join().unwrap(), format!("{stop:?}"));
        stop.stop();
    });
    outer.start().unwrap();
}

#[test]
fn f005_f006_f017_a_descriptor_is_registered_once_and_removed_as_often_as_you_like() {
    on_each_backend(|io_loop| {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = Rc::new(ours);
        let id = io_loop.add_handler(Rc::clone(&ours), Interest::READABLE, |_, _| ()).unwrap();
        let again = io_loop.add_handler(Rc::clone(&ours), Interest::READABLE, |_, _| ());
        assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        io_loop.remove_handler(&id);
        io_loop.remove_handler(&id);
        io_loop.add_handler(ours, Interest::READABLE, |_, _| ()).unwrap();
        assert_eq!(io_loop.handlers_registered(), 1);
    });
}

#[test]
fn f009_f016_a_handler_for_reading_hears_of_reading_only_and_gets_its_own_object() {
    use std::io::{Read, Write};
    on_each_backend(|io_loop| {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let (text, stop) = (Rc::new(RefCell::new(String::new())), io_loop.clone());
        let heard = Rc::clone(&text);
        io_loop
            .add_handler(Rc::new(ours), Interest::READABLE, move |mut stream, event| {
                assert!(event.is_readable() && !event.is_writable(), "{event:?}");
                let mut bytes = [0; 16];
                let n = stream.read(&mut bytes).unwrap();
                heard.borrow_mut().push_str(std::str::from_utf8(&bytes[..n]).unwrap());
                stop.stop();
            })
            .unwrap();
        theirs.write_all(b"hello").unwrap();
        io_loop.start().unwrap();
        assert_eq!(*text.borrow(), "hello");
    });
}

#[test]
fn f021_of_two_ready_sources_the_first_handler_may_remove_the_second() {
    use std::io::Write;
    on_each_backend(|io_loop| {
        let pairs: Vec<_> =
            (0..2).map(|_| std::os::unix::net::UnixStream::pair().unwrap()).collect();
        let ids = Rc::new(RefCell::new(Vec::new()));
        let calls = Rc::new(Cell::new(0));
        let mut writers = Vec::new();
        for (ours, theirs) in pairs {
            let (ids_in, calls, io_in) = (Rc::clone(&ids), Rc::clone(&calls), io_loop.clone());
            let id = io_loop
                .add_handler(Rc::new(ours), Interest::READABLE, move |_, _| {
                    calls.set(calls.get() + 1);
                    for id in ids_in.borrow().iter() {
                        io_in.remove_handler(id);
                    }
                })
                .unwrap();
            ids.borrow_mut().push(id);
            writers.push(theirs);
        }
        for writer in &mut writers {
            writer.write_all(b"x").unwrap();
        }
        let stop = io_loop.clone();
        io_loop.call_later(Duration::from_millis(5), move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(calls.get(), 1);
    });
}

#[test]
fn f015_t007_closing_a_loop_drops_its_callbacks_timers_and_sources() {
    on_each_backend(|io_loop| {
        let alive = Rc::new(());
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        io_loop.add_handler(Rc::new(ours), Interest::READABLE, |_, _| ()).unwrap();
        let (one, two, three) = (Rc::clone(&alive), Rc::clone(&alive), Rc::clone(&alive));
        io_loop.add_callback(move || drop(one));
        io_loop.call_later(Duration::from_secs(1), move || drop(two));
        let _suspended = io_loop.spawn(async move {
            squall::coroutine::sleep(Duration::from_secs(1)).await;
            drop(three);
        });
        assert_eq!(Rc::strong_count(&alive), 4);
        io_loop.close();
        assert_eq!(Rc::strong_count(&alive), 1);
        let mut byte = [0];
        assert_eq!(std::io::Read::read(&mut theirs, &mut byte).unwrap(), 0, "the source is closed");
        assert!(io_loop.start().is_err());
    });
}

#[test]
fn t012_a_signal_is_an_ordinary_callback() {
    use squall::reactor::signals::Signal;
    on_each_backend(|io_loop| {
        let seen = Rc::new(Cell::new(0));
        let (count, stop) = (Rc::clone(&seen), io_loop.clone());
        let handle = io_loop
            .on_signal(Signal::User1, move || {
                count.set(count.get() + 1);
                stop.stop();
            })
            .unwrap();
        let pid = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-USR1", &pid]).status().unwrap();
        assert!(sent.success());
        io_loop.start().unwrap();
        assert_eq!(seen.get(), 1);
        io_loop.remove_signal(&handle);
        assert_eq!(io_loop.handlers_registered(), 0);
    });
}

#[test]
fn f035_a_slow_periodic_coroutine_never_overlaps_and_keeps_to_the_grid() {
    run_virtually(|io_loop| async move {
        let (running, starts) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
        let began = io_loop.time();
        let (busy, list, clock) = (Rc::clone(&running), Rc::clone(&starts), io_loop.clone());
        let periodic =
            PeriodicCallback::coroutine(&io_loop, Duration::from_millis(10), move || {
                let (busy, list, clock) = (Rc::clone(&busy), Rc::clone(&list), clock.clone());
                async move {
                    assert!(!busy.replace(true), "overlap");
                    list.borrow_mut().push((clock.time() - began).as_millis());
                    squall::coroutine::sleep(Duration::from_millis(25)).await;
                    busy.set(false);
                }
            });
        periodic.start();
        squall::coroutine::sleep(Duration::from_millis(100)).await;
        periodic.stop();
        assert_eq!(*starts.borrow(), [10, 40, 70, 100]);
    });
}

#[test]
fn t020_t021_a_periodic_callback_goes_on_after_a_panic_and_a_period_of_zero_is_refused() {
    let log = log::capture();
    run_virtually(|io_loop| async move {
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        let periodic = PeriodicCallback::new(&io_loop, Duration::from_secs(1), move || {
            count.set(count.get() + 1);
            assert!(count.get() != 2, "the second call fails");
        });
        periodic.start();
        squall::coroutine::sleep(Duration::from_millis(4500)).await;
        assert_eq!(calls.get(), 4);
        periodic.stop();
        squall::coroutine::sleep(Duration::from_secs(5)).await;
        assert_eq!(calls.get(), 4);
    });
    assert_eq!(log.messages().len(), 1);
    let io_loop = IoLoop::new().unwrap();
    let zero = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        PeriodicCallback::new(&io_loop, Duration::ZERO, || ())
    }));
    assert!(zero.is_err());
}

#[test]
fn s025_a_blocking_callback_is_named_with_its_line() {
    use squall::ioloop::SlowCallbackDetector;
    let detector = Rc::new(SlowCallbackDetector::new(Duration::from_millis(20)));
    let io_loop = IoLoop::builder().observer(detector).build().unwrap();
    let log = log::capture();
    io_loop.add_callback(|| std::thread::sleep(Duration::from_millis(30)));
    let stop = io_loop.clone();
    io_loop.add_callback(move || stop.stop());
    io_loop.start().unwrap();
    let lines = log.messages();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("loop blocked 0.03"), "{}", lines[0]);
    assert!(lines[0].contains("by callback (tests/loop_order.rs:"), "{}", lines[0]);
}

#[test]
fn callbacks_that_feed_each_other_do_not_starve_timers_or_sockets() {
    use std::io::Write;
    on_each_backend(|io_loop| {
        fn forever(io_loop: &IoLoop) {
            let again = io_loop.clone();
            io_loop.add_callback(move || forever(&again));
        }
        forever(io_loop);
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (read, stop) = (Rc::new(Cell::new(false)), io_loop.clone());
        let flag = Rc::clone(&read);
        io_loop.add_handler(Rc::new(ours), Interest::READABLE, move |_, _| flag.set(true)).unwrap();
        io_loop.call_later(Duration::from_millis(5), move || stop.stop());
        theirs.write_all(b"x").unwrap();
        io_loop.start().unwrap();
        assert!(read.get());
    });
}

#[test]
fn the_virtual_clock_jumps_over_an_hour() {
    let (io_loop, control) = virtual_loop();
    let (started, real) = (control.now(), std::time::Instant::now());
    run(&io_loop, async { squall::coroutine::sleep(Duration::from_secs(10)).await });
    assert!(control.now() - started >= Duration::from_secs(10));
    assert!(real.elapsed() < Duration::from_secs(5));
}

/// After a crowd of handlers and timers has left, those who stayed are still found by their names.
#[test]
fn the_tables_shrink_after_a_crowd_and_names_stay_good() {
    on_each_backend(|io_loop| {
        let calls = Rc::new(Cell::new(0));
        let mut crowd = Vec::new();
        let mut peers = Vec::new();
        for _ in 0..1500 {
            let (here, there) = UnixStream::pair().expect("descriptors");
            here.set_nonblocking(true).expect("a socket");
            let calls = Rc::clone(&calls);
            let count = move |_: &UnixStream, _| calls.set(calls.get() + 1);
            let id = io_loop.add_handler(Rc::new(here), Interest::READABLE, count).expect("room");
            crowd.push((id, io_loop.call_later(Duration::from_secs(3600), || ())));
            peers.push(there);
        }
        let (stays, its_timer) = crowd.swap_remove(7);
        let peer = peers.swap_remove(7);
        for (id, timer) in crowd {
            io_loop.remove_handler(&id);
            io_loop.remove_timeout(timer);
        }
        let run_turns = || io_loop.run_sync(async { yield_now().await }).expect("it runs");
        run_turns();
        (&peer).write_all(b"x").expect("its handler stayed");
        while calls.get() == 0 {
            run_turns();
        }
        assert_eq!((io_loop.handlers_registered(), io_loop.timers_pending()), (1, 1));
        io_loop.remove_handler(&stays);
        io_loop.remove_timeout(its_timer);
        assert_eq!((io_loop.handlers_registered(), io_loop.timers_pending()), (0, 0));
    });
}
