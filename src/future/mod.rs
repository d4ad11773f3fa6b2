//! `Future` and `Promise`: a result that comes later, and the callbacks that wait for it.
//!
//! This `Future` is squall's struct, as in Tornado; the trait of the same name is always written
//! by its path, `std::future::Future`. The struct implements the trait, so `.await` works. A
//! result is set once. Done callbacks run in the order in which they were registered, in a later
//! turn, never inside `set_result` (S076). Knows the loop's `add_callback`, and no coroutines.
//! Read next: `coroutine/mod.rs`.

mod error;
mod shared;

use std::cell::{Ref, RefCell};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

pub use self::error::{Error, InvalidState};
pub use self::shared::SharedFuture;
use crate::ioloop::{self, IoLoop, WeakLoop};
use crate::log;

/// The writing end: whoever holds it owes a result. Dropping it unfulfilled fails the future with
/// [`Error::Abandoned`], so nobody waits for ever.
///
/// ```
/// use squall::future::Promise;
/// use squall::ioloop::IoLoop;
///
/// let io_loop = IoLoop::new()?;
/// let answer = io_loop.run_sync(async {
///     let promise = Promise::new();
///     let future = promise.future();
///     IoLoop::current().add_callback(move || promise.set_result(42).unwrap());
///     future.await
/// })?;
/// assert_eq!(answer?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Promise<T: 'static> {
    cell: Rc<Cell<T>>,
}

/// The reading end. `.await` gives the value to whoever takes it first; for several readers see
/// [`shared`](Self::shared). Dropping a future cancels nothing.
///
/// Cancel-safe: a dropped `.await` loses no result.
#[must_use = "a future does nothing for you unless it is awaited or given a done callback"]
pub struct Future<T: 'static> {
    cell: Rc<Cell<T>>,
}

/// What the two ends share.
struct Cell<T: 'static> {
    state: RefCell<State<T>>,
    /// The line that made the promise, for errors nobody looked at.
    place: &'static Location<'static>,
    /// How to stop whoever works on the result.
    canceller: std::cell::Cell<Option<Canceller>>,
    /// Errors that are expected to come too late to interest anybody (S071).
    quiet: std::cell::Cell<Option<Quiet>>,
}

/// Stops the work behind a future: who, and by which number. Weak, because who does the work owns
/// the promise of its result.
pub(crate) type Canceller = (Weak<dyn Cancel>, u64);

/// Which late errors are expected.
type Quiet = Box<dyn Fn(&Error) -> bool>;

/// The writing end of a coroutine. Unlike a [`Promise`] it may be dropped in peace: a panic unwinds
/// through it before anybody knows the message, so whoever drives the coroutine is the one to tell
/// how it ended, see [`Keeper`].
pub(crate) struct Settler<T: 'static> {
    cell: Rc<Cell<T>>,
}

impl<T> Settler<T> {
    /// For work with this number.
    pub(crate) fn new(place: &'static Location<'static>, canceller: Canceller) -> Self {
        Self { cell: Cell::pending(place, Some(canceller)) }
    }

    pub(crate) fn future(&self) -> Future<T> {
        Future { cell: Rc::clone(&self.cell) }
    }

    pub(crate) fn keeper(&self) -> Rc<dyn Keeper> {
        Rc::clone(&self.cell) as _
    }

    /// A reader that cancelled has an outcome already; then this one is dropped.
    pub(crate) fn settle(self, outcome: Result<T, Error>) {
        let _ = self.cell.settle(outcome);
    }
}

/// Who answers for a coroutine that ends without a result.
pub(crate) trait Keeper {
    /// A step panicked, with this message.
    fn panicked(self: Rc<Self>, message: String);

    /// It is over. If there is no result by now, there will be none.
    fn ended(self: Rc<Self>) {}
}

/// The layer above that can drop a suspended coroutine.
pub(crate) trait Cancel {
    /// Drops the work with this number, if it still goes on.
    fn cancel(&self, number: u64);
}

enum State<T: 'static> {
    Pending(Waiters<T>),
    /// Set, and not taken yet. The flag: somebody looked at it.
    Done(Result<T, Error>, std::cell::Cell<bool>),
    Taken,
}

/// Who waits, in the order of registration. The usual one needs no list; there is no rest without
/// a first.
struct Waiters<T: 'static> {
    first: Option<Waiter<T>>,
    rest: Vec<Waiter<T>>,
}

/// What runs when the future is done.
type DoneCallback<T> = Box<dyn FnOnce(&Future<T>)>;

enum Waiter<T: 'static> {
    Callback(DoneCallback<T>, &'static Location<'static>, WeakLoop),
    Waker(Waker),
}

