//! Running somebody else's code: what panics is caught, reported with its place, and the loop
//! goes on. Here the observers learn what ran and for how long.
//!
//! Knows only that a callback is something to call. Read next: `observer.rs`.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use super::{Activity, IoLoop};
use crate::log;

/// A panic that was caught on the loop, or an error nobody was there to receive.
#[derive(Clone, Debug)]
pub struct Exception {
    /// What ran: `callback`, `timer`, `handler`, `coroutine`.
    pub kind: &'static str,
    /// The line that registered it.
    pub place: &'static Location<'static>,
    /// The panic's message, or the error's.
    pub message: String,
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exception in {} added at {}: {}", self.kind, self.place, self.message)
    }
}

/// What to do with an exception.
pub(super) type Hook = Rc<dyn Fn(&Exception)>;

/// The text of a panic.
#[cold]
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked with a value that is no text".to_owned())
}

impl IoLoop {
    /// Runs `code` and reports what it throws.
    pub(crate) fn run_guarded(
        &self,
        kind: &'static str,
        place: &'static Location<'static>,
        code: impl FnOnce(),
    ) {
        if let Some(message) = self.run_watched(kind, place, code) {
            self.report_exception(kind, place, message);
        }
    }

    /// Runs `code` before the eyes of the observers; the message of its panic, if it panics.
    pub(crate) fn run_watched(
        &self,
        kind: &'static str,
        place: &'static Location<'static>,
        code: impl FnOnce(),
    ) -> Option<String> {
        if self.core.observed.get() {
            return self.run_observed(kind, place, code);
        }
        catch_unwind(AssertUnwindSafe(code)).err().map(|payload| panic_message(&*payload))
    }

    #[cold]
    #[inline(never)]
    fn run_observed(
        &self,
        kind: &'static str,
        place: &'static Location<'static>,
        code: impl FnOnce(),
    ) -> Option<String> {
        let activity = Activity { kind, place, label: None };
        self.observe(|observer| observer.callback_start(&activity));
        // A coroutine's first step runs inside its parent: keep the parent's name for later.
        let parent = self.core.activity.replace(Some(activity));
        let before = self.core.nested.replace(Duration::ZERO);
        let started = self.time();
        let outcome = catch_unwind(AssertUnwindSafe(code));
        let elapsed = self.time() - started;
        let own = elapsed.saturating_sub(self.core.nested.replace(before + elapsed));
        if let Some(activity) = self.core.activity.replace(parent) {
            self.observe(|observer| observer.callback_end(&activity, own));
        }
        outcome.err().map(|payload| panic_message(&*payload))
    }

    /// Replaces what happens to exceptions (T023). Without a hook, each is one line of the log; a
    /// hook that panics is logged itself.
    pub fn on_exception(&self, hook: impl Fn(&Exception) + 'static) {
        let former = self.core.exception_hook.replace(Some(Rc::new(hook)));
        drop(former); // the user's destructor runs when nothing is borrowed
    }

    /// Hands an exception to the hook, or to the log (T024).
    #[cold]
    pub(crate) fn report_exception(
        &self,
        kind: &'static str,
        place: &'static Location<'static>,
        message: String,
    ) {
        let exception = Exception { kind, place, message };
        let hook = self.core.exception_hook.borrow().clone();
        let Some(hook) = hook else { return log::application_error(&exception.to_string()) };
        // A panic must not leave the turn: the timers that are due with this one would be lost.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(&exception))) {
            let failure = panic_message(&*payload);
            log::application_error(&format!("the exception hook panicked: {failure}"));
        }
    }
}
