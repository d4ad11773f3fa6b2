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
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::Announce;
use super::pages::{FILE, HELLO, JSON, SERVER, TEMPLATE, page};

const LISTENER: u64 = u64::MAX;
const CLOCK: u64 = u64::MAX - 1;

/// A connection, and what it still has to be sent of which answer: only the large one is ever cut.
struct Connection {
    stream: TcpStream,
    sent: usize,
    watched: bool,
}

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let clock = once_a_second()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
    announce(listener.local_addr()?);

    let mut answers = Answers::now();
    let mut connections: Vec<Option<Connection>> = Vec::new(); // by file descriptor
    let mut buffer = vec![0; 64 * 1024];
    let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 1024];
    loop {
        let ready = match epoll::wait(&epoll, &mut events, None) {
            Err(Errno::INTR) => continue, // somebody stopped the process for a while
            waited => waited?,
        };
        for event in &events[..ready] {
            match event.data.u64() {
                LISTENER => accept(&listener, &epoll, &mut connections)?,
                CLOCK => {
                    rustix::io::read(&clock, &mut [0; 8])?;
                    answers.refresh();
                }
                fd => {
                    let slot = &mut connections[fd as usize];
                    let Some(connection) = slot else { continue };
                    let alive = if connection.sent > 0 {
                        send_file(connection, &epoll, &answers.file)
                    } else {
                        answer(connection, &epoll, &mut buffer, &answers)
                    };
                    if !alive {
                        *slot = None;
                    }
                }
            }
        }
    }
}

/// One read, one write. False when the connection is over.
fn answer(
    connection: &mut Connection,
    epoll: &OwnedFd,
    buffer: &mut [u8],
    answers: &Answers,
) -> bool {
    match connection.stream.read(buffer) {
        Ok(0) => false,
        Ok(length) => {
            let request = &buffer[..length];
            let many = match request.get(5) {
                Some(b'j') => &answers.json,
                Some(b't') => &answers.template,
                Some(b's') => return send_file(connection, epoll, &answers.file),
                _ if request.ends_with(b"close\r\n\r\n") => {
                    let _ = connection.stream.write_all(&answers.last); // it is over anyway
                    return false;
                }
                _ => &answers.hello,
            };
            let blank_lines = answers.blank_line.find_iter(request).count();
            let one = many.len() / Answers::MANY;
            connection.stream.write_all(&many[..one * blank_lines.min(Answers::MANY)]).is_ok()
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Sends what fits; the rest when the kernel says that there is room.
fn send_file(connection: &mut Connection, epoll: &OwnedFd, file: &[u8]) -> bool {
    while connection.sent < file.len() {
        match connection.stream.write(&file[connection.sent..]) {
            Ok(length) => connection.sent += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !std::mem::replace(&mut connection.watched, true) {
                    let fd = connection.stream.as_raw_fd() as u64;
                    let flags =
                        EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                    return epoll::modify(epoll, &connection.stream, EventData::new_u64(fd), flags)
                        .is_ok();
                }
                return true;
            }
            Err(_) => return false,
        }
    }
    connection.sent = 0;
    true
}

/// Edge-triggered, so that a connection is registered once and never touched again.
fn accept(
    listener: &TcpListener,
    epoll: &OwnedFd,
    connections: &mut Vec<Option<Connection>>,
) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let fd = stream.as_raw_fd() as usize;
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(fd as u64), flags)?;
        connections.resize_with(connections.len().max(fd + 1), || None);
        connections[fd] = Some(Connection { stream, sent: 0, watched: false });
    }
    Ok(())
}

/// The constants: each answer many times over, so that pipelined requests cost one write.
struct Answers {
    hello: Vec<u8>,
    json: Vec<u8>,
    template: Vec<u8>,
    file: Vec<u8>,
    /// The answer after which the connection is closed.
    last: Vec<u8>,
    blank_line: Finder<'static>,
}

impl Answers {
    const MANY: usize = 64;

    fn now() -> Self {
        Self {
            hello: one(HELLO, "").repeat(Self::MANY),
            json: one(JSON, "").repeat(Self::MANY),
            template: one(TEMPLATE, "").repeat(Self::MANY),
            file: one(FILE, ""),
            last: one(HELLO, "Connection: close\r\n"),
            blank_line: Finder::new(b"\r\n\r\n"),
        }
    }

    /// A new date everywhere, in place: nothing else may cost a server that is being timed.
    fn refresh(&mut self) {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let label = b"\r\nDate: ";
        for answers in [&mut self.hello, &mut self.json, &mut self.template, &mut self.last] {
            let copies: Vec<usize> = memchr::memmem::find_iter(answers, label).collect();
            for at in copies {
                let from = at + label.len();
                answers[from..from + date.len()].copy_from_slice(date.as_bytes());
            }
        }
        let from = memchr::memmem::find(&self.file[..256], label).expect("a Date") + label.len();
        self.file[from..from + date.len()].copy_from_slice(date.as_bytes());
    }
}

fn one(path: &str, connection: &str) -> Vec<u8> {
    let (content_type, body) = page(path).expect("a path of ours");
    let date = httpdate::fmt_http_date(SystemTime::now());
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {date}\r\n\
         Content-Type: {content_type}\r\n{connection}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// A timer to keep `Date` true; the loop itself never looks at a clock.
fn once_a_second() -> io::Result<OwnedFd> {
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let every = Itimerspec { it_interval: second, it_value: second };
    rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    Ok(timer)
}
