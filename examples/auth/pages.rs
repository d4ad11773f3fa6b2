//! The pages: one type each, and [`Base`], which is what they have in common.
//!
//! Owns what a visitor sees and in which order things happen. `redirect`, `render` and `finish`
//! take the exchange away, so the tutorial's famous bug (redirect, then go on and register the
//! user anyway) does not compile here (S042). Read next: `accounts.rs`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use squall::coroutine;
use squall::log;
use squall::mongo::{self, bson::Bson, bson::Document};
use squall::web::{
    Category, Cookie, Error, Exchange, Finished, HandlerResult, HttpError, Prepared,
    RequestHandler, SameSite, Value, context, local_path,
};

use super::accounts::{Accounts, LoginFailed, NotRegistered, PROFILE_FIELDS};

/// The tutorial's wait.
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// `/demo/sleep/N` and `/demo/block/N` go no further.
const DEMO_SECONDS_MAX: u64 = 10;

/// What every page can reach: the tutorial's `self.db`.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) accounts: Accounts,
}

/// One page; what it does not implement answers 405.
pub(crate) trait Page: 'static {
    async fn get(&self, req: Exchange, _shared: &Shared) -> HandlerResult {
        Ok(req.send_error(HttpError::new(405)))
    }

    async fn post(&self, req: Exchange, _shared: &Shared) -> HandlerResult {
        Ok(req.send_error(HttpError::new(405)))
    }
}

/// The tutorial's `BaseHandler`: who the visitor is, and how errors look (S008).
pub(crate) struct Base<P>(pub(crate) P, pub(crate) Shared);

impl<P: Page> RequestHandler for Base<P> {
    async fn get(&self, req: Exchange) -> HandlerResult {
        self.0.get(req, &self.1).await
    }

    async fn post(&self, req: Exchange) -> HandlerResult {
        self.0.post(req, &self.1).await
    }

    /// A signed name alone proves nothing after a logout: the session must still be there.
    async fn prepare(&self, mut req: Exchange) -> Prepared {
        if let (Some(user), Some(session)) = (req.signed_text("user"), req.signed_text("session")) {
            let owner = self.1.accounts.session_of(&session).await.map_err(unavailable)?;
            req.set_current_user(owner.filter(|owner| *owner == user));
        }
        Ok(ControlFlow::Continue(req))
    }

    fn write_error(&self, mut req: Exchange, error: &Error) -> Finished {
        let status = error.status();
        let message = match status {
            400 => Some(error.to_string()),
            503 => Some("The database does not answer. Please try again in a moment.".to_owned()),
            _ => None,
        };
        let details = req.settings().debug.then(|| format!("{error:?}"));
        let reason = error.reason().to_owned();
        let page = context! { status, reason => &reason, message, details };
        match req.render_string("error.html", page) {
            Ok(page) => req.finish(page),
            Err(broken) => {
                log::application_error(&format!("the error page: {broken:?}"));
                let _ = req.set_header("Content-Type", "text/plain; charset=UTF-8");
                req.finish(format!("{status} {reason}\n"))
            }
        }
    }
}

/// The database failed: nobody's request is wrong, so it is a 503 and worth another try.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unavailable(error: mongo::Error) -> HttpError {
    HttpError::new(503).log(format!("database: {error}"))
}

fn login_failed(error: LoginFailed) -> HttpError {
    match error {
        LoginFailed::Database(error) => unavailable(error),
        LoginFailed::Hash(error) => HttpError::new(500).log(error.to_string()),
    }
}

/// `GET /`
pub(crate) struct Index;

impl Page for Index {
    async fn get(&self, req: Exchange, _: &Shared) -> HandlerResult {
        let origin = format!("{}://{}", req.protocol(), req.request().host());
        req.render("index.html", context! { origin })
    }
}

/// How registering waits; the visitor chooses.
#[derive(Clone, Copy)]
enum Wait {
    None,
    Timer,
    Block,
}

impl Wait {
    fn parse(name: &str) -> Self {
        match name {
            "timer" => Self::Timer,
            "block" => Self::Block,
            _ => Self::None,
        }
    }

    /// The heart of the demo: the second line makes this visitor wait, the third everybody.
    #[expect(clippy::disallowed_methods, reason = "to show what blocking the loop does")]
    async fn pass(self) {
        match self {
            Self::None => {}
            Self::Timer => coroutine::sleep(TEN_SECONDS).await,
            Self::Block => std::thread::sleep(TEN_SECONDS),
        }
    }
}

/// `/auth/register`
pub(crate) struct Register;

