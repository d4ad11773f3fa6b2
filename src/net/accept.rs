//! The accept loop: calls back for each connection, fairly, and survives a full descriptor table.
//!
//! Owns the rules of T082 and T083: at most 128 connections per event, a peer that vanished in the
//! queue is skipped, no callback after removal, and when the process has no descriptor left the
//! listener rests instead of spinning. Knows nothing of streams. Read next: `iostream/tcp_server.rs`.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use reactor::{Event, Interest, Token};
use rustix::io::Errno;

use super::{Listen, Transport};
use crate::ioloop::{EventHandler, IoLoop, TimeoutHandle};
use crate::log::{self, Level};

/// So many connections per event; the rest must let the others have their turn.
const ACCEPTS_PER_EVENT: usize = 128;

/// The first rest when descriptors (or memory) have run out; each further one is twice as long.
const REST_FIRST: Duration = Duration::from_millis(50);
const REST_LONGEST: Duration = Duration::from_secs(1);

/// Calls `callback` with every connection that `listener` accepts, until the handle is removed.
#[track_caller]
pub fn add_accept_handler(
    io_loop: &IoLoop,
    listener: Rc<dyn Listen>,
    callback: impl Fn(Box<dyn Transport>) + 'static,
) -> io::Result<AcceptHandle> {
    let acceptor = Rc::new(Acceptor {
        io_loop: io_loop.clone(),
        listener,
        callback: Box::new(callback),
        place: Location::caller(),
        state: Cell::new(State::Removed),
        rest: Cell::new(REST_FIRST),
    });
    acceptor.watch()?;
    Ok(AcceptHandle { acceptor })
}

/// Ends the accepting, see [`remove`](Self::remove). Dropping it changes nothing.
pub struct AcceptHandle {
    acceptor: Rc<Acceptor>,
}

impl AcceptHandle {
    /// No callback from now on, not even for connections of the same event; the listener is given
    /// back, and closed if this was its last owner. Removing twice is fine.
    pub fn remove(&self) {
        self.acceptor.become_state(State::Removed);
    }

    /// What it listens on.
    pub fn listener(&self) -> &Rc<dyn Listen> {
        &self.acceptor.listener
    }
}

struct Acceptor {
    io_loop: IoLoop,
    listener: Rc<dyn Listen>,
    callback: Box<dyn Fn(Box<dyn Transport>)>,
    place: &'static Location<'static>,
    state: Cell<State>,
    /// How long the next rest will be.
    rest: Cell<Duration>,
}

#[derive(Clone, Copy)]
enum State {
    /// The loop reports connections.
    Watching(Token),
    /// No descriptors: until this timeout nobody looks.
    Resting(TimeoutHandle),
    Removed,
}

impl EventHandler for Acceptor {
    fn ready(self: Rc<Self>, _event: Event) {
        for _ in 0..ACCEPTS_PER_EVENT {
            if !matches!(self.state.get(), State::Watching(_)) {
                return; // the callback removed us
            }
            match self.listener.accept() {
                Ok(transport) => {
                    self.rest.set(REST_FIRST);
                    // A panic must not leave this loop: of the connections behind no event tells.
                    let call = || (self.callback)(transport);
                    self.io_loop.run_guarded("connection", self.place, call);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return self.rest_a_while(&error),
                },
            }
        }
        self.ask_again();
    }

    fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl Acceptor {
    /// Registering reports what waits already.
    fn watch(self: &Rc<Self>) -> io::Result<()> {
        let handler = Rc::clone(self) as Rc<dyn EventHandler>;
        let token = self.io_loop.register(self.listener.source(), Interest::READABLE, handler)?;
        self.state.set(State::Watching(token));
        Ok(())
    }

    /// More may be waiting, of which no event will tell: have it reported again.
    fn ask_again(self: &Rc<Self>) {
        if let State::Watching(token) = self.state.get() {
            let source = self.listener.source();
            if let Err(error) = self.io_loop.reregister(source, token, Interest::READABLE) {
                self.rest_a_while(&error);
            }
        }
    }

    /// T083: the connection stays in the kernel's queue, so trying at once would fail for ever at
    /// full speed. Whatever the error is, it is tried again: a listener must not die silently.
    fn rest_a_while(self: &Rc<Self>, error: &io::Error) {
        let rest = self.rest.get();
        if rest == REST_FIRST || !is_shortage(error) {
            let (who, wait) = (&self.listener, rest.as_millis());
            let text = format!("cannot accept on {who:?}: {error}; next attempt in {wait} ms");
            log::general(Level::Error, &text);
        }
        self.rest.set(REST_LONGEST.min(rest * 2));
        let weary = Rc::clone(self);
        let timeout = self.io_loop.call_later(rest, move || {
            if let Err(error) = weary.watch() {
                weary.rest_a_while(&error);
            }
        });
        self.become_state(State::Resting(timeout));
    }

    fn become_state(&self, next: State) {
        match self.state.replace(next) {
            State::Watching(token) => self.io_loop.deregister(self.listener.source(), token),
            State::Resting(timeout) => self.io_loop.remove_timeout(timeout),
            State::Removed => {}
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
}

impl std::fmt::Debug for AcceptHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AcceptHandle").field(&self.acceptor.listener).finish()
    }
}
