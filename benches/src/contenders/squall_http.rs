//! squall's own HTTP server, without the web layer: a closure that gets a request and answers it.
//!
//! Like the tokio contender it has four paths and no router. `Date`, `Server` and `Content-Length`
//! are the server's business.

use std::io;
use std::net::SocketAddr;

use squall::http::{Headers, HttpServer, Request, Responder, Status};
use squall::ioloop::IoLoop;

use super::Announce;
use super::pages::{BINARY, FILE, GREETING, HELLO, HTML, JSON, SERVER, TEMPLATE};
use super::pages::{json, mebibyte, template};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    let [text, js, html, binary] = ["text/plain", "application/json", HTML, BINARY].map(headers);
    let answer = move |request: Request, responder: Responder| match request.path() {
        HELLO => responder.send(Status::OK, "OK", &text, GREETING.as_bytes()),
        JSON => responder.send(Status::OK, "OK", &js, &json()),
        TEMPLATE => responder.send(Status::OK, "OK", &html, template().as_bytes()),
        FILE => responder.send(Status::OK, "OK", &binary, mebibyte()),
        _ => responder.send(Status::NOT_FOUND, "Not Found", &text, b""),
    };
    let server = HttpServer::new(answer).name(SERVER);
    server.listen(address)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

fn headers(content_type: &str) -> Headers {
    let mut headers = Headers::new();
    headers.set("Content-Type", content_type).expect("a valid header");
    headers
}
