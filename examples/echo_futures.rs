//! The echo server, second floor: streams, and futures with callbacks.
//!
//! Run it with `cargo run --example echo_futures` and talk to it with `nc localhost 8888`. The
//! stream reads, buffers and writes; a read is a future, and we leave a callback with it. What
//! comes after what is now spelled in callbacks that call each other. Read next:
//! `echo_coroutine.rs`, where it is a loop again.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::io;
use std::rc::Rc;

use squall::future::Future;
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::net::{BindOptions, Listen as _, add_accept_handler, bind_sockets};

fn main() -> io::Result<()> {
    let io_loop = IoLoop::current();
    for listener in bind_sockets(&BindOptions::new(8888).address("localhost"))? {
        println!("echo on {}", listener.address()?);
        add_accept_handler(&io_loop, Rc::new(listener), |transport| {
            read_a_line(&IoStream::new(transport));
        })?;
    }
    io_loop.start()
}

/// Asks for a line, and says what to do with it.
fn read_a_line(stream: &IoStream) {
    let line = IoLoop::current().spawn_fallible(stream.read_until(b"\n", 64 * 1024));
    let stream = stream.clone();
    line.add_done_callback(move |line| line_arrived(&stream, line));
}

/// Sends it back, and asks for the next one when it is sent, so that a peer that does not read
/// cannot make us hold more than one line.
fn line_arrived(stream: &IoStream, line: &Future<Vec<u8>>) {
    match line.result().as_deref() {
        Ok(Ok(line)) => {
            let sent = IoLoop::current().spawn(stream.write(&line[..]));
            let stream = stream.clone();
            sent.add_done_callback(move |_| read_a_line(&stream));
        }
        Ok(Err(end)) => println!("{}: {end}", stream.peer()),
        Err(_pending) => unreachable!("a done callback is called when it is done"),
    }
}
