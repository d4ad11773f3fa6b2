//! Futures, coroutines and the executor from outside: order of done callbacks, errors that are
//! never lost, joining, timing out, cancelling, waking from elsewhere (T030-T046, F025-F074, and
//! the seeds' rows about them).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, block and look at the real clock"
)]

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use squall::coroutine::{
    RunSyncError, TimedOut, as_completed, join_all, join_map, sleep, task, with_timeout, yield_now,
};
use squall::executor::{Executor, RunOnExecutor};
use squall::future::{Error, Future, InvalidState, Promise};
use squall::ioloop::IoLoop;
use squall::log;
use support::{on_each_backend, run, run_on_each_backend, run_virtually};

const MS: Duration = Duration::from_millis(1);

/// An error of the user's own.
#[derive(Debug)]
struct Oops(&'static str);

impl fmt::Display for Oops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Oops {}

fn spawn<T: 'static>(body: impl std::future::Future<Output = T> + 'static) -> Future<T> {
    IoLoop::current().spawn(body)
}

/// A coroutine that gives `value` after `ms` milliseconds.
fn later<T: 'static>(ms: u32, value: T) -> Future<T> {
    spawn(async move {
        sleep(ms * MS).await;
        value
    })
}

fn failing(ms: u32, text: &'static str) -> Future<u32> {
    IoLoop::current().spawn_fallible(async move {
        sleep(ms * MS).await;
        Err(Oops(text))
    })
}

#[test]
fn s076_done_callbacks_run_in_registration_order_in_a_later_turn_never_inside_set_result() {
    run_on_each_backend(|| async {
        let story = Rc::new(RefCell::new(Vec::new()));
        let promise = Promise::new();
        let future = promise.future();
        for word in ["first", "second"] {
            let story = Rc::clone(&story);
            future.add_done_callback(move |_| story.borrow_mut().push(word));
        }
        let awaiting = spawn({
            let story = Rc::clone(&story);
            async move {
                future.await.unwrap();
                story.borrow_mut().push("awaited third");
            }
        });
        promise.set_result(()).unwrap();
        story.borrow_mut().push("set_result returned");
        awaiting.await.unwrap();
        let told = ["set_result returned", "first", "second", "awaited third"];
        assert_eq!(*story.borrow(), told);
    });
}

#[test]
fn s133_a_callback_on_a_done_future_runs_in_the_next_turn() {
    run_on_each_backend(|| async {
        let (ran, turn) = (Rc::new(Cell::new(0)), IoLoop::current().turns());
        let seen = Rc::clone(&ran);
        Future::ready(7).add_done_callback(move |_| seen.set(IoLoop::current().turns()));
        assert_eq!(ran.get(), 0);
        yield_now().await;
        assert_eq!(ran.get(), turn + 1);
    });
}

#[test]
fn s134_a_panicking_done_callback_is_one_log_line_and_the_next_one_runs() {
    run_on_each_backend(|| async {
        let log = log::capture();
        let ran = Rc::new(Cell::new(false));
        let (promise, seen) = (Promise::new(), Rc::clone(&ran));
        promise.future().add_done_callback(|_| panic!("mine"));
        promise.future().add_done_callback(move |_| seen.set(true));
        promise.set_result(()).unwrap();
        yield_now().await;
        yield_now().await;
        assert!(ran.get());
        let lines = log.messages();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("exception in callback added at tests/coroutine.rs"));
    });
}

#[test]
fn t041_a_result_is_set_once_and_asking_too_early_is_an_error() {
    run_on_each_backend(|| async {
        let promise = Promise::new();
        let future = promise.future();
        assert_eq!(future.result().unwrap_err(), InvalidState::Pending);
        promise.set_result(1).unwrap();
        assert_eq!(promise.set_result(2), Err(InvalidState::Done));
        assert_eq!(*future.result().unwrap().as_ref().unwrap(), 1);
        assert_eq!(future.await.unwrap(), 1);
        assert_eq!(promise.future().result().unwrap_err(), InvalidState::Taken);
        assert!(matches!(promise.future().await, Err(Error::Taken)));
    });
}

