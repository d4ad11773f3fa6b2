//! `Exchange`: one request and the right to answer it, once.
//!
//! Owns the answering half: status, headers, cookies, body, and the four calls that take the exchange
//! away and give [`Finished`]. Read next: `incoming.rs`, what a handler can learn of the request, and
//! `page.rs`, how it renders a template.

use std::cell::RefMut;
use std::rc::Rc;

use super::chunk::Chunk;
use super::cookies::{Cookie, SameSite};
use super::error::{Error, HttpError};
use super::faults::{CookieError, HeadersSent, InvalidLocation};
use super::handler::Finished;
use super::location::location;
use super::reply::{Core, Phase, Reply};
use super::responder::Responder;
use super::signed::create_signed_value;
use crate::http::Headers;
use crate::ioloop::IoLoop;

/// Signed cookies live for thirty days unless somebody says otherwise.
const SIGNED_COOKIE_DAYS: u64 = 30;

/// A request, and the right to answer it.
///
/// The calls that answer take `self`: afterwards there is nothing to answer with, and the compiler says
/// so. That is why this type is no `Clone`; [`detach`](Self::detach) gives one that is.
pub struct Exchange {
    pub(super) core: Rc<Core>,
}

impl Exchange {
    pub(super) fn of(core: &Rc<Core>) -> Self {
        Self { core: Rc::clone(core) }
    }

    /// Sends the response with `chunk` as the end of its body, at once. What the handler does
    /// afterwards, the client does not wait for (S047).
    #[track_caller]
    pub fn finish<'a>(self, chunk: impl Into<Chunk<'a>>) -> Finished {
        if let Err(error) = self.end(chunk.into()) {
            self.core.fail(&error);
        }
        Finished::PROOF
    }

    /// Sends the rest and closes the reply.
    #[track_caller]
    pub(super) fn end(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        self.core.finish(chunk)?;
        self.core.endpoint.on_finish(self);
        Ok(())
    }

    /// Sends the visitor elsewhere with a 302. `//host` is taken for the path `/host`, and a target
    /// with control characters or backslashes is our own error, a 500.
    #[track_caller]
    pub fn redirect(self, url: &str) -> Finished {
        self.redirect_with(302, url)
    }

    /// The same with 301 (for good), 303, 307 or 308.
    #[track_caller]
    pub fn redirect_with(self, status: u16, url: &str) -> Finished {
        match self.core.redirect(status, url) {
            Ok(()) => self.finish(()),
            Err(error) => {
                self.core.fail(&error);
                Finished::PROOF
            }
        }
    }

    /// Sends an error page, as [`write_error`](super::RequestHandler::write_error) writes it.
    #[track_caller]
    pub fn send_error(self, error: impl Into<Error>) -> Finished {
        self.core.fail(&error.into());
        Finished::PROOF
    }

    /// The callback style: takes the answer out of the method's hands (S048). The [`Responder`] can be
    /// cloned, moved into callbacks, and finishes the response whenever it likes.
    pub fn detach(self) -> (Responder, Finished) {
        (Responder::new(self.core), Finished::PROOF)
    }

    /// Adds to the body.
    #[track_caller]
    pub fn write<'a>(&mut self, chunk: impl Into<Chunk<'a>>) -> Result<(), Error> {
        self.core.write(chunk.into())
    }

    /// Sends what was written so far and waits until the kernel has it. A long response is written in
    /// pieces with this, so that it never has to be in memory as a whole.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.core.flush();
        self.core.responder.flush().await;
        Ok(())
    }

    /// The status code so far.
    pub fn status(&self) -> u16 {
        self.core.reply.borrow().status
    }

    /// The reason phrase that goes with it.
    pub fn reason(&self) -> String {
        self.core.reason()
    }

    /// Sets the status code, with its usual reason phrase.
    pub fn set_status(&mut self, status: u16) {
        self.core.set_status(status, "");
    }

    /// Sets the status code and the reason; one that could hurt a header or a page becomes "Unknown".
    pub fn set_status_with_reason(&mut self, status: u16, reason: &str) {
        self.core.set_status(status, reason);
    }

    /// Sets a header in place of any other of this name. Control characters are refused (SEC04).
    #[track_caller]
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.core.with_headers(|headers| Ok(headers.set(name, value)?))
    }

    /// Adds a header beside others of this name.
    #[track_caller]
    pub fn add_header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.core.with_headers(|headers| Ok(headers.add(name, value)?))
    }

    /// Removes every header of this name.
    #[track_caller]
    pub fn clear_header(&mut self, name: &str) -> Result<(), Error> {
        self.core.with_headers(|headers| {
            headers.remove(name);
            Ok(())
        })
    }

    /// Forgets status, headers and body; the default headers are set again.
    pub fn clear(&mut self) {
        self.core.clear();
    }

    /// Sets a cookie.
    #[track_caller]
    pub fn set_cookie(&mut self, cookie: &Cookie) -> Result<(), Error> {
        self.core.try_set_cookie(cookie)
    }

    /// Makes the browser forget a cookie that was set without domain and for the whole site.
    #[track_caller]
    pub fn clear_cookie(&mut self, name: &str) -> Result<(), Error> {
        self.core.try_set_cookie(&Cookie::new(name, "").expires(std::time::Duration::ZERO))
    }

    /// Sets a signed cookie for thirty days, hidden from scripts and from other sites' forms, and over
    /// TLS only if this request came that way (HAZ22). The value can be read by the visitor.
    #[track_caller]
    pub fn set_signed_cookie(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let days = std::time::Duration::from_secs(SIGNED_COOKIE_DAYS * 24 * 3600);
        let cookie = Cookie::new(name, value).http_only().same_site(SameSite::Lax);
        let cookie = cookie.expires(IoLoop::current().wall_time() + days);
        self.set_signed(if self.protocol() == "https" { cookie.secure() } else { cookie })
    }

    /// Signs the value of `cookie` and sets it with its own attributes.
    #[track_caller]
    pub fn set_signed(&mut self, cookie: Cookie) -> Result<(), Error> {
        let signed = self.create_signed_value(cookie.name(), cookie.value().as_bytes())?;
        self.core.try_set_cookie(&cookie.with_value(signed))
    }

    /// Signs `value` under `name`, for cookies and for other places.
    #[track_caller]
    pub fn create_signed_value(&self, name: &str, value: &[u8]) -> Result<String, Error> {
        let secret = self.core.site.cookie_secret()?;
        Ok(create_signed_value(secret, name, value, IoLoop::current().wall_time()))
    }

    /// Calls `callback` if the client goes away before the response is finished (T183).
    pub fn on_connection_close(&self, callback: impl FnOnce() + 'static) {
        self.core.responder.on_close(callback);
    }

    /// The callbacks' and coroutines' loop: the one that runs this handler.
    pub fn io_loop(&self) -> IoLoop {
        IoLoop::current()
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exchange({})", self.core.request_line())
    }
}

