//! What the client gets when something goes wrong, and what the log says.
//!
//! Overridden error pages, default headers that survive them, panics, and statuses of every kind.

use std::cell::Cell;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;

use squall::http::Headers;
use squall::web::{
    Application, Error, ErrorHandler, Exchange, Finished, HandlerResult, HttpError, Prepared,
    RequestHandler, Settings,
};

use crate::browser::visit;

/// Fails in the way the path says.
struct Failing;

impl RequestHandler for Failing {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_header("X-Before", "the error")?;
        req.write("before the error")?;
        match &*req.path_argument(0)? {
            "418" => Err(HttpError::new(418).log("asked for coffee").into()),
            "custom" => Err(HttpError::new(435).reason("Odd <reason>").into()),
            "unknown" => Err(HttpError::new(435).into()),
            "spoken" => Err(HttpError::new(400).reason("Well chosen").into()),
            "io" => Err(io::Error::other("disk on fire"))?,
            "panic" => panic!("a bug"),
            "send" => Ok(req.send_error(HttpError::new(403))),
            "missing" => {
                let name = req.argument("usernmae")?;
                Ok(req.finish(name))
            }
            "bad-utf8" => {
                let name = req.argument("name")?;
                Ok(req.finish(name))
            }
            "location" => Ok(req.redirect("/a\r\nX-Injected: 1")),
            "header" => {
                req.set_header("X-A", "a\r\nX-B: b")?;
                Ok(req.finish(()))
            }
            "reason" => {
                req.set_status_with_reason(200, "OK\r\nX-Injection: 1");
                Ok(req.finish("fine"))
            }
            other => unreachable!("{other}"),
        }
    }
}

// S157, S018, F220, F236, F241, SEC04, SEC23, HAZ14
#[test]
fn statuses() {
    let app = Application::new().route("/fail/(.*)", Failing);
    visit(app, |browser| async move {
        for (path, status, reason, title) in [
            ("418", 418, "I'm a Teapot", "418: I&#x27;m a Teapot"),
            ("custom", 435, "Unknown", "435: Unknown"),
            ("unknown", 435, "Unknown", "435: Unknown"),
            ("spoken", 400, "Well chosen", "400: Well chosen"),
            ("io", 500, "Internal Server Error", "500: Internal Server Error"),
            ("panic", 500, "Internal Server Error", "500: Internal Server Error"),
            ("send", 403, "Forbidden", "403: Forbidden"),
            ("missing?username=ann", 400, "Bad Request", "400: Bad Request"),
            ("bad-utf8?name=%e9%25s", 400, "Bad Request", "400: Bad Request"),
            ("%e9", 400, "Bad Request", "400: Bad Request"),
            ("location", 500, "Internal Server Error", "500: Internal Server Error"),
            ("header", 500, "Internal Server Error", "500: Internal Server Error"),
        ] {
            let answer = browser.get(&format!("/fail/{path}")).await;
            assert_eq!(
                (answer.status, answer.reason.to_lowercase()),
                (status, reason.to_lowercase()),
                "{path}"
            );
            let page = format!("<html><title>{title}</title><body>{title}</body></html>");
            assert_eq!(answer.body.to_lowercase(), page.to_lowercase());
            assert_eq!(answer.header("X-Before"), "", "an error starts from nothing");
            assert_eq!(answer.header("Content-Type"), "text/html; charset=UTF-8");
        }
        let answer = browser.get("/fail/reason").await;
        assert_eq!((answer.reason.as_str(), answer.header("X-Injection")), ("Unknown", ""));
    });
}

// S018, T188, F240, HAZ19: one line for the fault, one for the request; it names the line of the code.
#[test]
fn the_log_says_more_than_the_page() {
    let app = Application::new().route("/fail/(.*)", Failing);
    visit(app, |browser| async move {
        for (path, fault) in [
            ("418", "418 GET /fail/418 (127.0.0.1): asked for coffee"),
            (
                "missing?username=1",
                "400 GET /fail/missing?username=1 (127.0.0.1): Missing argument usernmae (the request has `username`",
            ),
            (
                "io",
                "uncaught error in GET /fail/io (127.0.0.1): disk on fire (at tests/web/errors.rs:",
            ),
            (
                "panic",
                "uncaught error in GET /fail/panic (127.0.0.1): the handler panicked: a bug (at tests/web/errors.rs:",
            ),
            ("spoken", ""),
        ] {
            let status = browser.get(&format!("/fail/{path}")).await.status;
            let lines = browser.log.messages();
            let recent = &lines[lines.len() - if fault.is_empty() { 1 } else { 2 }..];
            assert!(recent.concat().contains(fault), "{fault}: {recent:?}");
            let access = recent.last().expect("a line for the request");
            let expected = format!("{status} GET /fail/{path} (127.0.0.1) ");
            assert!(access.starts_with(&expected) && access.ends_with("ms"), "{access}");
        }
        let line = browser.log.messages().concat();
        assert!(!line.contains("exception in coroutine"), "{line}");
    });
}

/// All errors as JSON, and a header on everything.
struct Api;

impl RequestHandler for Api {
    fn set_default_headers(&self, headers: &mut Headers) {
        headers.set("Access-Control-Allow-Origin", "*").expect("a good header");
    }

