//! A new connection for each request: connect, ask, read until the server closes.
//!
//! Latency begins before the connect. A closed loop, like `load/closed.rs`, with so many visitors at a time.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::{CHUNK, PATIENCE_SPEC, Sample, Visit, connect, no_events, receive, send};
use crate::wire;

/// The visitors of one measurement; none of them stays.
#[derive(Debug)]
pub(crate) struct Churn {
    epoll: OwnedFd,
    address: SocketAddr,
    request: Vec<u8>,
    answer_length: usize,
    connections: usize,
}

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    received: usize,
    began: Instant,
}

impl Churn {
    /// Asks once, to learn how long an answer is.
    pub(crate) fn new(address: SocketAddr, visit: Visit) -> io::Result<Self> {
        let request = wire::closing_request(address, visit.path);
        let answer_length = wire::exchange(&mut connect(address)?, &request)?.len();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, address, request, answer_length, connections: visit.connections })
    }

    /// Keeps them coming for `length`, then waits for the last ones to go.
    pub(crate) fn run(&mut self, length: Duration) -> io::Result<Sample> {
        let mut sample = Sample::new();
        let (mut events, mut buffer) = (no_events(), vec![0; CHUNK]);
        let start = Instant::now();
        let end = start + length;
        let mut visitors = Vec::with_capacity(self.connections);
        for index in 0..self.connections {
            visitors.push(Some(self.visit(index, start)?));
        }
        let mut open = self.connections;
        while open > 0 {
            let ready = epoll::wait(&self.epoll, &mut events[..], Some(&PATIENCE_SPEC))?;
            if ready == 0 {
                return Err(io::Error::other(format!("{open} visitors were never answered")));
            }
            for event in &events[..ready] {
                let index = event.data.u64() as usize;
                let Some(visitor) = &mut visitors[index] else { continue };
                if !self.has_gone(visitor, &mut buffer)? {
                    continue;
                }
                let now = Instant::now();
                sample.requests += 1;
                sample.latencies.record(now - visitor.began);
                visitors[index] = None; // closed before the next one comes
                if now < end {
                    visitors[index] = Some(self.visit(index, now)?);
                } else {
                    open -= 1;
                }
            }
        }
        sample.elapsed = start.elapsed();
        Ok(sample)
    }

    fn visit(&self, index: usize, began: Instant) -> io::Result<Visitor> {
        let stream = connect(self.address)?;
        send(&stream, &self.request)?;
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), flags)?;
        Ok(Visitor { stream, received: 0, began })
    }

    /// Whether the server has sent everything and closed.
    fn has_gone(&self, visitor: &mut Visitor, buffer: &mut [u8]) -> io::Result<bool> {
        while let Some(length) = receive(&visitor.stream, buffer)? {
            if length == 0 {
                let changed = || io::Error::other("an answer changed its length");
                return (visitor.received == self.answer_length)
                    .then_some(true)
                    .ok_or_else(changed);
            }
            if visitor.received == 0 && !buffer[..length].starts_with(b"HTTP/1.1 200 ") {
                return Err(io::Error::other("an answer was not 200"));
            }
            visitor.received += length;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use super::{Churn, Visit};
    use std::io::Write as _;
    use std::time::Duration;

    #[test]
    fn each_request_has_its_connection() {
        let visit = Visit { path: "/", connections: 2, depth: 1 };
        let mut churn = Churn::new(server(1, |_, _| ()), visit).expect("one answer");
        let sample = churn.run(Duration::from_millis(30)).expect("run");
        assert!(sample.requests >= 2, "{sample:?}");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        let lengthen = |number, stream: &mut std::net::TcpStream| {
            if number > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("connected");
            }
        };
        let visit = Visit { path: "/", connections: 1, depth: 1 };
        let good = Churn::new(server(1, |_, _| ()), visit).expect("one answer");
        let address = server(1, move |_, stream| lengthen(1, stream));
        let error = Churn { address, ..good }.run(Duration::from_secs(5)).expect_err("longer");
        assert_eq!(error.to_string(), "an answer changed its length");
    }
}
