//! Which handler answers: patterns, hosts, redirects, names of routes, and what observers are told.
//!
//! Also what every response has: headers, validators, the rules for empty bodies.

use std::cell::RefCell;
use std::rc::Rc;

use squall::ioloop::{Activity, IoLoop, LoopObserver};
use squall::web::{
    Application, Exchange, HandlerResult, RedirectHandler, RequestHandler, Settings, context,
};

use crate::browser::visit;
use crate::folder::Folder;

/// Says which route it is and what it caught.
struct Here(&'static str);

impl RequestHandler for Here {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let caught: Vec<_> = req.path_arguments().iter().map(|arg| arg.unwrap_or("-")).collect();
        let answer = format!("{} {}", self.0, caught.join("|"));
        Ok(req.finish(answer))
    }
}

// S003, T162, T200, F209, F211, F212
#[test]
fn routes_in_order() {
    let app = Application::new()
        .route("^/$", Here("root"))
        .route("^/auth/register$", Here("register"))
        .route("/optional/(.+)?", Here("optional"))
        .route("/([^/]+)/([^/]+)", Here("two"))
        .route("/first", Here("first"))
        .route("/first", Here("second"));
    visit(app, |browser| async move {
        for (path, body) in [
            ("/", "root "),
            ("/auth/register", "register "),
            ("/auth/registerx", "two auth|registerx"),
            ("/a%2Fb/c+d", "two a/b|c+d"),
            ("/caf%C3%A9/x?a=b", "two café|x"),
            ("/optional/", "optional -"),
            ("/first", "first "),
        ] {
            assert_eq!(browser.get(path).await.body, body, "{path}");
        }
        assert_eq!(browser.get("/x/auth/register").await.status, 404);
        assert_eq!(browser.get("/nowhere").await.status, 404);
    });
}

// The table a server prints at its start: pattern, handler, line.
#[test]
fn the_table_of_routes() {
    let app = Application::new()
        .route("/a", Here("a"))
        .host("h")
        .route("/b", RedirectHandler::new("/a"))
        .build()
        .expect("two routes");
    let lines: Vec<_> = app.routes().map(|route| route.to_string()).collect();
    assert!(
        lines[0].starts_with("/b                       RedirectHandler      tests/web/routing.rs:")
    );
    assert!(lines[1].starts_with("/a                       Here "), "{lines:?}");
}

// T206, F230, S162
#[test]
fn hosts() {
    let settings = Settings { default_host: Some("www.example.com".into()), ..Settings::default() };
    let app = Application::new()
        .settings(settings)
        .route("/any", Here("any"))
        .host(r"www\.example\.com")
        .route("/any", Here("www"))
        .route("/www", Here("only www"))
        .host(r".*\.example\.com")
        .route("/any", Here("example"));
    visit(app, |browser| async move {
        for (host, path, body) in [
            ("www.example.com", "/any", "www "),
            ("WWW.Example.COM:8080", "/any", "www "),
            ("api.example.com", "/any", "example "),
            ("elsewhere.org", "/any", "any "),
            ("127.0.0.1", "/www", "only www "),
        ] {
            let answer = browser.fetch("GET", path, &[("Host", host)], "").await;
            assert_eq!(answer.body, body, "{host}{path}");
        }
        let proxied = [("Host", "127.0.0.1"), ("X-Real-Ip", "1.2.3.4")];
        assert_eq!(browser.fetch("GET", "/www", &proxied, "").await.status, 404);
    });
}

// T211, F215, HAZ14
#[test]
fn redirects() {
    let app = Application::new()
        .route("/old/(.*)", RedirectHandler::new("/new/{0}"))
        .route("/swap/(.)(.)", RedirectHandler::temporary("/{1}/{0}?x=1"))
        .route("/(.*)", RedirectHandler::new("/{0}"));
    visit(app, |browser| async move {
        for (path, answer) in [
            ("/old/a/b", "301 /new/a/b"),
            ("/old/a?b=c", "301 /new/a?b=c"),
            ("/swap/ab?y=2", "302 /b/a?x=1&y=2"),
            ("//evil.com", "301 /evil.com"),
        ] {
            assert_eq!(browser.get(path).await.redirect(), answer);
        }
    });
}

