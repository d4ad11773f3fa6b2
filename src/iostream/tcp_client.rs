//! Connecting to a host by name: resolve it, then race its addresses ("happy eyeballs", RFC 8305).
//!
//! Owns [`TcpClient`] and its race (T089): the addresses are split by the family of the first; the
//! second family starts when the first has failed once or has had 300 ms, so that a broken IPv6
//! costs a third of a second and not a minute. Read next: `iostream/write.rs`, `ConnectFuture`.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{error, fmt, vec};

use super::{ConnectFuture, IoStream, StreamError, StreamLimits};
use crate::coroutine::{Sleep, TimedOut, sleep, with_timeout};
use crate::net::{Address, Family, Network, OsNetwork};

/// How long the first family has the field for itself.
const HEAD_START: Duration = Duration::from_millis(300);

/// Connects to hosts by name.
///
/// ```no_run
/// # use squall::{ioloop::IoLoop, iostream::{ConnectOptions, TcpClient}};
/// # IoLoop::new()?.run_sync(async {
/// let stream = TcpClient::new().connect("example.com", 80, ConnectOptions::default()).await?;
/// stream.write("GET / HTTP/1.0\r\n\r\n").await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TcpClient {
    network: Rc<dyn Network>,
}

/// How to connect; the default is "as the system does, without a limit of time".
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Which addresses of the host to try.
    pub family: Family,
    /// The near end's address.
    pub source_ip: Option<IpAddr>,
    /// The near end's port.
    pub source_port: Option<u16>,
    /// For everything together: resolving and connecting.
    pub timeout: Option<Duration>,
    /// The stream's limits.
    pub limits: StreamLimits,
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host has no address, or nobody could tell it.
    Resolve {
        /// The host that was asked for.
        host: String,
        /// What the resolver said.
        cause: io::Error,
    },
    /// No address accepted the connection; this is how the last attempt ended.
    Connect {
        /// Which address that was.
        address: SocketAddr,
        /// What the kernel said.
        cause: StreamError,
    },
    /// The time was over; all attempts were given up.
    TimedOut,
}

impl TcpClient {
    /// A client on the operating system's network.
    pub fn new() -> Self {
        Self::on(Rc::new(OsNetwork::new()))
    }

    /// A client on another network.
    pub fn on(network: Rc<dyn Network>) -> Self {
        Self { network }
    }

    /// Connects to `host`, which may be a name or a numeric address. Dropping the future closes
    /// all attempts.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        options: ConnectOptions,
    ) -> Result<IoStream, ConnectError> {
        let timeout = options.timeout;
        let work = async {
            match self.network.resolve(host, port, options.family).await {
                Ok(addresses) if !addresses.is_empty() => self.race(addresses, options).await,
                Ok(_) => Err(unresolved(host, io::ErrorKind::NotFound.into())),
                Err(cause) => Err(unresolved(host, cause)),
            }
        };
        match timeout {
            None => work.await,
            Some(limit) => with_timeout(limit, work)
                .await
                .unwrap_or_else(|TimedOut| Err(ConnectError::TimedOut)),
        }
    }

    /// Connects to the first of `addresses` that answers.
    async fn race(
        &self,
        addresses: Vec<SocketAddr>,
        options: ConnectOptions,
    ) -> Result<IoStream, ConnectError> {
        let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
        let (first, second): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
        let start = |address| self.start(address, &options);
        let mut race = Race {
            lanes: [Lane::new(first), Lane::new(second)],
            head_start: Some(sleep(HEAD_START)),
        };
        poll_fn(|context| race.poll(context, &start)).await
    }

    fn start(&self, address: SocketAddr, options: &ConnectOptions) -> ConnectFuture {
        let near = (options.source_ip.is_some() || options.source_port.is_some()).then(|| {
            let any = match address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            (options.source_ip.unwrap_or(any), options.source_port.unwrap_or(0)).into()
        });
        let transport = self.network.connect(&Address::Inet(address), near);
        ConnectFuture::begin(transport, options.limits.clone())
    }
}

fn unresolved(host: &str, cause: io::Error) -> ConnectError {
    ConnectError::Resolve { host: host.to_owned(), cause }
}

impl Default for TcpClient {
    fn default() -> Self {
        Self::new()
    }
}

/// Two families of addresses, each tried one address after the other.
struct Race {
    lanes: [Lane; 2],
    /// While this runs, the second lane waits.
    head_start: Option<Sleep>,
}

impl Race {
    /// The first stream that is connected; the other attempt is dropped with the race, and so
    /// closed.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        start: &impl Fn(SocketAddr) -> ConnectFuture,
    ) -> Poll<Result<IoStream, ConnectError>> {
        let [first, second] = &mut self.lanes;
        let one = first.poll(context, start);
        if let Some(wait) = &mut self.head_start
            && (first.failure.is_some() || Pin::new(wait).poll(context).is_ready())
        {
            self.head_start = None;
        }
        let two = match self.head_start {
            None => second.poll(context, start),
            Some(_) => Poll::Pending,
        };
        match (one, two) {
            (Poll::Ready(Some(stream)), _) | (_, Poll::Ready(Some(stream))) => {
                Poll::Ready(Ok(stream))
            }
            (Poll::Ready(None), Poll::Ready(None)) => {
                let failure = second.failure.take().or(first.failure.take());
                Poll::Ready(Err(failure.expect("a lane is exhausted by failures")))
            }
            _ => Poll::Pending,
        }
    }
}

/// The addresses of one family, the one that is being tried, and how the last one failed.
struct Lane {
    addresses: vec::IntoIter<SocketAddr>,
    attempt: Option<(SocketAddr, ConnectFuture)>,
    failure: Option<ConnectError>,
}

impl Lane {
    fn new(addresses: Vec<SocketAddr>) -> Self {
        Self { addresses: addresses.into_iter(), attempt: None, failure: None }
    }

    /// A stream, or `None` when all addresses have failed.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        start: &impl Fn(SocketAddr) -> ConnectFuture,
    ) -> Poll<Option<IoStream>> {
        loop {
            if let Some((address, attempt)) = &mut self.attempt {
                match Pin::new(attempt).poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
                    Poll::Ready(Err(cause)) => {
                        self.failure = Some(ConnectError::Connect { address: *address, cause });
                    }
                }
            }
            self.attempt = self.addresses.next().map(|address| (address, start(address)));
            if self.attempt.is_none() {
                return Poll::Ready(None);
            }
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, cause } => write!(f, "cannot resolve {host:?}: {cause}"),
            Self::Connect { address, cause } => write!(f, "cannot connect to {address}: {cause}"),
            Self::TimedOut => f.write_str("connecting timed out"),
        }
    }
}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Resolve { cause, .. } => Some(cause),
            Self::Connect { cause, .. } => Some(cause),
            Self::TimedOut => None,
        }
    }
}