impl Page for Register {
    async fn get(&self, mut req: Exchange, _: &Shared) -> HandlerResult {
        let typed = req.signed_text("form").unwrap_or_default();
        let typed: Vec<&str> = typed.split('\n').collect();
        let [username, email, wait] = [0, 1, 2].map(|i| typed.get(i).copied().unwrap_or_default());
        let page = req.render_string("register.html", context! { username, email, wait })?;
        if !username.is_empty() {
            req.clear_cookie("form")?;
        }
        Ok(req.finish(page))
    }

    async fn post(&self, mut req: Exchange, shared: &Shared) -> HandlerResult {
        let username = req.argument("username")?;
        let email = req.argument("email")?;
        let password = req.argument("password")?;
        let answer = req.argument("captcha")?;
        let wait = req.optional_argument("wait")?.unwrap_or_default();
        keep_form(&mut req, &username, &email, &wait)?;

        let question = req.signed_text("captcha").unwrap_or_default();
        req.clear_cookie("captcha")?;
        let right = shared.accounts.answer_captcha(&question, &answer).await;
        if !right.map_err(unavailable)? {
            req.flash("That is not what the picture says.", Category::Error);
            return Ok(req.redirect("/auth/register"));
        }
        if username.is_empty() || email.is_empty() || password.is_empty() {
            req.flash("Username, email and password are all needed.", Category::Error);
            return Ok(req.redirect("/auth/register"));
        }

        Wait::parse(&wait).pass().await;

        match shared.accounts.register(&username, &email, password).await {
            Ok(()) => {
                req.clear_cookie("form")?;
                req.flash(format!("Welcome, {username}."), Category::Info);
                log_in(req, shared, &username, "/").await
            }
            Err(NotRegistered::Taken(field)) => {
                req.flash(format!("Somebody has this {field} already."), Category::Error);
                Ok(req.redirect("/auth/register"))
            }
            Err(NotRegistered::Failed(error)) => {
                log::application_error(&format!("registration: {error}"));
                req.flash("That could not be saved. Please try again.", Category::Error);
                Ok(req.redirect("/auth/register"))
            }
            Err(NotRegistered::Hash(error)) => {
                Err(HttpError::new(500).log(error.to_string()).into())
            }
        }
    }
}

/// What was typed survives the redirect, but not the password.
fn keep_form(req: &mut Exchange, username: &str, email: &str, wait: &str) -> Result<(), Error> {
    let typed = [username, email, wait].map(|text| text.replace('\n', " ")).join("\n");
    let cookie = Cookie::new("form", typed).max_age(Duration::from_secs(60)).http_only();
    req.set_signed(cookie.same_site(SameSite::Lax))
}

/// Gives the visitor a session and sends them on.
async fn log_in(mut req: Exchange, shared: &Shared, username: &str, next: &str) -> HandlerResult {
    let session = shared.accounts.begin_session(username).await.map_err(unavailable)?;
    req.set_signed_cookie("user", username)?;
    req.set_signed_cookie("session", &session)?;
    Ok(req.redirect(next))
}

/// `/auth/login`
pub(crate) struct Login;

impl Page for Login {
    async fn get(&self, req: Exchange, _: &Shared) -> HandlerResult {
        let username = req.optional_argument("username")?.unwrap_or_default();
        let next = req.optional_argument("next")?.unwrap_or_default();
        req.render("login.html", context! { username, next })
    }

    async fn post(&self, mut req: Exchange, shared: &Shared) -> HandlerResult {
        let username = req.argument("username")?;
        let password = req.argument("password")?;
        let next = req.optional_argument("next")?.unwrap_or_default();
        let user = shared.accounts.authenticate(&username, password).await.map_err(login_failed)?;
        if user.is_none() {
            // One sentence for both mistakes: it must not tell which names exist (HAZ21).
            req.flash("No such user, or not their password.", Category::Error);
            let page = req.render_string("login.html", context! { username, next })?;
            return Ok(req.finish(page));
        }
        // Only a path of this site: `next=//evil.example` would lead elsewhere (SEC24).
        let next = local_path(&next).unwrap_or("/").to_owned();
        log_in(req, shared, &username, &next).await
    }
}

/// `POST /auth/logout`
pub(crate) struct Logout;

impl Page for Logout {
    async fn post(&self, mut req: Exchange, shared: &Shared) -> HandlerResult {
        if let Some(session) = req.signed_text("session") {
            shared.accounts.end_session(&session).await.map_err(unavailable)?;
        }
        req.clear_cookie("user")?;
        req.clear_cookie("session")?;
        req.flash("You are logged out.", Category::Info);
        Ok(req.redirect("/"))
    }
}

/// `/auth/profile`
pub(crate) struct Profile;