#[test]
fn s073_asking_a_pending_future_on_the_loop_thread_refuses_and_says_why() {
    run_on_each_backend(|| async {
        let job = Executor::new(1).submit(|| 1);
        let refused = job.result().unwrap_err().to_string();
        assert!(refused.contains("would stop the loop"), "{refused}");
        assert_eq!(job.await.unwrap(), 1);
    });
}

#[test]
fn t041_f070_cancel_settles_once_and_unless_cancelled_setters_do_not_complain() {
    run_on_each_backend(|| async {
        let log = log::capture();
        let promise = Promise::new();
        let future = promise.future();
        assert!(future.cancel());
        assert!(!future.cancel());
        promise.set_result_unless_cancelled(1);
        assert_eq!(promise.set_result(1), Err(InvalidState::Done));
        assert!(log.messages().is_empty());
        promise.set_error_unless_cancelled(Error::new(Oops("late")));
        assert_eq!(log.messages(), ["exception after future was cancelled: late"]);
        assert!(matches!(future.await, Err(Error::Cancelled)));
    });
}

#[test]
fn s142_an_error_nobody_retrieves_is_logged_once_with_the_line_that_spawned_it() {
    run_on_each_backend(|| async {
        let log = log::capture();
        drop(IoLoop::current().spawn_fallible(async { Err::<(), _>(Oops("divide by zero")) }));
        let panicked = spawn(async { assert_eq!(1, 2, "no") });
        drop(panicked);
        let lines = log.messages();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("future's error was never retrieved: divide by zero"));
        assert!(lines[0].contains("tests/coroutine.rs:"));
        assert!(lines[1].contains("panicked"));
        // One that is looked at says nothing.
        let seen = IoLoop::current().spawn_fallible(async { Err::<(), _>(Oops("seen")) });
        assert!(seen.await.is_err());
        drop(IoLoop::current().spawn_fallible(async { Ok::<_, Oops>(1) }));
        assert_eq!(log.messages().len(), 2);
    });
}

#[test]
fn a_dropped_promise_fails_its_future_instead_of_hanging_it() {
    run_on_each_backend(|| async {
        let promise = Promise::<()>::new();
        let future = promise.future();
        drop(promise);
        assert!(matches!(future.await, Err(Error::Abandoned)));
    });
}

#[test]
fn t044_s132_chain_copies_result_and_error_and_leaves_a_finished_target_alone() {
    run_on_each_backend(|| async {
        for fail in [false, true] {
            let (source, target) = (Promise::new(), Promise::new());
            let result = target.future();
            source.future().chain(target);
            if fail {
                source.set_error(Error::new(Oops("copied"))).unwrap();
                assert_eq!(result.await.unwrap_err().to_string(), "copied");
            } else {
                source.set_result(5).unwrap();
                assert_eq!(result.await.unwrap(), 5);
            }
        }
        let (source, target) = (Promise::new(), Promise::new());
        target.set_result("mine").unwrap();
        let result = target.future();
        source.future().chain(target);
        source.set_result("yours").unwrap();
        yield_now().await;
        assert_eq!(result.await.unwrap(), "mine");
    });
}

#[test]
fn f071_executor_future_to_executor_future_to_loop_future() {
    run_on_each_backend(|| async {
        let executor = Executor::new(2);
        let inner = executor.clone();
        let first = executor.submit(|| 20);
        let second = spawn(async move {
            let n = first.await.unwrap();
            inner.submit(move || n + 22).await.unwrap()
        });
        let target = Promise::new();
        let result = target.future();
        second.chain(target);
        assert_eq!(result.await.unwrap(), 42);
    });
}

#[test]
fn s137_the_first_step_runs_at_once_and_without_awaits_needs_no_turn() {
    on_each_backend(|io_loop| {
        let turns = io_loop.turns();
        let done = io_loop.spawn(async { 1 + 1 });
        assert!(done.done());
        assert_eq!(io_loop.turns(), turns);
        assert!(io_loop.coroutines().is_empty());
    });
}

