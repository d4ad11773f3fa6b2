//! The tutorials' `/main` and `/index`: one visitor waits for a future, another one completes it.
//!
//! Run it with `cargo run --example main_index`, open `/main` in one tab (it waits) and `/index` in
//! another: now the first says "Main". Both of the tutorial's styles are in the first handler: a
//! done callback writes the answer, and the coroutine waits for the same future. Read next:
//! `ping.rs`.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::cell::RefCell;
use std::rc::Rc;

use squall::future::{Future, Promise};
use squall::http::HttpServer;
use squall::ioloop::IoLoop;
use squall::web::{
    Application, BuildError, Exchange, HandlerResult, HttpError, RequestHandler, Responder,
};

/// The tutorial's module-level `future = None`.
type Waiting = Rc<RefCell<Option<Promise<()>>>>;

struct Main {
    waiting: Waiting,
}

impl RequestHandler for Main {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let promise = Promise::new();
        let future = promise.future();
        // A second visitor replaces the first one's promise, as in the tutorial. There the first
        // one waits for ever; here the dropped promise fails the future, and they are told.
        *self.waiting.borrow_mut() = Some(promise);

        let (responder, finished) = req.detach();
        future.add_done_callback(move |future| done(future, &responder));
        let _ = future.await; // the callback was registered first, so it ran first (S076)
        Ok(finished)
    }
}

/// `def done(self, *args, **kwargs): self.write("Main"); self.finish()`
fn done(future: &Future<()>, responder: &Responder) {
    let completed = matches!(future.result().as_deref(), Ok(Ok(())));
    // If the visitor has gone meanwhile, the answer goes nowhere, and that is all.
    let _ = if completed {
        responder.finish("Main")
    } else {
        responder.send_error(HttpError::new(503).reason("Somebody else took the place"))
    };
}

struct Index {
    waiting: Waiting,
}

impl RequestHandler for Index {
    async fn get(&self, req: Exchange) -> HandlerResult {
        match &*self.waiting.borrow() {
            // A second `/index` finds the result set already: InvalidState, a 500 as in Tornado.
            Some(promise) => promise.set_result(())?,
            None => return Err(HttpError::new(500).log("nobody has opened /main yet").into()),
        }
        Ok(req.finish("Index"))
    }
}

/// The application of the tutorial; the tests serve it on a port of their own.
pub fn application() -> Result<Application, BuildError> {
    let waiting = Waiting::default();
    Application::new()
        .route("/main", Main { waiting: Rc::clone(&waiting) })
        .route("/index", Index { waiting })
        .build()
}

/// What follows `--port` on the command line, or 8888; 0 is any free port.
fn port() -> u16 {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port");
    arguments.nth(1).and_then(|port| port.parse().ok()).unwrap_or(8888)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io_loop = IoLoop::current();
    let server = HttpServer::new(application()?);
    server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], port())))?;
    let address = server.addresses()[0].clone();
    println!("open http://{address}/main, then http://{address}/index");
    io_loop.start()?;
    Ok(())
}
