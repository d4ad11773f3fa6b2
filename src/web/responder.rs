//! `Responder`: the answering half of an exchange, for callbacks.
//!
//! Owns what is left of the rules when the compiler cannot help: there may be several clones, so a second
//! finish is an error at run time (S043), said once in the log, and the client keeps the first response.

use std::rc::Rc;

use super::chunk::Chunk;
use super::cookies::Cookie;
use super::error::Error;
use super::exchange::Exchange;
use super::reply::{Core, Phase};

/// Finishes a detached response. Clones finish the same response; the first one wins.
///
/// A responder keeps its handler alive. If the handler keeps the responder, as here, somebody must take it
/// out again: who finishes the response, or [`on_connection_close`](Self::on_connection_close).
///
/// ```
/// use std::cell::RefCell;
/// use squall::web::{Exchange, HandlerResult, RequestHandler, Responder};
///
/// /// Waits until somebody calls `/index`.
/// struct Main(RefCell<Option<Responder>>);
///
/// impl RequestHandler for Main {
///     async fn get(&self, req: Exchange) -> HandlerResult {
///         let (responder, finished) = req.detach();
///         *self.0.borrow_mut() = Some(responder);
///         Ok(finished)
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Responder {
    core: Rc<Core>,
}

impl Responder {
    pub(super) fn new(core: Rc<Core>) -> Self {
        Self { core }
    }

    /// Adds to the body.
    #[track_caller]
    pub fn write<'a>(&self, chunk: impl Into<Chunk<'a>>) -> Result<(), Error> {
        self.core.write(chunk.into())
    }

    /// Sends what was written so far and waits until the kernel has it.
    pub async fn flush(&self) -> Result<(), Error> {
        self.core.check_open("flush")?;
        self.core.flush();
        self.core.responder.flush().await;
        Ok(())
    }

    /// Sends the response with `chunk` as the end of its body.
    #[track_caller]
    pub fn finish<'a>(&self, chunk: impl Into<Chunk<'a>>) -> Result<(), Error> {
        Exchange::of(&self.core).end(chunk.into())
    }

    /// Sends the visitor elsewhere with a 302.
    #[track_caller]
    pub fn redirect(&self, url: &str) -> Result<(), Error> {
        self.core.redirect(302, url)?;
        Exchange::of(&self.core).end(().into())
    }

    /// Sends an error page.
    #[track_caller]
    pub fn send_error(&self, error: impl Into<Error>) -> Result<(), Error> {
        self.core.check_open("send_error")?;
        self.core.fail(&error.into());
        Ok(())
    }

    /// Sets the status code.
    #[track_caller]
    pub fn set_status(&self, status: u16) -> Result<(), Error> {
        self.core.check_open("set_status")?;
        self.core.set_status(status, "");
        Ok(())
    }

    /// Sets a header.
    #[track_caller]
    pub fn set_header(&self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.core.with_headers(|headers| Ok(headers.set(name, value)?))
    }

    /// Sets a cookie; after the response is finished that is an error, not a silent loss (S045).
    #[track_caller]
    pub fn set_cookie(&self, cookie: &Cookie) -> Result<(), Error> {
        self.core.try_set_cookie(cookie)
    }

    /// True once the response is finished.
    pub fn is_finished(&self) -> bool {
        self.core.reply.borrow().phase == Phase::Finished
    }

    /// True once the client is gone. Writing then does no harm and no good (S077).
    pub fn is_closed(&self) -> bool {
        self.core.responder.is_closed()
    }

    /// Calls `callback` if the client goes away before the response is finished.
    pub fn on_connection_close(&self, callback: impl FnOnce() + 'static) {
        self.core.responder.on_close(callback);
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Responder({})", self.core.request_line())
    }
}
