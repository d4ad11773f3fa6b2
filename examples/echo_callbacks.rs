//! The echo server, first floor: nothing but the loop and sockets that never wait.
//!
//! Run it with `cargo run --example echo_callbacks` and talk to it with `nc localhost 8888`. A
//! handler is called when its socket is ready; it must read until the kernel has nothing more, and
//! remember for itself what it could not write. Read next: `echo_futures.rs`, where a stream does
//! the remembering.
#![allow(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use squall::ioloop::{HandlerId, IoLoop};
use squall::reactor::Interest;

fn main() -> io::Result<()> {
    let io_loop = IoLoop::current();
    let listener = Rc::new(TcpListener::bind("127.0.0.1:8888")?);
    listener.set_nonblocking(true)?;
    println!("echo on {}", listener.local_addr()?);
    let accepting = io_loop.clone();
    io_loop.add_handler(listener, Interest::READABLE, move |listener, _event| {
        while let Ok((socket, _peer)) = listener.accept() {
            serve(&accepting, socket).unwrap_or_else(|error| println!("not served: {error}"));
        }
    })?;
    io_loop.start()
}

/// Watches one connection until it ends.
fn serve(io_loop: &IoLoop, socket: TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let unsent = RefCell::new(Vec::new());
    let myself = Rc::new(Cell::new(None::<HandlerId>));
    let (removing, this) = (io_loop.clone(), Rc::clone(&myself));
    let handler = io_loop.add_handler(Rc::new(socket), Interest::BOTH, move |socket, _event| {
        match echo(socket, &mut unsent.borrow_mut()) {
            Err(wait) if wait.kind() == ErrorKind::WouldBlock => {}
            // The peer has finished (or is gone): without its handler the socket is closed.
            Ok(()) | Err(_) => this.take().iter().for_each(|id| removing.remove_handler(id)),
        }
    })?;
    myself.set(Some(handler));
    Ok(())
}

/// Gives back what arrives; `WouldBlock` when there is nothing to do for now.
fn echo(mut socket: &TcpStream, unsent: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        while !unsent.is_empty() {
            let sent = socket.write(unsent)?;
            unsent.drain(..sent);
        }
        match socket.read(&mut buffer)? {
            0 => return Ok(()),
            count => unsent.extend_from_slice(&buffer[..count]),
        }
    }
}
