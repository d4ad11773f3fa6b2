//! The seam between squall and the world: listening, connecting and looking up names.
//!
//! Owns [`Network`], which tests replace to refuse connections, to slow them down or to tear
//! them, and [`OsNetwork`], which is the real one. Read next: `iostream/tcp_client.rs`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::{
    Address, BindOptions, ExecutorResolver, Family, Listen, Resolver, Resolving, SocketTransport,
    Transport, bind_sockets,
};

/// Where connections come from and go to; shared as `Rc<dyn Network>`.
pub trait Network: fmt::Debug {
    /// Binds what the options name, see [`bind_sockets`].
    fn listen(&self, options: &BindOptions) -> io::Result<Vec<Rc<dyn Listen>>>;

    /// Begins to connect, from a given near end if there is one; the outcome comes through
    /// [`Transport::try_connect`].
    fn connect(&self, to: &Address, from: Option<SocketAddr>) -> io::Result<Box<dyn Transport>>;

    /// Looks up a host, see [`Resolver::resolve`].
    fn resolve(&self, host: &str, port: u16, family: Family) -> Resolving;
}

/// The network of the operating system.
#[derive(Clone, Debug)]
pub struct OsNetwork {
    resolver: Rc<dyn Resolver>,
}

impl OsNetwork {
    /// With the system's names.
    pub fn new() -> Self {
        Self::with_resolver(ExecutorResolver::new())
    }

    /// With names from somewhere else.
    pub fn with_resolver(resolver: impl Resolver + 'static) -> Self {
        Self { resolver: Rc::new(resolver) }
    }
}

impl Default for OsNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl Network for OsNetwork {
    fn listen(&self, options: &BindOptions) -> io::Result<Vec<Rc<dyn Listen>>> {
        let listeners = bind_sockets(options)?;
        Ok(listeners.into_iter().map(|listener| Rc::new(listener) as Rc<dyn Listen>).collect())
    }

    fn connect(&self, to: &Address, from: Option<SocketAddr>) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(SocketTransport::connect(to, from)?))
    }

    fn resolve(&self, host: &str, port: u16, family: Family) -> Resolving {
        self.resolver.resolve(host, port, family)
    }
}
