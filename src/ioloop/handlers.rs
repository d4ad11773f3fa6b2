//! Handlers: who hears about which socket.
//!
//! Owns the table from token to handler. A handler stays registered until it is removed; a
//! callback runs once. The kernel's reports are edges: a handler reads until `WouldBlock`, or
//! until a short read, or asks for a fresh report with `update_handler`. Read next: `remote.rs`.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::panic::Location;
use std::rc::{Rc, Weak};

use reactor::{Event, Interest, Source, Token};

use super::IoLoop;

/// Fewer handlers than these are no crowd, whose memory would be missed.
const CROWD: usize = 1024;

/// Something that is told when its source is ready.
pub trait EventHandler {
    /// The kernel reported `event`. The report may be stale: reading may still say `WouldBlock`.
    fn ready(self: Rc<Self>, event: Event);

    /// The line to blame when this handler is slow or panics.
    fn place(&self) -> &'static Location<'static>;
}

/// Names one registration made with [`IoLoop::add_handler`].
#[derive(Clone)]
pub struct HandlerId {
    token: Token,
    source: Weak<dyn AsFd>,
}

impl fmt::Debug for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerId").field(&self.token).finish()
    }
}

/// What the user gives to `add_handler`.
type Callback<S> = Box<dyn FnMut(&S, Event)>;

/// A closure as a handler. It keeps a share of its source, so that the descriptor cannot be
/// closed and reused behind the loop's back.
struct Closure<S> {
    source: Rc<S>,
    callback: RefCell<Callback<S>>,
    place: &'static Location<'static>,
}

impl<S> EventHandler for Closure<S> {
    fn ready(self: Rc<Self>, event: Event) {
        (self.callback.borrow_mut())(&self.source, event);
    }

    fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl IoLoop {
    /// Calls `callback` with `source` whenever the kernel reports it ready for `interest` (T008).
    /// Registering a descriptor twice is an error of kind `AlreadyExists`.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "the loop takes a share of the source")]
    pub fn add_handler<S: AsFd + 'static>(
        &self,
        source: Rc<S>,
        interest: Interest,
        callback: impl FnMut(&S, Event) + 'static,
    ) -> io::Result<HandlerId> {
        let place = Location::caller();
        let share: Rc<dyn AsFd> = Rc::clone(&source) as Rc<dyn AsFd>;
        let callback = RefCell::new(Box::new(callback) as Callback<S>);
        let handler = Rc::new(Closure { source: Rc::clone(&source), callback, place });
        let token = self.register(Source::from(source.as_fd()), interest, handler)?;
        Ok(HandlerId { token, source: Rc::downgrade(&share) })
    }

    /// Changes what a handler hears about; present readiness is reported again (T009).
    pub fn update_handler(&self, handler: &HandlerId, interest: Interest) -> io::Result<()> {
        match handler.source.upgrade() {
            Some(source) => {
                self.reregister(Source::from((*source).as_fd()), handler.token, interest)
            }
            None => Err(io::Error::new(io::ErrorKind::NotFound, "the handler was removed")),
        }
    }

    /// Removes a handler and gives its share of the source back. Not called any more, not even
    /// for an event of this batch; removing twice is fine (T009).
    pub fn remove_handler(&self, handler: &HandlerId) {
        if let Some(source) = handler.source.upgrade() {
            self.deregister(Source::from((*source).as_fd()), handler.token);
        }
    }

    /// The form of [`add_handler`](Self::add_handler) for those who own their source themselves,
    /// such as a stream. They must [`deregister`](Self::deregister) before they close it.
    pub fn register(
        &self,
        source: Source<'_>,
        interest: Interest,
        handler: Rc<dyn EventHandler>,
    ) -> io::Result<Token> {
        if self.is_closed() {
            return Err(io::Error::other("the loop is closed"));
        }
        let token = self.core.handlers.borrow_mut().insert(handler);
        let registered = self.core.reactor.borrow_mut().register(source, token, interest);
        if let Err(error) = registered {
            let handler = self.core.handlers.borrow_mut().remove(token);
            drop(handler);
            return Err(error);
        }
        Ok(token)
    }

    /// Changes the interest; present readiness is reported again.
    pub fn reregister(
        &self,
        source: Source<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        // A stale token would take the reports away from whoever watches the source now.
        if !self.core.handlers.borrow().contains(token) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the handler was removed"));
        }
        self.core.reactor.borrow_mut().reregister(source, token, interest)
    }

    /// Forgets a registration; unknown ones are no error.
    pub fn deregister(&self, source: Source<'_>, token: Token) {
        let handler = self.core.handlers.borrow_mut().remove(token);
        if handler.is_some() {
            // The kernel forgets a source that is closed already; that is not news.
            let _ = self.core.reactor.borrow_mut().deregister(source);
        }
        drop(handler); // the user's destructor runs when nothing is borrowed
        self.tidy_after_a_crowd();
    }

    /// Gives back the tables that only a crowd needs, and in the next turn, when those who left have
    /// dropped what was theirs, the memory itself. Looked at each time the number of those who stay is
    /// halved, so that it costs nothing to speak of.
    fn tidy_after_a_crowd(&self) {
        let mut handlers = self.core.handlers.borrow_mut();
        let (stay, room) = (handlers.len(), handlers.capacity());
        if room > CROWD && stay < room / 8 && (stay.is_power_of_two() || stay == 0) {
            handlers.shrink_to_fit();
            self.core.timers.borrow_mut().shrink_to_fit();
            self.add_callback(reactor::trim_heap);
        }
    }

    /// Registered handlers.
    pub fn handlers_registered(&self) -> usize {
        self.core.handlers.borrow().len()
    }

    /// Part of step 7 of a turn.
    pub(super) fn run_handler(&self, handler: Rc<dyn EventHandler>, event: Event) {
        self.observe(|observer| observer.fd_ready(event));
        let place = handler.place();
        self.run_guarded("handler", place, move || handler.ready(event));
    }
}
