//! What is measured, written once for every runtime.
//!
//! Each operation repeats a batch until its time is over and gives the mean, or percentiles where
//! single events are timed. Knows runtimes by their trait only. Read next: `timers.rs`, `place.rs`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::CpuSet;

use super::place::{Place, Yield};
use super::timers::{due, timers};
use super::{ARRIVED, Runtime, percentile_us, thread_time};
use crate::machine;

pub(super) type Numbers = Vec<(&'static str, f64)>;

/// An operation's name, as the command line gives it.
pub(super) fn find(name: &str) -> io::Result<&'static str> {
    let all = [super::OPERATIONS, super::MILLION, super::DUE];
    let found = all.iter().copied().flatten().find(|operation| **operation == name);
    found.copied().ok_or_else(|| io::Error::other(format!("no operation {name}")))
}

pub(super) fn measure<R: Runtime>(
    operation: &'static str,
    length: Duration,
) -> io::Result<Numbers> {
    let numbers = Rc::new(RefCell::new(Ok(Numbers::new())));
    let out = Rc::clone(&numbers);
    R::block_on(async move {
        let measured = match operation {
            "callback" => Ok(vec![("each_ns", repeat(length, callbacks::<R>).await)]),
            "spawn" => Ok(vec![("each_ns", repeat(length, spawns::<R>).await)]),
            "yield-1" => Ok(vec![("each_ns", repeat(length, || yields::<R>(1)).await)]),
            "yield-100" => Ok(vec![("each_ns", repeat(length, || yields::<R>(100)).await)]),
            "ping-pong" => Ok(vec![("each_ns", repeat(length, ping_pong::<R>).await)]),
            "timer" => Ok(timers::<R>(0, length).await),
            "timer-1k" => Ok(timers::<R>(1_000, length).await),
            "timer-100k" => Ok(timers::<R>(100_000, length).await),
            "timer-1m" => Ok(timers::<R>(1_000_000, length).await),
            "timer-due" => due::<R>(length).await,
            "sleep-1ms" => Ok(sleeps::<R>(length).await),
            _ => remote_wakes::<R>(length).await,
        };
        *out.borrow_mut() = measured;
    })?;
    numbers.replace(Ok(Numbers::new()))
}

/// Nanoseconds for one of what `batch` does, which answers how many it did. It never sleeps, so
/// the processor time of its thread is the time that it takes on a machine of its own.
async fn repeat(length: Duration, batch: impl AsyncFn() -> u64) -> f64 {
    batch().await; // tables grow and code is paged in
    let (began, before, mut done) = (Instant::now(), thread_time(), 0);
    while began.elapsed() < length {
        done += batch().await;
    }
    thread_time().saturating_sub(before).as_nanos() as f64 / done as f64
}

/// Counts those who have finished, and tells the one who waits for all of them.
#[derive(Default)]
pub(super) struct Finish {
    left: AtomicU64,
    pub(super) all: Place,
}

impl Finish {
    pub(super) fn of(count: u64) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(count), all: Place::default() })
    }

    /// There is one thread: no need for an atomic subtraction.
    pub(super) fn one(&self) {
        let left = self.left.load(Ordering::Relaxed) - 1;
        self.left.store(left, Ordering::Relaxed);
        if left == 0 {
            self.all.put(1);
        }
    }
}

/// Added and run.
async fn callbacks<R: Runtime>() -> u64 {
    let finish = Finish::of(1_000);
    for _ in 0..1_000 {
        let finish = Arc::clone(&finish);
        R::add_callback(move || finish.one());
    }
    finish.all.take().await;
    1_000
}

/// Started, run, and over after the first step.
pub(super) async fn spawns<R: Runtime>() -> u64 {
    let finish = Finish::of(1_000);
    for _ in 0..1_000 {
        let finish = Arc::clone(&finish);
        R::spawn(async move { finish.one() });
    }
    finish.all.take().await;
    1_000
}

/// Ten thousand yields, shared by so many coroutines.
async fn yields<R: Runtime>(coroutines: u64) -> u64 {
    let finish = Finish::of(coroutines);
    for _ in 0..coroutines {
        let finish = Arc::clone(&finish);
        R::spawn(async move {
            for _ in 0..10_000 / coroutines {
                Yield::now().await;
            }
            finish.one();
        });
    }
    finish.all.take().await;
    10_000
}

/// A thousand times there and back.
async fn ping_pong<R: Runtime>() -> u64 {
    let (there, back) = (Arc::new(Place::default()), Arc::new(Place::default()));
    let (near, far) = (Arc::clone(&there), Arc::clone(&back));
    R::spawn(async move {
        for _ in 0..1_000 {
            far.put(near.take().await);
        }
    });
    let finish = Finish::of(1);
    let done = Arc::clone(&finish);
    R::spawn(async move {
        for number in 1..=1_000 {
            there.put(number);
            back.take().await;
        }
        done.one();
    });
    finish.all.take().await;
    1_000
}

async fn sleeps<R: Runtime>(length: Duration) -> Numbers {
    let (began, mut slept) = (Instant::now(), Vec::new());
    while slept.len() < 10 || began.elapsed() < length {
        let before = Instant::now();
        R::sleep(Duration::from_millis(1)).await;
        slept.push(before.elapsed());
    }
    percentiles(&mut slept)
}

/// Another thread, on another core if there is one, wakes the sleeping loop and sees it awake.
async fn remote_wakes<R: Runtime>(length: Duration) -> io::Result<Numbers> {
    let remote = R::remote()?;
    let home = rustix::thread::sched_getcpu();
    machine::pin_to(home)?;
    let other = std::thread::spawn(move || {
        leave(home);
        let (began, mut trips) = (Instant::now(), Vec::new());
        ARRIVED.store(0, Ordering::Release);
        for number in 1.. {
            let before = Instant::now();
            remote(number);
            while ARRIVED.load(Ordering::Acquire) != number {
                std::hint::spin_loop();
            }
            trips.push(before.elapsed());
            if began.elapsed() > length {
                break;
            }
            // Long enough for the loop to fall asleep again.
            let pause = Instant::now();
            while pause.elapsed() < Duration::from_micros(20) {
                std::hint::spin_loop();
            }
        }
        trips
    });
    while !other.is_finished() {
        R::sleep(Duration::from_millis(50)).await;
    }
    let mut trips = other.join().map_err(|_| io::Error::other("the other thread panicked"))?;
    Ok(percentiles(&mut trips))
}

/// Moves this thread to another core, if there is one.
fn leave(home: usize) {
    let mut others = (0..CpuSet::MAX_CPU).filter(|&core| core != home);
    others.find(|&core| machine::pin_to(core).is_ok());
}

fn percentiles(samples: &mut [Duration]) -> Numbers {
    vec![("p50_us", percentile_us(samples, 0.5)), ("p99_us", percentile_us(samples, 0.99))]
}
