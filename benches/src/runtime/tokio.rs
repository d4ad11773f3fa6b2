//! tokio's `current_thread` runtime, twice: coroutines in a `LocalSet`, as for futures that stay on
//! their thread, and `tokio::spawn`, which wants them `Send`.
//!
//! It has no callbacks: a task whose future is ready at once is the nearest thing. Nothing is tuned.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use ::tokio::runtime::{Builder, Handle};
use ::tokio::task::LocalSet;
use ::tokio::time::{Sleep, sleep, sleep_until};

use super::{ARRIVED, Runtime};

pub(super) struct Tokio<const LOCAL: bool>;

impl<const LOCAL: bool> Runtime for Tokio<LOCAL> {
    type Timer = Pin<Box<Sleep>>;

    fn block_on(main: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        if LOCAL {
            LocalSet::new().block_on(&runtime, main);
        } else {
            runtime.block_on(main);
        }
        Ok(())
    }

    fn spawn(coroutine: impl Future<Output = ()> + Send + 'static) {
        if LOCAL {
            drop(::tokio::task::spawn_local(coroutine));
        } else {
            drop(::tokio::spawn(coroutine));
        }
    }

    fn add_callback(callback: impl FnOnce() + Send + 'static) {
        Self::spawn(async move { callback() });
    }

    fn spawn_sleeper(due: Instant, then: impl FnOnce() + Send + 'static) {
        Self::spawn(async move {
            sleep_until(due.into()).await;
            then();
        });
    }

    async fn sleep(delay: Duration) {
        sleep(delay).await;
    }

    /// A sleep is entered among the timers when it is polled first.
    fn insert_timer(delay: Duration) -> Pin<Box<Sleep>> {
        let mut timer = Box::pin(sleep(delay));
        let _ = timer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        timer
    }

    fn cancel_timer(timer: Pin<Box<Sleep>>) {
        drop(timer);
    }

    fn remote() -> io::Result<impl Fn(u64) + Send + 'static> {
        let handle = Handle::current();
        Ok(move |number| {
            drop(handle.spawn(async move { ARRIVED.store(number, Ordering::Release) }));
        })
    }
}
