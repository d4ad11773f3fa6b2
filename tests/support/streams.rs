//! Connected pairs of streams, of every kind: a test that holds for one must hold for all.

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use squall::iostream::{IoStream, StreamLimits};
use squall::net::{SocketTransport, Transport};

use super::hostile::Hostile;
use super::{on_each_backend, run};

/// What lies between the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// A TCP connection over loopback.
    Tcp,
    /// A pair of Unix sockets.
    Unix,
    /// The transport from `hostile.rs`, with this seed.
    Hostile(u64),
}

/// All of them.
pub const EVERYTHING: [Between; 5] =
    [Between::Tcp, Between::Unix, Between::Hostile(1), Between::Hostile(22), Between::Hostile(333)];

/// Those of the operating system.
pub const SOCKETS: [Between; 2] = [Between::Tcp, Between::Unix];

/// A connected pair of TCP sockets.
pub fn tcp_sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connect");
    (here, listener.accept().expect("a connection").0)
}

/// Both ends of a connection.
pub fn transports(between: Between) -> (Box<dyn Transport>, Box<dyn Transport>) {
    let boxed = |socket: std::io::Result<SocketTransport>| Box::from(socket.expect("a socket"));
    match between {
        Between::Tcp => {
            let (here, there) = tcp_sockets();
            (boxed(here.try_into()), boxed(there.try_into()))
        }
        Between::Unix => {
            let (here, there) = UnixStream::pair().expect("a pair");
            (boxed(here.try_into()), boxed(there.try_into()))
        }
        Between::Hostile(seed) => {
            let (here, there) = Hostile::pair(seed).expect("a pair");
            (here.into(), there.into())
        }
    }
}

/// The same as streams, on the current loop.
pub fn streams(between: Between, limits: &StreamLimits) -> (IoStream, IoStream) {
    let (here, there) = transports(between);
    (IoStream::with_limits(here, limits.clone()), IoStream::with_limits(there, limits.clone()))
}

/// Runs `test` with a pair of streams, over everything, on each backend.
pub fn over_everything<F: Future<Output = ()> + 'static>(
    test: impl Fn(IoStream, IoStream) -> F + Copy + 'static,
) {
    over(&EVERYTHING, &StreamLimits::default(), test);
}

/// Runs `test` over some of them, and with limits.
pub fn over<F: Future<Output = ()> + 'static>(
    betweens: &[Between],
    limits: &StreamLimits,
    test: impl Fn(IoStream, IoStream) -> F + Copy + 'static,
) {
    on_each_backend(|io_loop| {
        for between in betweens.iter().copied() {
            eprintln!("over {between:?}");
            let limits = limits.clone();
            run(io_loop, async move {
                let (here, there) = streams(between, &limits);
                test(here, there).await;
            });
        }
    });
}
