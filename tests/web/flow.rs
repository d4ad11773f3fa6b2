//! How a request ends: once, at once, or much later in a callback.
//!
//! The famous bug of the tutorial, its two fixes, and the pages `/main` and `/index` that finish each
//! other. What must not even compile is in `tests/compile_fail`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::{sleep, with_timeout};
use squall::future::Promise;
use squall::ioloop::IoLoop;
use squall::web::{
    AlreadyFinished, Application, Category, Cookie, Exchange, HandlerResult, HttpError,
    RequestHandler, Responder, context,
};

use crate::browser::{Answer, visit};

/// The tutorial's handler, with a list for a database.
struct Register {
    users: Rc<RefCell<Vec<String>>>,
}

impl RequestHandler for Register {
    async fn post(&self, mut req: Exchange) -> HandlerResult {
        let captcha = req.signed_text("captcha").unwrap_or_default();
        if req.optional_argument("captcha")?.as_deref() != Some(&captcha) {
            req.flash("验证码错误", Category::Error);
            return Ok(req.redirect("/auth/register"));
        }
        let (username, email) = (req.argument("username")?, req.argument("email")?);
        if !username.is_empty() && !email.is_empty() {
            sleep(Duration::from_secs(10)).await;
            self.users.borrow_mut().push(username);
        }
        Ok(req.redirect("/"))
    }

    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_signed_cookie("captcha", "abcd")?;
        Ok(req.finish("a form"))
    }
}

struct Login;

impl RequestHandler for Login {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let user = req.argument("username")?;
        Ok(req.finish(format!("Hello, {user}")))
    }
}

fn tutorial() -> (squall::web::ApplicationBuilder, Rc<RefCell<Vec<String>>>) {
    let users: Rc<RefCell<Vec<String>>> = Rc::default();
    let settings = squall::web::Settings { cookie_secret: Some("s".into()), ..Default::default() };
    let register = Register { users: Rc::clone(&users) };
    let app = Application::new()
        .settings(settings)
        .route("^/auth/register$", register)
        .route("^/auth/login$", Login);
    (app, users)
}

// S042, S031, S049, S017: wrong captcha, or none at all: redirected and NOT registered.
#[test]
fn a_wrong_captcha_registers_nobody() {
    let (app, users) = tutorial();
    visit(app, |browser| async move {
        for form in ["captcha=wrong&username=ann&email=a%40b", "username=ann&email=a%40b"] {
            let answer = browser.post("/auth/register", form).await;
            assert_eq!(answer.redirect(), "302 /auth/register");
        }
        browser.get("/auth/register").await;
        let form = "captcha=wrong&username=ann&email=a%40b";
        assert_eq!(browser.post("/auth/register", form).await.redirect(), "302 /auth/register");
        assert!(users.borrow().is_empty());
        let form = "captcha=abcd&username=ann&email=a%40b";
        assert_eq!(browser.post("/auth/register", form).await.redirect(), "302 /");
        assert_eq!(*users.borrow(), ["ann"]);
    });
}

// S015: white space counts as absent.
#[test]
fn white_space_registers_nobody() {
    let (app, users) = tutorial();
    visit(app, |browser| async move {
        browser.get("/auth/register").await;
        let answer = browser.post("/auth/register", "captcha=abcd&username=+++&email=a").await;
        assert_eq!(answer.redirect(), "302 /");
        assert!(users.borrow().is_empty());
    });
}

// S023, S079: THE acceptance test: registering waits ten seconds, and /auth/login answers at once.
#[test]
fn others_are_served_while_one_waits() {
    let (app, users) = tutorial();
    visit(app, |browser| async move {
        browser.get("/auth/register").await;
        let form = "captcha=abcd&username=ann&email=a";
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let started = IoLoop::current().time();
        browser.send("POST", "/auth/register", &headers, form).await;
        let other = browser.another();
        let answer = other.get("/auth/login?username=bob").await;
        assert_eq!(answer.body, "Hello, bob");
        assert!(IoLoop::current().time() - started < Duration::from_millis(50));
        assert!(users.borrow().is_empty());
        assert_eq!(browser.receive("POST").await.redirect(), "302 /");
        assert!(IoLoop::current().time() - started >= Duration::from_secs(10));
    });
}

/// Answers, and then does something slow.
struct FireAndContinue(Rc<Cell<bool>>);

impl RequestHandler for FireAndContinue {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let done = req.finish("It works");
        sleep(Duration::from_secs(1)).await;
        self.0.set(true);
        Ok(done)
    }
}

