//! TCP echo: a server in a thread of its own, and visitors who send, wait for the same back, and
//! send again.
//!
//! Owns the three servers and the visitors, which other measurements use too. Messages longer than
//! what the kernel takes at once go out in parts on both sides. Knows nothing of HTTP.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;
use squall::ioloop::IoLoop;
use squall::iostream::{IoStream, StreamError, TcpServer};
use squall::net::BindOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::machine::{self, Cores};
use crate::runtime::percentile_us;

/// Who takes part.
pub(crate) const CONTENDERS: &[&str] = &["floor", "squall", "tokio"];
/// Bytes of a message, and connections with one message under way on each.
pub(crate) const OPERATIONS: &[&str] = &["64B-1", "64B-64"];
/// The same with messages of which more and more is the kernel's copying.
pub(crate) const LONGER: &[&str] =
    &["1KiB-1", "1KiB-64", "16KiB-1", "16KiB-64", "64KiB-1", "64KiB-64"];

/// A peer that is silent for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);
const BUFFER_BYTES: usize = 65_536;

/// One measurement.
pub(crate) fn run(
    contender: &str,
    operation: &str,
    seconds: f64,
) -> io::Result<Vec<(&'static str, f64)>> {
    let (bytes, connections) = parse(operation)?;
    let serve = match contender {
        "floor" => floor,
        "squall" => with_squall,
        "tokio" => with_tokio,
        _ => return Err(io::Error::other(format!("no echo server {contender}"))),
    };
    let cores = Cores::choose()?;
    let server = Thread::start(serve, Some(cores.server))?;
    machine::pin_to(cores.generator)?;
    let mut visitors = Visitors::connect(server.address, connections, vec![b'x'; bytes], bytes)?;
    visitors.run(Duration::from_secs_f64(seconds / 5.0))?;
    let before = server.cpu_time()?;
    let mut sample = visitors.run(Duration::from_secs_f64(seconds))?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    let trips = sample.latencies.len() as f64;
    Ok(vec![
        ("cpu_us", cpu.as_secs_f64() * 1e6 / trips),
        ("round_trips_per_second", trips / sample.elapsed.as_secs_f64()),
        ("p50_us", percentile_us(&mut sample.latencies, 0.5)),
        ("p99_us", percentile_us(&mut sample.latencies, 0.99)),
    ])
}

fn parse(operation: &str) -> io::Result<(usize, usize)> {
    let parts = operation.split_once('-').and_then(|(bytes, connections)| {
        let bytes = match bytes {
            "64B" => 64,
            "1KiB" => 1_024,
            "16KiB" => 16_384,
            "64KiB" => 65_536,
            _ => return None,
        };
        Some((bytes, connections.parse().ok()?))
    });
    parts.ok_or_else(|| io::Error::other(format!("no operation {operation}")))
}

// ---- servers ------------------------------------------------------------------------------------

/// Serves until the process ends; says where, once connections are accepted.
pub(crate) type Serve = fn(SocketAddr, &dyn Fn(SocketAddr)) -> io::Result<()>;

/// A server in a thread of this process.
pub(crate) struct Thread {
    pub(crate) address: SocketAddr,
    id: rustix::thread::Pid,
}

impl Thread {
    pub(crate) fn start(serve: Serve, core: Option<usize>) -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), serve, core)
    }

    pub(crate) fn start_at(at: SocketAddr, serve: Serve, core: Option<usize>) -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let id = rustix::thread::gettid();
            let started = core
                .map_or(Ok(()), machine::pin_to)
                .and_then(|()| serve(at, &|address| drop(tell.send(Ok(Self { address, id })))));
            if let Err(error) = started {
                let _ = tell.send(Err(error)); // nobody listens any more when it comes late
            }
        });
        told.recv().map_err(io::Error::other)?
    }

    /// CPU time of the server's thread; exact while it sleeps.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let path = format!("/proc/self/task/{}/schedstat", self.id.as_raw_nonzero());
        let line = std::fs::read_to_string(path)?;
        let nanos = line.split(' ').next().and_then(|first| first.parse().ok());
        nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other("an odd schedstat"))
    }
}

/// One epoll; reads what is there and writes it back, waiting if it must.
fn floor(at: SocketAddr, announce: &dyn Fn(SocketAddr)) -> io::Result<()> {
    const LISTENER: u64 = u64::MAX;
    let listener = TcpListener::bind(at)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    announce(listener.local_addr()?);
    let mut streams: Vec<Option<TcpStream>> = Vec::new(); // by file descriptor
    let (mut buffer, mut events) = (vec![0; BUFFER_BYTES], no_events(256));
    loop {
        let ready = epoll::wait(&epoll, &mut events[..], None)?;
        for event in &events[..ready] {
            if event.data.u64() == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                let fd = stream.as_raw_fd() as usize;
                epoll::add(&epoll, &stream, EventData::new_u64(fd as u64), EventFlags::IN)?;
                streams.resize_with(streams.len().max(fd + 1), || None);
                streams[fd] = Some(stream);
                continue;
            }
            let slot = &mut streams[event.data.u64() as usize];
            let Some(stream) = slot else { continue };
            let alive = match stream.read(&mut buffer) {
                Ok(count @ 1..) => stream.write_all(&buffer[..count]).is_ok(),
                _ => false,
            };
            if !alive {
                *slot = None;
            }
        }
    }
}

