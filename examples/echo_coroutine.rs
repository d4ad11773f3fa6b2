//! The echo server, third floor: one coroutine for each connection.
//!
//! Run it with `cargo run --example echo_coroutine` and talk to it with `nc localhost 8888`. It
//! reads as if it blocked, and never does: at every `await` the loop serves the others. Compare
//! with `echo_callbacks.rs`, which does the same by hand.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::io;

use squall::ioloop::IoLoop;
use squall::iostream::{IoStream, StreamError, TcpServer};
use squall::net::BindOptions;

fn main() -> io::Result<()> {
    let server = TcpServer::coroutine(|stream| async move {
        let peer = stream.peer().clone();
        let end = echo(stream).await;
        println!("{peer}: {end}");
        Ok::<(), StreamError>(())
    });
    server.listen(BindOptions::new(8888).address("localhost"))?;
    for address in server.addresses() {
        println!("echo on {address}");
    }
    IoLoop::current().start()
}

/// Gives back every line, and at last the reason why there are no more.
async fn echo(stream: IoStream) -> StreamError {
    loop {
        let line = match stream.read_until(b"\n", 64 * 1024).await {
            Ok(line) => line,
            Err(end) => return end,
        };
        if let Err(end) = stream.write(line).await {
            return end;
        }
    }
}