/// Renders links to other routes.
struct Links;

impl RequestHandler for Links {
    async fn get(&self, req: Exchange) -> HandlerResult {
        assert_eq!(req.reverse_url("user", &["a b"])?, "/user/a%20b");
        assert!(req.reverse_url("nobody", &[]).is_err());
        req.render("links.html", context! { name => "ann" })
    }
}

// T208, T176: names in templates.
#[test]
fn templates_know_the_routes_and_the_request() {
    let page = "{{ reverse_url('user', name) }} {{ request.path }} {{ current_user }}";
    let folder = Folder::new("links", &[("links.html", page)]);
    let settings = Settings { template_path: Some(folder.0.clone()), ..Settings::default() };
    let app = Application::new()
        .settings(settings)
        .named_route("user", "/user/(.*)", Here("user"))
        .route("/links", Links);
    visit(app, |browser| async move {
        let _folder = folder;
        assert_eq!(browser.get("/links").await.body, "/user/ann &#x2f;links ");
    });
}

/// Sends what the path says.
struct Plain;

impl RequestHandler for Plain {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        match req.path() {
            "/204" => {
                req.set_status(204);
                return Ok(req.finish(()));
            }
            "/headers" => {
                req.set_header("X-a", "1")?;
                req.set_header("x-A", "2")?;
                req.add_header("X-B", "1")?;
                req.add_header("X-B", "2")?;
                req.set_header("X-C", "gone")?;
                req.clear_header("x-c")?;
            }
            _ => {}
        }
        Ok(req.finish("a page"))
    }

    async fn head(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("a page"))
    }
}

// T172, T181, F213, F232, F233, F257
#[test]
fn headers_and_validators() {
    visit(Application::new().route("/.*", Plain), |browser| async move {
        let page = browser.get("/").await;
        let etag = page.header("Etag").to_owned();
        assert_eq!((page.header("Content-Length"), etag.len()), ("6", 42));
        for (tags, status) in
            [(etag.as_str(), 304), ("*", 304), (&format!("\"x\", W/{etag}"), 304), ("\"x\"", 200)]
        {
            let answer = browser.fetch("GET", "/", &[("If-None-Match", tags)], "").await;
            assert_eq!(answer.status, status, "{tags}");
            let content_type = if status == 304 { "" } else { "text/html; charset=UTF-8" };
            assert_eq!(answer.header("Content-Type"), content_type);
        }
        let head = browser.fetch("HEAD", "/", &[], "").await;
        assert_eq!((head.header("Content-Length"), head.header("Etag")), ("6", etag.as_str()));
        let empty = browser.get("/204").await;
        assert_eq!((empty.status, empty.header("Content-Length")), (204, ""));
        assert_eq!(empty.header("Transfer-Encoding"), "");
        let headers = browser.get("/headers").await.headers;
        let own: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("X-")).collect();
        let own: Vec<_> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(own, ["X-A=2", "X-B=1", "X-B=2"]);
    });
}

/// Notes what every callback is called.
#[derive(Default)]
struct Watcher(RefCell<Vec<String>>);

impl LoopObserver for Watcher {
    fn callback_end(&self, activity: &Activity, _elapsed: std::time::Duration) {
        if let Some(label) = &activity.label {
            self.0.borrow_mut().push(format!("{label} at {}", activity.place.file()));
        }
    }
}

// S025: the slow-callback detector can name the request and the line of its route.
#[test]
fn observers_learn_the_request_and_its_route() {
    visit(Application::new().route("/block", Here("block")), |browser| async move {
        let watcher = Rc::new(Watcher::default());
        IoLoop::current().add_observer(Rc::clone(&watcher) as Rc<dyn LoopObserver>);
        browser.get("/block").await;
        let labels = watcher.0.borrow().join("\n");
        assert!(labels.contains("GET /block (127.0.0.1) at tests/web/routing.rs"), "{labels}");
    });
}
