//! The floor: the least a program can do and still look like an HTTP server from outside.
//!
//! One epoll loop; for each blank line in what it received it sends a constant. It parses nothing,
//! keeps nothing of an unfinished request and knows one letter of the path, so no honest server can
//! be faster by more than noise. Every other contender is divided by it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::SystemTime;

use memchr::memmem::Finder;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::{Announce, PLAINTEXT, SERVER};

const LISTENER: u64 = u64::MAX;
const CLOCK: u64 = u64::MAX - 1;

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let clock = once_a_second()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
    announce(listener.local_addr()?);

    let mut answers = Answers::now();
    let mut connections: Vec<Option<TcpStream>> = Vec::new(); // by file descriptor
    let mut buffer = vec![0; 64 * 1024];
    let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 1024];
    loop {
        let ready = epoll::wait(&epoll, &mut events, None)?;
        for event in &events[..ready] {
            match event.data.u64() {
                LISTENER => accept(&listener, &epoll, &mut connections)?,
                CLOCK => {
                    rustix::io::read(&clock, &mut [0; 8])?;
                    answers = Answers::now();
                }
                fd => {
                    let connection = &mut connections[fd as usize];
                    let Some(stream) = connection else { continue };
                    if !answer(stream, &mut buffer, &answers) {
                        *connection = None;
                    }
                }
            }
        }
    }
}

/// One read, one write. False when the connection is over.
fn answer(stream: &mut TcpStream, buffer: &mut [u8], answers: &Answers) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(length) => {
            let blank_lines = answers.blank_line.find_iter(&buffer[..length]).count();
            let many =
                if buffer.starts_with(b"GET /j") { &answers.json } else { &answers.plaintext };
            let one = many.len() / Answers::MANY;
            stream.write_all(&many[..one * blank_lines.min(Answers::MANY)]).is_ok()
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Edge-triggered, so that a connection is registered once and never touched again.
fn accept(
    listener: &TcpListener,
    epoll: &OwnedFd,
    connections: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let fd = stream.as_raw_fd() as usize;
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(fd as u64), flags)?;
        connections.resize_with(connections.len().max(fd + 1), || None);
        connections[fd] = Some(stream);
    }
    Ok(())
}

/// The constants: each answer many times over, so that pipelined requests cost one write.
struct Answers {
    plaintext: Vec<u8>,
    json: Vec<u8>,
    blank_line: Finder<'static>,
}

impl Answers {
    const MANY: usize = 64;

    fn now() -> Self {
        Self {
            plaintext: many("text/plain", PLAINTEXT.as_bytes()),
            json: many("application/json", &super::json()),
            blank_line: Finder::new(b"\r\n\r\n"),
        }
    }
}

fn many(content_type: &str, body: &[u8]) -> Vec<u8> {
    let date = httpdate::fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {date}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().repeat(Answers::MANY)
}

/// A timer to keep `Date` true; the loop itself never looks at a clock.
fn once_a_second() -> io::Result<OwnedFd> {
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let every = Itimerspec { it_interval: second, it_value: second };
    rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    Ok(timer)
}