// S047, S067
#[test]
fn work_after_the_answer() {
    let marker = Rc::new(Cell::new(false));
    let app = Application::new().route("/", FireAndContinue(Rc::clone(&marker)));
    visit(app, |browser| async move {
        assert_eq!(browser.get("/").await.body, "It works");
        assert!(!marker.get(), "the client did not wait for the rest");
        sleep(Duration::from_secs(2)).await;
        assert!(marker.get());
    });
}

/// Finishes in the callback style, more than once.
struct Twice;

impl RequestHandler for Twice {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let (responder, finished) = req.detach();
        let other = responder.clone();
        responder.redirect("/first")?;
        let second = [
            other.finish("second"),
            other.redirect("/second"),
            other.set_cookie(&Cookie::new("late", "x")),
            other.write("more"),
            other.set_header("X-Late", "x"),
        ];
        for error in second.map(|result| result.expect_err("finished")) {
            assert!(error.downcast_ref::<AlreadyFinished>().is_some(), "{error}");
        }
        assert!(other.is_finished());
        Ok(finished)
    }
}

// S043, S044, S045
#[test]
fn the_second_finish_is_an_error_and_one_line() {
    visit(Application::new().route("/", Twice), |browser| async move {
        for _ in 0..2 {
            let answer = browser.get("/").await; // the connection stays usable
            assert_eq!((answer.redirect().as_str(), answer.body.as_str()), ("302 /first", ""));
            assert_eq!(answer.header("Set-Cookie"), "");
        }
        let lines = browser.log.messages();
        let complaints: Vec<_> = lines.iter().filter(|line| line.contains("finished")).collect();
        assert_eq!(complaints.len(), 2, "one for each request: {lines:?}");
        assert!(complaints[0].starts_with("finish after the response was finished: GET /"));
    });
}

/// `/main` of the tutorial: a global future with a done callback.
struct Main(Rc<RefCell<Option<Promise<()>>>>);

impl RequestHandler for Main {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let promise = Promise::new();
        let (responder, finished) = req.detach();
        promise.future().add_done_callback(move |_| {
            let _ = responder.write("Main");
            let _ = responder.finish(());
        });
        *self.0.borrow_mut() = Some(promise);
        Ok(finished)
    }
}

/// `/index` of the tutorial: sets its result.
struct Index(Rc<RefCell<Option<Promise<()>>>>);

impl RequestHandler for Index {
    async fn get(&self, req: Exchange) -> HandlerResult {
        match &*self.0.borrow() {
            Some(promise) => promise.set_result(())?,
            None => return Ok(req.finish("nobody waits")),
        }
        Ok(req.finish("Index"))
    }
}

fn main_and_index() -> squall::web::ApplicationBuilder {
    let shared: Rc<RefCell<Option<Promise<()>>>> = Rc::default();
    Application::new().route("/main", Main(Rc::clone(&shared))).route("/index", Index(shared))
}

// S075, S076, S048: one request is finished by another, with exactly one body and no line in the log.
#[test]
fn index_finishes_main() {
    visit(main_and_index(), |browser| async move {
        browser.send("GET", "/main", &[], "").await;
        let other = browser.another();
        assert!(with_timeout(Duration::from_secs(1), browser.receive("GET")).await.is_err());
        assert_eq!(other.get("/index").await.body, "Index");
        assert_eq!(browser.receive("GET").await.body, "Main");
        let lines = other.log.messages();
        assert!(lines.iter().all(|line| line.starts_with("200 GET ")), "{lines:?}");
    });
}

// S077: /index first; /index twice; /main replaced; /main gone.
#[test]
fn edge_cases_of_main_and_index() {
    visit(main_and_index(), |browser| async move {
        assert_eq!(browser.get("/index").await.body, "nobody waits");
        browser.send("GET", "/main", &[], "").await;
        let other = browser.another();
        assert_eq!(other.get("/index").await.status, 200);
        assert_eq!(browser.receive("GET").await.body, "Main");
        assert_eq!(other.get("/index").await.status, 500, "the result is set only once");
        // A second /main takes the place of the first, whose client gets the answer of an abandoned
        // promise instead of waiting for ever.
        browser.send("GET", "/main", &[], "").await;
        let second = other.another();
        second.send("GET", "/main", &[], "").await;
        assert_eq!(browser.receive("GET").await.body, "Main");
        assert_eq!(other.get("/index").await.body, "Index");
        assert_eq!(second.receive("GET").await.body, "Main");
        // The client of /main goes away before it is finished.
        second.send("GET", "/main", &[], "").await;
        assert_eq!(browser.get("/index").await.status, 200);
        second.hang_up();
        assert_eq!(browser.get("/index").await.status, 500);
    });
}

