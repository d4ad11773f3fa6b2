//! The closed loop: everybody asks again as soon as the answer is there.
//!
//! It finds the peak, and its latencies are those at the peak: a server that stalls is asked less, so
//! they say nothing about a stall. For those, see `load/open.rs`.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::epoll;

use super::{CHUNK, Countdown, Crowd, PATIENCE_SPEC, Sample, Visit, no_events, send};
use crate::wire;

/// The connections of one measurement.
#[derive(Debug)]
pub(crate) struct Closed {
    crowd: Crowd,
    /// What is asked at once on a connection, `depth` times the request.
    requests: Vec<u8>,
    depth: usize,
    waiting: Vec<(Countdown, Instant)>,
}

impl Closed {
    /// Connects everybody.
    pub(crate) fn connect(address: SocketAddr, visit: Visit) -> io::Result<Self> {
        let crowd = Crowd::gather(address, visit)?;
        let requests = wire::request(address, visit.path).repeat(visit.depth);
        let waiting = vec![(Countdown::default(), Instant::now()); visit.connections];
        Ok(Self { crowd, requests, depth: visit.depth, waiting })
    }

    /// Keeps everybody asking for `length`, then waits for the last answers.
    ///
    /// Nothing is in flight before or after, so the server's CPU time on both sides belongs to
    /// exactly the requests that were counted.
    pub(crate) fn run(&mut self, length: Duration) -> io::Result<Sample> {
        let mut sample = Sample::new();
        let (mut events, mut buffer) = (no_events(), vec![0; CHUNK]);
        let start = Instant::now();
        let end = start + length;
        for index in 0..self.waiting.len() {
            self.ask(index, start)?;
        }
        let mut open = self.waiting.len();
        while open > 0 {
            let ready = epoll::wait(&self.crowd.epoll, &mut events[..], Some(&PATIENCE_SPEC))?;
            if ready == 0 {
                return Err(io::Error::other(format!("{open} connections were never answered")));
            }
            let now = Instant::now();
            for event in &events[..ready] {
                let index = event.data.u64() as usize;
                let (countdown, asked_at) = &mut self.waiting[index];
                if !countdown.receive(&self.crowd.streams[index], &mut buffer)? {
                    continue;
                }
                sample.requests += self.depth;
                sample.latencies.record(now - *asked_at);
                if now < end {
                    self.ask(index, now)?;
                } else {
                    open -= 1;
                }
            }
        }
        sample.elapsed = start.elapsed();
        Ok(sample)
    }

    fn ask(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let missing = self.crowd.answer_length * self.depth;
        self.waiting[index] = (Countdown::start(missing), now);
        send(&self.crowd.streams[index], &self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use super::{Closed, Visit};
    use std::io::Write as _;
    use std::net::SocketAddr;
    use std::time::Duration;

    const SHORT: Duration = Duration::from_millis(50);

    fn visitors(address: SocketAddr, connections: usize) -> Closed {
        Closed::connect(address, Visit { path: "/", connections, depth: 1 }).expect("connect")
    }

    #[test]
    fn every_answer_is_counted() {
        let mut closed = visitors(server(usize::MAX, |_, _| ()), 3);
        let sample = closed.run(SHORT).expect("run");
        assert!(sample.requests >= 3 && sample.elapsed >= SHORT, "{sample:?}");
        let metrics = sample.metrics(Duration::from_micros(sample.requests as u64 * 2));
        assert_eq!(metrics[0].0, "cpu_us");
        assert!((metrics[0].1 - 2.0).abs() < 1e-9, "{metrics:?}");
        let again = closed.run(SHORT).expect("the connections are still good");
        assert!(again.requests >= 3, "{again:?}");
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
            let address = server(usize::MAX, move |number, stream| {
                if number == 3 {
                    stream.write_all(breakage.as_bytes()).expect("the generator still reads");
                }
            });
            let error = visitors(address, 1).run(Duration::from_secs(5)).expect_err(complaint);
            assert_eq!(error.to_string(), complaint);
        }
        assert!(
            visitors(server(3, |_, _| ()), 1).run(Duration::from_secs(5)).is_err(),
            "it closed"
        );
    }
}
