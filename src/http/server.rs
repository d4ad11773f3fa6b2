//! The HTTP server: listeners, options, and the way to stop.
//!
//! Owns what a user configures; every connection then belongs to `connection.rs`. Accepting is
//! [`TcpServer`]'s.

use std::cell::OnceCell;
use std::fmt;
use std::io;
use std::rc::Rc;

use super::connection::Connection;
use super::request::Protocol;
use super::service::Service;
use super::shared::{Access, Shared};
use super::xheaders::Trusted;
use crate::future::{Future, Promise};
use crate::iostream::{IoStream, StreamLimits, TcpServer};
use crate::net::{Address, BindOptions, Listen, Network};
use crate::proto::http1::Limits;

/// Serves HTTP/1.1 and 1.0 with a [`Service`].
///
/// Configure first, then [`listen`](Self::listen). Dropping it is not stopping it.
pub struct HttpServer {
    shared: Rc<Shared>,
    network: Option<Rc<dyn Network>>,
    tcp: OnceCell<TcpServer>,
}

impl HttpServer {
    /// A server on which `service` answers: an application, or a closure.
    #[track_caller]
    pub fn new(service: impl Service + 'static) -> Self {
        let shared = Rc::new(Shared::new(Rc::new(service)));
        Self { shared, network: None, tcp: OnceCell::new() }
    }

    fn configure(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Rc::get_mut(&mut self.shared).expect("a server is configured before it listens"));
        self
    }

    /// What a client may cost us (S166 to S170).
    pub fn limits(self, limits: Limits) -> Self {
        self.configure(|shared| shared.limits = Rc::new(limits))
    }

    /// Believes `X-Real-Ip`, `X-Forwarded-For`, `X-Scheme` and `X-Forwarded-Proto`, but only
    /// from these peers (T102, S178).
    pub fn xheaders(self, trusted: Trusted) -> Self {
        self.configure(|shared| shared.trusted = Some(trusted))
    }

    /// What clients use to reach us, where a proxy ends TLS and sends no header (S109).
    pub fn protocol(self, protocol: Protocol) -> Self {
        self.configure(|shared| shared.protocol = protocol)
    }

    /// Closes every connection after one answer (S165).
    pub fn no_keep_alive(self) -> Self {
        self.configure(|shared| shared.keep_alive = false)
    }

    /// Accepts lines that end in LF alone, folded headers and identical repeated lengths (T142).
    pub fn lenient(self) -> Self {
        self.configure(|shared| shared.lenient = true)
    }

    /// Decodes request bodies with `Content-Encoding: gzip` (S171).
    #[cfg(feature = "gzip")]
    pub fn decompress_requests(self) -> Self {
        self.configure(|shared| shared.decompress = true)
    }

    /// At most so many connections at once; further ones are closed as they come (HAZ06).
    pub fn connections_max(self, count: usize) -> Self {
        self.configure(|shared| shared.connections_max = count)
    }

    /// What the `Server` header says; nothing for an empty name.
    pub fn name(self, name: &str) -> Self {
        self.configure(|shared| shared.name(name))
    }

    /// Is told of every answered request.
    pub fn on_access(self, hook: impl Fn(&Access<'_>) + 'static) -> Self {
        self.configure(|shared| shared.hook = Some(Box::new(hook)))
    }

    /// Listens on another network than the operating system's.
    pub fn network(mut self, network: Rc<dyn Network>) -> Self {
        self.network = Some(network);
        self
    }

    /// Binds and serves, on the current loop. A port number alone means every address of this
    /// machine, see [`BindOptions`]. May be called again for another address.
    #[track_caller]
    pub fn listen(&self, options: impl Into<BindOptions>) -> io::Result<()> {
        self.tcp().listen(options)
    }

    /// Serves on a listener that is bound already, such as a Unix socket (T103).
    #[track_caller]
    pub fn add_listener(&self, listener: Rc<dyn Listen>) -> io::Result<()> {
        self.tcp().add_listener(listener)
    }

    /// Serves one connection that somebody else accepted.
    pub fn add_stream(&self, stream: &IoStream) {
        Connection::begin(&self.shared, stream);
    }

    fn tcp(&self) -> &TcpServer {
        self.tcp.get_or_init(|| {
            let shared = Rc::clone(&self.shared);
            let limits = &self.shared.limits;
            let stream_limits = StreamLimits {
                // An unfinished head, and the delivery that finishes it; bodies are not kept.
                read_buffer_max: limits.head_bytes_max + 2 * limits.piece_bytes_max.max(65_536),
                ..StreamLimits::default()
            };
            let tcp = TcpServer::new(move |stream| Connection::begin(&shared, &stream));
            let tcp = tcp.limits(stream_limits);
            match &self.network {
                Some(network) => tcp.network(Rc::clone(network)),
                None => tcp,
            }
        })
    }

    /// Where it listens, with the ports the kernel chose.
    pub fn addresses(&self) -> Vec<Address> {
        self.tcp.get().map(TcpServer::addresses).unwrap_or_default()
    }

    /// How many connections there are.
    pub fn connection_count(&self) -> usize {
        self.shared.connection_count()
    }

    /// Accepts no more; connections live on (T106). Stopping twice is fine.
    pub fn stop(&self) {
        if let Some(tcp) = self.tcp.get() {
            tcp.stop();
        }
    }

    /// Closes all connections, those with an open request when it is answered, and is done when
    /// none is left (T104). [`stop`](Self::stop) first, or new ones may come.
    #[track_caller]
    pub fn close_all_connections(&self) -> Future<()> {
        let promise = Promise::new();
        let done = promise.future();
        self.shared.drain(promise);
        done
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("addresses", &self.addresses())
            .field("connections", &self.connection_count())
            .finish_non_exhaustive()
    }
}
