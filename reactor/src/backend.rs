//! Which kernel interface to use: the native one, or whatever `SQUALL_REACTOR` names.
//!
//! Owns [`Backend`], the names and the one sentence said about a name that this machine does not
//! have. Knows the implementations only as something to build. Read next: `reactor.rs`, what
//! they all promise.

use std::fmt;
use std::io;
use std::str::FromStr;

use crate::{Reactor, sys};

/// An implementation of [`Reactor`].
///
/// ```
/// use reactor::Backend;
/// let reactor = Backend::native().build()?;
/// assert_eq!(reactor.name(), Backend::native().to_string());
///
/// let error = "select".parse::<Backend>().unwrap_err();
/// assert!(error.to_string().starts_with("no reactor is called 'select'; this machine has "));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Linux, by hand.
    Epoll,
    /// macOS and the BSDs, by hand.
    Kqueue,
    /// The mio crate over either of them.
    Mio,
}

impl Backend {
    /// The environment variable that [`from_env`](Self::from_env) reads.
    pub const VARIABLE: &'static str = "SQUALL_REACTOR";

    /// All that were built for this machine, the native one first.
    pub fn available() -> Vec<Self> {
        let mut available = vec![Self::native()];
        if cfg!(all(target_os = "linux", squall_libkqueue)) {
            available.push(Self::Kqueue);
        }
        if cfg!(feature = "mio") {
            available.push(Self::Mio);
        }
        available
    }

    /// The hand-written one for this operating system.
    pub const fn native() -> Self {
        if cfg!(target_os = "linux") { Self::Epoll } else { Self::Kqueue }
    }

    /// The one named by `SQUALL_REACTOR`, or the native one if that is unset or empty.
    pub fn from_env() -> Result<Self, UnknownBackend> {
        let name = std::env::var_os(Self::VARIABLE).unwrap_or_default();
        if name.is_empty() { Ok(Self::native()) } else { name.to_string_lossy().parse() }
    }

    /// Makes a reactor of this kind.
    pub fn build(self) -> io::Result<Box<dyn Reactor>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Epoll => Ok(Box::new(sys::epoll::Epoll::new()?)),
            #[cfg(any(squall_libkqueue, not(target_os = "linux")))]
            Self::Kqueue => Ok(Box::new(sys::kqueue::Kqueue::new()?)),
            #[cfg(feature = "mio")]
            Self::Mio => Ok(Box::new(crate::mio::Mio::new()?)),
            #[allow(unreachable_patterns, reason = "a machine may have all three")]
            missing => Err(UnknownBackend { name: missing.name().to_owned() }.into()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Epoll => "epoll",
            Self::Kqueue => "kqueue",
            Self::Mio => "mio",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, UnknownBackend> {
        let found = Self::available().into_iter().find(|backend| backend.name() == name);
        found.ok_or_else(|| UnknownBackend { name: name.to_owned() })
    }
}

/// Somebody asked for a reactor that this machine does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend {
    name: String,
}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Backend::available().into_iter().map(Backend::name).collect();
        write!(f, "no reactor is called '{}'; this machine has {}", self.name, names.join(", "))
    }
}

impl std::error::Error for UnknownBackend {}

impl From<UnknownBackend> for io::Error {
    fn from(error: UnknownBackend) -> Self {
        Self::new(io::ErrorKind::Unsupported, error)
    }
}