/// Writes, and keeps the response open.
struct Manual(Rc<RefCell<Option<Responder>>>);

impl RequestHandler for Manual {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let (responder, finished) = req.detach();
        responder.write("written, ")?;
        *self.0.borrow_mut() = Some(responder);
        Ok(finished)
    }
}

// S063, S078, S080: nothing closes a pending response, not even after a minute.
#[test]
fn a_detached_response_stays_open() {
    let kept: Rc<RefCell<Option<Responder>>> = Rc::default();
    visit(Application::new().route("/", Manual(Rc::clone(&kept))), |browser| async move {
        browser.send("GET", "/", &[], "").await;
        let waiting = with_timeout(Duration::from_secs(60), browser.receive("GET")).await;
        assert!(waiting.is_err());
        let responder = kept.take().expect("the handler ran");
        assert!(!responder.is_finished() && !responder.is_closed());
        responder.finish("finished").expect("once");
        assert_eq!(browser.receive("GET").await.body, "written, finished");
    });
}

/// Sends its page in pieces.
struct Pieces;

impl RequestHandler for Pieces {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        for piece in ["one ", "two ", "three "] {
            req.write(piece)?;
            req.flush().await?;
            assert!(req.set_header("X-Late", "x").is_err());
            sleep(Duration::from_secs(1)).await;
        }
        Ok(req.finish("end"))
    }

    async fn post(&self, mut req: Exchange) -> HandlerResult {
        req.write("part")?;
        req.flush().await?;
        Ok(req.redirect("/too/late"))
    }
}

// T171, F219, T173
#[test]
fn responses_in_pieces() {
    visit(Application::new().route("/", Pieces), |browser| async move {
        let answer = browser.get("/").await;
        assert_eq!(answer.body, "one two three end");
        assert_eq!(answer.header("Transfer-Encoding"), "chunked");
        let head = browser.fetch("HEAD", "/", &[], "").await;
        assert_eq!(head.status, 405);
    });
}

/// Answers at once, later, never, or in a callback.
struct Everything(Rc<()>, Rc<RefCell<Vec<Responder>>>);

impl RequestHandler for Everything {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let held = Rc::clone(&self.0);
        match req.path() {
            "/later" => sleep(Duration::from_secs(1)).await,
            "/never" => sleep(Duration::from_secs(1_000_000)).await,
            "/kept" => {
                let (responder, finished) = req.detach();
                responder.on_connection_close(move || drop(held));
                self.1.borrow_mut().push(responder);
                return Ok(finished);
            }
            _ => {}
        }
        Ok(req.finish(()))
    }
}

// Once the loop is gone nothing is left of a handler, whatever state its requests were in.
#[test]
fn nothing_is_left_behind() {
    let alive = Rc::new(());
    let weak = Rc::downgrade(&alive);
    let shelf: Rc<RefCell<Vec<Responder>>> = Rc::default();
    let app = Application::new().route("/.*", Everything(alive, Rc::clone(&shelf)));
    visit(app, |browser| async move {
        for _ in 0..1000 {
            browser.get("/").await;
        }
        browser.get("/later").await;
        browser.send("GET", "/never", &[], "").await;
        let other = browser.another();
        other.send("GET", "/kept", &[], "").await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(shelf.take().len(), 1); // what a handler keeps, somebody must let go
    });
    assert!(weak.upgrade().is_none());
}

/// Notes what happens to it.
struct Hooks(Rc<RefCell<Vec<String>>>);

impl RequestHandler for Hooks {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let notes = Rc::clone(&self.0);
        req.on_connection_close(move || notes.borrow_mut().push("closed".into()));
        self.0.borrow_mut().push("get".into());
        sleep(Duration::from_secs(1)).await;
        Ok(req.finish("done"))
    }

    fn on_finish(&self, req: &Exchange) {
        self.0.borrow_mut().push(format!("finished {}", req.status()));
    }
}

// T160, T183, F208
#[test]
fn hooks_run_in_order() {
    let notes: Rc<RefCell<Vec<String>>> = Rc::default();
    visit(Application::new().route("/", Hooks(Rc::clone(&notes))), |browser| async move {
        assert_eq!(browser.get("/").await.body, "done");
        assert_eq!(*notes.borrow(), ["get", "finished 200"]);
        notes.borrow_mut().clear();
        browser.send("GET", "/", &[], "").await;
        sleep(Duration::from_millis(500)).await;
        browser.hang_up();
        sleep(Duration::from_secs(2)).await;
        assert_eq!(notes.borrow()[..2], ["get", "closed"]);
    });
}

