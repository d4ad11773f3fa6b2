//! Bodies that are read while they arrive, limits of single handlers, and clients behind a proxy.
//!
//! What is common to all of these: the server is told something about a route or a peer beforehand.

use std::ops::ControlFlow;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{HttpServer, Trusted};
use squall::web::{Application, Exchange, HandlerResult, Prepared, RequestHandler, Settings};

use crate::browser::{Browser, visit};

/// Counts what arrives, and when it began.
struct Upload;

impl RequestHandler for Upload {
    const STREAM_REQUEST_BODY: bool = true;

    async fn prepare(&self, req: Exchange) -> Prepared {
        if req.header("X-Refuse").is_some() {
            return Ok(ControlFlow::Break(req.finish("not now")));
        }
        Ok(ControlFlow::Continue(req))
    }

    async fn put(&self, mut req: Exchange) -> HandlerResult {
        assert_eq!(req.body(), b"");
        let Some(mut body) = req.body_stream() else { return Ok(req.finish("no body")) };
        assert!(req.body_stream().is_none(), "only once");
        let (mut pieces, mut bytes) = (0, 0);
        while let Some(piece) = body.next_piece().await {
            pieces += 1;
            bytes += piece?.len();
        }
        Ok(req
            .finish(format!("{bytes} bytes, {}", if pieces > 1 { "in pieces" } else { "at once" })))
    }
}

/// Takes little.
struct Small;

impl RequestHandler for Small {
    const BODY_BYTES_MAX: Option<u64> = Some(10);

    async fn put(&self, req: Exchange) -> HandlerResult {
        let length = req.body().len();
        Ok(req.finish(format!("{length}")))
    }
}

/// Takes what the server takes.
struct Normal;

impl RequestHandler for Normal {
    async fn put(&self, req: Exchange) -> HandlerResult {
        let length = req.body().len();
        Ok(req.finish(format!("{length}")))
    }

    async fn get(&self, req: Exchange) -> HandlerResult {
        let origin = format!("{} {}", req.remote_ip(), req.protocol());
        Ok(req.finish(origin))
    }
}

// T184, F246
#[test]
fn bodies_in_pieces() {
    let app = Application::new().route("/upload", Upload).route("/normal", Normal);
    visit(app, |browser| async move {
        assert_eq!(browser.fetch("PUT", "/upload", &[], "").await.body, "no body");
        assert_eq!(browser.fetch("PUT", "/upload", &[], "abc").await.body, "3 bytes, at once");
        let length = [("Content-Length", "6")];
        browser.send("PUT", "/upload", &length, "").await;
        for half in ["abc", "def"] {
            sleep(Duration::from_secs(1)).await;
            browser.send_bytes(half).await;
        }
        assert_eq!(browser.receive("PUT").await.body, "6 bytes, in pieces");
        assert_eq!(browser.fetch("PUT", "/normal", &[], "abc").await.body, "3");
        let refuse = [("X-Refuse", "1"), ("Content-Length", "1000000")];
        browser.send("PUT", "/upload", &refuse, "").await;
        assert_eq!(browser.receive("PUT").await.body, "not now");
    });
}

// S169 per handler.
#[test]
fn a_handler_may_have_its_own_limit() {
    let app = Application::new().route("/small", Small).route("/normal", Normal);
    visit(app, |browser| async move {
        assert_eq!(browser.fetch("PUT", "/small", &[], "0123456789").await.body, "10");
        assert_eq!(browser.fetch("PUT", "/small", &[], "0123456789a").await.status, 413);
        assert_eq!(browser.fetch("PUT", "/normal", &[], "0123456789a").await.body, "11");
    });
}

// S108, S163: options of the server go with any application; the override ends with its request.
#[test]
fn behind_a_proxy() {
    visit(Application::new().route("/", Normal), |direct| async move {
        let server = HttpServer::new(direct.app.clone()).xheaders(Trusted::loopback());
        server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let proxied = Browser::to(direct.app.clone(), server);
        let headers = [("X-Real-Ip", "4.4.4.4"), ("X-Scheme", "https")];
        assert_eq!(proxied.fetch("GET", "/", &headers, "").await.body, "4.4.4.4 https");
        assert_eq!(proxied.get("/").await.body, "127.0.0.1 http");
        assert_eq!(direct.fetch("GET", "/", &headers, "").await.body, "127.0.0.1 http");
    });
}

// B.9.2: a body that comes as a stream is no form, and cannot be a broken one.
#[test]
fn a_streamed_multipart_body_passes_with_its_token_in_a_header() {
    let settings = Settings { xsrf_cookies: true, ..Settings::default() };
    let app = Application::new().route("/upload", Upload).settings(settings);
    visit(app, |browser| async move {
        browser.cookies.borrow_mut().insert("_xsrf".into(), "0123456789abcdef".into());
        let kind = ("Content-Type", "multipart/form-data; boundary=b");
        let body = "--b--\r\n";
        let refused = browser.fetch("PUT", "/upload", &[kind], body).await;
        assert_eq!(refused.status, 403);
        let another = browser.another();
        *another.cookies.borrow_mut() = browser.cookies.borrow().clone();
        let token = ("X-Xsrftoken", "0123456789abcdef");
        let taken = another.fetch("PUT", "/upload", &[kind, token], body).await;
        assert_eq!((taken.status, taken.body.as_str()), (200, "7 bytes, at once"));
    });
}