#[test]
fn s138_f040_f041_an_error_surfaces_through_the_future_not_at_the_call() {
    run_on_each_backend(|| async {
        let before = IoLoop::current().spawn_fallible(async { Err::<(), _>(Oops("before")) });
        let after = failing(1, "after");
        assert_eq!(before.await.unwrap_err().to_string(), "before");
        assert_eq!(after.await.unwrap_err().to_string(), "after");
        let panicked = spawn(async { panic!("in a coroutine") });
        let error: Error = panicked.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.to_string(), "panicked: in a coroutine");
    });
}

#[test]
fn s141_f054_what_a_coroutine_holds_is_freed_when_it_ends() {
    run_on_each_backend(|| async {
        let held = Rc::new(());
        let task = spawn({
            let held = Rc::clone(&held);
            async move {
                sleep(MS).await;
                drop(held);
            }
        });
        assert_eq!(Rc::strong_count(&held), 2);
        task.await.unwrap();
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

#[test]
fn f062_a_suspended_coroutine_lives_on_although_nobody_holds_it() {
    run_on_each_backend(|| async {
        let (gate, done) = (Promise::new(), Rc::new(Cell::new(false)));
        let (wait, flag) = (gate.future(), Rc::clone(&done));
        drop(spawn(async move {
            wait.await.unwrap();
            flag.set(true);
        }));
        sleep(MS).await;
        assert!(!done.get());
        gate.set_result(()).unwrap();
        yield_now().await;
        yield_now().await;
        assert!(done.get());
    });
}

#[test]
fn cancelling_drops_a_suspended_coroutine_at_once_and_may_be_done_from_within() {
    run_on_each_backend(|| async {
        let held = Rc::new(());
        let task = spawn({
            let held = Rc::clone(&held);
            async move {
                sleep(Duration::from_secs(3600)).await;
                drop(held);
            }
        });
        assert!(task.cancel());
        assert_eq!(Rc::strong_count(&held), 1);
        assert_eq!(IoLoop::current().coroutines().len(), 1, "only this test is left");
        // From within: the handle reaches the coroutine itself.
        let own: Rc<RefCell<Option<Future<()>>>> = Rc::default();
        let (handle, after) = (Rc::clone(&own), Rc::new(Cell::new(false)));
        let flag = Rc::clone(&after);
        let task = spawn(async move {
            yield_now().await;
            assert!(handle.borrow().as_ref().unwrap().cancel());
            yield_now().await;
            flag.set(true);
        });
        *own.borrow_mut() = Some(task);
        sleep(MS).await;
        assert!(!after.get(), "a cancelled coroutine goes no further than its next await");
    });
}

#[test]
fn t036_f053_ready_awaits_keep_the_turn_and_yield_now_gives_it_up() {
    fn letters(story: &Rc<RefCell<String>>, letter: char, yields: bool) -> Future<()> {
        let story = Rc::clone(story);
        spawn(async move {
            for _ in 0..5 {
                if yields {
                    yield_now().await;
                } else {
                    std::future::ready(()).await;
                }
                story.borrow_mut().push(letter);
            }
        })
    }
    run_on_each_backend(|| async {
        for (a, b, expected) in
            [(false, false, "aaaaabbbbb"), (true, true, "ababababab"), (true, false, "bbbbbaaaaa")]
        {
            let story = Rc::new(RefCell::new(String::new()));
            let both = [letters(&story, 'a', a), letters(&story, 'b', b)];
            join_all(both).await.unwrap();
            assert_eq!(*story.borrow(), expected);
        }
    });
}

#[test]
fn t032_f051_sleep_zero_yields_one_turn() {
    run_on_each_backend(|| async {
        let turn = IoLoop::current().turns();
        sleep(Duration::ZERO).await;
        assert!(IoLoop::current().turns() > turn);
    });
}

#[test]
fn t034_f043_f045_joins_keep_order_and_keys_and_are_empty_at_once() {
    run_on_each_backend(|| async {
        let values = join_all([later(3, 'a'), later(1, 'b'), later(2, 'c')]).await.unwrap();
        assert_eq!(values, ['a', 'b', 'c']);
        let named = join_map([("x", later(2, 1)), ("y", later(1, 2))]).await.unwrap();
        assert_eq!(named, BTreeMap::from([("x", 1), ("y", 2)]));
        assert!(join_all(Vec::<Future<u8>>::new()).await.unwrap().is_empty());
        let nothing: BTreeMap<u8, u8> = join_map([]).await.unwrap();
        assert!(nothing.is_empty());
    });
}

#[test]
fn f044_joining_many_is_linear_one_step_per_child() {
    run_on_each_backend(|| async {
        let children: Vec<_> = (0..20_000).map(|i| spawn(async move { i })).collect();
        let turn = IoLoop::current().turns();
        assert_eq!(join_all(children).await.unwrap().len(), 20_000);
        assert_eq!(IoLoop::current().turns(), turn, "all were done: no turn was needed");
    });
}

#[test]
fn f046_one_future_shared_gives_its_result_twice() {
    run_on_each_backend(|| async {
        let one = later(1, String::from("value")).shared();
        let (a, b) = (one.clone(), one);
        assert_eq!(a.await.unwrap() + &b.await.unwrap(), "valuevalue");
    });
}

#[test]
fn f047_of_several_failures_the_first_in_order_is_raised_and_the_others_are_logged() {
    run_on_each_backend(|| async {
        let log = log::capture();
        let failed = join_all([failing(3, "first"), later(1, 2), failing(1, "second")]).await;
        assert_eq!(failed.unwrap_err().to_string(), "first");
        let lines = log.messages();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("never retrieved: second"));
        let quiet = failing(1, "second").quiet_if(|error| error.cause::<Oops>().is_some());
        assert!(join_all([failing(1, "first"), quiet]).await.is_err());
        assert!(join_all([failing(1, "alone")]).await.is_err());
        assert_eq!(log.messages().len(), 1, "quiet types and single failures log nothing");
    });
}

#[test]
fn t035_f058_f059_f060_outcomes_come_as_they_complete_each_with_its_index_and_error() {
    run_on_each_backend(|| async {
        let mut none = as_completed::<()>([]);
        assert!(none.done() && none.next().await.is_none());
        let ready = [Future::ready(0), Future::ready(1)];
        let mut inputs = as_completed(ready);
        assert_eq!(inputs.next().await.unwrap().0, 0);
        assert_eq!(inputs.next().await.unwrap().0, 1);
        assert!(inputs.done());
        let mut mixed = as_completed([later(6, 6), failing(3, "three"), later(1, 1)]);
        let mut order = Vec::new();
        while let Some((index, outcome)) = mixed.next().await {
            order.push((index, outcome.map_err(|error| error.to_string())));
        }
        assert_eq!(order, [(2, Ok(1)), (1, Err("three".to_owned())), (0, Ok(6))]);
    });
}

#[test]
fn s070_t033_f056_with_timeout_gives_the_result_or_times_out_and_does_not_cancel() {
    run_virtually(|_| async {
        assert_eq!(with_timeout(50 * MS, later(10, 1)).await.unwrap().unwrap(), 1);
        let late = Rc::new(Cell::new(false));
        let flag = Rc::clone(&late);
        let inner = spawn(async move {
            sleep(100 * MS).await;
            flag.set(true);
        });
        let started = IoLoop::current().time();
        assert_eq!(with_timeout(50 * MS, inner).await.unwrap_err(), TimedOut);
        assert_eq!(IoLoop::current().time() - started, 50 * MS);
        sleep(60 * MS).await;
        assert!(late.get(), "the inner future completed later");
        // A done future wins, even against a deadline in the past.
        let past = squall::reactor::Instant::from_nanos(1);
        assert_eq!(with_timeout(past, Future::ready(3)).await.unwrap().unwrap(), 3);
        assert_eq!(IoLoop::current().timers_pending(), 1, "only the test's own limit is left");
    });
}

#[test]
fn s071_the_late_error_of_an_abandoned_future_is_logged_unless_it_is_expected() {
    run_virtually(|_| async {
        let log = log::capture();
        assert!(with_timeout(MS, failing(5, "late")).await.is_err());
        sleep(10 * MS).await;
        assert_eq!(log.messages().len(), 1);
        let quiet = failing(5, "late").quiet_if(|error| error.cause::<Oops>().is_some());
        assert!(with_timeout(MS, quiet).await.is_err());
        sleep(10 * MS).await;
        assert_eq!(log.messages().len(), 1);
    });
}

#[test]
fn s022_s146_task_turns_a_callback_function_into_a_future() {
    run_virtually(|io_loop| async move {
        let deadline = io_loop.time() + Duration::from_secs(10);
        let timer = io_loop.clone();
        task(|resume| timer.add_timeout(deadline, move || resume.call(()))).await.unwrap();
        assert_eq!(io_loop.time(), deadline);
        let twice = task(|resume| {
            resume.call("first");
            resume.call("second");
        });
        assert_eq!(twice.await.unwrap(), "first");
    });
}

#[test]
fn s152_five_sleeps_of_a_second_print_at_their_seconds() {
    run_virtually(|io_loop| async move {
        let started = io_loop.time();
        let mut printed = Vec::new();
        for i in 0..5_u64 {
            printed.push((i, (io_loop.time() - started).as_secs()));
            let (timer, deadline) = (io_loop.clone(), io_loop.time() + Duration::from_secs(1));
            task(|resume| timer.add_timeout(deadline, move || resume.call(()))).await.unwrap();
        }
        assert_eq!(printed, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
    });
}

#[test]
fn s021_only_awaiting_something_of_the_loop_gives_up_the_turn() {
    run_on_each_backend(|| async {
        let other = Rc::new(Cell::new(0));
        let count = Rc::clone(&other);
        let busy = spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        let before = other.get();
        async { std::thread::sleep(MS) }.await; // async in name only
        assert_eq!(other.get(), before);
        sleep(MS).await;
        assert!(other.get() > before);
        busy.cancel();
    });
}

#[test]
fn f028_t006_run_sync_gives_the_value_the_error_or_the_timeout() {
    on_each_backend(|io_loop| {
        assert_eq!(io_loop.run_sync(async { 42 }).unwrap(), 42);
        let current = io_loop.run_sync(async { IoLoop::try_current().is_some() });
        assert!(current.unwrap());
        let failed = io_loop.run_sync(async { panic!("inside") });
        assert!(matches!(failed.map(|(): ()| ()), Err(RunSyncError::Failed(Error::Panicked(_)))));
        let slow = io_loop.run_sync_timeout(5 * MS, sleep_for_an_hour());
        assert!(matches!(slow, Err(RunSyncError::TimedOut)));
        assert!(io_loop.coroutines().is_empty(), "the coroutine was cancelled");
        assert_eq!(io_loop.run_sync(async { "again" }).unwrap(), "again");
    });
}

async fn sleep_for_an_hour() {
    sleep(Duration::from_secs(3600)).await;
}

#[test]
fn f029_run_sync_says_when_somebody_stopped_the_loop_first() {
    on_each_backend(|io_loop| {
        let stop = io_loop.clone();
        io_loop.call_later(MS, move || stop.stop());
        let outcome = io_loop.run_sync(sleep_for_an_hour());
        let error = outcome.unwrap_err();
        assert!(matches!(error, RunSyncError::Stopped));
        assert_eq!(error.to_string(), "event loop stopped before future completed");
    });
}

#[test]
fn f020_t013_a_failing_coroutine_is_logged_also_when_it_fails_after_its_first_await() {
    run_on_each_backend(|| async {
        let log = log::capture();
        drop(failing(1, "after an await"));
        sleep(3 * MS).await;
        assert_eq!(log.messages().len(), 1);
    });
}

#[test]
fn f050_s139_squall_futures_and_std_futures_await_each_other() {
    run_on_each_backend(|| async {
        let std_future = std::future::ready(1);
        let ours = later(1, 2);
        let nested = async { std_future.await + ours.await.unwrap() };
        assert_eq!(spawn(nested).await.unwrap(), 3);
    });
}

#[test]
fn f063_coroutines_suspended_at_close_are_dropped_and_their_clean_up_runs() {
    on_each_backend(|io_loop| {
        struct CleanUp(Rc<Cell<bool>>);
        impl Drop for CleanUp {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let cleaned = Rc::new(Cell::new(false));
        let guard = CleanUp(Rc::clone(&cleaned));
        let _suspended = io_loop.spawn(async move {
            sleep_for_an_hour().await;
            drop(guard);
        });
        io_loop.close();
        assert!(cleaned.get());
    });
}

#[test]
fn t038_wakers_work_from_other_threads_and_a_spurious_wake_changes_nothing() {
    use std::sync::Mutex;
    use std::task::{Poll, Waker};
    run_on_each_backend(|| async {
        let shared: Arc<Mutex<(u32, Option<Waker>)>> = Arc::default();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        let waker = {
                            let mut guard = shared.lock().unwrap();
                            guard.0 += 1;
                            guard.1.clone()
                        };
                        waker.into_iter().for_each(Waker::wake);
                    }
                })
            })
            .collect();
        // Every wake-up is needed: each poll sees only what was counted before it.
        std::future::poll_fn(|context| {
            let mut guard = shared.lock().unwrap();
            if guard.0 == 8000 {
                return Poll::Ready(());
            }
            guard.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn ask04_a_listing_names_what_each_coroutine_waits_for_and_its_lines() {
    run_on_each_backend(|| async {
        let sleeper = later(1000, ());
        let promise = Promise::<()>::new();
        let future = promise.future();
        let waiter = spawn(async move {
            future.await.unwrap();
        });
        let listed = IoLoop::current().coroutines();
        let waits: Vec<_> = listed.iter().filter_map(|info| info.wait.map(|w| w.what)).collect();
        assert_eq!(waits, ["timer", "future"]);
        assert!(listed.iter().all(|info| info.place.file() == "tests/coroutine.rs"
            || info.place.file().contains("testing")));
        sleeper.cancel();
        waiter.cancel();
    });
}

#[test]
fn s066_s150_the_pool_is_bounded_and_its_queue_can_be_seen() {
    run_on_each_backend(|| async {
        let executor = Executor::new(2);
        let (gate, open) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
        let mut jobs: Vec<Future<()>> = (0..2)
            .map(|_| {
                let (gate, open) = (Arc::clone(&gate), Arc::clone(&open));
                executor.submit(move || {
                    gate.wait();
                    open.wait();
                })
            })
            .collect();
        jobs.extend((0..8).map(|_| executor.submit(|| ())));
        gate.wait(); // both threads are inside their jobs now
        assert_eq!((executor.running(), executor.queued()), (2, 8));
        open.wait();
        join_all(jobs).await.unwrap();
        assert_eq!((executor.running().min(1), executor.queued()), (executor.running().min(1), 0));
    });
}

#[test]
fn s068_f073_run_on_executor_delivers_on_the_loop_thread_by_the_objects_own_pool() {
    struct Pinger {
        pool: Executor,
    }
    impl RunOnExecutor for Pinger {
        fn executor(&self) -> &Executor {
            &self.pool
        }
    }
    run_on_each_backend(|| async {
        let home = std::thread::current().id();
        let pinger = Pinger { pool: Executor::new(1) };
        let ping = pinger.run_on_executor(|| std::thread::current().id());
        let delivered = Rc::new(Cell::new(None));
        let seen = Rc::clone(&delivered);
        ping.add_done_callback(move |_| seen.set(Some(std::thread::current().id())));
        let away = ping.await.unwrap();
        assert_ne!(away, home);
        yield_now().await; // a job that was faster than its submission is awaited within the turn
        assert_eq!(delivered.get(), Some(home));
    });
}

#[test]
fn s069_f027_the_shared_pool_is_one_and_a_pool_of_ones_own_is_used() {
    run_on_each_backend(|| async {
        assert!(Executor::shared().is(&Executor::shared()));
        assert!(!Executor::new(1).is(&Executor::shared()));
        let name = Executor::new(1)
            .submit(|| std::thread::current().name().map(str::to_owned))
            .await
            .unwrap();
        assert_eq!(name.as_deref(), Some("squall-executor-0"));
        assert_eq!(IoLoop::current().run_in_executor(|| 5).await.unwrap(), 5);
        IoLoop::current().set_default_executor(Executor::inline());
        let home = std::thread::current().id();
        let at_home =
            IoLoop::current().run_in_executor(move || std::thread::current().id() == home);
        assert!(at_home.await.unwrap(), "the default of this loop is used");
    });
}

#[test]
fn f026_t019_two_jobs_that_wait_for_each_other_both_finish() {
    run_on_each_backend(|| async {
        let meeting = Arc::new(Barrier::new(2));
        let jobs = [Arc::clone(&meeting), meeting]
            .map(|meeting| IoLoop::current().run_in_executor(move || meeting.wait().is_leader()));
        let leaders = join_all(jobs).await.unwrap();
        assert_eq!(leaders.iter().filter(|leader| **leader).count(), 1);
    });
}

#[test]
fn t046_an_inline_executor_runs_jobs_at_once_on_the_callers_thread() {
    run_on_each_backend(|| async {
        let home = std::thread::current().id();
        let job = Executor::inline().submit(move || std::thread::current().id() == home);
        assert!(job.done(), "no turn was needed");
        assert!(job.await.unwrap());
        let failed = Executor::inline().submit(|| panic!("inline"));
        assert_eq!(failed.await.map(|(): ()| ()).unwrap_err().to_string(), "panicked: inline");
    });
}

#[test]
fn f057_with_timeout_on_executor_futures() {
    run_on_each_backend(|| async {
        let (gate, release) = std::sync::mpsc::channel::<()>();
        let stuck = Executor::new(1).submit(move || release.recv().is_err());
        assert!(with_timeout(MS, stuck).await.is_err());
        drop(gate);
        let quick = IoLoop::current().run_in_executor(|| 1);
        assert_eq!(with_timeout(Duration::from_secs(10), quick).await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_panicking_job_fails_its_future_and_the_thread_works_on() {
    run_on_each_backend(|| async {
        let executor = Executor::new(1);
        let failed = executor.submit(|| panic!("job"));
        assert_eq!(failed.await.map(|(): ()| ()).unwrap_err().to_string(), "panicked: job");
        assert_eq!(executor.submit(|| 2).await.unwrap(), 2);
    });
}

#[test]
fn the_virtual_clock_does_not_jump_over_a_job_that_runs() {
    run_virtually(|io_loop| async move {
        let started = io_loop.time();
        let (gate, release) = std::sync::mpsc::channel::<()>();
        let job = io_loop.run_in_executor(move || release.recv().is_err());
        // A real thread ends the job in a while of real time; the limit is an hour of virtual time.
        let helper = std::thread::spawn(move || {
            std::thread::sleep(20 * MS);
            drop(gate);
        });
        let outcome = with_timeout(Duration::from_secs(3600), job).await;
        assert!(outcome.is_ok(), "the clock jumped to the limit");
        assert!(io_loop.time() - started < Duration::from_secs(3600));
        helper.join().unwrap();
    });
}

#[test]
fn s175_several_loops_run_on_several_threads() {
    let threads: Vec<_> = (0..4_u32)
        .map(|n| {
            std::thread::spawn(move || {
                let io_loop = IoLoop::new().unwrap();
                run(&io_loop, async move {
                    sleep(n * MS).await;
                    n
                })
            })
        })
        .collect();
    let sum: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(sum, 6);
}
