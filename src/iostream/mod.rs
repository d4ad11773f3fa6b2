//! Buffered streams: bytes in, bytes out, over any [`Transport`], without waiting.
//!
//! [`IoStream`] is Tornado's: a coroutine asks for so many bytes, for a line, for everything, and
//! awaits; what it writes leaves in order. Protocols do not ask, they are shown what arrives, see
//! [`StreamReader`]. Owns the two buffers and the moment of every read and write; knows nothing
//! of what the bytes mean. Read next: `state.rs` (what a stream can be), `pump.rs` (one event).

mod bytes;
mod error;
mod leave;
mod limits;
mod output;
mod pump;
mod push;
mod read;
mod state;
mod tcp_client;
mod tcp_server;
mod write;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;

use ::regex::bytes::Regex;

pub use self::bytes::output_buffer;
pub use self::error::StreamError;
pub use self::limits::StreamLimits;
use self::pump::Inner;
pub use self::push::{StreamReader, WeakStream};
use self::read::Want;
pub use self::read::{ReadFuture, ReadInto};
use self::state::{Consumer, Linger, Phase, State};
pub use self::tcp_client::{ConnectError, ConnectOptions, TcpClient};
pub use self::tcp_server::TcpServer;
pub use self::write::{ConnectFuture, WriteFuture};
use crate::ioloop::IoLoop;
use crate::net::{Address, Peer, SocketTransport, Transport};

/// A handle to one stream; clones share it. When the last handle is dropped, the stream closes
/// as soon as everything written has been sent, unless a [`StreamReader`] lives on it.
///
/// Reads and writes are futures of this module, named types that any coroutine can await. There
/// is one read at a time; writes may be outstanding in any number. Dropping a future loses no
/// data: what arrived waits for the next read, and what was written is still sent.
///
/// ```
/// use squall::{ioloop::IoLoop, iostream::IoStream, net::SocketTransport};
/// use std::os::unix::net::UnixStream;
///
/// let io_loop = IoLoop::new()?;
/// let line = io_loop.run_sync(async {
///     let (here, there) = UnixStream::pair()?;
///     let here = IoStream::new(SocketTransport::try_from(here)?);
///     let there = IoStream::new(SocketTransport::try_from(there)?);
///     here.write("hello\nworld\n").await?;
///     Ok::<_, Box<dyn std::error::Error>>(there.read_until(b"\n", 100).await?)
/// })??;
/// assert_eq!(line, b"hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IoStream(Rc<Inner>);

impl IoStream {
    /// A stream over a connected transport, on the current loop.
    #[track_caller]
    pub fn new(transport: impl Into<Box<dyn Transport>>) -> Self {
        Self::with_limits(transport, StreamLimits::default())
    }

    /// The same with other limits.
    #[track_caller]
    pub fn with_limits(transport: impl Into<Box<dyn Transport>>, limits: StreamLimits) -> Self {
        Self::begin(transport.into(), limits, Phase::Open)
    }

    /// A stream over a transport that is still connecting, see [`connected`](Self::connected).
    /// What is written meanwhile is sent afterwards (T066).
    #[track_caller]
    pub fn connecting(transport: impl Into<Box<dyn Transport>>, limits: StreamLimits) -> Self {
        let phase = Phase::Connecting { waker: None, then_drain: false };
        Self::begin(transport.into(), limits, phase)
    }

    #[track_caller]
    fn begin(transport: Box<dyn Transport>, limits: StreamLimits, phase: Phase) -> Self {
        let stream = Self(Rc::new(Inner {
            io_loop: IoLoop::current(),
            limits,
            peer: transport.peer(),
            place: Location::caller(),
            handles: Cell::new(1),
            state: RefCell::new(State::new(transport, phase)),
        }));
        stream.0.register();
        stream
    }

    /// One more handle.
    fn share(inner: &Rc<Inner>) -> Self {
        inner.handles.set(inner.handles.get() + 1);
        Self(Rc::clone(inner))
    }

    /// Connects to an address, TCP or Unix. To connect by name, see [`TcpClient`].
    #[track_caller]
    pub fn connect(to: impl Into<Address>) -> ConnectFuture {
        let transport = SocketTransport::connect(&to.into(), None);
        ConnectFuture::begin(transport.map(Box::from), StreamLimits::default())
    }

    /// Waits until the stream is connected, and gives it (T071). If it cannot be connected, the
    /// error's cause is the kernel's reason.
    #[track_caller]
    pub fn connected(&self) -> ConnectFuture {
        ConnectFuture::new(self, Location::caller())
    }

    /// Reads exactly `count` bytes; none, at once, for 0 (T061).
    #[track_caller]
    pub fn read_bytes(&self, count: usize) -> ReadFuture {
        ReadFuture::new(self, Want::Exactly(count), Location::caller())
    }

    /// Reads at least one byte and at most `count`, as many as there are (T061).
    #[track_caller]
    pub fn read_partial(&self, count: usize) -> ReadFuture {
        ReadFuture::new(self, Want::AtMost(count), Location::caller())
    }

