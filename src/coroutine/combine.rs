//! Many futures at once: `join_all`, `join_map`, `as_completed`, and `task`, which turns a
//! function with a callback into a future.
//!
//! All of them take squall futures, which are running already; so waiting for them one after the
//! other is waiting for all, and costs one wake-up each. Read next: `../executor.rs`.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::future::{Error, Future, Promise};
use crate::ioloop;

/// Waits for every future and gives their values in order; Tornado's `multi` (T034).
///
/// All are waited for, even if one fails. Then the first error in list order is returned, and the
/// errors of the others are logged, unless their `quiet_if` expects them (F047).
pub async fn join_all<T: 'static>(
    futures: impl IntoIterator<Item = Future<T>>,
) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    let mut failed = None;
    for future in futures.into_iter().collect::<Vec<_>>() {
        finished(&future).await;
        if failed.is_some() {
            continue; // its error, if it has one, is logged when it is dropped
        }
        match future.await {
            Ok(value) => values.push(value),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(values), Err)
}

/// The same for named futures.
pub async fn join_map<K: Ord, T: 'static>(
    futures: impl IntoIterator<Item = (K, Future<T>)>,
) -> Result<BTreeMap<K, T>, Error> {
    let (keys, futures): (Vec<K>, Vec<Future<T>>) = futures.into_iter().unzip();
    let values = join_all(futures).await?;
    Ok(keys.into_iter().zip(values).collect())
}

/// Waits until `future` is done, and leaves its outcome alone.
async fn finished<T: 'static>(future: &Future<T>) {
    poll_fn(|context| future.poll_done(context)).await;
}

/// Gives the outcomes in the order in which they arrive; Tornado's `WaitIterator` (T035).
///
/// ```
/// use std::time::Duration;
/// use squall::coroutine::{as_completed, sleep};
/// use squall::ioloop::IoLoop;
///
/// let io_loop = IoLoop::new()?;
/// let order = io_loop.clone().run_sync(async move {
///     let nap = |ms| io_loop.spawn(async move { sleep(Duration::from_millis(ms)).await });
///     let mut naps = as_completed([nap(20), nap(1)]);
///     let mut order = Vec::new();
///     while let Some((index, _)) = naps.next().await {
///         order.push(index);
///     }
///     order
/// })?;
/// assert_eq!(order, [1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<T: 'static>(futures: impl IntoIterator<Item = Future<T>>) -> AsCompleted<T> {
    let arrivals = Rc::new(RefCell::new(Arrivals { arrived: VecDeque::new(), waker: None }));
    let mut pending = 0;
    for (index, future) in futures.into_iter().enumerate() {
        pending += 1;
        if future.done() {
            let outcome = future.take().unwrap_or(Err(Error::Taken));
            arrivals.borrow_mut().arrived.push_back((index, outcome));
            continue;
        }
        let arrivals = Rc::clone(&arrivals);
        future.add_done_callback(move |future| {
            let outcome = future.take().unwrap_or(Err(Error::Taken));
            let waker = {
                let mut arrivals = arrivals.borrow_mut();
                arrivals.arrived.push_back((index, outcome));
                arrivals.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        });
    }
    AsCompleted { arrivals, pending }
}

/// See [`as_completed`].
pub struct AsCompleted<T: 'static> {
    arrivals: Rc<RefCell<Arrivals<T>>>,
    pending: usize,
}

struct Arrivals<T: 'static> {
    arrived: VecDeque<(usize, Result<T, Error>)>,
    waker: Option<Waker>,
}

impl<T> AsCompleted<T> {
    /// True when every outcome was given.
    pub fn done(&self) -> bool {
        self.pending == 0
    }

    /// The next outcome, with the index of its future in the input; `None` at the end. An error
    /// belongs to its item, and the iteration goes on.
    ///
    /// Cancel-safe: an outcome that arrived stays for the next call.
    #[track_caller]
    #[expect(
        clippy::should_implement_trait,
        reason = "an asynchronous `next` is no `Iterator::next`"
    )]
    pub fn next(&mut self) -> impl std::future::Future<Output = Option<(usize, Result<T, Error>)>> {
        let place = Location::caller();
        poll_fn(move |context| {
            if self.pending == 0 {
                return Poll::Ready(None);
            }
            let mut arrivals = self.arrivals.borrow_mut();
            if let Some(arrival) = arrivals.arrived.pop_front() {
                self.pending -= 1;
                return Poll::Ready(Some(arrival));
            }
            arrivals.waker = Some(context.waker().clone());
            ioloop::note_wait("any of several futures", place);
            Poll::Pending
        })
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// Turns a function that takes a callback into a future; Tornado's `gen.Task` (T031, S146).
///
/// ```
/// use std::time::Duration;
/// use squall::coroutine::task;
/// use squall::ioloop::IoLoop;
///
/// let io_loop = IoLoop::new()?;
/// let timer = io_loop.clone();
/// io_loop.run_sync(async move {
///     // yield gen.Task(IOLoop.instance().add_timeout, time.time() + 0.001)
///     let deadline = timer.time() + Duration::from_millis(1);
///     task(|resume| timer.add_timeout(deadline, move || resume.call(()))).await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn task<T: 'static, R>(start: impl FnOnce(Resume<T>) -> R) -> Future<T> {
    let promise = Promise::at(Location::caller());
    let future = promise.future();
    start(Resume { promise: Rc::new(promise) });
    future
}

/// The callback that [`task`] hands out.
pub struct Resume<T: 'static> {
    promise: Rc<Promise<T>>,
}

impl<T> Resume<T> {
    /// Resumes whoever waits. A second call has nobody to resume: its value is dropped.
    pub fn call(&self, value: T) {
        self.promise.set_result_unless_cancelled(value);
    }
}

impl<T> Clone for Resume<T> {
    fn clone(&self) -> Self {
        Self { promise: Rc::clone(&self.promise) }
    }
}

impl<T> fmt::Debug for Resume<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume").field("promise", &self.promise).finish()
    }
}
