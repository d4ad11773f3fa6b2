//! How a stream ends: at once, or after its last words, or after the peer has heard them.
//!
//! Owns the close and what leads up to it. A socket that is closed while bytes wait unread is
//! reset by the kernel, and a reset throws away what the peer has not read yet; so after the last
//! byte is sent, the stream says that it is done and throws away what still comes (RFC 9112,
//! section 9.6). All of that has limits. Read next: `iostream/write.rs`.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::IoStream;
use super::pump::{Inner, READS_IN_A_ROW};
use super::state::{Farewell, Linger, Phase};

/// So long may a peer take nothing of our last words.
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);

/// So long may a peer go on sending after it could have read our last words.
const LINGER_TIME: Duration = Duration::from_secs(2);

impl Inner {
    /// Accepts nothing more, and closes when everything is sent.
    pub(super) fn drain(self: &Rc<Self>, linger: Linger) {
        let mut state = self.state.borrow_mut();
        match &mut state.phase {
            Phase::Open => state.phase = Phase::Draining(linger),
            Phase::Connecting { then_drain, .. } => *then_drain = true,
            Phase::Draining(_) | Phase::Lingering | Phase::Closed(_) => return,
        }
        drop(state);
        self.flush_unless_pumping();
        self.watch_progress();
    }

    /// Looks from time to time whether the peer takes anything.
    fn watch_progress(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if matches!(state.phase, Phase::Draining(_) | Phase::Connecting { .. }) {
            let (inner, sent) = (Rc::clone(self), state.output.sent);
            let look = move || {
                if inner.state.borrow().output.sent == sent {
                    inner.close(Some(io::ErrorKind::TimedOut.into()));
                }
                inner.watch_progress();
            };
            state.watchdog = Some(self.io_loop.call_later(DRAIN_PATIENCE, look));
        }
    }

    /// Goes on with leaving when the last byte is sent.
    pub(super) fn leave_if_drained(self: &Rc<Self>) {
        let state = self.state.borrow();
        let lingers = match &state.phase {
            // There is nothing to wait for: not even the connect.
            Phase::Connecting { then_drain: true, .. } => false,
            Phase::Draining(_) if state.readiness.has_ended() => false,
            Phase::Draining(Linger::Never) => false,
            Phase::Draining(Linger::IfUnread) => {
                !state.input.is_empty() || state.readiness.has_more()
            }
            Phase::Draining(Linger::Always) => true,
            _ => return,
        };
        let drained = state.output.bytes.is_empty();
        drop(state);
        match (drained, lingers) {
            (false, _) => {}
            (true, false) => self.close(None),
            (true, true) => self.begin_linger(),
        }
    }

    /// Says that nothing more will come, and listens for a while.
    fn begin_linger(self: &Rc<Self>) {
        let inner = Rc::clone(self);
        let watchdog = self.io_loop.call_later(LINGER_TIME, move || inner.close(None));
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Lingering;
        let former = state.watchdog.replace(watchdog);
        let shut = state.transport.as_mut().map(|transport| transport.shutdown_write());
        drop(state);
        if let Some(former) = former {
            self.io_loop.remove_timeout(former);
        }
        match shut {
            Some(Err(_)) => self.close(None), // the peer is gone already
            _ => self.schedule(),
        }
    }

    /// While lingering, throws away what comes, until the end. True if there may be more.
    pub(super) fn discard(self: &Rc<Self>) -> bool {
        if !matches!(self.state.borrow().phase, Phase::Lingering) {
            return false;
        }
        for _ in 0..READS_IN_A_ROW {
            let readiness = self.state.borrow().readiness;
            if readiness.has_ended() {
                self.close(None);
            }
            if !readiness.has_more() {
                return false;
            }
            self.io_loop.with_receive_buffer(|buf| self.attempt(|state| state.receive(buf)));
        }
        true
    }

    /// Closes the stream, once. Whoever wants to be told is told in the next turn, after the
    /// reads that this may complete.
    pub(super) fn close(self: &Rc<Self>, cause: Option<io::Error>) {
        let cause = cause.map(Arc::new);
        let farewell = self.state.borrow_mut().close(cause.clone());
        let Some(Farewell { transport, token, wakers, reader, on_close, watchdog }) = farewell
        else {
            return;
        };
        if let (Some(transport), Some(token)) = (transport, token) {
            self.io_loop.deregister(transport.source(), token);
        }
        if let Some(watchdog) = watchdog {
            self.io_loop.remove_timeout(watchdog);
        }
        wakers.into_iter().for_each(Waker::wake);
        if let Some(reader) = reader {
            let inner = Rc::clone(self);
            let tell = move || reader.closed(&IoStream::share(&inner), cause);
            self.io_loop.add_callback_at(self.place, tell);
        }
        if let Some(on_close) = on_close {
            self.io_loop.add_callback_at(self.place, on_close);
        }
    }
}
