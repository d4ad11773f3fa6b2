//! A request: its head, its body, and where it came from.
//!
//! Owns the buffers a request lives in, which go back to the server when it is dropped, so that
//! the next one costs no allocation. Knows nothing of the connection; to answer is the
//! `Responder`'s part. Arguments, cookies and files are `web`'s.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use reactor::Instant;

use super::BodyStream;
use super::shared::Shared;
use crate::ioloop::IoLoop;
use crate::proto::http1::RequestHead;

/// How the client reached the server, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// In clear text.
    #[default]
    Http,
    /// Over TLS, which somebody before us may have ended (S109).
    Https,
}

impl Protocol {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// One request. Dereferences to its [`RequestHead`]: method, path, headers.
pub struct Request {
    parts: Option<Box<Parts>>, // gone only while dropping
    stream: Option<BodyStream>,
    server: Rc<Shared>,
}

/// What a request is kept in, again and again.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
    pub(super) origin: Origin,
    pub(super) received: Instant,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) ip: IpAddr,
    pub(super) protocol: Protocol,
}

impl Default for Origin {
    /// T103: the address of those that have none, such as the peer of a Unix socket.
    fn default() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), protocol: Protocol::Http }
    }
}

/// Larger buffers are not kept for the next request.
const KEPT_CAPACITY: usize = 16 * 1024;

impl Parts {
    /// Ready for the next request, unless it has grown too large to be kept.
    pub(super) fn reset(&mut self) {
        if self.head.capacity() > KEPT_CAPACITY {
            self.head = RequestHead::default();
        }
        if self.body.capacity() > KEPT_CAPACITY {
            self.body = Vec::new();
        }
        self.body.clear();
    }
}

impl Request {
    pub(super) fn new(parts: Box<Parts>, stream: Option<BodyStream>, server: Rc<Shared>) -> Self {
        Self { parts: Some(parts), stream, server }
    }

    fn parts(&self) -> &Parts {
        self.parts.as_deref().expect("only dropping takes them")
    }

    /// The head: what the request dereferences to.
    pub fn head(&self) -> &RequestHead {
        &self.parts().head
    }

    /// The body; empty if it comes as a stream.
    pub fn body(&self) -> &[u8] {
        &self.parts().body
    }

    /// The body, without a copy; what remains is empty.
    pub fn take_body(&mut self) -> Vec<u8> {
        self.parts.as_deref_mut().map(|parts| std::mem::take(&mut parts.body)).unwrap_or_default()
    }

    /// The body piece by piece, once, if the plan was [`BodyPlan::streamed`](super::BodyPlan) and
    /// there is one.
    pub fn body_stream(&mut self) -> Option<BodyStream> {
        self.stream.take()
    }

    /// The client's address, or what a trusted proxy says it is (T102); `0.0.0.0` for a client
    /// without an IP address.
    pub fn remote_ip(&self) -> IpAddr {
        self.parts().origin.ip
    }

    /// `http` or `https`.
    pub fn protocol(&self) -> &'static str {
        self.parts().origin.protocol.as_str()
    }

    /// The whole URL as the client sees it.
    pub fn full_url(&self) -> String {
        match self.target().as_bytes().first() {
            Some(b'/') => format!("{}://{}{}", self.protocol(), self.host(), self.target()),
            _ => self.target().to_owned(),
        }
    }

    /// When the head was complete.
    pub fn received(&self) -> Instant {
        self.parts().received
    }

    /// How long ago that was.
    pub fn request_time(&self) -> Duration {
        IoLoop::current().time() - self.received()
    }
}

impl Deref for Request {
    type Target = RequestHead;

    fn deref(&self) -> &RequestHead {
        self.head()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.server.give_parts(parts);
        }
    }
}

/// Without headers and body, which may be secrets (T145).
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {} from {})", self.method(), self.target(), self.remote_ip())
    }
}
