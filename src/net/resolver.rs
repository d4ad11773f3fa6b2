//! From a host name to addresses, without stopping the loop.
//!
//! Owns the [`Resolver`] contract, the one that asks the system on the executor, and the one that
//! gives invented answers (T085). Knows nothing of connecting. Read next: `network.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::rc::Rc;

use super::Family;
use crate::executor::Executor;

/// A look-up under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>>>>;

/// Finds the addresses of a host.
pub trait Resolver: fmt::Debug {
    /// The addresses of `host`, with `port`, in the order in which they should be tried. Never
    /// an empty list.
    fn resolve(&self, host: &str, port: u16, family: Family) -> Resolving;
}

/// Asks the operating system (`getaddrinfo`), on a pool of threads, since it blocks.
#[derive(Clone, Debug, Default)]
pub struct ExecutorResolver {
    executor: Option<Executor>,
}

impl ExecutorResolver {
    /// On the executor that everybody shares.
    pub fn new() -> Self {
        Self::default()
    }

    /// On an executor of its own, so that slow name servers hold up nobody else's work.
    pub fn on(executor: Executor) -> Self {
        Self { executor: Some(executor) }
    }
}

impl Resolver for ExecutorResolver {
    fn resolve(&self, host: &str, port: u16, family: Family) -> Resolving {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let answer = suitable(vec![SocketAddr::new(ip, port)], family);
            return Box::pin(std::future::ready(answer));
        }
        let host = host.to_owned();
        let executor = self.executor.clone().unwrap_or_else(Executor::shared);
        Box::pin(async move {
            let look_up = move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter);
            let found = executor.submit(look_up).await;
            suitable(found.unwrap_or_else(|lost| Err(io::Error::other(lost.to_string())))?, family)
        })
    }
}

/// The addresses of the wanted family; that there is none is an error.
fn suitable(mut found: Vec<SocketAddr>, family: Family) -> io::Result<Vec<SocketAddr>> {
    found.retain(|address| family.includes(address));
    let none = || io::Error::new(ErrorKind::NotFound, "the host has no address of this family");
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// Gives invented answers for some hosts and asks another resolver about the rest. For tests, and
/// for hosts files of one's own.
///
/// The most precise entry wins: host, port and family, then host and port, then host.
///
/// ```
/// use squall::net::{ExecutorResolver, OverrideResolver};
/// let resolver = OverrideResolver::new(ExecutorResolver::new())
///     .host("example.com", "127.0.0.1")
///     .host_and_port("login.example.com", 443, "localhost", 1443);
/// ```
#[derive(Debug)]
pub struct OverrideResolver {
    inner: Rc<dyn Resolver>,
    table: BTreeMap<Key, (String, Option<u16>)>,
}

/// Which questions an entry is about.
type Key = (String, Option<u16>, Option<Family>);

impl OverrideResolver {
    /// Without entries: everything is asked of `inner`.
    pub fn new(inner: impl Resolver + 'static) -> Self {
        Self { inner: Rc::new(inner), table: BTreeMap::new() }
    }

    /// Asks for `instead` when `host` is asked for; the port stays.
    pub fn host(mut self, host: &str, instead: &str) -> Self {
        self.table.insert((host.into(), None, None), (instead.into(), None));
        self
    }

    /// Asks for another host and port.
    pub fn host_and_port(mut self, host: &str, port: u16, instead: &str, new_port: u16) -> Self {
        self.table.insert((host.into(), Some(port), None), (instead.into(), Some(new_port)));
        self
    }

    /// The same, only for questions about one family.
    pub fn host_port_and_family(
        mut self,
        host: &str,
        port: u16,
        family: Family,
        instead: &str,
        new_port: u16,
    ) -> Self {
        let key = (host.into(), Some(port), Some(family));
        self.table.insert(key, (instead.into(), Some(new_port)));
        self
    }
}

impl Resolver for OverrideResolver {
    fn resolve(&self, host: &str, port: u16, family: Family) -> Resolving {
        let precise = [(Some(port), Some(family)), (Some(port), None), (None, None)];
        let entry = precise.into_iter().find_map(|(port, family)| {
            self.table.get(&(host.to_owned(), port, family)) //
        });
        match entry {
            Some((host, new_port)) => self.inner.resolve(host, new_port.unwrap_or(port), family),
            None => self.inner.resolve(host, port, family),
        }
    }
}
