//! squall's web layer: routes, handlers, templates, files, the whole way an application goes.
//!
//! The row that says what the framework costs on top of `squall_http.rs`. Nothing is switched off
//! but the access log, which no other contender writes, and the `ETag` of pages, which none has.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use squall::http::HttpServer;
use squall::ioloop::{IoLoop, SlowCallbackDetector};
use squall::web::{Application, Chunk, Exchange, HandlerResult, RequestHandler, Settings};

use super::Announce;
use super::pages::{self, GREETING, HELLO, JSON, SERVER, TEMPLATE, TEMPLATE_NAME, TEMPLATES};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    run(&IoLoop::new()?, address, announce)
}

pub(super) fn serve_watched(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    io_loop.add_observer(Rc::new(SlowCallbackDetector::default()));
    run(&io_loop, address, announce)
}

fn run(io_loop: &IoLoop, address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let settings = Settings {
        access_log: false,
        template_path: Some(TEMPLATES.into()),
        static_path: Some(pages::directory()?),
        ..Settings::default()
    };
    let application = Application::new()
        .settings(settings)
        .route(HELLO, Page("text/plain", |_| Ok(GREETING.into())))
        .route(JSON, Page("application/json", |_| Ok(pages::json().into())))
        .route(
            TEMPLATE,
            Page(pages::HTML, |req| {
                Ok(req.render_string(TEMPLATE_NAME, pages::variables())?.into())
            }),
        );
    let server = HttpServer::new(application.build().map_err(io::Error::other)?).name(SERVER);
    server.listen(address)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

struct Page(&'static str, fn(&Exchange) -> Result<Chunk<'static>, squall::web::Error>);

impl RequestHandler for Page {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_header("Content-Type", self.0)?;
        let body = (self.1)(&req)?;
        Ok(req.finish(body))
    }

    fn compute_etag(&self, _: &[u8]) -> Option<String> {
        None
    }
}
