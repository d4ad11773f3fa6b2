//! The load generator: one thread, many connections, nothing parsed.
//!
//! It must cost less than the server it measures: the first answer tells the length of all others
//! (`wire.rs` has checked that they are the same bytes), and from then on bytes are counted. Three
//! ways to ask: `load/closed.rs` finds the peak, `load/open.rs` keeps to a schedule whatever the server does,
//! and `load/churn.rs` takes a new connection for each request. This file owns what they share.

pub(crate) mod churn;
pub(crate) mod closed;
pub(crate) mod open;

use std::io::{self, ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};
use rustix::time::Timespec;

use crate::metric::Metrics;
use crate::stats::Latencies;
use crate::wire;

/// A server that is silent for so long is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_SPEC: Timespec = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
/// How much is received at once.
const CHUNK: usize = 256 * 1024;
/// Connections that are made before the first answer is awaited: a queue that every server has.
pub(crate) const ARRIVE_AT_ONCE: usize = 100;
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;

/// What visitors ask, and how many of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) path: &'static str,
    pub(crate) connections: usize,
    /// Requests in flight on one connection.
    pub(crate) depth: usize,
}

/// What one run saw.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Sample {
    fn new() -> Self {
        Self { requests: 0, elapsed: Duration::ZERO, latencies: Latencies::new() }
    }

    /// As metrics, with the CPU time that the server used meanwhile; `cpu_us` is the headline.
    pub(crate) fn metrics(&self, cpu: Duration) -> Metrics {
        let (requests, elapsed) = (self.requests as f64, self.elapsed.as_secs_f64());
        let mut metrics = vec![
            ("cpu_us".to_owned(), cpu.as_secs_f64() * 1e6 / requests),
            ("requests_per_second".to_owned(), requests / elapsed),
            ("busy_percent".to_owned(), 100.0 * cpu.as_secs_f64() / elapsed),
        ];
        metrics.extend(self.latencies.metrics());
        metrics
    }
}

/// Connections that are open, each with one whole answer behind it, and the epoll they are in.
#[derive(Debug)]
struct Crowd {
    epoll: OwnedFd,
    streams: Vec<TcpStream>,
    answer_length: usize,
}

impl Crowd {
    /// Connects everybody. One answer each, so that the server has accepted all of them before
    /// any clock runs; the last one tells how long an answer is.
    fn gather(address: SocketAddr, visit: Visit) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let request = wire::request(address, visit.path);
        let mut streams = Vec::with_capacity(visit.connections);
        let mut answer_length = 0;
        while streams.len() < visit.connections {
            let arrived = streams.len();
            for index in arrived..visit.connections.min(arrived + ARRIVE_AT_ONCE) {
                let mut stream = connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(&request)?;
                let flags = EventFlags::IN | EventFlags::ET;
                epoll::add(&epoll, &stream, EventData::new_u64(index as u64), flags)?;
                streams.push(stream);
            }
            for stream in &mut streams[arrived..] {
                answer_length = wire::whole_answer(stream)?.len();
            }
        }
        Ok(Self { epoll, streams, answer_length })
    }
}

/// A connection; when all ports of this machine are in use, from another address of loopback.
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let no_ports = match TcpStream::connect(address) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => error,
        other => return other,
    };
    for last in 2..=9 {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
        if rustix::net::bind(&socket, &source).is_ok() {
            rustix::net::connect(&socket, &address)?;
            return Ok(socket.into());
        }
    }
    Err(no_ports)
}

fn send(stream: &TcpStream, request: &[u8]) -> io::Result<()> {
    match rustix::net::send(stream, request, SendFlags::NOSIGNAL)? {
        sent if sent == request.len() => Ok(()),
        _ => Err(io::Error::other("a request did not fit into the socket's buffer")),
    }
}

/// Receives what is there; `None` when nothing is, 0 at the end of the stream.
fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match rustix::net::recv(stream, buffer, RecvFlags::DONTWAIT) {
        Ok((length, _)) => Ok(Some(length)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Counts down the bytes of the answers that are missing on one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Countdown {
    missing: usize,
    fresh: bool,
}

impl Countdown {
    fn start(missing: usize) -> Self {
        Self { missing, fresh: true }
    }

    /// Receives until nothing is left in the socket; true when the last byte has come.
    fn receive(&mut self, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<bool> {
        while let Some(length) = receive(stream, buffer)? {
            if length == 0 {
                return Err(io::Error::other("the server closed a connection"));
            }
            if std::mem::take(&mut self.fresh) && !buffer[..length].starts_with(b"HTTP/1.1 200 ") {
                return Err(io::Error::other("an answer was not 200"));
            }
            let changed = || io::Error::other("an answer changed its length");
            self.missing = self.missing.checked_sub(length).ok_or_else(changed)?;
            if length < buffer.len() {
                break; // a short read leaves nothing behind; more will be told by an event
            }
        }
        Ok(self.missing == 0)
    }
}

fn no_events() -> Vec<Event> {
    vec![Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS]
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};

    pub(super) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

    /// A blocking server with a thread for each connection; `misbehave` runs before each answer,
    /// with its number. Each connection ends after `answers`.
    pub(super) fn server(
        answers: usize,
        misbehave: impl Fn(usize, &mut TcpStream) + Clone + Send + 'static,
    ) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let misbehave = misbehave.clone();
                std::thread::spawn(move || {
                    for number in 0..answers {
                        if stream.read(&mut [0; 1024])? == 0 {
                            break;
                        }
                        misbehave(number, &mut stream);
                        stream.write_all(ANSWER)?;
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        address
    }
}