    /// Reads up to and with `delimiter`. If it does not end within `max_bytes`, the peer gets no
    /// more of our memory: the read fails with [`StreamError::UnsatisfiableRead`] and the stream
    /// is closed (T062).
    #[track_caller]
    pub fn read_until(&self, delimiter: &[u8], max_bytes: impl Into<Option<usize>>) -> ReadFuture {
        let (delimiter, max_bytes) = (delimiter.to_vec(), max_bytes.into());
        let want = Want::Until { delimiter, max_bytes, searched: 0 };
        ReadFuture::new(self, want, Location::caller())
    }

    /// Reads up to and with the first match of `regex`, with the same limit (T062).
    #[track_caller]
    pub fn read_until_regex(
        &self,
        regex: &Regex,
        max_bytes: impl Into<Option<usize>>,
    ) -> ReadFuture {
        let (regex, max_bytes) = (regex.clone(), max_bytes.into());
        let want = Want::UntilRegex { regex, max_bytes, searched: 0 };
        ReadFuture::new(self, want, Location::caller())
    }

    /// Reads everything until the peer closes (T064).
    #[track_caller]
    pub fn read_until_close(&self) -> ReadFuture {
        ReadFuture::new(self, Want::UntilClose, Location::caller())
    }

    /// Fills `buf` and gives its length (T063).
    #[track_caller]
    pub fn read_into<'a>(&self, buf: &'a mut [u8]) -> ReadInto<'a> {
        ReadInto::new(self, buf, false, Location::caller())
    }

    /// Puts at least one byte into `buf`, as many as there are, and gives their number (T063).
    #[track_caller]
    pub fn read_into_partial<'a>(&self, buf: &'a mut [u8]) -> ReadInto<'a> {
        ReadInto::new(self, buf, true, Location::caller())
    }

    /// Sends `data` after everything that was written before. It begins at once; the future is
    /// done when the kernel has taken all of it, and need not be awaited (T066). Over the limit
    /// of unsent bytes nothing is taken: [`StreamError::BufferFull`].
    #[track_caller]
    pub fn write(&self, data: impl Into<Vec<u8>>) -> WriteFuture {
        let data = data.into();
        let mark = self.0.state.borrow_mut().accept(data, &self.0.limits);
        if mark.is_ok() {
            self.0.flush_unless_pumping();
        }
        WriteFuture::new(self, mark, Location::caller())
    }

    /// Bytes that the kernel has not taken yet.
    pub fn unsent(&self) -> usize {
        self.0.state.borrow().output.bytes.len()
    }

    /// Closes at once, in both directions; what is unsent is lost. A waiting read gets what is
    /// there if that is enough, all other waiting futures fail (T068).
    pub fn close(&self) {
        self.0.close(None);
    }

    /// The same because of `cause`, which they fail with.
    pub fn close_with_error(&self, cause: io::Error) {
        self.0.close(Some(cause));
    }

    /// Takes no more, sends what was written, and closes then. If unread bytes are left, they
    /// are thrown away first, because closing over them would tell the peer's kernel to throw
    /// away our last words. A peer that makes no progress for 30 seconds is given up.
    pub fn close_after_write(&self) {
        self.0.drain(Linger::IfUnread);
    }

    /// The same when the peer is in the middle of sending: it has two seconds to see our last
    /// words and to stop. For a server that refuses a request before it has read all of it.
    pub fn close_lingering(&self) {
        self.0.drain(Linger::Always);
    }

    /// Whether the stream is closed. A peer's close counts when everything it sent was read, or
    /// when a read finds that it is not enough.
    pub fn closed(&self) -> bool {
        self.0.state.borrow().closed().is_some()
    }

    /// Why it is closed, if there is a reason other than "somebody closed it" (T070).
    pub fn error(&self) -> Option<StreamError> {
        self.0.state.borrow().closed().filter(|closed| closed.real_error().is_some())
    }

    /// Calls `callback` once when the stream is closed, in a later turn; not while unread bytes
    /// could still satisfy a read (T069). With it, a peer's close is noticed even while nobody
    /// reads; without it, a peer that has finished sending still gets what we write.
    #[track_caller]
    pub fn set_close_callback(&self, callback: impl FnOnce() + 'static) {
        if self.closed() {
            return self.0.io_loop.add_callback(callback);
        }
        let mut state = self.0.state.borrow_mut();
        let replaced = state.on_close.replace(Box::new(callback));
        let ending = state.readiness.is_ending();
        drop(state);
        drop(replaced); // somebody's destructor: nothing is borrowed any more
        if ending {
            self.0.schedule();
        }
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// Sends small pieces at once (on), or lets the kernel gather them (off) (T074).
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        match &mut self.0.state.borrow_mut().transport {
            Some(transport) => transport.set_nodelay(on),
            None => Ok(()),
        }
    }

    /// The loop it lives on.
    pub fn io_loop(&self) -> &IoLoop {
        &self.0.io_loop
    }
}

impl Clone for IoStream {
    fn clone(&self) -> Self {
        Self::share(&self.0)
    }
}

impl Drop for IoStream {
    fn drop(&mut self) {
        self.0.handles.set(self.0.handles.get() - 1);
        if self.0.handles.get() == 0 && matches!(self.0.state.borrow().consumer, Consumer::Nobody) {
            self.0.drain(Linger::Never);
        }
    }
}

impl fmt::Debug for IoStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoStream")
            .field("peer", &self.0.peer)
            .field("closed", &self.closed())
            .finish_non_exhaustive()
    }
}
