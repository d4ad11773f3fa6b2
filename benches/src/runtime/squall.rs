//! squall's loop, as its users have it: `spawn`, `add_callback`, `call_later`, a handle for threads.
//!
//! Nothing is tuned.

use std::future::Future;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ::squall::coroutine::{sleep, sleep_until};
use ::squall::ioloop::{IoLoop, TimeoutHandle};

use super::{ARRIVED, Runtime};

pub(super) struct Squall;

impl Runtime for Squall {
    type Timer = TimeoutHandle;

    fn block_on(main: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let io_loop = IoLoop::new()?;
        let done = io_loop.run_sync(main).map_err(|error| io::Error::other(error.to_string()));
        io_loop.close();
        done
    }

    fn spawn(coroutine: impl Future<Output = ()> + Send + 'static) {
        drop(IoLoop::current().spawn(coroutine));
    }

    fn add_callback(callback: impl FnOnce() + Send + 'static) {
        IoLoop::current().add_callback(callback);
    }

    fn spawn_sleeper(due: Instant, then: impl FnOnce() + Send + 'static) {
        let io_loop = IoLoop::current();
        let due = io_loop.time() + due.saturating_duration_since(Instant::now());
        drop(io_loop.spawn(async move {
            sleep_until(due).await;
            then();
        }));
    }

    async fn sleep(delay: Duration) {
        sleep(delay).await;
    }

    fn insert_timer(delay: Duration) -> TimeoutHandle {
        IoLoop::current().call_later(delay, || ())
    }

    fn cancel_timer(timer: TimeoutHandle) {
        IoLoop::current().remove_timeout(timer);
    }

    fn remote() -> io::Result<impl Fn(u64) + Send + 'static> {
        let handle = IoLoop::current().handle();
        Ok(move |number| {
            handle.add_callback(move || ARRIVED.store(number, Ordering::Release));
        })
    }
}
