//! Group commit: one batch is written while the next one gathers.
//!
//! Owns the way from the engine's changes to the disk. A batch is everything that came in while
//! the one before it was being written, so a hundred writers share one `fsync`. The writing is
//! done by an executor of one thread: the loop never waits for a disk. Read next: `storage/mod.rs`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::storage::{Change, Storage};
use crate::executor::Executor;
use crate::future::{Error, Future, Promise};
use crate::ioloop::IoLoop;
use crate::log;

/// Makes changes durable, in order, many at a time.
#[derive(Clone)]
pub(super) struct Committer {
    inner: Rc<Inner>,
}

struct Inner {
    /// Used by one job at a time; the lock is never contended. `None` once it is closed.
    storage: Arc<Mutex<Option<Box<dyn Storage>>>>,
    executor: Executor,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The next batch, and who waits for it.
    changes: Vec<Change>,
    waiting: Vec<Promise<()>>,
    writing: bool,
    /// What the disk said when it failed. From then on nothing is acknowledged any more, because
    /// memory is ahead of the disk.
    failed: Option<Arc<str>>,
}

impl Committer {
    pub(super) fn new(storage: Box<dyn Storage>) -> Self {
        let inner = Inner {
            storage: Arc::new(Mutex::new(Some(storage))),
            executor: Executor::new(1),
            state: RefCell::default(),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Done when `changes`, and everything committed before them, will survive a power cut.
    pub(super) fn commit(&self, changes: Vec<Change>) -> Future<()> {
        let promise = Promise::new();
        let durable = promise.future();
        let mut state = self.inner.state.borrow_mut();
        if let Some(reason) = state.failed.clone() {
            drop(state);
            let _ = promise.set_error(Error::new(DiskFailed(reason)));
            return durable;
        }
        state.changes.extend(changes);
        state.waiting.push(promise);
        let idle = !std::mem::replace(&mut state.writing, true);
        drop(state);
        if idle {
            self.write_next();
        }
        durable
    }

    /// Makes everything durable that was committed until now, and lets go of the storage. What
    /// comes later is refused.
    pub(super) async fn close(&self) {
        // A failure was logged when it happened.
        let _ = self.commit(Vec::new()).await;
        self.inner.state.borrow_mut().failed.get_or_insert_with(|| "it is closed".into());
        let storage = Arc::clone(&self.inner.storage);
        let letting_go = self.inner.executor.submit(move || {
            storage.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        let _ = letting_go.await;
    }

    /// Hands the gathered batch to the thread; comes back here when it is written.
    fn write_next(&self) {
        let (batch, waiting) = {
            let mut state = self.inner.state.borrow_mut();
            state.writing = !state.waiting.is_empty();
            if !state.writing {
                return;
            }
            (std::mem::take(&mut state.changes), std::mem::take(&mut state.waiting))
        };
        let storage = Arc::clone(&self.inner.storage);
        let job = self.inner.executor.submit(move || {
            if batch.is_empty() {
                return Ok(());
            }
            let mut storage = storage.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(storage) = storage.as_mut() else { return Err("it is closed".to_owned()) };
            storage.commit(&batch).map_err(|error| error.to_string())
        });
        let this = self.clone();
        drop(IoLoop::current().spawn(async move {
            let outcome = job.await.map_err(|error| error.to_string()).flatten();
            this.settle(outcome, waiting);
            this.write_next();
        }));
    }

    fn settle(&self, outcome: Result<(), String>, mut waiting: Vec<Promise<()>>) {
        let reason: Option<Arc<str>> = outcome.err().map(Arc::from);
        if let Some(reason) = &reason {
            log::application_error(&format!("the embedded store cannot write: {reason}"));
            let mut state = self.inner.state.borrow_mut();
            state.failed = Some(Arc::clone(reason));
            // What gathered meanwhile builds on what was lost: it must not be written without it.
            state.changes.clear();
            waiting.append(&mut state.waiting);
        }
        for promise in waiting {
            let _ = match &reason {
                None => promise.set_result(()),
                Some(reason) => promise.set_error(Error::new(DiskFailed(Arc::clone(reason)))),
            };
        }
    }
}

/// The disk refused a batch.
#[derive(Debug)]
struct DiskFailed(Arc<str>);

impl std::fmt::Display for DiskFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the store cannot write: {}", self.0)
    }
}

impl std::error::Error for DiskFailed {}
