//! squall's own HTTP server, without the web layer: a closure that gets a request and answers it.
//!
//! Like the tokio contender it has two paths and no router. `Date`, `Server` and `Content-Length`
//! are the server's business.

use std::io;
use std::net::SocketAddr;

use squall::http::{Headers, HttpServer, Request, Responder, Status};
use squall::ioloop::IoLoop;

use super::{Announce, PLAINTEXT, SERVER};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    let (text, json) = (headers("text/plain"), headers("application/json"));
    let server =
        HttpServer::new(move |request: Request, responder: Responder| match request.path() {
            "/plaintext" => responder.send(Status::OK, "OK", &text, PLAINTEXT.as_bytes()),
            "/json" => responder.send(Status::OK, "OK", &json, &super::json()),
            _ => responder.send(Status::NOT_FOUND, "Not Found", &text, b""),
        })
        .name(SERVER);
    server.listen(address)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

fn headers(content_type: &str) -> Headers {
    let mut headers = Headers::new();
    headers.set("Content-Type", content_type).expect("a valid header");
    headers
}
