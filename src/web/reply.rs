//! A request and its reply, shared by everybody who works on them.
//!
//! Owns the rules of finishing: headers and cookies are gathered until the first byte leaves, a reply
//! is finished once, and an error starts it again from nothing. `exchange.rs` and `responder.rs` are two
//! handles to this one thing. No borrow is held while somebody else's code runs.

use std::cell::{OnceCell, RefCell, RefMut};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::arguments::Arguments;
use super::chunk::Chunk;
use super::compress::Compressor;
use super::cookies::{Cookie, Cookies};
use super::endpoint::Endpoint;
use super::error::{Error, reason_phrase};
use super::exchange::Exchange;
use super::faults::{AlreadyFinished, ArgumentError, CookieError, MultipartError};
use super::flash::FlashMessage;
use super::multipart::Form;
use super::pattern::PathArguments;
use super::site::Site;
use super::static_files::etag_matches;
use super::xsrf::XsrfToken;
use crate::future::Keeper;
use crate::http::{self, Headers, Status};
use crate::ioloop::IoLoop;
use crate::log::{self, Level};

/// Larger memory is not kept for the next request: a spare must not be a hoard.
const SPARE_CAPACITY: usize = 4 * 1024;

/// A place for one request at a time, with what was learnt of it and what will be answered. When the
/// request is over, the next one moves in, and finds the memory of headers and body.
#[derive(Default)]
pub(super) struct Core {
    /// Absent while nobody lives here.
    tenant: Option<Tenant>,
    pub(super) body_stream: RefCell<Option<http::BodyStream>>,
    pub(super) known: Known,
    pub(super) reply: RefCell<Reply>,
}

/// Who asked, and who answers.
pub(super) struct Tenant {
    pub(super) site: Rc<Site>,
    pub(super) endpoint: Rc<dyn Endpoint>,
    pub(super) path_arguments: PathArguments,
    pub(super) request: http::Request,
    pub(super) responder: http::Responder,
}

/// What is parsed only when somebody asks.
#[derive(Default)]
pub(super) struct Known {
    pub(super) cookies: OnceCell<Cookies>,
    pub(super) query: OnceCell<Result<Arguments, ArgumentError>>,
    pub(super) form: OnceCell<Result<Form, FormFault>>,
    pub(super) user: OnceCell<Option<String>>,
    /// The token, and whether the visitor's cookie has it already.
    pub(super) xsrf: OnceCell<(XsrfToken, bool)>,
}

/// Why a body is no form.
#[derive(Clone, Debug)]
pub(super) enum FormFault {
    Argument(ArgumentError),
    Multipart(MultipartError),
    Encoded,
}

/// How far the reply has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everything can still be changed.
    #[default]
    Open,
    /// The head is gone; more of the body may follow.
    Streaming,
    Finished,
}

/// What was gathered for the client.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) phase: Phase,
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    cookies: Vec<(String, String)>,
    compressor: Option<Compressor>,
    /// The messages for the next page, once somebody has looked or added one.
    pub(super) flash: Option<Vec<FlashMessage>>,
    /// One line in the log is enough for a handler that goes on writing.
    complained: bool,
    /// The error page is being written.
    failing: bool,
}

impl Core {
    /// A request and its reply-to-be, in a place that another one has left if there is one.
    pub(super) fn begin(mut tenant: Tenant) -> Rc<Self> {
        let mut core = tenant.site.take_core();
        let place = Rc::get_mut(&mut core).expect("who gives a place back is the last to have it");
        if let Some(stream) = tenant.request.body_stream() {
            place.body_stream = RefCell::new(Some(stream));
            let _ = place.known.form.set(Ok(Form::default())); // whatever comes, it is no form
        }
        let reply = place.reply.get_mut();
        reply.status = 200;
        reply.headers.copy_from(&tenant.site.headers);
        tenant.endpoint.set_default_headers(&mut reply.headers);
        place.tenant = Some(tenant);
        core
    }