    fn write_error(&self, req: Exchange, error: &Error) -> Finished {
        let (status, reason) = (error.status(), error.reason().to_owned());
        req.finish(serde_json::json!({"status": status, "reason": reason}))
    }

    async fn get(&self, req: Exchange) -> HandlerResult {
        match req.path() {
            "/404" => Err(HttpError::new(404).into()),
            "/400" => {
                let missing = req.argument("missing")?;
                Ok(req.finish(missing))
            }
            "/500" => Err(io::Error::other("broken"))?,
            _ => Ok(req.finish("fine")),
        }
    }
}

// S111, S156
#[test]
fn json_errors_with_default_headers() {
    visit(Application::new().default_handler(Api), |browser| async move {
        for (method, path, status) in [
            ("GET", "/", 200),
            ("GET", "/404", 404),
            ("GET", "/400", 400),
            ("GET", "/500", 500),
            ("POST", "/", 405),
        ] {
            let answer = browser.fetch(method, path, &[], "").await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("Access-Control-Allow-Origin"), "*");
            if status != 200 {
                let json: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
                assert_eq!(json["status"], status);
            }
        }
    });
}

/// Broken in the very hooks that report what is broken.
struct Broken;

impl RequestHandler for Broken {
    async fn get(&self, req: Exchange) -> HandlerResult {
        drop(req);
        Err(HttpError::new(503).into())
    }

    fn write_error(&self, req: Exchange, _error: &Error) -> Finished {
        match req.path() {
            "/panic" => panic!("in the error page"),
            _ => req.finish(serde_json::json!(["a list is an error"])),
        }
    }

    fn log_exception(&self, _req: &Exchange, _error: &Error) {
        panic!("in the log");
    }
}

// F220, F240: a broken error page gives an empty 500, a broken log still answers.
#[test]
fn broken_hooks() {
    visit(Application::new().route("/.*", Broken), |browser| async move {
        for path in ["/panic", "/list"] {
            let answer = browser.get(path).await;
            assert_eq!((answer.status, answer.body.as_str()), (500, ""), "{path}");
        }
        assert!(browser.log.messages().concat().contains("HTTP 503"));
    });
}

/// Only `GET`.
struct Reader;

impl RequestHandler for Reader {
    async fn get(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("read"))
    }
}

// S114, T161, F243, F245, F237
#[test]
fn methods_and_unknown_paths() {
    let settings = Settings { xsrf_cookies: true, ..Settings::default() };
    let app = Application::new().settings(settings).route("/", Reader);
    visit(app, |browser| async move {
        for (method, path, status) in [
            ("GET", "/", 200),
            ("HEAD", "/", 405),
            ("OPTIONS", "/", 405),
            ("BREW", "/", 405),
            ("DELETE", "/", 403), // the XSRF check comes first
            ("GET", "/nowhere", 404),
            ("POST", "/nowhere", 404),
        ] {
            let answer = browser.fetch(method, path, &[], "").await;
            assert_eq!(answer.status, status, "{method} {path}");
        }
    });
    visit(Application::new().route("/", Reader), |browser| async move {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(browser.fetch(method, "/", &[], "").await.status, 405);
        }
    });
    visit(Application::new().default_handler(ErrorHandler::new(410)), |browser| async move {
        assert_eq!(browser.get("/").await.status, 410);
    });
}

/// Lets a few addresses in.
struct Whitelist {
    allowed: &'static str,
    entered: Rc<Cell<u32>>,
}

impl RequestHandler for Whitelist {
    async fn prepare(&self, req: Exchange) -> Prepared {
        assert_eq!(req.path_argument(0)?, "door", "F239: known in `prepare`");
        if req.remote_ip() == self.allowed {
            return Ok(ControlFlow::Continue(req));
        }
        let mut req = req;
        req.set_status(403);
        Ok(ControlFlow::Break(req.finish("not you")))
    }

    async fn get(&self, req: Exchange) -> HandlerResult {
        self.entered.set(self.entered.get() + 1);
        Ok(req.finish("come in"))
    }
}

// S177, F244
#[test]
fn prepare_may_answer() {
    for (allowed, status, entered) in [("127.0.0.1", 200, 1), ("10.0.0.1", 403, 0)] {
        let count = Rc::new(Cell::new(0));
        let handler = Whitelist { allowed, entered: Rc::clone(&count) };
        visit(Application::new().route("/(.*)", handler), move |browser| async move {
            assert_eq!(browser.get("/door").await.status, status);
            assert_eq!(count.get(), entered);
        });
    }
}

// S005, HAZ13: mistakes are found at start, and debug pages are for this machine only.
#[test]
fn starting() {
    let wrong = Settings { template_path: Some("/no/such/place".into()), ..Settings::default() };
    let error = Application::new().settings(wrong).build().expect_err("no directory");
    assert!(
        error.to_string().contains("template_path") && error.to_string().contains("/no/such/place")
    );
    let error = Application::new().route("/(", Reader).build().expect_err("no expression");
    assert!(error.to_string().contains("\"/(\""));
    let debug = Settings { debug: true, ..Settings::default() };
    visit(Application::new().settings(debug).route("/fail/(.*)", Failing), |browser| async move {
        assert!(
            browser.get("/fail/io").await.body.contains("disk on fire (at tests/web/errors.rs")
        );
        let address = browser.server.addresses()[0].socket_addr().expect("TCP");
        assert!(address.ip().is_loopback());
    });
}
