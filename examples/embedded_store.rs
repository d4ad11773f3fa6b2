//! The embedded store as a program of its own: any `MongoDB` client on this machine can use it.
//!
//! Run it with `cargo run --example embedded_store -- --port 27017`, then try `mongosh`, `PyMongo` or
//! the example `mongo_crud`. With `--data FILE` it keeps what it is given. It is for demos and
//! tests; production uses `MongoDB` itself. Read next: `src/mongo/embedded/server.rs`.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::rc::Rc;

use squall::future::Promise;
use squall::ioloop::IoLoop;
use squall::mongo::embedded::Server;
use squall::reactor::signals::Signal;

/// What follows `name` on the command line.
fn flag(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io_loop = IoLoop::current();
    let server = match flag("--data") {
        Some(path) => Server::open(path)?,
        None => Server::memory(), // `--memory` says the same in so many words
    };
    let port = flag("--port").map_or(Ok(27017), |port| port.parse())?;
    println!("mongodb://{}/", server.listen(port)?);

    let interrupted = Rc::new(Promise::new());
    let asked = interrupted.future();
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let interrupted = Rc::clone(&interrupted);
        io_loop.on_signal(signal, move || {
            let _ = interrupted.set_result(()); // asked twice is asked
        })?;
    }
    io_loop.run_sync(async move {
        let _ = asked.await;
        server.close().await; // everything that was acknowledged is on the disk already
    })?;
    Ok(())
}