    /// Whoever lives here moves out. The memory of headers and body stays, unless there is too much of
    /// it to keep.
    fn leave(&mut self) -> Option<Rc<Site>> {
        let site = Rc::clone(&self.tenant.as_ref()?.site);
        self.body_stream.take(); // before the answer that may still be owed: reading goes on
        self.tenant = None;
        self.known.clear();
        self.reply.get_mut().clear();
        Some(site)
    }

    /// Sets a cookie; a second one of the same name replaces the first.
    pub(super) fn set_cookie(&self, cookie: &Cookie) -> Result<(), CookieError> {
        let header = cookie.to_header()?;
        let cookies = &mut self.reply.borrow_mut().cookies;
        cookies.retain(|(name, _)| name != cookie.name());
        cookies.push((cookie.name().to_owned(), header));
        Ok(())
    }

    pub(super) fn set_status(&self, status: u16, reason: &str) {
        let mut reply = self.reply.borrow_mut();
        reply.status = status;
        // SEC23: a reason is shown in headers and pages alike.
        let clean = reason.chars().all(|c| c == ' ' || (c.is_ascii_graphic() && c != '<'));
        reply.reason.clear();
        reply.reason.push_str(if clean { reason } else { "Unknown" });
    }

    pub(super) fn reason(&self) -> String {
        let reply = self.reply.borrow();
        if reply.reason.is_empty() {
            return reason_phrase(reply.status).to_owned();
        }
        reply.reason.clone()
    }

