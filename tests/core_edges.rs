//! The edges of the core: what happens when callbacks, coroutines and destructors do what they
//! are allowed to do at the worst moment. Close, panic, cancel, stop and drop from inside; loops
//! that end while somebody waits; threads that end while something is owed.

mod support;

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use squall::coroutine::{RunSyncError, as_completed, sleep, yield_now};
use squall::executor::Executor;
use squall::future::{Future, InvalidState, Promise};
use squall::ioloop::{CoroutineId, IoLoop, LoopObserver, PeriodicCallback, describe};
use squall::iostream::IoStream;
use squall::log;
use squall::net::SocketTransport;
use squall::reactor::Interest;
use squall::reactor::signals::Signal;
use support::{on_each_backend, run, run_virtually};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs `act` when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Turns the loop until everything that is ready now has run.
fn settle(io_loop: &IoLoop) {
    let outcome = io_loop.run_sync(async {
        for _ in 0..5 {
            yield_now().await;
        }
    });
    outcome.expect("a loop that nobody stops");
}

// run_sync and start: one run leaves nothing behind for the next.

#[test]
fn a_run_sync_that_timed_out_does_not_stop_the_next_one() {
    on_each_backend(|io_loop| {
        let late = io_loop.run_sync_timeout(MS, sleep(HOUR));
        assert!(matches!(late, Err(RunSyncError::TimedOut)), "{late:?}");
        let next = io_loop.run_sync(async {
            sleep(MS).await;
            7
        });
        assert_eq!(next.unwrap(), 7);
    });
}

#[test]
fn a_run_sync_that_ends_in_the_turn_of_a_stop_does_not_stop_the_next_one() {
    on_each_backend(|io_loop| {
        let stop = io_loop.clone();
        let first = io_loop.run_sync(async move {
            stop.stop();
            1
        });
        assert_eq!(first.unwrap(), 1);
        settle(io_loop);
    });
}

#[test]
fn a_run_sync_that_is_refused_does_not_run_later_and_does_not_stop_the_outer_loop() {
    on_each_backend(|io_loop| {
        let (inner, ran) = (io_loop.clone(), Rc::new(Cell::new(false)));
        let witness = Rc::clone(&ran);
        let outcome = io_loop.run_sync(async move {
            let nested = inner.run_sync(async move { witness.set(true) });
            sleep(MS).await;
            nested
        });
        assert!(matches!(outcome, Ok(Err(RunSyncError::Io(_)))), "{outcome:?}");
        assert!(!ran.get());
    });
}

#[test]
fn a_run_sync_that_was_stopped_before_it_began_never_runs() {
    on_each_backend(|io_loop| {
        let ran = Rc::new(Cell::new(false));
        let witness = Rc::clone(&ran);
        io_loop.stop();
        let outcome = io_loop.run_sync(async move { witness.set(true) });
        assert!(matches!(outcome, Err(RunSyncError::Stopped)), "{outcome:?}");
        settle(io_loop);
        assert!(!ran.get());
    });
}

#[test]
fn a_loop_whose_exception_hook_panics_goes_on_and_its_due_timers_still_run() {
    on_each_backend(|io_loop| {
        let (stop, captured) = (io_loop.clone(), log::capture());
        io_loop.on_exception(|exception| panic!("hook: {exception}"));
        let now = io_loop.time();
        io_loop.call_at(now, || panic!("timer"));
        io_loop.call_at(now, move || stop.stop());
        io_loop.start().unwrap();
        let said = captured.messages();
        assert!(said[0].contains("hook: exception in timer"), "{said:?}");
    });
}

/// An observer that panics is not caught; still, the loop is not "running already" for ever.
#[test]
fn a_loop_that_was_left_by_a_panic_can_be_started_again() {
    struct Bomb(Cell<bool>);
    impl LoopObserver for Bomb {
        fn turn_end(&self, _: u64, _: squall::reactor::Instant) {
            assert!(!self.0.replace(false), "boom");
        }
    }
    on_each_backend(|io_loop| {
        io_loop.add_observer(Rc::new(Bomb(Cell::new(true))));
        io_loop.call_later(MS, || {}); // or the first turn would never end
        catch_unwind(AssertUnwindSafe(|| io_loop.start())).unwrap_err();
        assert!(!io_loop.is_running());
        settle(io_loop);
    });
}

