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
    line: Rc<Signals>,
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

    /// Forgets a signal callback; it is not called any more. When the last one for a signal goes,
    /// the signal is given back, and does again what it did before.
    pub fn remove_signal(&self, handle: &SignalHandle) {
        let (mut removed, mut watched, mut wanted) = (Vec::new(), 0, Vec::new());
        if let Some(table) = &mut *self.core.signals.borrow_mut() {
            removed.extend(table.entries.extract_if(.., |entry| entry.number == handle.0));
            watched = table.watched.len();
            wanted.clone_from(&table.watched);
            wanted.retain(|signal| table.entries.iter().any(|entry| entry.signal == *signal));
        }
        if wanted.is_empty() {
            if let Some(table) = self.core.signals.take() {
                self.remove_handler(&table.handler);
            }
        } else if wanted.len() < watched {
            let _ = self.watch_signals(&wanted); // if there is no pipe for it, it stays caught
        }
        drop(removed); // the users' destructors run when nothing is borrowed
    }

    /// Opens one line for all of `watched`, in place of the former one.
    fn watch_signals(&self, watched: &[Signal]) -> io::Result<()> {
        let line = Rc::new(Signals::new(watched)?);
        let io_loop = self.clone();
        let handler =
            self.add_handler(Rc::clone(&line), Interest::READABLE, move |signals, _| {
                for signal in signals.pending() {
                    io_loop.deliver(signal);
                }
            })?;
        let mut slot = self.core.signals.borrow_mut();
        let Some(table) = &mut *slot else {
            let (entries, watched) = (Vec::new(), watched.to_vec());
            *slot = Some(SignalTable { entries, next_number: 0, handler, line, watched });
            return Ok(());
        };
        let former = std::mem::replace(&mut table.handler, handler);
        let former_line = std::mem::replace(&mut table.line, Rc::clone(&line));
        table.watched = watched.to_vec();
        drop(slot);
        self.remove_handler(&former);
        // What the former line still held is not lost; what came while both were open, to both, is
        // one signal.
        let mut missed: Vec<Signal> = former_line.pending().collect();
        drop(former_line);
        for signal in line.pending() {
            if !missed.contains(&signal) {
                missed.push(signal);
            }
        }
        for signal in missed {
            self.deliver(signal);
        }
        Ok(())
    }

    fn deliver(&self, signal: Signal) {
        let table = self.core.signals.borrow();
        for entry in table.iter().flat_map(|table| &table.entries) {
            if entry.signal == signal {
                let (io_loop, number) = (self.clone(), entry.number);
                let callback = Rc::clone(&entry.callback);
                let run = move || {
                    if io_loop.listens(number) {
                        (callback.borrow_mut())();
                    }
                };
                self.add_callback_at(entry.place, run);
            }
        }
    }

    /// False if another callback of the same signal has removed this one.
    fn listens(&self, number: u64) -> bool {
        let table = self.core.signals.borrow();
        table.iter().flat_map(|table| &table.entries).any(|entry| entry.number == number)
    }
}