    /// The reply, until it is finished.
    #[inline]
    pub(super) fn open_reply(&self, call: &str) -> Result<RefMut<'_, Reply>, AlreadyFinished> {
        let reply = self.reply.borrow_mut();
        if reply.phase == Phase::Finished {
            drop(reply);
            return Err(self.complain(call));
        }
        Ok(reply)
    }

    /// Whoever goes on writing gets one line in the log, the client keeps what it has (S043, S044).
    #[cold]
    fn complain(&self, call: &str) -> AlreadyFinished {
        if !std::mem::replace(&mut self.reply.borrow_mut().complained, true) {
            let what = self.request_line();
            log::application_error(&format!("{call} after the response was finished: {what}"));
        }
        AlreadyFinished
    }

    pub(super) fn check_open(&self, call: &str) -> Result<(), AlreadyFinished> {
        self.open_reply(call).map(drop)
    }

    /// Adds to the body.
    #[track_caller]
    pub(super) fn write(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        let mut reply = self.open_reply("write")?;
        let (is_json, bytes) = (chunk.is_json(), chunk.into_bytes()?);
        if is_json {
            reply.headers.set("Content-Type", "application/json; charset=UTF-8")?;
        }
        reply.body.extend_from_slice(&bytes);
        Ok(())
    }

    /// Sends what was gathered so far, the head first.
    pub(super) fn flush(&self) {
        self.flush_flash();
        let mut reply = self.reply.borrow_mut();
        let mut body = std::mem::take(&mut reply.body);
        let head = (reply.phase == Phase::Open).then(|| {
            reply.phase = Phase::Streaming;
            reply.add_cookies();
            if self.site.settings.compress_response && !has_no_body(reply.status) {
                reply.compressor = Compressor::wanted(&self.request, &mut reply.headers, None);
            }
            reply.take_head()
        });
        if let Some(compressor) = reply.compressor.as_mut().filter(|_| !body.is_empty()) {
            body = compressor.piece(&body);
        }
        drop(reply); // the transport may call back into the handler's code
        if let Some((status, reason, headers)) = head {
            self.responder.start(status, &reason, &headers);
            self.reply.borrow_mut().headers = headers; // for their memory
        }
        if !body.is_empty() {
            self.responder.write(&body);
        }
    }

    /// Sends the rest and closes the reply; the handler has not heard of it yet, see [`Exchange::end`].
    #[track_caller]
    pub(super) fn finish(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        if self.open_reply("finish")?.phase == Phase::Streaming {
            self.write(chunk)?;
            self.flush();
            let compressor = self.reply.borrow_mut().compressor.take();
            if let Some(compressor) = compressor {
                self.responder.write(&compressor.finish(b""));
            }
            self.responder.finish();
            self.reply.borrow_mut().phase = Phase::Finished;
        } else {
            self.send_whole(chunk)?;
        }
        if self.site.settings.access_log {
            self.log_request();
        }
        Ok(())
    }

    #[track_caller]
    fn send_whole(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        let (is_json, bytes) = (chunk.is_json(), chunk.into_bytes()?);
        if self.reply.borrow().flash.is_some() {
            self.flush_flash();
        }
        let mut reply = self.reply.borrow_mut();
        if is_json {
            reply.headers.set("Content-Type", "application/json; charset=UTF-8")?;
        }
        let mut written = Vec::new();
        let mut body = &bytes[..];
        if !reply.body.is_empty() {
            std::mem::swap(&mut written, &mut reply.body);
            written.extend_from_slice(body);
            body = &written;
        }
        if reply.status == 200 && self.is_a_look() {
            reply = self.set_etag(reply, body);
            if self.is_known(&reply.headers) {
                (reply.status, body) = (304, b"");
                reply.reason.clear();
            }
        }
        if has_no_body(reply.status) {
            body = b"";
            for name in ["Content-Type", "Content-Language", "Content-Length"] {
                reply.headers.remove(name);
            }
        }
        let compressed;
        if self.site.settings.compress_response
            && let Some(compressor) =
                Compressor::wanted(&self.request, &mut reply.headers, Some(body.len()))
        {
            compressed = compressor.finish(body);
            body = &compressed;
        }
        if !reply.cookies.is_empty() {
            reply.add_cookies();
        }
        reply.phase = Phase::Finished;
        let (status, reason, headers) = reply.take_head();
        drop(reply); // the transport may call back into the handler's code
        self.responder.send(status, &reason, &headers, body);
        let mut reply = self.reply.borrow_mut();
        reply.headers = headers; // for its memory
        if !written.is_empty() {
            reply.body = written;
        }
        Ok(())
    }

    fn is_a_look(&self) -> bool {
        matches!(self.request.method(), "GET" | "HEAD")
    }

    /// T181: the `ETag` of a page that has none. While the handler is asked, nothing is borrowed.
    fn set_etag<'a>(&'a self, reply: RefMut<'a, Reply>, body: &[u8]) -> RefMut<'a, Reply> {
        if reply.headers.contains("Etag") {
            return reply;
        }
        drop(reply);
        let tag = self.endpoint.compute_etag(body);
        let mut reply = self.reply.borrow_mut();
        if let Some(Err(error)) = tag.map(|tag| reply.headers.set("Etag", tag)) {
            log::application_error(&format!("compute_etag gave no header value: {error}"));
        }
        reply
    }

    /// Whether the client has the page with this very `ETag`.
    fn is_known(&self, headers: &Headers) -> bool {
        let Some(tag) = headers.get("Etag") else { return false };
        let Some(known) = self.request.header("If-None-Match") else { return false };
        let (tag, known) = (str::from_utf8(tag), str::from_utf8(known));
        known.is_ok_and(|known| tag.is_ok_and(|tag| etag_matches(known, tag)))
    }

    /// Answers with an error, unless there is an answer already; then it is only logged.
    pub(super) fn fail(self: &Rc<Self>, error: &Error) {
        let exchange = Exchange::of(self);
        let logged =
            catch_unwind(AssertUnwindSafe(|| self.endpoint.log_exception(&exchange, error)));
        if logged.is_err() {
            log::application_error(&format!("log_exception panicked; the error was {error:?}"));
        }
        let (phase, failing) = {
            let mut reply = self.reply.borrow_mut();
            (reply.phase, std::mem::replace(&mut reply.failing, true))
        };
        match phase {
            Phase::Finished => {}
            Phase::Open if failing => self.send_empty_500(), // the error page has an error
            Phase::Streaming => {
                // The head is gone: all that is left is to break off, so that nobody takes a part
                // for the whole.
                self.reply.borrow_mut().phase = Phase::Finished;
                self.responder.abort();
                if self.site.settings.access_log {
                    self.log_request();
                }
            }
            Phase::Open => {
                self.clear();
                self.set_status(error.status(), error.reason());
                let write = || drop(self.endpoint.write_error(exchange, error));
                if catch_unwind(AssertUnwindSafe(write)).is_err() {
                    self.send_empty_500();
                }
            }
        }
    }

    /// F220: an empty 500 is better than no answer.
    fn send_empty_500(self: &Rc<Self>) {
        self.clear();
        self.set_status(500, "");
        let _ = Exchange::of(self).end(().into()); // it may have been finished before the page broke
    }

    /// Forgets status, headers and body; cookies stay, as in Tornado.
    pub(super) fn clear(&self) {
        let mut headers = std::mem::take(&mut self.reply.borrow_mut().headers);
        headers.copy_from(&self.site.headers);
        self.endpoint.set_default_headers(&mut headers);
        let mut reply = self.reply.borrow_mut();
        reply.headers = headers;
        reply.body.clear();
        reply.status = 200;
        reply.reason.clear();
    }

    /// `GET /path (127.0.0.1)`
    pub(super) fn request_line(&self) -> String {
        let request = &self.request;
        format!("{} {} ({})", request.method(), request.target(), request.remote_ip())
    }

    /// T188: one line for each request.
    fn log_request(&self) {
        let status = self.reply.borrow().status;
        let level = match status {
            ..400 => Level::Info,
            400..500 => Level::Warning,
            _ => Level::Error,
        };
        let milliseconds =
            (IoLoop::current().time() - self.request.received()).as_secs_f64() * 1000.0;
        log::access(level, &format!("{status} {} {milliseconds:.2}ms", self.request_line()));
    }
}

