//! The load generator: many keep-alive connections, one request in flight on each, on one thread.
//!
//! It must cost less than the server it measures, so it parses nothing: the first answer tells the
//! length of all others (`wire.rs` has checked that they are the same bytes), and from then on it
//! counts bytes. A closed loop: it finds the peak, and its latencies are those at the peak.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;

use crate::stats::Latencies;
use crate::wire;

/// A server that is silent for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections of one measurement.
#[derive(Debug)]
pub(crate) struct Generator {
    epoll: OwnedFd,
    visitors: Vec<Visitor>,
    request: Vec<u8>,
    answer_length: usize,
}

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    missing: usize,
    asked_at: Instant,
}

/// What one run saw.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Generator {
    /// Connects all visitors and lets the first one learn how long an answer is.
    pub(crate) fn connect(address: SocketAddr, path: &str, connections: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut visitors = Vec::with_capacity(connections);
        let mut answer_length = 0;
        for index in 0..connections {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            // One answer each, so that the server has accepted everybody before any clock runs.
            answer_length = wire::exchange(&mut stream, address, path)?.len();
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            visitors.push(Visitor { stream, missing: 0, asked_at: Instant::now() });
        }
        Ok(Self { epoll, visitors, request: wire::request(address, path), answer_length })
    }

    /// Keeps everybody asking for `length`, then waits for the last answers.
    ///
    /// Nothing is in flight before or after, so the server's CPU time on both sides belongs to
    /// exactly the requests that were counted.
    pub(crate) fn run(&mut self, length: Duration) -> io::Result<Sample> {
        let start = Instant::now();
        let end = start + length;
        let mut sample = Sample { requests: 0, elapsed: length, latencies: Latencies::default() };
        for visitor in &mut self.visitors {
            visitor.ask(&self.request, self.answer_length, start)?;
        }
        let mut waiting = self.visitors.len();
        let mut events =
            vec![Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; waiting];
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        while waiting > 0 {
            let ready = epoll::wait(&self.epoll, &mut events[..], Some(&patience))?;
            if ready == 0 {
                return Err(io::Error::other(format!("{waiting} requests were never answered")));
            }
            let now = Instant::now();
            for event in &events[..ready] {
                let visitor = &mut self.visitors[event.data.u64() as usize];
                if !visitor.receive(self.answer_length)? {
                    continue;
                }
                sample.requests += 1;
                sample.latencies.record(now - visitor.asked_at);
                if now < end {
                    visitor.ask(&self.request, self.answer_length, now)?;
                } else {
                    waiting -= 1;
                }
            }
        }
        sample.elapsed = start.elapsed();
        Ok(sample)
    }
}

impl Visitor {
    fn ask(&mut self, request: &[u8], answer_length: usize, now: Instant) -> io::Result<()> {
        self.missing = answer_length;
        self.asked_at = now;
        self.stream.write_all(request)
    }

    /// Counts what has arrived; true when the answer is complete.
    fn receive(&mut self, answer_length: usize) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::Error::other("the server closed a connection")),
            Ok(length) => {
                let fresh = self.missing == answer_length;
                if fresh && !buffer.starts_with(b"HTTP/1.1 200 ") {
                    return Err(io::Error::other("an answer was not 200"));
                }
                let changed = || io::Error::other("an answer changed its length");
                self.missing = self.missing.checked_sub(length).ok_or_else(changed)?;
                Ok(self.missing == 0)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    /// A blocking server for one connection; `misbehave` runs before each answer, with its number.
    fn server(misbehave: impl Fn(usize, &mut TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            for number in 0.. {
                if stream.read(&mut [0; 1024])? == 0 {
                    break;
                }
                misbehave(number, &mut stream);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")?;
            }
            std::io::Result::Ok(())
        });
        address
    }

    /// The honesty test: a stall of the server must be in the numbers.
    #[test]
    fn a_stall_is_not_omitted() {
        let stall = Duration::from_millis(300);
        let address = server(move |number, _| {
            if number == 5 {
                std::thread::sleep(stall);
            }
        });
        let mut generator = Generator::connect(address, "/", 1).expect("connect");
        let mut sample = generator.run(Duration::from_millis(100)).expect("run");
        assert!(sample.elapsed >= stall, "{sample:?}");
        assert!(sample.latencies.percentile(100.0) >= stall, "{sample:?}");
        assert!(sample.requests >= 5, "{sample:?}");
    }

    #[test]
    fn a_broken_server_is_an_error() {
        for (breakage, complaint) in [
            ("HTTP/1.1 500 Oops\r\n", "an answer was not 200"),
            (
                "HTTP/1.1 200 OK\r\n\r\ntoo long, and more will follow",
                "an answer changed its length",
            ),
        ] {
            let address = server(move |number, stream| {
                if number == 3 {
                    stream.write_all(breakage.as_bytes()).expect("the generator still reads");
                }
            });
            let mut generator = Generator::connect(address, "/", 1).expect("connect");
            let error = generator.run(Duration::from_secs(5)).expect_err(complaint);
            assert_eq!(error.to_string(), complaint);
        }
        let address = server(|number, stream| {
            if number == 3 {
                stream.shutdown(std::net::Shutdown::Both).expect("connected");
            }
        });
        let mut generator = Generator::connect(address, "/", 1).expect("connect");
        assert!(generator.run(Duration::from_secs(5)).is_err());
    }
}
