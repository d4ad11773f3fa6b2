//! The runtime without sockets: callbacks, coroutines, timers and wakes from another thread.
//!
//! Owns the list of contenders and what each must be able to do ([`Runtime`]); what is done with it
//! is in `work.rs`, the same for everybody. What runs is `Send`, since tokio's `spawn` wants it so;
//! that costs every contender an uncontended lock in a ping-pong. Read next: `work.rs`, `floor.rs`.

mod floor;
mod place;
mod squall;
mod timers;
mod tokio;
mod work;

use std::future::Future;
use std::io;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Who takes part.
pub(crate) const CONTENDERS: &[&str] = &["floor", "squall", "tokio", "tokio-spawn"];

/// What is measured; the numbers are nanoseconds where no other unit is named.
pub(crate) const OPERATIONS: &[&str] = &[
    "callback",
    "spawn",
    "yield-1",
    "yield-100",
    "ping-pong",
    "sleep-1ms",
    "remote-wake",
    "timer",
    "timer-1k",
    "timer-100k",
];

/// What is slow to set up: a million timers are pending before the clock runs.
pub(crate) const MILLION: &[&str] = &["timer-1m"];

/// What needs time: a hundred thousand timers a second fall due.
pub(crate) const DUE: &[&str] = &["timer-due"];

/// One measurement.
pub(crate) fn run(
    contender: &str,
    operation: &str,
    seconds: f64,
) -> io::Result<Vec<(&'static str, f64)>> {
    let operation = work::find(operation)?;
    let length = Duration::from_secs_f64(seconds);
    match contender {
        "floor" => work::measure::<floor::Floor>(operation, length),
        "squall" => work::measure::<squall::Squall>(operation, length),
        "tokio" => work::measure::<tokio::Tokio<true>>(operation, length),
        "tokio-spawn" => work::measure::<tokio::Tokio<false>>(operation, length),
        _ => Err(io::Error::other(format!("no runtime {contender}"))),
    }
}

/// What the other thread waits for: the number of the last wake that has arrived.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// What a contender can do. There is one of each a process, and it belongs to one thread.
trait Runtime: 'static {
    /// A pending timer that has not been cancelled.
    type Timer;

    /// Runs `main` to its end, and meanwhile what it starts.
    fn block_on(main: impl Future<Output = ()> + 'static) -> io::Result<()>;

    /// Starts a coroutine for which nobody waits.
    fn spawn(coroutine: impl Future<Output = ()> + Send + 'static);

    /// Runs a closure later: in its cheapest way.
    fn add_callback(callback: impl FnOnce() + Send + 'static);

    /// Starts a coroutine that sleeps until `due`, then does `then`.
    fn spawn_sleeper(due: Instant, then: impl FnOnce() + Send + 'static);

    /// For the coroutine that measures.
    fn sleep(delay: Duration) -> impl Future<Output = ()>;

    /// A timer that does nothing when it is due.
    fn insert_timer(delay: Duration) -> Self::Timer;

    /// Makes as if it had never been.
    fn cancel_timer(timer: Self::Timer);

    /// Sets [`ARRIVED`], on the thread of the runtime, to the number given by another thread.
    fn remote() -> io::Result<impl Fn(u64) + Send + 'static>;
}

/// The value that so much of all samples do not exceed, in microseconds.
pub(crate) fn percentile_us(samples: &mut [Duration], share: f64) -> f64 {
    let rank = (samples.len() as f64 * share).ceil() as usize;
    let Some(index) = rank.min(samples.len()).checked_sub(1) else { return f64::NAN };
    samples.select_nth_unstable(index).1.as_secs_f64() * 1e6
}

/// CPU time of this thread.
pub(crate) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::{CONTENDERS, DUE, OPERATIONS, percentile_us, run};
    use std::time::Duration;

    /// Each in a thread of its own, for a runtime belongs to a thread. The million is left out.
    #[test]
    fn every_contender_does_every_small_operation() {
        for contender in CONTENDERS {
            for operation in OPERATIONS.iter().chain(DUE) {
                let numbers = std::thread::spawn(move || run(contender, operation, 0.01)).join();
                let numbers = numbers.expect("no panic").expect("no error");
                for (name, value) in numbers {
                    assert!(value > 0.0, "{contender} {operation}: {name} is {value}");
                }
            }
        }
    }

    #[test]
    fn percentiles_are_samples() {
        let mut samples: Vec<_> = (1..=100).rev().map(Duration::from_micros).collect();
        assert!((percentile_us(&mut samples, 0.5) - 50.0).abs() < 1e-9);
        assert!((percentile_us(&mut samples, 0.99) - 99.0).abs() < 1e-9);
    }
}
