//! The executor: a bounded pool of threads for work that blocks.
//!
//! Password hashing, key derivation, name look-ups and file reads go here, never onto the loop.
//! Owns the threads and their queue. A job's result comes back as a [`Future`] that is completed
//! on the loop's own thread. Read next: `net/mod.rs`.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::future::{self, Future};
use crate::ioloop::{self, IoLoop, panic_message};

/// A pool of at most so many threads. Clones are handles to the same pool; when the last one is
/// dropped, queued jobs still run and the threads end.
///
/// ```
/// use squall::{executor::Executor, ioloop::IoLoop};
///
/// let executor = Executor::new(2);
/// let io_loop = IoLoop::new()?;
/// let sum = io_loop.run_sync(async move { executor.submit(|| 20 + 22).await })??;
/// assert_eq!(sum, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Executor {
    pool: Arc<Pool>,
}

/// Dropped with the last handle; the workers hold only what is inside.
struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads_max: usize,
    queue: Mutex<Queue>,
    news: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
    idle: usize,
    running: usize,
    closed: bool,
}

impl Executor {
    /// A pool of at most `threads` threads, each started when a job needs it.
    ///
    /// # Panics
    /// If `threads` is zero: such a pool would never run anything.
    pub fn new(threads: usize) -> Self {
        assert!(threads > 0, "an executor needs at least one thread");
        let (queue, news) = (Mutex::default(), Condvar::new());
        let shared = Shared { threads_max: threads, queue, news };
        Self { pool: Arc::new(Pool { shared: Arc::new(shared) }) }
    }

    /// An executor without threads: a job runs inside [`submit`](Self::submit), and blocks whoever
    /// called it. For tests that want no second thread; Tornado's `dummy_executor` (T046).
    pub fn inline() -> Self {
        let (queue, news) = (Mutex::default(), Condvar::new());
        let shared = Shared { threads_max: 0, queue, news };
        Self { pool: Arc::new(Pool { shared: Arc::new(shared) }) }
    }

    /// The pool that everybody shares who has none of his own, made when it is first asked for:
    /// five threads per processor, as in Tornado (S069, T019).
    pub fn shared() -> Self {
        static SHARED: OnceLock<Executor> = OnceLock::new();
        let make = || Self::new(5 * thread::available_parallelism().map_or(1, usize::from));
        SHARED.get_or_init(make).clone()
    }

    /// Runs `job` on a thread of the pool. The future is completed on the loop of this thread. A
    /// panic in the job fails the future; dropping the future does not stop the job.
    #[track_caller]
    pub fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Future<T> {
        self.submit_for(&IoLoop::current(), job)
    }

    #[track_caller]
    fn submit_for<T: Send + 'static>(
        &self,
        io_loop: &IoLoop,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Future<T> {
        let place = Location::caller();
        let cell = Arc::new(JobCell { state: Mutex::new(JobState::Waiting(None)) });
        let report = Arc::clone(&cell);
        self.pool.shared.push(Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            report.finish(outcome.map_err(|payload| panic_message(&*payload)));
        }));
        let job = Job { cell, place, held: Held::new(io_loop) };
        io_loop.spawn_outcome(place, job, |outcome| outcome)
    }

    /// Jobs that wait for a thread (S150).
    pub fn queued(&self) -> usize {
        self.pool.shared.queue().jobs.len()
    }

    /// Jobs that are running.
    pub fn running(&self) -> usize {
        self.pool.shared.queue().running
    }

    /// The most threads the pool will have; none runs its jobs inline.
    pub fn threads_max(&self) -> usize {
        self.pool.shared.threads_max
    }

    /// True if both are handles to one pool.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
    }
}

/// The executor that one loop uses when it is told of no other.
struct DefaultExecutor(std::cell::RefCell<Executor>);

impl IoLoop {
    /// Runs `job` on the loop's default executor: the shared pool, unless
    /// [`set_default_executor`](Self::set_default_executor) named another (T019, S149).
    #[track_caller]
    pub fn run_in_executor<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Future<T> {
        let executor = self.default_executor().0.borrow().clone();
        executor.submit_for(self, job)
    }

