//! The client's race of two families, on a network that does what is written, in virtual time.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::ioloop::IoLoop;
use squall::iostream::{ConnectError, ConnectOptions, IoStream, TcpClient};
use squall::net::{
    Address, BindOptions, Family, Listen, Network, Peer, Resolving, SocketTransport, Transport,
};
use squall::reactor::{Instant, Source};

use crate::support::run_virtually;

const V4: [&str; 2] = ["192.0.2.1:80", "192.0.2.2:80"];
const V6: [&str; 2] = ["[2001:db8::1]:80", "[2001:db8::2]:80"];

/// What becomes of a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Connects,
    Refused,
    Hangs,
    /// Nothing for so many milliseconds, then a connection.
    Late(u64),
}
use Fate::{Connects, Hangs, Late, Refused};

/// A network with a fate for every address.
#[derive(Debug)]
struct Fates {
    table: Vec<(SocketAddr, Fate)>,
    started: Instant,
    /// When which address was tried.
    tried: RefCell<Vec<(u128, SocketAddr)>>,
    open: Rc<Cell<usize>>,
}

impl Fates {
    fn new(io_loop: &IoLoop, table: &[(&str, Fate)]) -> Rc<Self> {
        let table = table.iter().map(|(address, fate)| (address.parse().unwrap(), *fate)).collect();
        let (tried, open) = (RefCell::default(), Rc::default());
        Rc::new(Self { table, started: io_loop.now(), tried, open })
    }
}

impl Network for Fates {
    fn listen(&self, _options: &BindOptions) -> io::Result<Vec<Rc<dyn Listen>>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn connect(&self, to: &Address, _from: Option<SocketAddr>) -> io::Result<Box<dyn Transport>> {
        let io_loop = IoLoop::current();
        let address = to.socket_addr().unwrap();
        self.tried.borrow_mut().push(((io_loop.now() - self.started).as_millis(), address));
        let (_, fate) = self.table.iter().find(|(other, _)| *other == address).unwrap();
        let (near, far) = UnixStream::pair()?;
        self.open.set(self.open.get() + 1);
        let (fate, far) = (Rc::new(Cell::new(*fate)), Rc::new(far));
        if let Late(delay) = fate.get() {
            let (fate, far) = (Rc::clone(&fate), Rc::clone(&far));
            io_loop.call_later(Duration::from_millis(delay), move || {
                fate.set(Connects);
                (&*far).write_all(b"x").unwrap(); // so that the near end is asked again
            });
        }
        let (inner, open) = (SocketTransport::try_from(near)?, Rc::clone(&self.open));
        Ok(Box::new(Attempt { inner, _far: far, fate, open }))
    }

    fn resolve(&self, _host: &str, _port: u16, _family: Family) -> Resolving {
        let found = self.table.iter().map(|(address, _)| *address).collect();
        Box::pin(async { Ok(found) })
    }
}

/// A socket pair, whose connect has a fate.
#[derive(Debug)]
struct Attempt {
    inner: SocketTransport,
    _far: Rc<UnixStream>,
    fate: Rc<Cell<Fate>>,
    open: Rc<Cell<usize>>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

impl Transport for Attempt {
    fn try_connect(&mut self) -> io::Result<()> {
        match self.fate.get() {
            Connects => Ok(()),
            Refused => Err(ErrorKind::ConnectionRefused.into()),
            Hangs | Late(_) => Err(ErrorKind::WouldBlock.into()),
        }
    }
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.try_read(buf)
    }
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.inner.try_write(data)
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.inner.shutdown_write()
    }
    fn source(&self) -> Source<'_> {
        self.inner.source()
    }
    fn peer(&self) -> Peer {
        self.inner.peer()
    }
    fn set_nodelay(&mut self, on: bool) -> io::Result<()> {
        self.inner.set_nodelay(on)
    }
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

/// Runs the race; the attempts must be the expected ones, and in the end nothing may be open but
/// the connection.
fn check(
    table: &'static [(&'static str, Fate)],
    timeout: Option<u64>,
    tried: &'static [(u128, &'static str)],
    verdict: impl Fn(Result<IoStream, ConnectError>) -> bool + 'static,
) {
    run_virtually(|io_loop| async move {
        let network = Fates::new(&io_loop, table);
        let client = TcpClient::on(Rc::clone(&network) as _);
        let timeout = timeout.map(Duration::from_millis);
        let options = ConnectOptions { timeout, ..ConnectOptions::default() };
        let outcome = client.connect("a host", 80, options).await;
        let connections = usize::from(outcome.is_ok());
        assert_eq!(network.open.get(), connections, "every other attempt is closed");
        sleep(Duration::from_secs(5)).await;
        let seen: Vec<_> = network.tried.borrow().clone();
        let expected: Vec<_> =
            tried.iter().map(|(at, address)| (*at, address.parse().unwrap())).collect();
        assert_eq!(seen, expected, "{table:?}");
        assert!(verdict(outcome), "{table:?}");
    });
}

#[test]
fn f394_the_family_of_the_first_address_goes_first() {
    check(&[(V6[0], Connects), (V4[0], Connects)], None, &[(0, V6[0])], |got| got.is_ok());
    check(&[(V4[0], Connects), (V6[0], Connects)], None, &[(0, V4[0])], |got| got.is_ok());
}

#[test]
fn f394_within_a_family_the_second_address_follows_the_first_failure() {
    check(&[(V4[0], Refused), (V4[1], Connects)], None, &[(0, V4[0]), (0, V4[1])], |got| {
        got.is_ok()
    });
}

#[test]
fn f394_after_a_failure_both_families_run() {
    check(
        &[(V4[0], Refused), (V4[1], Hangs), (V6[0], Connects)],
        None,
        &[(0, V4[0]), (0, V4[1]), (0, V6[0])],
        |got| got.is_ok(),
    );
}

#[test]
fn f394_after_300_ms_the_second_family_starts() {
    check(
        &[(V6[0], Hangs), (V6[1], Hangs), (V4[0], Refused), (V4[1], Connects)],
        None,
        &[(0, V6[0]), (300, V4[0]), (300, V4[1])],
        |got| got.is_ok(),
    );
}

#[test]
fn f394_a_late_success_of_the_first_still_wins_and_the_other_is_closed() {
    check(&[(V6[0], Late(500)), (V4[0], Hangs)], None, &[(0, V6[0]), (300, V4[0])], |got| {
        got.is_ok()
    });
}

#[test]
fn f394_when_all_have_failed_the_last_failure_is_told() {
    check(
        &[(V6[0], Refused), (V4[0], Refused), (V4[1], Refused)],
        None,
        &[(0, V6[0]), (0, V4[0]), (0, V4[1])],
        |got| match got {
            Err(ConnectError::Connect { address, .. }) => address == V4[1].parse().unwrap(),
            _ => false,
        },
    );
}

#[test]
fn f393_f394_a_timeout_closes_every_attempt() {
    check(
        &[(V6[0], Hangs), (V4[0], Hangs), (V4[1], Connects)],
        Some(1_000),
        &[(0, V6[0]), (300, V4[0])],
        |got| matches!(got, Err(ConnectError::TimedOut)),
    );
    check(&[(V6[0], Hangs), (V4[0], Connects)], Some(200), &[(0, V6[0])], |got| {
        matches!(got, Err(ConnectError::TimedOut))
    });
}
