//! What a handler can learn of a request: arguments, files, cookies, who the visitor is.
//!
//! Owns the lazy half of an exchange: nothing is parsed before somebody asks, and nothing twice. What is
//! asked for by name comes as a value of its own, so that it outlives the exchange it came from.
//! Read next: `arguments.rs` and `multipart.rs` for the formats, `xsrf.rs` for the token.

use std::time::Duration;

use super::arguments::Arguments;
use super::cookies::Cookies;
use super::error::{Error, HttpError, MissingArgument};
use super::escape::xhtml_escape;
use super::exchange::Exchange;
use super::faults::{ArgumentError, ReverseError};
use super::multipart::{self, Form, HttpFile};
use super::pattern::PathArguments;
use super::reply::{Core, FormFault};
use super::settings::Settings;
use super::signed::{DEFAULT_MAX_AGE, decode_signed_value};
use super::xsrf::XsrfToken;
use super::{Cookie, SameSite};
use crate::http::{BodyStream, Request};
use crate::ioloop::IoLoop;

impl Exchange {
    /// The request itself: headers, addresses, body.
    pub fn request(&self) -> &Request {
        &self.core.request
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.core.request.method()
    }

    /// Path and query as they were sent.
    pub fn uri(&self) -> &str {
        self.core.request.target()
    }

    /// The path, not decoded.
    pub fn path(&self) -> &str {
        self.core.request.path()
    }

    /// The query, not decoded.
    pub fn query(&self) -> &str {
        self.core.request.query()
    }

    /// The client's address, or the one a trusted proxy reports.
    pub fn remote_ip(&self) -> String {
        self.core.request.remote_ip().to_string()
    }

    /// `http` or `https`.
    pub fn protocol(&self) -> &str {
        self.core.request.protocol()
    }

    /// The whole URL as the client sees it.
    pub fn full_url(&self) -> String {
        self.core.request.full_url()
    }

    /// A header of the request, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.core.header(name)
    }

    /// The body as it was sent.
    pub fn body(&self) -> &[u8] {
        self.core.request.body()
    }

    /// The body piece by piece, once, for a handler with
    /// [`STREAM_REQUEST_BODY`](super::RequestHandler::STREAM_REQUEST_BODY).
    pub fn body_stream(&mut self) -> Option<BodyStream> {
        self.core.body_stream.take()
    }

    /// The body as JSON; anything else is a 400.
    #[track_caller]
    pub fn json(&self) -> Result<serde_json::Value, Error> {
        let parsed = serde_json::from_slice(self.body());
        parsed.map_err(|cause| HttpError::new(400).log(format!("bad JSON: {cause}")).into())
    }

    /// What the groups of the route caught.
    pub fn path_arguments(&self) -> &PathArguments {
        &self.core.path_arguments
    }

    /// The group at `index`, counted from 0; a 404 if it took no part in the match.
    #[track_caller]
    pub fn path_argument(&self, index: usize) -> Result<String, Error> {
        let argument = self.core.path_arguments.get(index).map(str::to_owned);
        argument.ok_or_else(|| HttpError::new(404).into())
    }

    /// An argument of the form or the query; without it the client gets a 400. The last value counts,
    /// control characters are spaces, and there is no white space at either end.
    #[track_caller]
    pub fn argument(&self, name: &str) -> Result<String, Error> {
        if let Some(value) = self.optional_argument(name)? {
            return Ok(value);
        }
        let near_miss = self.body_arguments()?.near_miss(name);
        let near_miss = near_miss.or(self.query_arguments()?.near_miss(name));
        let near_miss = near_miss.map(str::to_owned);
        Err(MissingArgument { name: name.to_owned(), near_miss }.into())
    }

    /// An argument that may be absent. The form counts before the query.
    #[track_caller]
    pub fn optional_argument(&self, name: &str) -> Result<Option<String>, Error> {
        match self.body_arguments()?.get(name)? {
            Some(value) => Ok(Some(value)),
            None => Ok(self.query_arguments()?.get(name)?),
        }
    }

    /// Every value of an argument, those of the query first.
    #[track_caller]
    pub fn arguments(&self, name: &str) -> Result<Vec<String>, Error> {
        let mut values = self.query_arguments()?.get_all(name)?;
        values.extend(self.body_arguments()?.get_all(name)?);
        Ok(values)
    }

    /// The arguments of the query.
    #[track_caller]
    pub fn query_arguments(&self) -> Result<&Arguments, Error> {
        let parse = || Arguments::parse(self.core.request.query().as_bytes());
        Ok(self.core.known.query.get_or_init(parse).as_ref().map_err(Clone::clone)?)
    }

    /// The fields of the form.
    #[track_caller]
    pub fn body_arguments(&self) -> Result<&Arguments, Error> {
        self.form().map(|form| &form.arguments)
    }

    /// The files of the form.
    #[track_caller]
    pub fn files(&self) -> Result<&[HttpFile], Error> {
        self.form().map(|form| form.files.as_slice())
    }

    #[track_caller]
    fn form(&self) -> Result<&Form, Error> {
        match self.core.known.form.get_or_init(|| parse_form(&self.core)) {
            Ok(form) => Ok(form),
            Err(FormFault::Argument(fault)) => Err(fault.clone().into()),
            Err(FormFault::Multipart(fault)) => Err((*fault).into()),
            Err(FormFault::Encoded) => {
                Err(HttpError::new(400).log("a form with Content-Encoding").into())
            }
        }
    }

    /// All cookies of the request.
    pub fn cookies(&self) -> &Cookies {
        self.core.cookies()
    }

    /// A cookie of the request. One set in this very exchange shows up in the next.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.core.cookies().get(name).map(str::to_owned)
    }

    /// The bytes of a signed cookie, if it is ours and at most 31 days old. Absent, forged and expired
    /// look alike: `None`, never an error (S031).
    pub fn signed_cookie(&self, name: &str) -> Option<Vec<u8>> {
        self.signed_cookie_within(name, DEFAULT_MAX_AGE)
    }

    /// The same with another limit of age.
    pub fn signed_cookie_within(&self, name: &str, max_age: Duration) -> Option<Vec<u8>> {
        let secret = self.core.site.cookie_secret().ok()?;
        let now = IoLoop::current().wall_time();
        decode_signed_value(secret, name, self.cookies().get(name)?, max_age, now)
    }

    /// A signed cookie whose value is text.
    pub fn signed_text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.signed_cookie(name)?).ok()
    }

    /// Who the visitor is, as [`RequestHandler::current_user`](super::RequestHandler::current_user)
    /// says; asked once.
    pub fn current_user(&self) -> Option<String> {
        if self.core.known.user.get().is_none() {
            let user = self.core.endpoint.current_user(self);
            let _ = self.core.known.user.set(user);
        }
        self.core.known.user.get()?.clone()
    }

    /// Says who the visitor is, for a `prepare` that had to ask a database. Too late if somebody has
    /// asked before.
    pub fn set_current_user(&mut self, user: Option<String>) {
        let _ = self.core.known.user.set(user);
    }

    /// The token that a form must send back (B.9.2), under a new mask each time. Asking for it sets the
    /// cookie it is compared with.
    pub fn xsrf_token(&self) -> String {
        let token = self.core.masked_xsrf_token();
        self.core.remember_xsrf_token(&token);
        token
    }

    /// The hidden field for a form.
    pub fn xsrf_form_html(&self) -> String {
        xsrf_field(&self.xsrf_token())
    }

    /// Compares the token of the form or of `X-Xsrftoken` or `X-Csrftoken` with the cookie's.
    #[track_caller]
    pub fn check_xsrf_cookie(&self) -> Result<(), Error> {
        let argument = self.optional_argument("_xsrf")?.filter(|token| !token.is_empty());
        let header = || self.header("X-Xsrftoken").or_else(|| self.header("X-Csrftoken"));
        let given = argument.as_deref().or_else(header);
        let cookie = self.cookies().get(&self.settings().xsrf_cookie_name);
        Ok(XsrfToken::check(given, cookie, IoLoop::current().wall_time())?)
    }

    /// The settings of the application.
    pub fn settings(&self) -> &Settings {
        &self.core.site.settings
    }

    /// The path of the route called `name`.
    #[track_caller]
    pub fn reverse_url(&self, name: &str, arguments: &[&str]) -> Result<String, Error> {
        let reversed: Result<String, ReverseError> = self.core.site.reverse_url(name, arguments);
        Ok(reversed?)
    }

    /// The URL of a static file, with its version, so that it may be cached for ever (S118).
    pub fn static_url(&self, path: &str) -> String {
        self.core.site.static_url(path)
    }
}

