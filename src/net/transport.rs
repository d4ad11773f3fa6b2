//! Raw bytes in and out without blocking: the one thing a stream needs to know about what it
//! stands on.
//!
//! Owns the [`Transport`] contract and its three plain forms: TCP and Unix sockets (both
//! [`SocketTransport`]) and pipes. Knows nothing of buffers, readiness or callbacks: those are in
//! `iostream`, read that next. TLS is to be one more transport, which owns the one it talks through.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use reactor::{Interest, Source};
use socket2::Socket;

use super::address::{Address, Peer};

/// A non-blocking byte pipe in both directions.
///
/// Every `try_` method answers `WouldBlock` rather than wait. After `WouldBlock`, or after a read
/// that did not fill its buffer, nothing more is to be had until [`Transport::source`] is reported
/// ready for [`Transport::interest`]; in particular a transport keeps no readable bytes back.
pub trait Transport: fmt::Debug {
    /// Reads what is there; 0 (for a buffer that is not empty) means the peer has finished sending.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Hands over as much of `data` as is taken at once.
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize>;

    /// Completes a connection (and a handshake, if there is one) that was begun when the
    /// transport was made; `WouldBlock` while it is under way.
    fn try_connect(&mut self) -> io::Result<()> {
        self.take_error()?.map_or(Ok(()), Err)
    }

    /// Tells the peer that nothing more will be sent; reading goes on.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// What the loop must watch.
    fn source(&self) -> Source<'_>;

    /// What the loop must watch it for, so that the stream can do what it wants to do. They differ
    /// where a read needs a write first, as in a TLS handshake.
    fn interest(&self, wanted: Interest) -> Interest {
        wanted
    }

    /// The other end.
    fn peer(&self) -> Peer;

    /// Sends small pieces at once (on), or lets the kernel gather them (off). No effect where
    /// there is nothing to gather.
    fn set_nodelay(&mut self, on: bool) -> io::Result<()>;

    /// The error the kernel holds for this source, if any; taking it clears it.
    fn take_error(&self) -> io::Result<Option<io::Error>>;
}

/// A connected (or connecting) stream socket, TCP or Unix.
pub struct SocketTransport {
    socket: Socket,
    peer: Peer,
}

/// A TCP connection.
pub type TcpTransport = SocketTransport;
/// A connection over a Unix socket.
pub type UnixTransport = SocketTransport;

impl SocketTransport {
    /// Begins to connect and does not wait for the outcome, see [`Transport::try_connect`].
    /// `from` binds the near end first.
    pub fn connect(to: &Address, from: Option<std::net::SocketAddr>) -> io::Result<Self> {
        let address = to.to_kernel()?;
        let socket = Socket::new(address.domain(), socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if let Some(from) = from {
            socket.bind(&from.into())?;
        }
        match socket.connect(&address) {
            Err(error) if !is_under_way(&error) => Err(error),
            _ => Ok(Self { socket, peer: to.clone() }),
        }
    }

    /// Takes over a connected socket and makes it non-blocking.
    pub fn from_socket(socket: Socket) -> io::Result<Self> {
        let peer = Address::from_kernel(&socket.peer_addr()?);
        socket.set_nonblocking(true)?;
        Ok(Self { socket, peer })
    }

    /// Takes over a socket that `accept` has just made non-blocking.
    pub(super) fn accepted(socket: Socket, peer: Peer) -> Self {
        Self { socket, peer }
    }
}

/// A Unix socket whose listener's queue is full says `WouldBlock`: that one is a failure, for
/// nobody will tell us when to try again.
fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

impl TryFrom<TcpStream> for SocketTransport {
    type Error = io::Error;
    fn try_from(stream: TcpStream) -> io::Result<Self> {
        Self::from_socket(stream.into())
    }
}

impl TryFrom<UnixStream> for SocketTransport {
    type Error = io::Error;
    fn try_from(stream: UnixStream) -> io::Result<Self> {
        Self::from_socket(stream.into())
    }
}

impl Transport for SocketTransport {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buf)
    }

    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.socket.write(data)
    }

    fn try_connect(&mut self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        // A report may be stale (design 2.4): only a socket that has a peer is connected.
        match self.socket.peer_addr() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Write)
    }

    fn source(&self) -> Source<'_> {
        Source::from(self.socket.as_fd())
    }

    fn peer(&self) -> Peer {
        self.peer.clone()
    }

    fn set_nodelay(&mut self, on: bool) -> io::Result<()> {
        match self.peer {
            Address::Inet(_) => self.socket.set_tcp_nodelay(on),
            Address::Unix(_) | Address::Unnamed => Ok(()),
        }
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }
}

impl fmt::Debug for SocketTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketTransport({})", self.peer)
    }
}

/// One end of a pipe, which either reads or writes: the kernel refuses the other direction.
#[derive(Debug)]
pub struct PipeTransport {
    end: OwnedFd,
}

impl PipeTransport {
    /// Takes over one end of a pipe and makes it non-blocking.
    pub fn new(end: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&end, true)?;
        Ok(Self { end })
    }
}

impl Transport for PipeTransport {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.end, buf)?)
    }

    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.end, data)?)
    }

    fn try_connect(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A pipe has no halves: the reader sees the end when the stream is closed.
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source::from(self.end.as_fd())
    }

    fn peer(&self) -> Peer {
        Address::Unnamed
    }

    fn set_nodelay(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl<T: Transport + 'static> From<T> for Box<dyn Transport> {
    fn from(transport: T) -> Self {
        Box::new(transport)
    }
}
