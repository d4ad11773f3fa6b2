//! The text trace: the story of the loop, a line an event, for terminals, tests and books.
//!
//! Writes to whatever it is given; times are microseconds since the trace began. Knows only the
//! observer's view. Read next: `../future/mod.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::Write;
use std::panic::Location;
use std::time::Duration;

use reactor::{Event, Instant};

use super::{Activity, CoroutineId, LoopObserver, Turn, WaitNote};

/// An observer that writes what it sees.
pub struct TextTrace {
    out: RefCell<Box<dyn Write>>,
    started: Cell<Option<Instant>>,
}

impl TextTrace {
    /// Traces to `out`.
    pub fn new(out: impl Write + 'static) -> Self {
        Self { out: RefCell::new(Box::new(out)), started: Cell::new(None) }
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        // A trace that cannot be written must not disturb what it watches.
        let _ = writeln!(self.out.borrow_mut(), "{text}");
    }
}

impl fmt::Debug for TextTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextTrace").finish_non_exhaustive()
    }
}

impl LoopObserver for TextTrace {
    fn turn_start(&self, turn: &Turn) {
        let started = self.started.get().unwrap_or(turn.now);
        self.started.set(Some(started));
        let micros = (turn.now - started).as_micros();
        let (number, ready, timers) = (turn.number, turn.ready, turn.timers);
        self.line(format_args!("turn {number} at {micros} us: {ready} ready, {timers} timers"));
    }

    fn fd_ready(&self, event: Event) {
        self.line(format_args!("  {event:?}"));
    }

    fn timer_due(&self, _: Instant, place: &'static Location<'static>) {
        self.line(format_args!("  timer due, added at {place}"));
    }

    fn callback_end(&self, activity: &Activity, elapsed: Duration) {
        let what = activity.label.as_deref().unwrap_or(activity.kind);
        let (place, micros) = (activity.place, elapsed.as_micros());
        self.line(format_args!("  ran {what} ({place}) for {micros} us"));
    }

    fn coroutine_spawn(&self, CoroutineId(id): CoroutineId, place: &'static Location<'static>) {
        self.line(format_args!("  coroutine {id} spawned at {place}"));
    }

    fn coroutine_step(&self, CoroutineId(id): CoroutineId) {
        self.line(format_args!("  coroutine {id} steps"));
    }

    fn coroutine_wait(&self, CoroutineId(id): CoroutineId, wait: Option<WaitNote>) {
        match wait {
            Some(wait) => {
                self.line(format_args!(
                    "  coroutine {id} waits for {} ({})",
                    wait.what, wait.place
                ));
            }
            None => self.line(format_args!("  coroutine {id} waits")),
        }
    }

    fn coroutine_wake(&self, CoroutineId(id): CoroutineId) {
        self.line(format_args!("  coroutine {id} is woken"));
    }

    fn coroutine_end(&self, CoroutineId(id): CoroutineId) {
        self.line(format_args!("  coroutine {id} ended"));
    }
}
