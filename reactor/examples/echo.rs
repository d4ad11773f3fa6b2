//! An echo server with no loop underneath, no callbacks and no futures: register, wait, match.
//!
//! This is all that an event loop does; everything above it in squall is about writing it down
//! more comfortably. Run it, then talk to it with `nc 127.0.0.1 7007` from several terminals:
//!
//! ```text
//! cargo run -p squall-reactor --example echo
//! SQUALL_REACTOR=mio cargo run -p squall-reactor --example echo
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to the person who runs it"
)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use reactor::{Backend, Events, Interest, Reactor, Slots, Source, Token};

/// Not in any slot: connections are numbered from zero.
const LISTENER: Token = Token::new(u32::MAX - 1, 0);

struct Connection {
    stream: TcpStream,
    /// Read, but not yet taken by the peer.
    unsent: Vec<u8>,
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;

    let backend = Backend::from_env().unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2);
    });
    let mut reactor = backend.build()?;
    reactor.register(Source::fd(&listener), LISTENER, Interest::READABLE)?;
    println!("echoing on {} with {}", listener.local_addr()?, reactor.name());

    let mut connections = Slots::new();
    let mut events = Events::with_capacity(256);
    loop {
        reactor.wait(&mut events, None)?; // the only line that blocks
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, &mut *reactor, &mut connections)?,
                token => serve(token, &mut *reactor, &mut connections)?,
            }
        }
    }
}

/// Takes everybody who is waiting: the next report comes when somebody new arrives.
fn accept(
    listener: &TcpListener,
    reactor: &mut dyn Reactor,
    connections: &mut Slots<Connection>,
) -> io::Result<()> {
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        let token = connections.insert(Connection { stream, unsent: Vec::new() });
        let connection = connections.get(token).expect("just inserted");
        reactor.register(Source::fd(&connection.stream), token, Interest::BOTH)?;
        println!("{peer} came; {} are here", connections.len());
    }
}

/// Lets one connection go on as far as it can, and shows out who is done.
fn serve(
    token: Token,
    reactor: &mut dyn Reactor,
    connections: &mut Slots<Connection>,
) -> io::Result<()> {
    let Some(connection) = connections.get_mut(token) else {
        return Ok(()); // the report is older than the farewell
    };
    match echo(connection) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()), // until the next report
        _ => {
            reactor.deregister(Source::fd(&connection.stream))?; // before it is closed
            connections.remove(token);
            println!("somebody left; {} are here", connections.len());
            Ok(())
        }
    }
}

/// Reads and writes until the kernel says `WouldBlock`, as an edge-triggered reactor asks us to.
/// While the peer does not read, neither do we: so one slow peer cannot fill our memory.
fn echo(Connection { stream, unsent }: &mut Connection) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        while !unsent.is_empty() {
            let count = stream.write(unsent)?;
            unsent.drain(..count);
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => unsent.extend_from_slice(&buffer[..count]),
        }
    }
}