impl<T> Promise<T> {
    /// An unfulfilled promise.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default could not name its caller's line")]
    pub fn new() -> Self {
        Self::at(Location::caller())
    }

    /// The same, with the line to blame given by the layer above.
    pub(crate) fn at(place: &'static Location<'static>) -> Self {
        Self { cell: Cell::pending(place, None) }
    }

    /// A reading end.
    pub fn future(&self) -> Future<T> {
        Future { cell: Rc::clone(&self.cell) }
    }

    /// Fulfils the promise. An error if that was done before, or if the reader cancelled: then the
    /// value is dropped (S077, T041).
    pub fn set_result(&self, value: T) -> Result<(), InvalidState> {
        self.cell.settle(Ok(value))
    }

    /// Fails the promise.
    pub fn set_error(&self, error: impl Into<Error>) -> Result<(), InvalidState> {
        self.cell.settle(Err(error.into()))
    }

    /// `set_result` for whoever does not mind that the reader may have cancelled (T042).
    pub fn set_result_unless_cancelled(&self, value: T) {
        if !self.is_done() {
            let _ = self.set_result(value);
        }
    }

    /// `set_error` for the same; an error that comes after a cancellation is logged, not lost.
    pub fn set_error_unless_cancelled(&self, error: impl Into<Error>) {
        let error = error.into();
        if self.is_done() {
            log::application_error(&format!("exception after future was cancelled: {error}"));
        } else {
            let _ = self.set_error(error);
        }
    }

    /// True once there is a result, an error or a cancellation.
    pub fn is_done(&self) -> bool {
        !self.cell.is_pending()
    }

    /// Fulfils or fails the promise.
    pub(crate) fn settle(&self, outcome: Result<T, Error>) -> Result<(), InvalidState> {
        self.cell.settle(outcome)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if !self.is_done() {
            let _ = self.cell.settle(Err(Error::Abandoned));
        }
    }
}

impl<T> Future<T> {
    /// A future that is done already.
    #[track_caller]
    pub fn ready(value: T) -> Self {
        let promise = Promise::at(Location::caller());
        let _ = promise.set_result(value);
        promise.future()
    }

    /// True once there is a result, an error or a cancellation.
    pub fn done(&self) -> bool {
        !self.cell.is_pending()
    }

    /// Looks at the result. Never waits: on a pending future, or after the value was taken, it is
    /// [`InvalidState`], because waiting here would stop the loop that is to bring it (S073).
    pub fn result(&self) -> Result<Ref<'_, Result<T, Error>>, InvalidState> {
        Ref::filter_map(self.cell.state.borrow(), |state| match state {
            State::Done(result, looked_at) => {
                looked_at.set(true);
                Some(result)
            }
            State::Pending(_) | State::Taken => None,
        })
        .map_err(|state| match *state {
            State::Taken => InvalidState::Taken,
            _ => InvalidState::Pending,
        })
    }

    /// Runs `callback` when the future is done, in a later turn; if it is done already, in the
    /// next one. `add_future` of Tornado is the same thing (T015, T043).
    #[track_caller]
    pub fn add_done_callback(&self, callback: impl FnOnce(&Self) + 'static) {
        let home = IoLoop::current().downgrade();
        let waiter = Waiter::Callback(Box::new(callback), Location::caller(), home);
        if let Some(waiter) = self.cell.enlist(waiter) {
            self.cell.schedule(waiter);
        }
    }

    /// Gives up: the future fails with [`Error::Cancelled`], and a coroutine behind it is dropped.
    /// False if it was done already.
    pub fn cancel(&self) -> bool {
        if self.done() {
            return false;
        }
        let canceller = self.cell.canceller.take();
        let cancelled = self.cell.settle(Err(Error::Cancelled)).is_ok();
        if let Some((who, number)) = canceller
            && let Some(who) = who.upgrade()
        {
            who.cancel(number);
        }
        cancelled
    }

    /// Copies this future's outcome to `promise`, which keeps what it has if it is done (T044).
    pub fn chain(self, promise: Promise<T>) {
        let source = Self { cell: Rc::clone(&self.cell) };
        self.add_done_callback(move |_| {
            if let Some(outcome) = source.take()
                && !promise.is_done()
            {
                let _ = promise.cell.settle(outcome);
            }
        });
    }

    /// Declares which errors may come too late to interest anybody: they are not logged (S071).
    pub fn quiet_if(self, expected: impl Fn(&Error) -> bool + 'static) -> Self {
        self.cell.quiet.set(Some(Box::new(expected)));
        self
    }

    /// For several readers: each gets a clone of the value.
    pub fn shared(self) -> SharedFuture<T>
    where
        T: Clone,
    {
        SharedFuture::new(self)
    }

    /// Waits until there is an outcome, and leaves it where it is.
    pub(crate) fn poll_done(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.done() {
            return Poll::Ready(());
        }
        let _ = self.cell.enlist(Waiter::Waker(context.waker().clone()));
        ioloop::note_wait("future", self.cell.place);
        Poll::Pending
    }

    /// Takes the outcome, if there is one and nobody took it before.
    pub(crate) fn take(&self) -> Option<Result<T, Error>> {
        let mut state = self.cell.state.borrow_mut();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(outcome, _) => Some(outcome),
            other => {
                *state = other;
                None
            }
        }
    }
}