fn with_squall(at: SocketAddr, announce: &dyn Fn(SocketAddr)) -> io::Result<()> {
    async fn echo(stream: IoStream) -> Result<(), StreamError> {
        stream.set_nodelay(true).map_err(StreamError::from)?;
        loop {
            let bytes = stream.read_partial(BUFFER_BYTES).await?;
            stream.write(bytes).await?;
        }
    }
    let io_loop = IoLoop::new()?;
    let server =
        TcpServer::new(|stream| drop(IoLoop::current().spawn(async { drop(echo(stream).await) })));
    server.listen(BindOptions::from(at))?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

fn with_tokio(at: SocketAddr, announce: &dyn Fn(SocketAddr)) -> io::Result<()> {
    async fn echo(mut stream: tokio::net::TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..count]).await?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(at).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream));
        }
    })
}

// ---- visitors -----------------------------------------------------------------------------------

/// Connections that ask one question over and over; every answer has the same length.
pub(crate) struct Visitors {
    epoll: OwnedFd,
    all: Vec<Visitor>,
    message: Vec<u8>,
    answer: usize,
    buffer: Vec<u8>,
}

struct Visitor {
    stream: TcpStream,
    unsent: usize,
    missing: usize,
    asked: Instant,
}

/// What one run saw.
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Vec<Duration>,
}

impl Visitors {
    pub(crate) fn connect(
        address: SocketAddr,
        connections: usize,
        message: Vec<u8>,
        answer: usize,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut all = Vec::with_capacity(connections);
        for index in 0..connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), flags)?;
            all.push(Visitor { stream, unsent: 0, missing: 0, asked: Instant::now() });
        }
        Ok(Self { epoll, all, message, answer, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Keeps everybody asking for `length`, then waits for the last answers.
    pub(crate) fn run(&mut self, length: Duration) -> io::Result<Sample> {
        let (began, mut events) = (Instant::now(), no_events(self.all.len()));
        let mut latencies = Vec::with_capacity(1 << 20);
        for index in 0..self.all.len() {
            self.ask(index, began)?;
        }
        let mut waiting = self.all.len();
        let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        while waiting > 0 {
            let ready = epoll::wait(&self.epoll, &mut events[..], Some(&patience))?;
            if ready == 0 {
                return Err(io::Error::other(format!("{waiting} were never answered")));
            }
            let now = Instant::now();
            for event in &events[..ready] {
                let index = event.data.u64() as usize;
                self.send(index)?;
                if !self.receive(index)? {
                    continue;
                }
                latencies.push(now - self.all[index].asked);
                if now - began < length {
                    self.ask(index, now)?;
                } else {
                    waiting -= 1;
                }
            }
        }
        Ok(Sample { elapsed: began.elapsed(), latencies })
    }

    fn ask(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let visitor = &mut self.all[index];
        (visitor.unsent, visitor.missing, visitor.asked) = (self.message.len(), self.answer, now);
        self.send(index)
    }

    /// As much as the kernel takes.
    fn send(&mut self, index: usize) -> io::Result<()> {
        let visitor = &mut self.all[index];
        while visitor.unsent > 0 {
            let rest = &self.message[self.message.len() - visitor.unsent..];
            match visitor.stream.write(rest) {
                Ok(count) => visitor.unsent -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// As much as there is; true when that completes an answer.
    fn receive(&mut self, index: usize) -> io::Result<bool> {
        let visitor = &mut self.all[index];
        let before = visitor.missing;
        while visitor.missing > 0 {
            match visitor.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(count) => {
                    let longer = || io::Error::other("an answer is longer than the others");
                    visitor.missing = visitor.missing.checked_sub(count).ok_or_else(longer)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before > 0 && visitor.missing == 0)
    }
}

fn no_events(count: usize) -> Vec<Event> {
    vec![Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; count]
}

#[cfg(test)]
mod tests {
    use super::{CONTENDERS, Thread, Visitors, floor, run, with_squall, with_tokio};
    use std::time::Duration;

    #[test]
    fn everybody_sends_long_messages_back() {
        for serve in [floor, with_squall, with_tokio] {
            let server = Thread::start(serve, None).expect("it starts");
            let message = vec![b'x'; 300_000];
            let mut visitors =
                Visitors::connect(server.address, 3, message, 300_000).expect("connected");
            let sample = visitors.run(Duration::from_millis(10)).expect("answered");
            assert!(sample.latencies.len() >= 3);
        }
    }

    #[test]
    fn names_are_checked() {
        assert!(run(CONTENDERS[0], "65B-1", 0.1).is_err());
        assert!(run("nobody", "64B-1", 0.1).is_err());
    }
}
