//! `RequestHandler`: the trait that an application implements, one type per page.
//!
//! Owns the hooks and their defaults, and [`Finished`], the only thing a method may return. Because a
//! redirect takes the exchange away, going on after it does not compile (S042). Read next: `exchange.rs`.

use std::ops::ControlFlow;

use sha2::Digest as _;

use super::error::{Error, HttpError};
use super::escape::{url_escape, xhtml_escape};
use super::exchange::Exchange;
use super::faults::MissingSetting;
use super::signed::write_hex;
use crate::http::Headers;
use crate::log::{self, Level};

/// Proof that a response was sent, or that a [`Responder`](super::Responder) will send it.
///
/// Only [`Exchange::finish`], [`render`](Exchange::render), [`redirect`](Exchange::redirect),
/// [`send_error`](Exchange::send_error) and [`detach`](Exchange::detach) make one.
#[derive(Debug)]
#[must_use = "return it: `return Ok(req.redirect(..))`; the handler goes on if it is dropped"]
pub struct Finished(());

impl Finished {
    /// For those who finish, or promise to.
    pub(super) const PROOF: Self = Self(());
}

/// What a handler's method returns.
pub type HandlerResult = Result<Finished, Error>;

/// What a step before the method returns: the exchange to go on with, or the finished response.
pub type Prepared = Result<ControlFlow<Finished, Exchange>, Error>;