/// A page says so, unless there is an answer already.
impl Keeper for Core {
    fn panicked(self: Rc<Self>, message: String) {
        let (_, place) = self.endpoint.origin();
        self.fail(&Error::panicked(message, place));
    }

    /// The next request may have the place, unless somebody still holds a [`Responder`](super::Responder).
    fn ended(mut self: Rc<Self>) {
        if let Some(site) = Rc::get_mut(&mut self).and_then(Self::leave) {
            site.give_core(self);
        }
    }
}

impl Deref for Core {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        self.tenant.as_ref().expect("whoever has this place keeps the request in it")
    }
}

impl Known {
    /// Most requests are asked nothing, and to see that is quicker than to forget it.
    fn clear(&mut self) {
        let Self { cookies, query, form, user, xsrf } = self;
        forget(cookies);
        forget(query);
        forget(form);
        forget(user);
        forget(xsrf);
    }
}

fn forget<T>(known: &mut OnceCell<T>) {
    if known.get().is_some() {
        known.take();
    }
}

fn has_no_body(status: u16) -> bool {
    Status::new(status).is_some_and(Status::has_no_body)
}

impl Reply {
    /// Everything as before the first request, but for the memory.
    fn clear(&mut self) {
        self.phase = Phase::Open;
        self.reason = String::new();
        self.cookies.clear();
        self.compressor = None;
        self.flash = None;
        (self.complained, self.failing) = (false, false);
        if self.headers.capacity() > SPARE_CAPACITY {
            self.headers = Headers::new();
        }
        if self.body.capacity() > SPARE_CAPACITY {
            self.body = Vec::new();
        }
        self.body.clear();
    }

    /// What the transport needs; the status stays for the log.
    fn take_head(&mut self) -> (Status, String, Headers) {
        let status = Status::new(self.status).unwrap_or(Status::INTERNAL_SERVER_ERROR);
        (status, std::mem::take(&mut self.reason), std::mem::take(&mut self.headers))
    }

    fn add_cookies(&mut self) {
        for (_, header) in self.cookies.drain(..) {
            self.headers.add("Set-Cookie", header).expect("a cookie was checked when it was set");
        }
    }
}
