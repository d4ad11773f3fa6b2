//! The open loop: requests leave by a schedule, whether or not the server keeps up.
//!
//! Request `n` is due at `n / rate` and belongs to connection `n % connections`, so each connection has
//! a constant rate of its own. If the answer before it is late, it waits, and its latency still begins
//! when it was due: a stall of the server is in the numbers of everybody who would have come during
//! it (coordinated omission, corrected). `squall-bench self-test` proves it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::time::Timespec;

use super::{CHUNK, Countdown, Crowd, PATIENCE, Sample, Visit, no_events, send};
use crate::stats::Latencies;
use crate::wire;

/// The connections of one measurement.
#[derive(Debug)]
pub(crate) struct Open {
    crowd: Crowd,
    request: Vec<u8>,
    lines: Vec<Line>,
}

/// One connection, and the requests that are due on it.
#[derive(Debug, Default)]
struct Line {
    countdown: Countdown,
    /// When the requests were due: the one in flight first, then those that wait for its answer.
    due: VecDeque<Instant>,
    sent_at: Option<Instant>,
}

/// What an open loop saw.
#[derive(Debug)]
pub(crate) struct Scheduled {
    /// Latencies count from the time when a request was due.
    pub(crate) sample: Sample,
    /// The same requests counted from when they were really sent, as a closed loop would.
    pub(crate) from_sending: Latencies,
    /// How late the generator itself was in looking at its schedule.
    pub(crate) lag: Latencies,
}

impl Open {
    /// Connects everybody.
    pub(crate) fn connect(address: SocketAddr, visit: Visit) -> io::Result<Self> {
        let crowd = Crowd::gather(address, visit)?;
        let lines = std::iter::repeat_with(Line::default).take(visit.connections).collect();
        Ok(Self { crowd, request: wire::request(address, visit.path), lines })
    }

    /// Sends `rate` requests a second for `length`, then waits for the last answers. With `spin`
    /// it never sleeps, which is right when it has a core of its own.
    pub(crate) fn run(&mut self, rate: f64, length: Duration, spin: bool) -> io::Result<Scheduled> {
        let total = ((rate * length.as_secs_f64()) as usize).max(1);
        let mut seen = Scheduled {
            sample: Sample::new(),
            from_sending: Latencies::new(),
            lag: Latencies::new(),
        };
        let (mut events, mut buffer) = (no_events(), vec![0; CHUNK]);
        let start = Instant::now();
        let due = |number: usize| start + Duration::from_secs_f64(number as f64 / rate);
        let (mut next, mut heard) = (0, start);
        while seen.sample.requests < total {
            let now = Instant::now();
            while next < total && due(next) <= now {
                seen.lag.record(now - due(next));
                self.fall_due(next % self.lines.len(), due(next), now)?;
                next += 1;
            }
            let sleep =
                if next < total { due(next).saturating_duration_since(now) } else { PATIENCE };
            let sleep = if spin && next < total { Duration::ZERO } else { sleep.min(PATIENCE) };
            let ready = epoll::wait(&self.crowd.epoll, &mut events[..], Some(&timespec(sleep)))?;
            let now = Instant::now();
            for event in &events[..ready] {
                heard = now;
                self.hear(event.data.u64() as usize, now, &mut buffer, &mut seen)?;
            }
            if now.duration_since(heard.max(due(next.saturating_sub(1)))) > PATIENCE {
                return Err(io::Error::other("requests were never answered"));
            }
        }
        seen.sample.elapsed = start.elapsed();
        Ok(seen)
    }

    fn fall_due(&mut self, index: usize, due: Instant, now: Instant) -> io::Result<()> {
        self.lines[index].due.push_back(due);
        if self.lines[index].sent_at.is_none() { self.ask(index, now) } else { Ok(()) }
    }

    fn ask(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let line = &mut self.lines[index];
        line.countdown = Countdown::start(self.crowd.answer_length);
        line.sent_at = Some(now);
        send(&self.crowd.streams[index], &self.request)
    }

    fn hear(
        &mut self,
        index: usize,
        now: Instant,
        buffer: &mut [u8],
        seen: &mut Scheduled,
    ) -> io::Result<()> {
        let line = &mut self.lines[index];
        if !line.countdown.receive(&self.crowd.streams[index], buffer)? {
            return Ok(());
        }
        let asked = line.due.pop_front().zip(line.sent_at.take());
        let (due, sent_at) = asked.ok_or_else(|| io::Error::other("an answer to no question"))?;
        seen.sample.requests += 1;
        seen.sample.latencies.record(now - due);
        seen.from_sending.record(now - sent_at);
        if self.lines[index].due.is_empty() { Ok(()) } else { self.ask(index, now) }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server;
    use super::{Open, Visit};
    use std::time::Duration;

    #[test]
    fn the_schedule_says_how_many_requests_there_are() {
        let visit = Visit { path: "/", connections: 3, depth: 1 };
        let mut open = Open::connect(server(usize::MAX, |_, _| ()), visit).expect("connect");
        let seen = open.run(1000.0, Duration::from_millis(50), false).expect("run");
        assert_eq!(seen.sample.requests, 50);
        assert!(seen.sample.elapsed >= Duration::from_millis(49), "{seen:?}");
    }

    /// The server is the one who keeps a schedule of its own here: it holds one answer back until
    /// the generator, too, must have fallen behind.
    #[test]
    fn a_stall_is_counted_from_the_time_when_requests_were_due() {
        let stall = Duration::from_millis(200);
        let address = server(usize::MAX, move |number, _| {
            if number == 10 {
                std::thread::sleep(stall);
            }
        });
        let visit = Visit { path: "/", connections: 1, depth: 1 };
        let mut open = Open::connect(address, visit).expect("connect");
        let seen = open.run(1000.0, Duration::from_millis(100), false).expect("run");
        assert_eq!(seen.sample.requests, 100);
        // Some ninety requests were due after the stall began and before it ended.
        assert!(seen.sample.latencies.percentile(50.0) >= stall / 2, "{seen:?}");
        assert!(seen.sample.latencies.percentile(50.0) > seen.from_sending.percentile(50.0));
    }

    #[test]
    fn a_server_that_goes_is_an_error() {
        let visit = Visit { path: "/", connections: 1, depth: 1 };
        let mut open = Open::connect(server(3, |_, _| ()), visit).expect("connect");
        assert!(open.run(1000.0, Duration::from_millis(50), false).is_err());
    }
}