// S090, HAZ20, T170
struct Json;

impl RequestHandler for Json {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        match req.path() {
            "/map" => Ok(req.finish(serde_json::json!({"a": "</script>"}))),
            "/list" => Ok(req.finish(serde_json::json!([1, 2]))),
            "/written" => {
                req.write(serde_json::json!([1]))?;
                Ok(req.finish(()))
            }
            "/explicit" => Ok(req.finish(squall::web::Chunk::json_list(&[1.into(), 2.into()]))),
            _ => req.render("missing.html", context! {}),
        }
    }

    async fn post(&self, req: Exchange) -> HandlerResult {
        let json = req.json()?;
        Ok(req.finish(json))
    }
}

#[test]
fn json() {
    visit(Application::new().route("/.*", Json), |browser| async move {
        let check = |answer: Answer, status: u16, body: &str| {
            assert_eq!(answer.status, status, "{answer:?}");
            if status == 200 {
                assert_eq!(answer.body, body);
                assert_eq!(answer.header("Content-Type"), "application/json; charset=UTF-8");
            }
        };
        check(browser.get("/map").await, 200, r#"{"a":"<\/script>"}"#);
        check(browser.get("/list").await, 500, "");
        check(browser.get("/written").await, 500, "");
        check(browser.get("/explicit").await, 200, "[1,2]");
        check(browser.get("/template").await, 500, "");
        check(browser.post("/", r#"{"n":1}"#).await, 200, r#"{"n":1}"#);
        check(browser.post("/", "{").await, 400, "");
    });
}

/// Leaves behind whatever can be left, and ends in the way that its path says.
#[derive(Default)]
struct Messy {
    kept: RefCell<Vec<Responder>>,
}

impl RequestHandler for Messy {
    async fn post(&self, mut req: Exchange) -> HandlerResult {
        req.set_status_with_reason(418, "No tea");
        req.set_header("X-Left", "a")?;
        req.set_cookie(&Cookie::new("left", "a"))?;
        req.flash("left", Category::Error);
        req.set_current_user(Some("ann".to_owned()));
        req.write("left")?;
        let asked = (req.argument("a")?, req.query_arguments()?.get("b")?, req.cookie("c"));
        assert_eq!(asked, ("left".to_owned(), Some("left".to_owned()), Some("left".to_owned())));
        assert!(!req.xsrf_token().is_empty());
        match req.path_argument(0)?.as_str() {
            "error" => return Err(HttpError::new(500).into()),
            "panic" => panic!("left"),
            "redirect" => return Ok(req.redirect("/left")),
            "stream" => req.flush().await?,
            "kept" => {
                let (responder, finished) = req.detach();
                responder.finish("left")?;
                self.kept.borrow_mut().push(responder);
                return Ok(finished);
            }
            _ => sleep(Duration::from_secs(1)).await,
        }
        Ok(req.finish("left"))
    }

    async fn get(&self, mut req: Exchange) -> HandlerResult {
        let asked = (req.optional_argument("a")?, req.cookie("c"), req.current_user());
        let told = (req.status(), req.reason(), req.path_argument(1).is_ok(), req.body().len());
        let messages = req.take_flashed_messages().len();
        Ok(req.finish(format!("{asked:?} {told:?} {messages}")))
    }
}

// A request lives where another one has lived before, and knows nothing of it.
#[test]
fn nothing_is_left_of_the_request_before() {
    let (look, leave) = (Messy::default(), Messy::default());
    let app = Application::new().route("/(look)", look).route("/leave/(.*)", leave);
    visit(app, |browser| async move {
        let look = async || {
            browser.cookies.borrow_mut().clear();
            let answer = browser.get("/look").await;
            let headers = answer.headers.into_iter().filter(|(name, _)| name != "Date");
            (answer.status, answer.reason, headers.collect::<Vec<_>>(), answer.body)
        };
        let clean = look().await;
        assert_eq!(clean.3, r#"(None, None, None) (200, "OK", false, 0) 0"#);
        for way in ["finish", "error", "panic", "redirect", "stream", "kept", "finish"] {
            browser.cookies.borrow_mut().insert("c".to_owned(), "left".to_owned());
            let left = browser.post(&format!("/leave/{way}?b=left"), "a=left").await;
            assert!(matches!(left.status, 418 | 500 | 302), "{left:?}");
            assert_eq!(look().await, clean, "{way}");
            browser.hang_up();
            assert_eq!(look().await, clean, "{way}, on a connection of its own");
        }
    });
}
