//! A request and its reply, shared by everybody who works on them.
//!
//! Owns the rules of finishing: headers and cookies are gathered until the first byte leaves, a reply
//! is finished once, and an error starts it again from nothing. `exchange.rs` and `responder.rs` are two
//! handles to this one thing. No borrow is held while somebody else's code runs.

use std::cell::{OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use reactor::Instant;

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

/// One request, what was learnt of it, and what will be answered.
pub(super) struct Core {
    pub(super) site: Rc<Site>,
    pub(super) endpoint: Rc<dyn Endpoint>,
    pub(super) request: http::Request,
    pub(super) body_stream: RefCell<Option<http::BodyStream>>,
    pub(super) path_arguments: PathArguments,
    pub(super) known: Known,
    pub(super) responder: http::Responder,
    pub(super) reply: RefCell<Reply>,
    started: Instant,
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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Everything can still be changed.
    Open,
    /// The head is gone; more of the body may follow.
    Streaming,
    Finished,
}

/// What was gathered for the client.
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
    pub(super) fn new(
        site: Rc<Site>,
        endpoint: Rc<dyn Endpoint>,
        path_arguments: PathArguments,
        mut request: http::Request,
        responder: http::Responder,
    ) -> Rc<Self> {
        let body_stream = RefCell::new(request.body_stream());
        let mut headers = site.take_headers();
        endpoint.set_default_headers(&mut headers);
        let reply = Reply {
            phase: Phase::Open,
            status: 200,
            reason: String::new(),
            headers,
            body: Vec::new(),
            cookies: Vec::new(),
            compressor: None,
            flash: None,
            complained: false,
            failing: false,
        };
        let started = request.received();
        let (known, reply) = (Known::default(), RefCell::new(reply));
        if body_stream.borrow().is_some() {
            let _ = known.form.set(Ok(Form::default())); // whatever comes, it is no form
        }
        Rc::new(Self {
            site,
            endpoint,
            request,
            body_stream,
            path_arguments,
            known,
            responder,
            reply,
            started,
        })
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

    /// An error once the reply is finished. Whoever goes on writing gets one line in the log, the client
    /// keeps what it has (S043, S044).
    pub(super) fn check_open(&self, call: &str) -> Result<(), AlreadyFinished> {
        let mut reply = self.reply.borrow_mut();
        if reply.phase != Phase::Finished {
            return Ok(());
        }
        if !std::mem::replace(&mut reply.complained, true) {
            drop(reply);
            let what = self.request_line();
            log::application_error(&format!("{call} after the response was finished: {what}"));
        }
        Err(AlreadyFinished)
    }

    /// Adds to the body.
    #[track_caller]
    pub(super) fn write(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        self.check_open("write")?;
        let (is_json, bytes) = (chunk.is_json(), chunk.into_bytes()?);
        let mut reply = self.reply.borrow_mut();
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
            self.reply.borrow_mut().headers = headers; // for their memory, see `drop`
        }
        if !body.is_empty() {
            self.responder.write(&body);
        }
    }

    /// Sends the rest and closes the reply.
    #[track_caller]
    pub(super) fn finish(self: &Rc<Self>, chunk: Chunk<'_>) -> Result<(), Error> {
        self.check_open("finish")?;
        if self.reply.borrow().phase == Phase::Streaming {
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
        self.log_request();
        self.endpoint.on_finish(&Exchange::of(self));
        Ok(())
    }

    #[track_caller]
    fn send_whole(&self, chunk: Chunk<'_>) -> Result<(), Error> {
        let (is_json, bytes) = (chunk.is_json(), chunk.into_bytes()?);
        self.flush_flash();
        let (mut status, mut headers, mut written) = self.reply.borrow_mut().take_whole();
        if is_json {
            headers.set("Content-Type", "application/json; charset=UTF-8")?;
        }
        let mut body = &bytes[..];
        if !written.is_empty() {
            written.extend_from_slice(body);
            body = &written;
        }
        if self.is_unchanged(status, &mut headers, body) {
            status = 304;
        }
        if has_no_body(status) {
            body = b"";
            for name in ["Content-Type", "Content-Language", "Content-Length"] {
                headers.remove(name);
            }
        }
        let compressed;
        if self.site.settings.compress_response
            && let Some(compressor) =
                Compressor::wanted(&self.request, &mut headers, Some(body.len()))
        {
            compressed = compressor.finish(body);
            body = &compressed;
        }
        let (status, reason, headers) = self.reply.borrow_mut().close(status, headers);
        self.responder.send(status, &reason, &headers, body);
        self.reply.borrow_mut().headers = headers; // for their memory, see `drop`
        Ok(())
    }

    /// T181: sets the `ETag` of a page, and tells whether the client has that very page.
    fn is_unchanged(&self, status: u16, headers: &mut Headers, body: &[u8]) -> bool {
        if status != 200 || !matches!(self.request.method(), "GET" | "HEAD") {
            return false;
        }
        if !headers.contains("Etag") {
            let Some(tag) = self.endpoint.compute_etag(body) else { return false };
            if let Err(error) = headers.set("Etag", tag) {
                log::application_error(&format!("compute_etag gave no header value: {error}"));
            }
        }
        let known = self.request.header("If-None-Match").and_then(|tags| str::from_utf8(tags).ok());
        let tag = headers.get("Etag").and_then(|tag| str::from_utf8(tag).ok());
        known.zip(tag).is_some_and(|(known, tag)| etag_matches(known, tag))
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
                self.log_request();
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
        let _ = self.finish(().into()); // it may have been finished before the page broke
    }

    /// Forgets status, headers and body; cookies stay, as in Tornado.
    pub(super) fn clear(&self) {
        let mut headers = self.site.take_headers();
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
        if !self.site.settings.access_log {
            return;
        }
        let status = self.reply.borrow().status;
        let level = match status {
            ..400 => Level::Info,
            400..500 => Level::Warning,
            _ => Level::Error,
        };
        let milliseconds = (IoLoop::current().time() - self.started).as_secs_f64() * 1000.0;
        log::access(level, &format!("{status} {} {milliseconds:.2}ms", self.request_line()));
    }
}

/// A page says so, unless there is an answer already.
impl Keeper for Core {
    fn panicked(self: Rc<Self>, message: String) {
        let (_, place) = self.endpoint.origin();
        self.fail(&Error::panicked(message, place));
    }
}

/// The next response has the memory of this one's headers.
impl Drop for Core {
    fn drop(&mut self) {
        self.site.give_headers(std::mem::take(&mut self.reply.get_mut().headers));
    }
}

fn has_no_body(status: u16) -> bool {
    Status::new(status).is_some_and(Status::has_no_body)
}

impl Reply {
    /// Takes what there is, so that nothing is borrowed while the handler is asked for its `ETag`.
    fn take_whole(&mut self) -> (u16, Headers, Vec<u8>) {
        (self.status, std::mem::take(&mut self.headers), std::mem::take(&mut self.body))
    }

    /// The head of a whole response; afterwards nothing can be changed.
    fn close(&mut self, status: u16, headers: Headers) -> (Status, String, Headers) {
        if self.status != status {
            self.reason.clear();
        }
        (self.status, self.headers) = (status, headers);
        self.add_cookies();
        self.phase = Phase::Finished;
        self.take_head()
    }

    /// What the transport needs; the status stays for the log.
    fn take_head(&mut self) -> (Status, String, Headers) {
        let status = Status::new(self.status).unwrap_or(Status::INTERNAL_SERVER_ERROR);
        (status, std::mem::take(&mut self.reason), std::mem::take(&mut self.headers))
    }

    fn add_cookies(&mut self) {
        for (_, header) in std::mem::take(&mut self.cookies) {
            self.headers.add("Set-Cookie", header).expect("a cookie was checked when it was set");
        }
    }
}