// A closed loop takes nothing any more, and lets go of everything.

#[test]
fn a_closed_loop_takes_no_timers_handlers_or_coroutines() {
    on_each_backend(|io_loop| {
        io_loop.close();
        let held = Rc::new(());
        let (timer, body) = (Rc::clone(&held), Rc::clone(&held));
        io_loop.call_later(MS, move || drop(timer));
        let spawned = io_loop.spawn(async move {
            std::future::pending::<()>().await;
            drop(body);
        });
        assert!(spawned.done(), "nobody will ever step it");
        let (here, _there) = UnixStream::pair().unwrap();
        let here = Rc::new(here);
        let handler = Rc::clone(&held);
        let refused = io_loop.add_handler(here, Interest::READABLE, move |_, _| {
            let _ = &handler;
        });
        assert!(refused.is_err());
        assert_eq!(Rc::strong_count(&held), 1);
        assert_eq!((io_loop.timers_pending(), io_loop.handlers_registered()), (0, 0));
    });
}

#[test]
fn what_destructors_start_while_the_loop_closes_is_dropped_too() {
    on_each_backend(|io_loop| {
        let held = Rc::new(());
        let (again, share) = (io_loop.clone(), Rc::clone(&held));
        let farewell = OnDrop(move || {
            let (one, two, three) = (Rc::clone(&share), Rc::clone(&share), Rc::clone(&share));
            again.add_callback(move || drop(one));
            again.call_later(MS, move || drop(two));
            drop(again.spawn(async move {
                std::future::pending::<()>().await;
                drop(three);
            }));
        });
        drop(io_loop.spawn(async move {
            std::future::pending::<()>().await;
            drop(farewell);
        }));
        io_loop.close();
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

#[test]
fn close_lets_go_of_the_exception_hook_and_the_observers() {
    struct Watcher(
        #[expect(dead_code, reason = "held, not read")] IoLoop,
        #[expect(dead_code, reason = "held, not read")] Rc<()>,
    );
    impl LoopObserver for Watcher {}
    on_each_backend(|io_loop| {
        let held = Rc::new(());
        let (hook_loop, hook) = (io_loop.clone(), Rc::clone(&held));
        io_loop.on_exception(move |_| {
            let _ = &hook;
            hook_loop.stop();
        });
        io_loop.add_observer(Rc::new(Watcher(io_loop.clone(), Rc::clone(&held))));
        io_loop.close();
        assert_eq!(Rc::strong_count(&held), 1, "hook and observers hold the loop: a cycle");
    });
}

#[test]
fn a_loop_dropped_unclosed_drops_the_coroutines_that_do_not_hold_it() {
    let held = Rc::new(());
    let body = Rc::clone(&held);
    let io_loop = IoLoop::new().unwrap();
    drop(io_loop.spawn(async move {
        std::future::pending::<()>().await;
        drop(body);
    }));
    drop(io_loop);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn closing_a_loop_makes_no_other_loop_for_the_done_callbacks_of_what_it_abandons() {
    let io_loop = IoLoop::new().unwrap();
    let held = Rc::new(());
    let share = Rc::clone(&held);
    let waiting = io_loop.spawn(std::future::pending::<()>());
    waiting.add_done_callback(move |_| drop(share));
    io_loop.close();
    assert!(waiting.done());
    assert_eq!(Rc::strong_count(&held), 1, "the callback waits in a loop that nobody made");
}

#[test]
fn a_done_callback_runs_on_the_loop_that_was_current_when_it_was_added() {
    let (first, ran) = (IoLoop::new().unwrap(), Rc::new(Cell::new(false)));
    let witness = Rc::clone(&ran);
    let promise = Promise::new();
    promise.future().add_done_callback(move |_| witness.set(true));
    promise.set_result(()).unwrap();
    settle(&first);
    assert!(ran.get());
}

/// S075 keeps a promise in a global; a thread that ends with it must not bring the process down.
#[test]
fn a_promise_in_a_thread_local_may_outlive_everything_else_of_its_thread() {
    thread_local! {
        static WAITING: RefCell<Option<(Promise<()>, Future<()>)>> = const { RefCell::new(None) };
    }
    let thread = std::thread::spawn(|| {
        WAITING.with(|slot| {
            let promise = Promise::new();
            let future = promise.future();
            future.add_done_callback(|_| {});
            // An error that nobody looks at is logged when it is dropped, also as late as this.
            let failed = Promise::<()>::new();
            failed.set_error(squall::future::Error::new(std::io::Error::other("x"))).unwrap();
            future.add_done_callback(move |_| drop(failed));
            *slot.borrow_mut() = Some((promise, future));
        });
        let io_loop = IoLoop::current();
        io_loop.run_sync(async {}).unwrap();
        io_loop.add_callback(|| {});
        drop(log::capture());
    });
    thread.join().unwrap();
}

// Futures.

#[test]
fn a_result_may_be_looked_at_twice_at_once_and_set_again_in_vain_meanwhile() {
    let _io_loop = IoLoop::new().unwrap();
    let promise = Promise::new();
    let future = promise.future();
    promise.set_result(5).unwrap();
    let one = future.result().unwrap();
    let two = future.result().unwrap();
    assert_eq!(one.as_ref().unwrap(), two.as_ref().unwrap());
    assert_eq!(promise.set_result(6), Err(InvalidState::Done));
    future.add_done_callback(|_| {});
}

#[test]
fn t035_as_completed_gives_an_item_for_a_future_whose_value_was_taken_before() {
    on_each_backend(|io_loop| {
        let io_loop_in = io_loop.clone();
        let count = run(io_loop, async move {
            let mut taken = io_loop_in.spawn(async { 1 });
            (&mut taken).await.unwrap();
            let mut all = as_completed([taken]);
            let mut count = 0;
            while all.next().await.is_some() {
                count += 1;
            }
            count
        });
        assert_eq!(count, 1);
    });
}

// Callbacks that change what they are part of.

/// T021: started anew while its coroutine runs, it still does not overlap itself.
#[test]
fn t021_a_periodic_coroutine_restarted_while_it_is_busy_does_not_overlap() {
    run_virtually(|io_loop| async move {
        let (inside, most, calls) =
            (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (now_in, peak, count) = (Rc::clone(&inside), Rc::clone(&most), Rc::clone(&calls));
        let periodic = PeriodicCallback::coroutine(&io_loop, 10 * MS, move || {
            let (inside, most, calls) = (Rc::clone(&now_in), Rc::clone(&peak), Rc::clone(&count));
            async move {
                calls.set(calls.get() + 1);
                inside.set(inside.get() + 1);
                most.set(most.get().max(inside.get()));
                sleep(100 * MS).await;
                inside.set(inside.get() - 1);
            }
        });
        periodic.start();
        sleep(15 * MS).await;
        periodic.start();
        sleep(500 * MS).await;
        periodic.stop();
        assert_eq!(most.get(), 1);
        assert!(calls.get() >= 3, "{}", calls.get());
    });
}

#[test]
fn t009_the_id_of_a_removed_handler_does_not_disturb_the_next_one_on_the_same_source() {
    on_each_backend(|io_loop| {
        let (here, there) = UnixStream::pair().unwrap();
        let here = Rc::new(here);
        let old = io_loop.add_handler(Rc::clone(&here), Interest::READABLE, |_, _| {}).unwrap();
        io_loop.remove_handler(&old);
        let stop = io_loop.clone();
        let heard = Rc::new(Cell::new(false));
        let witness = Rc::clone(&heard);
        let _new = io_loop
            .add_handler(here, Interest::READABLE, move |_, _| {
                witness.set(true);
                stop.stop();
            })
            .unwrap();
        let stale = io_loop.update_handler(&old, Interest::READABLE);
        assert_eq!(stale.unwrap_err().kind(), std::io::ErrorKind::NotFound);
        (&there).write_all(b"x").unwrap();
        let stop = io_loop.clone();
        io_loop.call_later(Duration::from_secs(5), move || stop.stop());
        io_loop.start().unwrap();
        assert!(heard.get());
    });
}

#[test]
fn observers_may_list_the_coroutines_and_labels_may_describe() {
    struct Nosy(RefCell<Option<IoLoop>>);
    impl LoopObserver for Nosy {
        fn coroutine_spawn(&self, _: CoroutineId, _: &'static Location<'static>) {
            if let Some(io_loop) = &*self.0.borrow() {
                assert!(!io_loop.coroutines().is_empty());
            }
        }
    }
    let nosy = Rc::new(Nosy(RefCell::new(None)));
    let io_loop = IoLoop::builder().observer(Rc::clone(&nosy) as _).build().unwrap();
    *nosy.0.borrow_mut() = Some(io_loop.clone());
    let outcome = io_loop.run_sync(async {
        let place = Location::caller();
        describe(place, || {
            describe(place, || "inner".to_owned());
            "outer".to_owned()
        });
    });
    outcome.unwrap();
    io_loop.close();
}

// Signals.

fn raise(signal: Signal) {
    let pid = std::process::id();
    let number = format!("-{}", signal.number());
    let sent = std::process::Command::new("kill").args([number, pid.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

/// A signal that came just before another listener was added is not lost with the old line.
#[test]
fn t012_a_signal_survives_that_another_signal_is_listened_to_before_it_was_delivered() {
    on_each_backend(|io_loop| {
        let (stop, heard) = (io_loop.clone(), Rc::new(Cell::new(0)));
        let witness = Rc::clone(&heard);
        let one = io_loop
            .on_signal(Signal::User1, move || {
                witness.set(witness.get() + 1);
                stop.stop();
            })
            .unwrap();
        raise(Signal::User1);
        let two = io_loop.on_signal(Signal::User2, || {}).unwrap();
        let stop = io_loop.clone();
        io_loop.call_later(Duration::from_secs(5), move || stop.stop());
        io_loop.start().unwrap();
        assert_eq!(heard.get(), 1);
        io_loop.remove_signal(&one);
        io_loop.remove_signal(&two);
    });
}

/// Nobody else in this file listens to SIGHUP, so the process's table of caught signals tells.
#[cfg(target_os = "linux")]
#[test]
fn t012_a_signal_nobody_listens_to_any_more_gets_its_default_action_back() {
    fn caught() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let mask = u64::from_str_radix(line.trim(), 16).unwrap();
        mask >> (Signal::Hangup.number() - 1) & 1 == 1
    }
    let io_loop = IoLoop::new().unwrap();
    let stays = io_loop.on_signal(Signal::Terminate, || {}).unwrap();
    let goes = io_loop.on_signal(Signal::Hangup, || {}).unwrap();
    assert!(caught());
    io_loop.remove_signal(&goes);
    assert!(!caught(), "a second Ctrl-C would be ignored");
    io_loop.remove_signal(&stays);
}

#[test]
fn t012_a_signal_callback_that_another_one_removed_is_not_called() {
    let io_loop = IoLoop::new().unwrap();
    let second = Rc::new(RefCell::new(None));
    let called = Rc::new(Cell::new(false));
    let (remover, taken) = (io_loop.clone(), Rc::clone(&second));
    let first = io_loop
        .on_signal(Signal::Interrupt, move || {
            if let Some(handle) = taken.take() {
                remover.remove_signal(&handle);
            }
            let stop = remover.clone();
            remover.call_later(MS, move || stop.stop());
        })
        .unwrap();
    let witness = Rc::clone(&called);
    let handle = io_loop.on_signal(Signal::Interrupt, move || witness.set(true)).unwrap();
    second.replace(Some(handle));
    raise(Signal::Interrupt);
    io_loop.start().unwrap();
    assert!(!called.get());
    io_loop.remove_signal(&first);
}

// The executor.

/// A value that panics when it is dropped on a thread of the pool.
struct Grenade(std::thread::ThreadId);

impl Drop for Grenade {
    fn drop(&mut self) {
        assert_eq!(std::thread::current().id(), self.0, "dropped far from home");
    }
}

#[test]
fn a_pool_keeps_its_thread_when_an_unwanted_result_panics_in_its_destructor() {
    let home = std::thread::current().id();
    on_each_backend(|io_loop| {
        let executor = Executor::new(1);
        let answer = run(io_loop, async move {
            let go = Arc::new(AtomicBool::new(false));
            let gate = Arc::clone(&go);
            let unwanted = executor.submit(move || {
                while !gate.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                Grenade(home)
            });
            unwanted.cancel();
            go.store(true, Ordering::Release);
            executor.submit(|| 3).await.unwrap()
        });
        assert_eq!(answer, 3);
    });
}

// Streams.

fn stream_pair() -> (IoStream, IoStream) {
    let (here, there) = UnixStream::pair().expect("two descriptors");
    let stream = |end| IoStream::new(SocketTransport::try_from(end).expect("a socket"));
    (stream(here), stream(there))
}

/// Half a message is no message: the peer must not take what follows for its rest.
#[test]
fn t066_a_stream_whose_writer_panicked_half_way_is_closed() {
    on_each_backend(|io_loop| {
        run(io_loop, async {
            let (here, there) = stream_pair();
            let halfway = catch_unwind(AssertUnwindSafe(|| {
                here.write_with(|out| {
                    out.extend_from_slice(b"half");
                    panic!("of it");
                })
            }));
            assert!(halfway.is_err());
            assert!(here.closed());
            assert!(there.read_bytes(1).await.is_err());
        });
    });
}

/// Edge-triggered: if the accept loop is left by a panic, nobody reports the connections behind.
#[test]
fn t082_a_handler_that_panics_does_not_hold_up_the_connections_behind_it() {
    use squall::iostream::TcpServer;
    use squall::net::Address;
    on_each_backend(|io_loop| {
        let captured = log::capture();
        run(io_loop, async {
            let seen = Rc::new(Cell::new(0));
            let count = Rc::clone(&seen);
            let server = TcpServer::new(move |_stream| {
                count.set(count.get() + 1);
                assert!(count.get() > 1, "the first one fails");
            });
            server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let Address::Inet(address) = server.addresses()[0].clone() else { unreachable!() };
            let _clients: Vec<_> =
                (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
            for _ in 0..1000 {
                if seen.get() == 3 {
                    break;
                }
                sleep(MS).await;
            }
            assert_eq!(seen.get(), 3);
            server.stop();
        });
        assert_eq!(captured.messages().len(), 1, "{captured:?}");
    });
}

#[test]
fn t068_the_close_callback_is_called_even_if_the_reader_panics() {
    use squall::iostream::StreamReader;
    struct Clumsy;
    impl StreamReader for Clumsy {
        fn received(self: Rc<Self>, _: &IoStream, bytes: &[u8]) -> usize {
            bytes.len()
        }
        fn closed(self: Rc<Self>, _: &IoStream, _: Option<Arc<std::io::Error>>) {
            panic!("clumsy");
        }
    }
    on_each_backend(|io_loop| {
        let _quiet = log::capture();
        let called = Rc::new(Cell::new(false));
        let witness = Rc::clone(&called);
        run(io_loop, async move {
            let (here, _there) = stream_pair();
            here.set_reader(Rc::new(Clumsy));
            here.set_close_callback(move || witness.set(true));
            here.close();
            sleep(MS).await;
        });
        assert!(called.get());
    });
}