impl Profile {
    /// The visitor's document, or the way to the login page.
    async fn visitor(
        req: Exchange,
        shared: &Shared,
    ) -> Result<ControlFlow<Finished, (Exchange, Document)>, Error> {
        let req = match squall::web::authenticated(req)? {
            ControlFlow::Continue(req) => req,
            ControlFlow::Break(finished) => return Ok(ControlFlow::Break(finished)),
        };
        let username = req.current_user().unwrap_or_default();
        match shared.accounts.find(&username).await.map_err(unavailable)? {
            Some(user) => Ok(ControlFlow::Continue((req, user))),
            None => Ok(ControlFlow::Break(req.redirect("/auth/login"))),
        }
    }
}

impl Page for Profile {
    async fn get(&self, req: Exchange, shared: &Shared) -> HandlerResult {
        let (req, user) = match Self::visitor(req, shared).await? {
            ControlFlow::Continue(visitor) => visitor,
            ControlFlow::Break(finished) => return Ok(finished),
        };
        let profile = shared.accounts.profile(&user).await.map_err(unavailable)?;
        let user = texts(&user, &["username", "email"]);
        let profile = texts(&profile.unwrap_or_default(), &PROFILE_FIELDS);
        req.render("profile.html", context! { user, profile })
    }

    async fn post(&self, req: Exchange, shared: &Shared) -> HandlerResult {
        let (mut req, user) = match Self::visitor(req, shared).await? {
            ControlFlow::Continue(visitor) => visitor,
            ControlFlow::Break(finished) => return Ok(finished),
        };
        let mut fields = Document::new();
        for field in PROFILE_FIELDS {
            fields.insert(field, req.optional_argument(field)?.unwrap_or_default());
        }
        shared.accounts.update_profile(&user, fields).await.map_err(unavailable)?;
        req.flash("Your profile is saved.", Category::Info);
        Ok(req.redirect("/auth/profile"))
    }
}

/// Some texts of a document, for a template.
fn texts(document: &Document, fields: &[&str]) -> Value {
    let text = |field: &str| document.get(field).and_then(Bson::as_str).unwrap_or("").to_owned();
    Value::from(fields.iter().map(|field| (*field, text(field))).collect::<BTreeMap<_, _>>())
}

/// `GET /auth/captcha`: a drawing, and a cookie that names it without telling the answer (S036).
pub(crate) struct CaptchaImage;

impl Page for CaptchaImage {
    async fn get(&self, mut req: Exchange, shared: &Shared) -> HandlerResult {
        let (name, svg) = shared.accounts.draw_captcha().await.map_err(unavailable)?;
        req.set_signed(Cookie::new("captcha", name).http_only().same_site(SameSite::Lax))?;
        req.set_header("Content-Type", "image/svg+xml")?;
        req.set_header("Cache-Control", "no-store")?;
        Ok(req.finish(svg))
    }
}

/// `GET /demo/ping`: what the other visitor asks for. Browsers queue requests for one and the same
/// cacheable URL, so it is a URL of its own and never stored.
pub(crate) struct Ping;

impl Page for Ping {
    async fn get(&self, mut req: Exchange, _: &Shared) -> HandlerResult {
        req.set_header("Content-Type", "text/plain; charset=UTF-8")?;
        req.set_header("Cache-Control", "no-store")?;
        Ok(req.finish("pong\n"))
    }
}

/// `GET /demo/sleep/N`: this visitor waits.
pub(crate) struct Sleep;

impl Page for Sleep {
    async fn get(&self, mut req: Exchange, _: &Shared) -> HandlerResult {
        coroutine::sleep(demo_seconds(&req)?).await;
        req.set_header("Cache-Control", "no-store")?;
        Ok(req.finish("slept; nobody noticed\n"))
    }
}

/// `GET /demo/block/N`: everybody waits, and the log names this route.
pub(crate) struct Block;

impl Page for Block {
    #[expect(clippy::disallowed_methods, reason = "to show what blocking the loop does")]
    async fn get(&self, mut req: Exchange, _: &Shared) -> HandlerResult {
        std::thread::sleep(demo_seconds(&req)?);
        req.set_header("Cache-Control", "no-store")?;
        Ok(req.finish("blocked; everybody noticed\n"))
    }
}

/// Every other path.
pub(crate) struct Nowhere;

impl Page for Nowhere {
    async fn get(&self, req: Exchange, _: &Shared) -> HandlerResult {
        Ok(req.send_error(HttpError::new(404)))
    }

    async fn post(&self, req: Exchange, _: &Shared) -> HandlerResult {
        Ok(req.send_error(HttpError::new(404)))
    }
}

fn demo_seconds(req: &Exchange) -> Result<Duration, Error> {
    let seconds: u64 = req.path_argument(0)?.parse().unwrap_or(DEMO_SECONDS_MAX);
    Ok(Duration::from_secs(seconds.min(DEMO_SECONDS_MAX)))
}
