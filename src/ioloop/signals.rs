//! Signals as ordinary callbacks: SIGINT arrives in a turn like everything else (T012).
//!
//! Owns the table from signal to callback. The signal handler proper lives in the reactor and
//! does nothing but write a byte; that byte is an event of this loop. Read next: `periodic.rs`.

use std::cell::RefCell;
use std::io;
use std::panic::Location;
use std::rc::Rc;

use reactor::Interest;
use reactor::signals::{Signal, Signals};

use super::{HandlerId, IoLoop};

/// One registered callback.
struct Entry {
    number: u64,
    signal: Signal,
    callback: Rc<RefCell<dyn FnMut()>>,
    place: &'static Location<'static>,
}

/// Every signal callback of one loop.
pub(super) struct SignalTable {
    entries: Vec<Entry>,
    next_number: u64,
    handler: HandlerId,
    watched: Vec<Signal>,
}

/// Names one signal callback, to remove it.
#[derive(Debug)]
pub struct SignalHandle(u64);

impl IoLoop {
    /// Calls `callback` in the turn after `signal` arrived. While at least one callback of the
    /// process listens to a signal, its default action (for SIGINT: the end) does not happen.
    #[track_caller]
    pub fn on_signal(
        &self,
        signal: Signal,
        callback: impl FnMut() + 'static,
    ) -> io::Result<SignalHandle> {
        let place = Location::caller();
        let mut watched = match &*self.core.signals.borrow() {
            Some(table) => table.watched.clone(),
            None => Vec::new(),
        };
        if !watched.contains(&signal) {
            watched.push(signal);
            self.watch_signals(&watched)?;
        }
        let mut table = self.core.signals.borrow_mut();
        let table = table.as_mut().expect("the table was made by watch_signals");
        table.next_number += 1;
        let number = table.next_number;
        table.entries.push(Entry {
            number,
            signal,
            callback: Rc::new(RefCell::new(callback)),
            place,
        });
        Ok(SignalHandle(number))
    }

    /// Forgets a signal callback. When a loop's last one goes, the signals are given back.
    pub fn remove_signal(&self, handle: &SignalHandle) {
        let mut removed = Vec::new();
        let mut empty = None;
        if let Some(table) = &mut *self.core.signals.borrow_mut() {
            removed.extend(table.entries.extract_if(.., |entry| entry.number == handle.0));
            if table.entries.is_empty() {
                empty = Some(table.handler.clone());
            }
        }
        if let Some(handler) = empty {
            self.remove_handler(&handler);
            self.core.signals.take();
        }
        drop(removed); // the users' destructors run when nothing is borrowed
    }

    /// Opens one line for all of `watched`, in place of the one for fewer.
    fn watch_signals(&self, watched: &[Signal]) -> io::Result<()> {
        let signals = Rc::new(Signals::new(watched)?);
        let io_loop = self.clone();
        let handler = self.add_handler(signals, Interest::READABLE, move |signals, _| {
            for signal in signals.pending() {
                io_loop.deliver(signal);
            }
        })?;
        let mut table = self.core.signals.borrow_mut();
        let before = table.take();
        *table = Some(SignalTable {
            handler,
            watched: watched.to_vec(),
            next_number: before.as_ref().map_or(0, |before| before.next_number),
            entries: Vec::new(),
        });
        drop(table);
        if let Some(before) = before {
            self.remove_handler(&before.handler);
            if let Some(table) = &mut *self.core.signals.borrow_mut() {
                table.entries = before.entries;
            }
        }
        Ok(())
    }

    fn deliver(&self, signal: Signal) {
        let table = self.core.signals.borrow();
        for entry in table.iter().flat_map(|table| &table.entries) {
            if entry.signal == signal {
                let callback = Rc::clone(&entry.callback);
                let run = Box::new(move || (callback.borrow_mut())());
                self.add_callback_at(entry.place, run);
            }
        }
    }
}
