//! Where a socket lives: an internet address, a path in the file system, or nowhere at all.
//!
//! Owns [`Address`], [`Family`] and the question whether a text is a numeric address.
//! Does not know how to turn a host name into an address: that blocks, see `net/resolver.rs`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// One end of a connection, or the place where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// An IPv4 or IPv6 address with its port.
    Inet(SocketAddr),
    /// A Unix socket. A path that begins with NUL is a name in Linux's abstract name space.
    Unix(PathBuf),
    /// A pipe, or a Unix socket that was never bound: most clients.
    Unnamed,
}

/// The address of the other end.
pub type Peer = Address;

impl Address {
    /// The IP address, without the port.
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket_addr().map(|address| address.ip())
    }

    /// The IP address with its port.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) | Self::Unnamed => None,
        }
    }

    /// What the kernel says about a socket, in our words.
    pub(crate) fn from_kernel(address: &socket2::SockAddr) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(inet) = address.as_socket() {
            Self::Inet(inet)
        } else if let Some(path) = address.as_pathname() {
            Self::Unix(path.to_owned())
        } else if let Some(name) = address.as_abstract_namespace() {
            let name = [b"\0", name].concat();
            Self::Unix(PathBuf::from(std::ffi::OsStr::from_bytes(&name)))
        } else {
            Self::Unnamed
        }
    }

    /// The same the other way; an unnamed address cannot be connected to.
    pub(crate) fn to_kernel(&self) -> std::io::Result<socket2::SockAddr> {
        match self {
            Self::Inet(address) => Ok((*address).into()),
            Self::Unix(path) => socket2::SockAddr::unix(path),
            Self::Unnamed => Err(std::io::ErrorKind::AddrNotAvailable.into()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            // The log escapes a NUL; people write abstract names with an at-sign.
            Self::Unix(path) => match path.to_string_lossy().strip_prefix('\0') {
                Some(name) => write!(f, "unix:@{name}"),
                None => write!(f, "unix:{}", path.display()),
            },
            Self::Unnamed => f.write_str("unnamed"),
        }
    }
}

/// Which internet addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Both kinds.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether an address is of this family.
    pub fn includes(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Whether `text` is a numeric IP address and nothing else: no name, no port, no space around it.
///
/// ```
/// assert!(squall::net::is_valid_ip("::1"));
/// assert!(!squall::net::is_valid_ip("localhost"));
/// ```
pub fn is_valid_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}