impl<T> std::future::Future for Future<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_done(context).map(|()| self.take().unwrap_or(Err(Error::Taken)))
    }
}

impl<T: 'static> Cell<T> {
    fn pending(place: &'static Location<'static>, canceller: Option<Canceller>) -> Rc<Self> {
        // Unlike `Rc::new`, this makes it where it is going to lie: a copy costs as much as all the rest.
        Rc::new_cyclic(|_| Self {
            state: RefCell::new(State::Pending(Waiters { first: None, rest: Vec::new() })),
            place,
            canceller: std::cell::Cell::new(canceller),
            quiet: std::cell::Cell::new(None),
        })
    }

    fn is_pending(&self) -> bool {
        matches!(*self.state.borrow(), State::Pending(_))
    }

    /// Single assignment, and the order of the waiters.
    fn settle(self: &Rc<Self>, outcome: Result<T, Error>) -> Result<(), InvalidState> {
        if !self.is_pending() {
            return Err(InvalidState::Done); // somebody may be looking at the result
        }
        let waiters = {
            let mut state = self.state.borrow_mut();
            match std::mem::replace(&mut *state, State::Taken) {
                State::Pending(waiters) => {
                    *state = State::Done(outcome, std::cell::Cell::new(false));
                    waiters
                }
                done => {
                    *state = done;
                    return Err(InvalidState::Done);
                }
            }
        };
        let Waiters { first, rest } = waiters;
        if let Some(first) = first {
            self.schedule(first);
            for waiter in rest {
                self.schedule(waiter);
            }
        }
        Ok(())
    }

    /// Adds a waiter; gives it back if there is nothing to wait for.
    fn enlist(&self, waiter: Waiter<T>) -> Option<Waiter<T>> {
        if !self.is_pending() {
            return Some(waiter); // somebody may be looking at the result
        }
        let mut state = self.state.borrow_mut();
        let State::Pending(waiters) = &mut *state else { return Some(waiter) };
        if let Waiter::Waker(waker) = &waiter {
            // A second poll of the same coroutine replaces nothing: it is enlisted already.
            let mut enlisted = waiters.first.iter().chain(&waiters.rest);
            if enlisted.any(|other| matches!(other, Waiter::Waker(w) if w.will_wake(waker))) {
                return None;
            }
        }
        if waiters.first.is_none() {
            waiters.first = Some(waiter);
        } else {
            waiters.rest.push(waiter);
        }
        None
    }

    /// Both kinds go through the ready queue, so the order of registration is the order of running.
    /// Where no loop runs, a callback goes to the one that was current when it was registered; if
    /// that is closed or gone, it is dropped like every callback of such a loop.
    fn schedule(self: &Rc<Self>, waiter: Waiter<T>) {
        match waiter {
            Waiter::Waker(waker) => waker.wake(),
            Waiter::Callback(callback, place, home) => {
                let Some(io_loop) = IoLoop::try_current().or_else(|| home.upgrade()) else {
                    return;
                };
                let future = Future { cell: Rc::clone(self) };
                io_loop.add_callback_at(place, move || callback(&future));
            }
        }
    }
}

impl<T: 'static> Keeper for Cell<T> {
    fn panicked(self: Rc<Self>, message: String) {
        let _ = self.settle(Err(Error::Panicked(message.into()))); // unless there is an outcome
    }

    fn ended(self: Rc<Self>) {
        if self.is_pending() {
            let _ = self.settle(Err(Error::Abandoned));
        }
    }
}

/// An error nobody ever looked at is said once, with the line that made the promise (S142).
impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        let State::Done(Err(error), looked_at) = self.state.get_mut() else { return };
        if looked_at.get() {
            return;
        }
        let expected = self.quiet.take().is_some_and(|quiet| quiet(error));
        if error.is_a_failure() && !expected {
            let place = self.place;
            log::application_error(&format!(
                "future's error was never retrieved: {error} ({place})"
            ));
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("done", &self.is_done()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Future").field("done", &self.done()).finish_non_exhaustive()
    }
}