/// A page, or several of one kind. One value serves all requests of its route, so its fields are what
/// they share: a database, a template, a counter in a `Cell`.
///
/// ```
/// use squall::web::{Category, Exchange, HandlerResult, RequestHandler};
///
/// struct Register;
///
/// impl RequestHandler for Register {
///     async fn post(&self, mut req: Exchange) -> HandlerResult {
///         let username = req.argument("username")?;
///         if username.is_empty() {
///             req.flash("Who are you?", Category::Error);
///             return Ok(req.redirect("/auth/register")); // `req` is gone: no way to go on
///         }
///         let done = req.redirect("/"); // the visitor has the answer,
///         println!("registered {username}"); // and there is time for more
///         Ok(done)
///     }
/// }
/// ```
#[expect(async_fn_in_trait, reason = "one loop, one thread: no future here needs to be `Send`")]
pub trait RequestHandler: 'static {
    /// Set it to be called as soon as the head of a request is there, and to read its body with
    /// [`Exchange::body_stream`] piece by piece (Tornado's `stream_request_body`, T184). Then there are
    /// no form fields, and an XSRF token can only come in a header.
    const STREAM_REQUEST_BODY: bool = false;

    /// Another limit for the body than the server's.
    const BODY_BYTES_MAX: Option<u64> = None;

    /// `GET`
    async fn get(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `HEAD`; not made from `get`, which may be expensive.
    async fn head(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `POST`
    async fn post(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `DELETE`
    async fn delete(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `PATCH`
    async fn patch(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `PUT`
    async fn put(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// `OPTIONS`
    async fn options(&self, req: Exchange) -> HandlerResult {
        unimplemented_method(req)
    }

    /// Runs before every method. If it finishes the response, the method does not run (S177).
    async fn prepare(&self, req: Exchange) -> Prepared {
        Ok(ControlFlow::Continue(req))
    }

    /// Runs when the response was handed to the socket.
    fn on_finish(&self, _req: &Exchange) {}

    /// Sets headers for every response, also for error pages, which start again from nothing (S111).
    fn set_default_headers(&self, _headers: &mut Headers) {}

    /// The `ETag` of a page: a browser that has this very page gets a 304 instead (T181). It costs one
    /// hash of the body; `None` spares it.
    fn compute_etag(&self, body: &[u8]) -> Option<String> {
        Some(etag(body))
    }

    /// Who the visitor is. Asked once per request, when somebody wants to know.
    fn current_user(&self, _req: &Exchange) -> Option<String> {
        None
    }

    /// Writes the page for an error (S156). The status is set, what was written before is gone.
    fn write_error(&self, req: Exchange, error: &Error) -> Finished {
        let page = error_page(&req, error);
        req.finish(page)
    }

    /// Writes an error to the log; a 4xx is the client's affair and only a warning.
    fn log_exception(&self, req: &Exchange, error: &Error) {
        log_exception(req, error);
    }

    /// Refuses a request that another site caused; called if `xsrf_cookies` is set, and not for `GET`,
    /// `HEAD` and `OPTIONS`.
    fn check_xsrf_cookie(&self, req: &Exchange) -> Result<(), Error> {
        req.check_xsrf_cookie()
    }
}

/// The first half of a hash, in quotes.
fn etag(body: &[u8]) -> String {
    let digest = sha2::Sha256::digest(body);
    let mut tag = vec![b'"'; 42];
    write_hex(&digest[..20], &mut tag[1..41]);
    String::from_utf8(tag).expect("digits and quotes are ASCII")
}

/// S114: a method that was not written answers 405.
fn unimplemented_method(req: Exchange) -> HandlerResult {
    drop(req);
    Err(HttpError::new(405).into())
}

fn error_page(req: &Exchange, error: &Error) -> String {
    let title = format!("{}: {}", req.status(), xhtml_escape(&req.reason()));
    let detail = if req.settings().debug {
        format!("<pre>{}</pre>", xhtml_escape(&format!("{error:?}")))
    } else {
        String::new()
    };
    format!("<html><title>{title}</title><body>{title}{detail}</body></html>")
}

fn log_exception(req: &Exchange, error: &Error) {
    let what = format!("{} {} ({})", req.method(), req.uri(), req.remote_ip());
    let status = error.status();
    match error.downcast_ref::<HttpError>() {
        Some(HttpError { log_message: None, .. }) => {} // the access log says it all
        Some(HttpError { log_message: Some(message), .. }) => {
            log::general(Level::Warning, &format!("{status} {what}: {message}"));
        }
        None if status < 500 => log::general(Level::Warning, &format!("{status} {what}: {error}")),
        None => log::application_error(&format!("uncaught error in {what}: {error:?}")),
    }
}

/// Lets only visitors pass who are somebody (T179). The others go to `login_url`, which gets the way
/// back as `next`; if the request was more than a look, they get a 403.
///
/// ```
/// use squall::web::{Exchange, HandlerResult, Prepared, RequestHandler, authenticated};
///
/// struct Profile;
///
/// impl RequestHandler for Profile {
///     async fn prepare(&self, req: Exchange) -> Prepared {
///         authenticated(req)
///     }
///     fn current_user(&self, req: &Exchange) -> Option<String> {
///         req.signed_text("user")
///     }
///     async fn get(&self, req: Exchange) -> HandlerResult {
///         let user = req.current_user().unwrap_or_default();
///         Ok(req.finish(format!("Hello, {user}")))
///     }
/// }
/// ```
#[track_caller]
pub fn authenticated(req: Exchange) -> Prepared {
    if req.current_user().is_some() {
        return Ok(ControlFlow::Continue(req));
    }
    if !matches!(req.method(), "GET" | "HEAD") {
        return Err(HttpError::new(403).into());
    }
    let login = req.settings().login_url.clone().ok_or(MissingSetting("login_url"))?;
    if login.contains('?') {
        return Ok(ControlFlow::Break(req.redirect(&login)));
    }
    let absolute = login.starts_with("http://") || login.starts_with("https://");
    let next = if absolute { req.full_url() } else { req.uri().to_owned() };
    Ok(ControlFlow::Break(req.redirect(&format!("{login}?next={}", url_escape(&next, true)))))
}

/// Sends `/page` to `/page/` (T186); anything but a look is a 404.
#[track_caller]
pub fn addslash(req: Exchange) -> Prepared {
    if req.path().ends_with('/') {
        return Ok(ControlFlow::Continue(req));
    }
    let path = format!("{}/", req.path());
    move_to(req, &path)
}

/// Sends `/page/` to `/page`; leaves `/` alone.
#[track_caller]
pub fn removeslash(req: Exchange) -> Prepared {
    let path = req.path().trim_end_matches('/').to_owned();
    if path.len() == req.path().len() || path.is_empty() {
        return Ok(ControlFlow::Continue(req));
    }
    move_to(req, &path)
}

#[track_caller]
fn move_to(req: Exchange, path: &str) -> Prepared {
    if !matches!(req.method(), "GET" | "HEAD") {
        return Err(HttpError::new(404).into());
    }
    let query = if req.query().is_empty() { String::new() } else { format!("?{}", req.query()) };
    Ok(ControlFlow::Break(req.redirect_with(301, &format!("{path}{query}"))))
}
