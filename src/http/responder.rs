//! The right to answer one request, once, now or later.
//!
//! Owns the handle that services keep; what it does is `connection.rs`. Nothing here fails: a
//! client that is gone is not the service's fault, and a bug is said in the log, with what the
//! client has received left as it is.

use std::fmt;
use std::rc::Rc;

use super::connection::Connection;
use super::{Headers, Status};
use crate::iostream::IoStream;
use crate::proto::http1::{Outgoing, Writing};

/// Answers one request. Clones answer the same one; the first complete answer counts.
///
/// When the last clone is dropped without an answer, the client gets a 500; if a part of the
/// answer was sent already, the connection is broken off instead.
pub struct Responder {
    connection: Rc<Connection>,
    number: u64,
}

impl Responder {
    pub(super) fn new(connection: &Rc<Connection>, number: u64) -> Self {
        connection.retain(number);
        Self { connection: Rc::clone(connection), number }
    }

    /// Sends a whole answer. `reason` may be empty for the usual one. `Content-Length` is added;
    /// if `headers` have one, it must be right.
    pub fn send(&self, status: Status, reason: &str, headers: &Headers, body: &[u8]) {
        self.connection.answer(self.number, (status, reason, headers), Some(body));
    }

    /// Sends the head of an answer; the body follows with [`write`](Self::write). Without a
    /// `Content-Length` it is sent in chunks, or until the close to a client that knows none.
    pub fn start(&self, status: Status, reason: &str, headers: &Headers) {
        self.connection.small_pieces();
        self.connection.answer(self.number, (status, reason, headers), None);
    }

    /// Sends a piece of the body. It leaves at the end of the turn, with everything else.
    pub fn write(&self, data: &[u8]) {
        self.connection.go_on(self.number, Outgoing::Data(data));
    }

    /// Ends the body.
    pub fn finish(&self) {
        self.connection.go_on(self.number, Outgoing::End);
    }

    /// Waits until the kernel has everything that was written, or the client is gone: the pace at
    /// which a long body should be written (T184).
    pub async fn flush(&self) {
        if let Some(stream) = self.connection.stream.upgrade() {
            let _ = stream.write(Vec::new()).await;
        }
    }

    /// Breaks the connection off, so that nobody takes a part of the answer for the whole.
    pub fn abort(&self) {
        self.connection.abort(self.number);
    }

    /// Answers `101 Switching Protocols` with these headers and hands the connection over, with
    /// whatever the client has sent already (T128). `None` if the client is gone, or the answer
    /// had been begun.
    pub fn upgrade(self, headers: &Headers) -> Option<IoStream> {
        self.connection.upgrade(self.number, headers)
    }

    /// Calls `callback` if the client goes away before the answer is complete (T130, T183), or
    /// has done so. Answering in it does no harm: a client that has only closed its own half
    /// still gets it.
    pub fn on_close(&self, callback: impl FnOnce() + 'static) {
        self.connection.on_close(self.number, Box::new(callback));
    }

    /// True once the client is gone.
    pub fn is_closed(&self) -> bool {
        self.connection.is_gone()
    }

    /// True once the answer is complete.
    pub fn is_finished(&self) -> bool {
        !self.connection.is_open(self.number)
    }

    /// True once a part of the answer was sent, and its status cannot be changed any more.
    pub fn is_started(&self) -> bool {
        self.is_finished() || self.connection.machine.borrow().writing() != Writing::Owed
    }
}

impl Clone for Responder {
    fn clone(&self) -> Self {
        Self::new(&self.connection, self.number)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.connection.release(self.number);
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