// What `Exchange` and `Responder` do alike.
impl Core {
    /// Prepares a redirect; finishing is the caller's.
    #[track_caller]
    pub(super) fn redirect(&self, status: u16, url: &str) -> Result<(), Error> {
        if !(300..400).contains(&status) {
            return Err(HttpError::new(500).log(format!("{status} is no redirect")).into());
        }
        let target = location(url).ok_or_else(|| InvalidLocation(url.to_owned()))?;
        self.with_headers(|headers| Ok(headers.set("Location", target)?))?;
        self.set_status(status, "");
        Ok(())
    }

    #[track_caller]
    pub(super) fn with_headers(
        &self,
        change: impl FnOnce(&mut Headers) -> Result<(), Error>,
    ) -> Result<(), Error> {
        change(&mut self.open_head("set_header")?.headers)
    }

    #[track_caller]
    pub(super) fn try_set_cookie(&self, cookie: &Cookie) -> Result<(), Error> {
        drop(self.open_head("set_cookie")?);
        let set: Result<(), CookieError> = self.set_cookie(cookie);
        Ok(set?)
    }

    /// The reply, if nothing of it was sent.
    #[inline]
    #[track_caller]
    fn open_head(&self, call: &str) -> Result<RefMut<'_, Reply>, Error> {
        let reply = self.open_reply(call)?;
        if reply.phase == Phase::Streaming {
            return Err(HeadersSent.into());
        }
        Ok(reply)
    }
}
