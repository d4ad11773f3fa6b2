//! The HTTP server without the web layer: a closure that gets each request and answers it.
//!
//! Run it with `cargo run --example hello_http`. This is `tornado.httpserver.HTTPServer(callback)`.
//! Read next: `main_index.rs`, where handlers are types.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use squall::http::{Headers, HttpServer, Request, Responder, Status};
use squall::ioloop::IoLoop;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port");
    let port = arguments.nth(1).and_then(|port| port.parse().ok()).unwrap_or(8888);
    let io_loop = IoLoop::current();
    let server = HttpServer::new(|request: Request, responder: Responder| {
        let mut headers = Headers::default();
        headers.add("Content-Type", "text/plain").expect("a header of our own");
        let text = format!("You asked for {}\n", request.path());
        responder.send(Status::OK, "", &headers, text.as_bytes());
    });
    server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], port)))?;
    println!("listening on http://{}/", server.addresses()[0]);
    io_loop.start()?;
    Ok(())
}