    /// Replaces this loop's default executor (F027).
    pub fn set_default_executor(&self, executor: Executor) {
        self.default_executor().0.replace(executor);
    }

    fn default_executor(&self) -> std::rc::Rc<DefaultExecutor> {
        self.extension(|| DefaultExecutor(std::cell::RefCell::new(Executor::shared())))
    }
}

/// An object that has an executor, Tornado's `@run_on_executor` (T045, S068).
///
/// ```
/// use squall::executor::{Executor, RunOnExecutor};
/// use squall::future::Future;
///
/// struct Hasher {
///     executor: Executor,
/// }
///
/// impl RunOnExecutor for Hasher {
///     fn executor(&self) -> &Executor {
///         &self.executor
///     }
/// }
///
/// impl Hasher {
///     fn hash(&self, text: String) -> Future<usize> {
///         self.run_on_executor(move || text.len())
///     }
/// }
/// ```
pub trait RunOnExecutor {
    /// The pool on which this object's blocking methods run.
    fn executor(&self) -> &Executor;

    /// Runs `job` there.
    #[track_caller]
    fn run_on_executor<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Future<T> {
        self.executor().submit(job)
    }
}

impl Shared {
    /// Jobs run outside of the lock, so a panic cannot leave the queue half changed.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, job: Box<dyn FnOnce() + Send>) {
        if self.threads_max == 0 {
            return job();
        }
        let mut queue = self.queue();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads == self.threads_max {
            self.news.notify_one();
            return;
        }
        let shared = Arc::clone(self);
        let name = format!("squall-executor-{}", queue.threads);
        let started = thread::Builder::new().name(name).spawn(move || shared.work());
        match started {
            Ok(_) => queue.threads += 1,
            // Out of threads: the ones that run will come to this job.
            Err(error) => assert!(queue.threads > 0, "no thread for the executor: {error}"),
        }
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.running += 1;
                drop(queue);
                // A job reports its own panic; here is left the destructor of an unwanted result.
                let _ = catch_unwind(AssertUnwindSafe(job));
                queue = self.queue();
                queue.running -= 1;
            } else if queue.closed {
                queue.threads -= 1;
                return;
            } else {
                queue.idle += 1;
                queue = self.news.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.news.notify_all();
    }
}

/// Where a job leaves its result, and who is to be told.
struct JobCell<T> {
    state: Mutex<JobState<T>>,
}

enum JobState<T> {
    Waiting(Option<Waker>),
    Finished(Result<T, String>),
    Taken,
}

impl<T> JobCell<T> {
    fn state(&self) -> MutexGuard<'_, JobState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called on the pool's thread.
    fn finish(&self, outcome: Result<T, String>) {
        let before = std::mem::replace(&mut *self.state(), JobState::Finished(outcome));
        if let JobState::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// The loop's side of a job.
struct Job<T> {
    cell: Arc<JobCell<T>>,
    place: &'static Location<'static>,
    held: Held,
}

impl<T> std::future::Future for Job<T> {
    type Output = Result<T, future::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.cell.state();
        match std::mem::replace(&mut *state, JobState::Taken) {
            JobState::Finished(outcome) => {
                self.held.release();
                Poll::Ready(outcome.map_err(|text| future::Error::Panicked(text.into())))
            }
            JobState::Waiting(_) => {
                *state = JobState::Waiting(Some(context.waker().clone()));
                ioloop::note_wait("executor", self.place);
                Poll::Pending
            }
            JobState::Taken => Poll::Ready(Err(future::Error::Taken)),
        }
    }
}

/// Keeps a virtual clock from jumping while the job runs.
struct Held {
    io_loop: std::cell::RefCell<Option<IoLoop>>,
}

impl Held {
    fn new(io_loop: &IoLoop) -> Self {
        io_loop.outside_work(1);
        Self { io_loop: std::cell::RefCell::new(Some(io_loop.clone())) }
    }

    fn release(&self) {
        if let Some(io_loop) = self.io_loop.take() {
            io_loop.outside_work(-1);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("threads_max", &self.threads_max())
            .field("queued", &self.queued())
            .field("running", &self.running())
            .finish()
    }
}