pub(super) fn xsrf_field(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"_xsrf\" value=\"{}\"/>", xhtml_escape(token))
}

impl Core {
    fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name).and_then(|value| str::from_utf8(value).ok())
    }

    pub(super) fn cookies(&self) -> &Cookies {
        self.known
            .cookies
            .get_or_init(|| self.request.header("Cookie").map(Cookies::parse).unwrap_or_default())
    }

    fn xsrf(&self) -> &(XsrfToken, bool) {
        self.known.xsrf.get_or_init(|| {
            let now = IoLoop::current().wall_time();
            let cookie = self.cookies().get(&self.site.settings.xsrf_cookie_name);
            let known = cookie.and_then(|cookie| XsrfToken::decode(cookie, now));
            let is_known = known.is_some();
            let new = || {
                let mut random = [0; 16];
                IoLoop::current().random(&mut random);
                XsrfToken::new(random, now)
            };
            (known.unwrap_or_else(new), is_known)
        })
    }

    pub(super) fn masked_xsrf_token(&self) -> String {
        let mut mask = [0; 4];
        IoLoop::current().random(&mut mask);
        self.xsrf().0.encode(mask)
    }

    /// Sets the cookie, unless the visitor has the token already.
    pub(super) fn remember_xsrf_token(&self, token: &str) {
        if self.xsrf().1 {
            return;
        }
        let settings = &self.site.settings;
        let cookie = Cookie::new(&settings.xsrf_cookie_name, token).same_site(SameSite::Lax);
        let cookie = if settings.xsrf_cookie_secure { cookie.secure() } else { cookie };
        self.set_cookie(&cookie).expect("the name was checked when the application was built");
    }
}

fn parse_form(core: &Core) -> Result<Form, FormFault> {
    let content_type = core.header("Content-Type").unwrap_or_default();
    let boundary = multipart::boundary(content_type);
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is_urlencoded = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if boundary.is_none() && !is_urlencoded {
        return Ok(Form::default());
    }
    if core.header("Content-Encoding").is_some() {
        return Err(FormFault::Encoded);
    }
    let body = core.request.body();
    match boundary {
        Some(boundary) => boundary
            .and_then(|boundary| multipart::parse(&boundary, body, core.site.settings.multipart))
            .map_err(FormFault::Multipart),
        None => Arguments::parse(body)
            .map(|arguments| Form { arguments, files: Vec::new() })
            .map_err(|fault: ArgumentError| FormFault::Argument(fault)),
    }
}
