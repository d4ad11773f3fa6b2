//! squall's web layer: routes, handlers, exchanges, the whole way an application goes.
//!
//! The row that says what the framework costs on top of `squall_http.rs`. Nothing is switched off
//! but the access log, which no other contender writes.

use std::io;
use std::net::SocketAddr;

use squall::http::{Headers, HttpServer};
use squall::ioloop::IoLoop;
use squall::web::{Application, Chunk, Exchange, HandlerResult, RequestHandler, Settings};

use super::{Announce, PLAINTEXT, SERVER};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    let application = Application::new()
        .route("/plaintext", Page { content_type: "text/plain", body: || PLAINTEXT.into() })
        .route("/json", Page { content_type: "application/json", body: || super::json().into() })
        .settings(Settings { access_log: false, ..Settings::default() })
        .build()
        .map_err(io::Error::other)?;
    let server = HttpServer::new(application);
    server.listen(address)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

struct Page {
    content_type: &'static str,
    body: fn() -> Chunk<'static>,
}

impl RequestHandler for Page {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_header("Content-Type", self.content_type)?;
        Ok(req.finish((self.body)()))
    }

    /// No other contender has one.
    fn compute_etag(&self, _: &[u8]) -> Option<String> {
        None
    }

    fn set_default_headers(&self, headers: &mut Headers) {
        headers.set("Server", SERVER).expect("a valid header");
    }
}
