//! A TCP server: listeners, and a handler that is given each connection as a stream.
//!
//! Owns [`TcpServer`] (T088). Knows nothing of what is spoken on the connections; the HTTP server
//! and the examples are handlers. Read next: `net/accept.rs`.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::rc::Rc;

use super::{IoStream, StreamLimits};
use crate::future;
use crate::ioloop::IoLoop;
use crate::net::{
    AcceptHandle, Address, BindOptions, Listen, Network, OsNetwork, add_accept_handler,
};

/// Accepts connections and hands them to a handler, until it is stopped; dropping it is not
/// stopping it.
///
/// ```no_run
/// use squall::{ioloop::IoLoop, iostream::{IoStream, StreamError, TcpServer}};
///
/// let server = TcpServer::coroutine(|stream: IoStream| async move {
///     let name = stream.read_until(b"\n", 100).await?;
///     stream.write([b"hello, ", &name[..]].concat()).await
/// });
/// server.listen(8888)?;
/// IoLoop::current().start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpServer {
    handler: Rc<dyn Fn(IoStream)>,
    network: Rc<dyn Network>,
    limits: StreamLimits,
    accepting: RefCell<Vec<AcceptHandle>>,
}

impl TcpServer {
    /// A server that calls `handler` with every connection.
    pub fn new(handler: impl Fn(IoStream) + 'static) -> Self {
        Self {
            handler: Rc::new(handler),
            network: Rc::new(OsNetwork::new()),
            limits: StreamLimits::default(),
            accepting: RefCell::default(),
        }
    }

    /// A server that runs one coroutine per connection. Its error is logged, and its connection
    /// ends with it, unless it gave the stream away.
    #[track_caller]
    pub fn coroutine<F, E>(handler: impl Fn(IoStream) -> F + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: std::error::Error + 'static,
    {
        let place = Location::caller();
        Self::new(move |stream| {
            let outcome = |outcome: Result<(), E>| outcome.map_err(future::Error::new);
            drop(IoLoop::current().spawn_outcome(place, handler(stream), outcome));
        })
    }

    /// Listens on another network than the operating system's.
    pub fn network(mut self, network: Rc<dyn Network>) -> Self {
        self.network = network;
        self
    }

    /// Gives the streams other limits.
    pub fn limits(mut self, limits: StreamLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Binds and accepts, on the current loop. A port number alone means every address of this
    /// machine; see [`BindOptions`] for more.
    #[track_caller]
    pub fn listen(&self, options: impl Into<BindOptions>) -> io::Result<()> {
        for listener in self.network.listen(&options.into())? {
            self.add_listener(listener)?;
        }
        Ok(())
    }

    /// Accepts from a listener that is bound already, such as a Unix socket.
    #[track_caller]
    pub fn add_listener(&self, listener: Rc<dyn Listen>) -> io::Result<()> {
        let (handler, limits) = (Rc::clone(&self.handler), self.limits.clone());
        let accepted = move |transport| handler(IoStream::with_limits(transport, limits.clone()));
        let handle = add_accept_handler(&IoLoop::current(), listener, accepted)?;
        self.accepting.borrow_mut().push(handle);
        Ok(())
    }

    /// Where it listens, with the ports the kernel chose.
    pub fn addresses(&self) -> Vec<Address> {
        let accepting = self.accepting.borrow();
        accepting.iter().filter_map(|handle| handle.listener().address().ok()).collect()
    }

    /// Accepts no more and closes the listeners; connections live on. Stopping twice is fine.
    pub fn stop(&self) {
        let stopped = std::mem::take(&mut *self.accepting.borrow_mut());
        stopped.iter().for_each(AcceptHandle::remove);
    }
}

impl fmt::Debug for TcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpServer").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
