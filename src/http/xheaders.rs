//! Whom to believe about where a request comes from: `X-Forwarded-For` and its relatives.
//!
//! Owns Tornado's algorithm (T102) and the list of peers it is applied for: a header that anybody
//! can write is not believed from anybody (S178, HAZ08). Knows nothing of connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::request::{Origin, Protocol};
use crate::net::Peer;
use crate::proto::http1::RequestHead;

/// The proxies that may speak for their clients.
///
/// ```
/// use squall::http::Trusted;
/// let nginx_beside_us = Trusted::loopback();
/// let two_proxies = Trusted::peers(["10.0.0.1".parse()?]).downstream(["10.0.0.2".parse()?]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trusted {
    peers: Peers,
    downstream: Vec<IpAddr>,
}

#[derive(Clone, Debug)]
enum Peers {
    Everyone,
    Listed(Vec<IpAddr>),
}

impl Trusted {
    /// Connections from these addresses.
    pub fn peers(peers: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { peers: Peers::Listed(peers.into_iter().collect()), downstream: Vec::new() }
    }

    /// Connections from this machine, over TCP or a Unix socket.
    pub fn loopback() -> Self {
        Self::peers([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    }

    /// Whoever connects. Only where nobody but the proxy can: behind a firewall.
    pub fn everyone() -> Self {
        Self { peers: Peers::Everyone, downstream: Vec::new() }
    }

    /// Further proxies between those and the client: they are skipped in `X-Forwarded-For`,
    /// counted from the right (S107).
    pub fn downstream(mut self, proxies: impl IntoIterator<Item = IpAddr>) -> Self {
        self.downstream.extend(proxies);
        self
    }

    /// A Unix socket counts as this machine: its file permissions say who may connect.
    fn trusts(&self, peer: &Peer) -> bool {
        match &self.peers {
            Peers::Everyone => true,
            Peers::Listed(peers) => {
                let this_machine = || peers.iter().any(IpAddr::is_loopback);
                peer.ip().map_or_else(this_machine, |ip| peers.contains(&ip))
            }
        }
    }

    /// Replaces what the socket says about the origin by what the headers say, where they say
    /// something sensible.
    pub(super) fn apply(&self, peer: &Peer, head: &RequestHead, origin: &mut Origin) {
        if !self.trusts(peer) {
            return;
        }
        let real = head.header_joined("X-Real-Ip");
        let forwarded = head.header_joined("X-Forwarded-For");
        let ip = match (&real, &forwarded) {
            (Some(real), _) => std::str::from_utf8(real).ok(),
            (None, Some(list)) => std::str::from_utf8(list).ok().map(|list| self.client(list)),
            (None, None) => None,
        };
        if let Some(ip) = ip.and_then(|text| text.trim().parse().ok()) {
            origin.ip = ip;
        }
        let scheme =
            head.header_joined("X-Scheme").or_else(|| head.header_joined("X-Forwarded-Proto"));
        let last = |list: &[u8]| {
            list.rsplit(|byte| *byte == b',').next().map(<[u8]>::trim_ascii).map(<[u8]>::to_vec)
        };
        match scheme.as_deref().and_then(last).as_deref() {
            Some(b"http") => origin.protocol = Protocol::Http,
            Some(b"https") => origin.protocol = Protocol::Https,
            _ => {}
        }
    }

    /// The rightmost entry that is not one of our own proxies; if all are, the leftmost.
    fn client<'a>(&self, list: &'a str) -> &'a str {
        let mut candidates = list.rsplit(',').map(str::trim);
        let ours = |text: &&str| text.parse().is_ok_and(|ip| self.downstream.contains(&ip));
        candidates.clone().find(|text| !ours(text)).or_else(|| candidates.next_back()).unwrap_or("")
    }
}
