//! What timers cost: to insert, to cancel, to expire, with few and with many pending; and how late they are.
//!
//! The same for every runtime, like `work.rs`.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::work::{Finish, Numbers, spawns};
use super::{Runtime, percentile_us, thread_time};

/// Marsaglia's xorshift: the same delays for everybody.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(88_172_645_463_325_252)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Inserts and cancels a thousand timers at a time, then lets thousands expire, while so many others
/// are pending all along.
pub(super) async fn timers<R: Runtime>(pending: usize, length: Duration) -> Numbers {
    let mut chance = Chance::new();
    let mut delay = || Duration::from_secs(60) + Duration::from_micros(chance.below(3_540_000_000));
    let pending: Vec<_> = (0..pending).map(|_| R::insert_timer(delay())).collect();
    let (mut inserting, mut cancelling) = (Duration::ZERO, Duration::ZERO);
    let (mut done, began, mut timers) = (0, Instant::now(), Vec::with_capacity(1_000));
    // The floor does not forget: without a limit its heap would fill the memory.
    while began.elapsed() < length && done < 2_000_000 {
        let before = thread_time();
        timers.extend((0..1_000).map(|_| R::insert_timer(delay())));
        let between = thread_time();
        timers.drain(..).for_each(R::cancel_timer);
        cancelling += thread_time().saturating_sub(between);
        inserting += between.saturating_sub(before);
        done += 1_000;
    }
    let expiring = expire::<R>(&mut chance, length / 2).await;
    pending.into_iter().for_each(R::cancel_timer);
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(done);
    vec![("insert_ns", each(inserting)), ("cancel_ns", each(cancelling)), ("expire_ns", expiring)]
}

/// Ten thousand fall due while the loop is kept from looking; then it sleeps for a moment and finds them.
/// Only processor time counts, and the one sleep is lost among them.
async fn expire<R: Runtime>(chance: &mut Chance, length: Duration) -> f64 {
    const COUNT: u64 = 10_000;
    const SLEEP: Duration = Duration::from_millis(1);
    let (began, mut cpu, mut done) = (Instant::now(), Duration::ZERO, 0);
    while done == 0 || began.elapsed() < length {
        let delay = |_| Duration::from_micros(chance.below(1_000));
        let timers: Vec<_> = (0..COUNT).map(delay).map(R::insert_timer).collect();
        let inserted = Instant::now();
        while inserted.elapsed() < 3 * SLEEP {
            std::hint::spin_loop(); // everybody's clock has ticked by then
        }
        let before = thread_time();
        R::sleep(SLEEP).await;
        cpu += thread_time().saturating_sub(before);
        timers.into_iter().for_each(R::cancel_timer); // gone already; a handle may be left
        done += COUNT;
    }
    cpu.as_nanos() as f64 / done as f64
}

/// Coroutines sleep until some moment of the same `span`, a hundred thousand of them for each second.
pub(super) async fn due<R: Runtime>(span: Duration) -> io::Result<Numbers> {
    // A machine that is too slow to start them all in time gets more of it.
    for lead in [0.3, 1.0, 4.0].map(Duration::from_secs_f64) {
        if let Some(numbers) = due_after::<R>(lead, span).await {
            return Ok(numbers);
        }
    }
    Err(io::Error::other("four seconds were not enough to start all sleepers"))
}

/// Nothing when the first was due before the last had been started.
async fn due_after<R: Runtime>(lead: Duration, span: Duration) -> Option<Numbers> {
    let count = (span.as_secs_f64() * 1e5).ceil() as u64;
    let finish = Finish::of(count);
    let late = Arc::new(Mutex::new(Vec::with_capacity(count as usize)));
    let (start, mut chance) = (Instant::now() + lead, Chance::new());
    for number in 1..=count {
        let due = start + Duration::from_micros(chance.below(span.as_micros() as u64));
        let (late, finish) = (Arc::clone(&late), Arc::clone(&finish));
        R::spawn_sleeper(due, move || {
            late.lock().expect("nobody panics").push(due.elapsed());
            finish.one();
        });
        if number % 1_000 == 0 {
            spawns::<R>().await; // a runtime that starts them later does it now
        }
    }
    let ready = Instant::now() < start;
    let before = thread_time();
    finish.all.take().await;
    let cpu = thread_time().saturating_sub(before).as_secs_f64() * 1e6 / count as f64;
    let mut late = late.lock().expect("nobody panics");
    ready.then(|| {
        vec![
            ("late_p50_us", percentile_us(&mut late, 0.5)),
            ("late_p99_us", percentile_us(&mut late, 0.99)),
            ("cpu_us", cpu),
        ]
    })
}
