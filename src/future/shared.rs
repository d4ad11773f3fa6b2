//! One result for several readers, each of whom gets a clone.
//!
//! Owns the first outcome it sees; knows only [`Future`]. Read next: `../coroutine/mod.rs`.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Cell, Error, Future, State, Waiter};
use crate::ioloop;

/// A future that may be awaited as often as you like; made by [`Future::shared`].
///
/// ```
/// use squall::future::Future;
/// use squall::ioloop::IoLoop;
///
/// let answer = IoLoop::new()?.run_sync(async {
///     let once = Future::ready(21).shared();
///     let again = once.clone();
///     once.await.unwrap() + again.await.unwrap()
/// })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future does nothing for you unless it is awaited"]
pub struct SharedFuture<T: 'static> {
    cell: Rc<Cell<T>>,
}

impl<T: Clone> SharedFuture<T> {
    pub(super) fn new(Future { cell }: Future<T>) -> Self {
        Self { cell }
    }

    /// True once there is an outcome.
    pub fn done(&self) -> bool {
        !self.cell.is_pending()
    }

    /// A clone of the outcome, if there is one.
    fn look(&self) -> Option<Result<T, Error>> {
        match &*self.cell.state.borrow() {
            State::Done(outcome, looked_at) => {
                looked_at.set(true);
                Some(outcome.clone())
            }
            State::Taken => Some(Err(Error::Taken)),
            State::Pending(_) => None,
        }
    }
}

impl<T> Clone for SharedFuture<T> {
    fn clone(&self) -> Self {
        Self { cell: Rc::clone(&self.cell) }
    }
}

impl<T: Clone> std::future::Future for SharedFuture<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.look() {
            return Poll::Ready(outcome);
        }
        let _ = self.cell.enlist(Waiter::Waker(context.waker().clone()));
        ioloop::note_wait("future", self.cell.place);
        Poll::Pending
    }
}

impl<T> fmt::Debug for SharedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFuture").finish_non_exhaustive()
    }
}
