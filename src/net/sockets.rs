//! Listening sockets: which addresses to bind, with which options, and what a listener accepts.
//!
//! Owns [`BindOptions`], [`bind_sockets`], [`bind_unix_socket`] and the [`Listen`] contract.
//! Knows nothing of the loop; `net/accept.rs` watches a listener and calls back. Names are looked
//! up here without the executor: a server binds once, before it serves.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::{fmt, fs};

use reactor::Source;
use socket2::{Domain, Socket, Type};

use super::address::{Address, Family};
use super::transport::{SocketTransport, Transport};
use crate::log::{self, Level};

/// Something that accepts connections, without blocking.
pub trait Listen: fmt::Debug {
    /// The next connection; `WouldBlock` when there is none.
    fn accept(&self) -> io::Result<Box<dyn Transport>>;

    /// What the loop must watch.
    fn source(&self) -> Source<'_>;

    /// Where it listens, with the port the kernel chose if port 0 was asked for.
    fn address(&self) -> io::Result<Address>;
}

/// A listening socket, TCP or Unix.
pub struct Listener {
    socket: Socket,
}

/// What to bind, for [`bind_sockets`].
///
/// ```
/// use squall::net::{BindOptions, bind_sockets};
/// let listeners = bind_sockets(&BindOptions::new(0).address("127.0.0.1"))?;
/// assert_eq!(listeners.len(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BindOptions {
    port: u16,
    address: Option<String>,
    family: Family,
    backlog: u32,
    reuse_port: bool,
}

impl BindOptions {
    /// Every address of this machine, on `port`; port 0 lets the kernel choose one.
    pub fn new(port: u16) -> Self {
        Self { port, address: None, family: Family::Any, backlog: 128, reuse_port: false }
    }

    /// Only this address, or all addresses of this host name. The empty string means all.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into()).filter(|address| !address.is_empty());
        self
    }

    /// Only addresses of this family.
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// How many connections the kernel keeps for us until we accept them; 128 unless told.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Several sockets, of several processes, may share the port; the kernel spreads connections.
    pub fn reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// The addresses to bind, one entry each, IPv4 first.
    fn candidates(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = match &self.address {
            None => vec![
                (Ipv4Addr::UNSPECIFIED, self.port).into(),
                (Ipv6Addr::UNSPECIFIED, self.port).into(),
            ],
            Some(name) => (name.as_str(), self.port).to_socket_addrs()?.collect(),
        };
        found.retain(|address| self.family.includes(address));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

impl From<u16> for BindOptions {
    fn from(port: u16) -> Self {
        Self::new(port)
    }
}

impl From<SocketAddr> for BindOptions {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.port()).address(address.ip().to_string())
    }
}

/// How often [`bind_sockets`] asks the kernel for a port that is free in every family.
const PORT_ATTEMPTS: usize = 16;

/// Binds one listening socket for each address that the options name (T080).
///
/// With port 0 all of them get the same port. An IPv6 socket never takes IPv4 connections, so both
/// families can be bound at once. Where `localhost` names a `::1` that this machine does not have,
/// that address is skipped; any other failure is an error.
pub fn bind_sockets(options: &BindOptions) -> io::Result<Vec<Listener>> {
    let candidates = options.candidates()?;
    for _ in 1..PORT_ATTEMPTS {
        match bind_all(options, &candidates) {
            // The port that was free in the first family is taken in the second: another one.
            Err(error) if error.kind() == ErrorKind::AddrInUse && options.port == 0 => {}
            outcome => return outcome,
        }
    }
    bind_all(options, &candidates)
}

fn bind_all(options: &BindOptions, candidates: &[SocketAddr]) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::with_capacity(candidates.len());
    let mut port = options.port;
    for candidate in candidates {
        let address = SocketAddr::new(candidate.ip(), port);
        match bind_one(address, options) {
            Ok(socket) => {
                port = socket.local_addr()?.as_socket().map_or(port, |bound| bound.port());
                listeners.push(Listener { socket });
            }
            Err(error) if is_unusable(&error, address, options) => {
                log::general(Level::Warning, &format!("not listening on {address}: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    if listeners.is_empty() { Err(ErrorKind::AddrNotAvailable.into()) } else { Ok(listeners) }
}

fn bind_one(address: SocketAddr, options: &BindOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(options.backlog.min(i32::MAX as u32) as i32)?;
    Ok(socket)
}

/// A machine without IPv6 still resolves `localhost` to `::1`, and still lists "every address".
fn is_unusable(error: &io::Error, address: SocketAddr, options: &BindOptions) -> bool {
    let no_family = Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
    address.is_ipv6()
        && match &options.address {
            None => error.raw_os_error() == no_family,
            Some(name) => {
                name == "localhost"
                    && (error.kind() == ErrorKind::AddrNotAvailable
                        || error.raw_os_error() == no_family)
            }
        }
}

/// Binds a listening Unix socket, for its owner only unless `mode` says more (T081).
///
/// A socket that a former process left at `path` is removed; any other kind of file is an error.
/// A path that begins with NUL is a name in Linux's abstract name space: no file, no mode.
pub fn bind_unix_socket(path: &Path, mode: u32, backlog: u32) -> io::Result<Listener> {
    let address = Address::from(path);
    let is_abstract = path.as_os_str().as_encoded_bytes().first() == Some(&0);
    if !is_abstract {
        remove_stale_socket(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.to_kernel()?)?;
    if !is_abstract {
        // Before `listen`: nobody can connect while the mode is still the default one.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    socket.listen(backlog.min(i32::MAX as u32) as i32)?;
    Ok(Listener { socket })
}

fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists and is not a socket", path.display()),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Listen for Listener {
    fn accept(&self) -> io::Result<Box<dyn Transport>> {
        let (socket, peer) = accept_nonblocking(&self.socket)?;
        Ok(Box::new(SocketTransport::accepted(socket, Address::from_kernel(&peer))))
    }

    fn source(&self) -> Source<'_> {
        Source::from(self.socket.as_fd())
    }

    fn address(&self) -> io::Result<Address> {
        Ok(Address::from_kernel(&self.socket.local_addr()?))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Ok(address) => write!(f, "Listener({address})"),
            Err(error) => write!(f, "Listener({error})"),
        }
    }
}

/// Takes over a socket that is listening already, such as one inherited from a parent process.
impl TryFrom<std::net::TcpListener> for Listener {
    type Error = io::Error;
    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { socket: listener.into() })
    }
}

/// One system call where the kernel can set the flag while it accepts.
#[cfg(not(target_vendor = "apple"))]
fn accept_nonblocking(listener: &Socket) -> io::Result<(Socket, socket2::SockAddr)> {
    use rustix::net::SocketFlags;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    listener.accept4(flags.bits().cast_signed())
}

#[cfg(target_vendor = "apple")]
fn accept_nonblocking(listener: &Socket) -> io::Result<(Socket, socket2::SockAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
}
