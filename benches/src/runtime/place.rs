//! A place for one number, and who waits for it: the only thing coroutines talk through here.
//!
//! Everybody uses this one, so that channels take no part in the comparison.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Zero stands for nothing.
#[derive(Default)]
pub(super) struct Place {
    number: AtomicU64,
    reader: Mutex<Option<Waker>>,
}

impl Place {
    pub(super) fn put(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(super) async fn take(&self) -> u64 {
        poll_fn(|context| match self.number.load(Ordering::Relaxed) {
            0 => {
                let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                *reader = Some(context.waker().clone());
                Poll::Pending
            }
            number => {
                self.number.store(0, Ordering::Relaxed);
                Poll::Ready(number)
            }
        })
        .await
    }
}

/// Wakes itself and is resumed once the others have had their turn.
pub(super) struct Yield(bool);

impl Yield {
    pub(super) fn now() -> Self {
        Self(false)
    }
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
