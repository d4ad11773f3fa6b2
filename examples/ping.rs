//! Waiting for another program, badly and well: `/ping_bad` stops everybody, `/ping_good` nobody.
//!
//! Run it with `cargo run --example ping`. The tutorial calls `os.system("ping -c 2 ...")` inside a
//! coroutine, and every line of it looks asynchronous; but a call that blocks, blocks the loop. The
//! log names the route that did it. Read next: `auth/main.rs`.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the bad way is half of this example")]

use std::process::Command;
use std::rc::Rc;

use squall::http::HttpServer;
use squall::ioloop::{IoLoop, SlowCallbackDetector};
use squall::process::{Subprocess, return_code};
use squall::web::{Application, BuildError, Exchange, HandlerResult, RequestHandler};

/// Stands for `ping -c 2 www.example.com`: takes a second, needs no network, says what it said.
fn ping() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1; exit 3"]);
    command
}

struct PingBad;

impl RequestHandler for PingBad {
    /// `async` in name only: nothing here is awaited, so the loop stands still (S064).
    async fn get(&self, req: Exchange) -> HandlerResult {
        let status = ping().status()?;
        Ok(req.finish(format!("returned {}; everybody waited\n", return_code(status))))
    }
}

struct PingGood;

impl RequestHandler for PingGood {
    /// The end of the child is an event like any other (S065).
    async fn get(&self, req: Exchange) -> HandlerResult {
        let status = Subprocess::spawn(&mut ping())?.wait_for_exit().await?;
        Ok(req.finish(format!("returned {}; nobody waited but you\n", return_code(status))))
    }
}

struct Hello;

impl RequestHandler for Hello {
    async fn get(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("hello\n"))
    }
}

/// The application; the tests serve it on a port of their own.
pub fn application() -> Result<Application, BuildError> {
    Application::new()
        .route("/ping_bad", PingBad)
        .route("/ping_good", PingGood)
        .route("/hello", Hello)
        .build()
}

/// What follows `--port` on the command line, or 8888; 0 is any free port.
fn port() -> u16 {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port");
    arguments.nth(1).and_then(|port| port.parse().ok()).unwrap_or(8888)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io_loop = IoLoop::current();
    io_loop.add_observer(Rc::new(SlowCallbackDetector::default()));
    let server = HttpServer::new(application()?);
    server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], port())))?;
    let address = server.addresses()[0].clone();
    println!("curl http://{address}/ping_bad & curl http://{address}/hello");
    println!("curl http://{address}/ping_good & curl http://{address}/hello");
    io_loop.start()?;
    Ok(())
}
