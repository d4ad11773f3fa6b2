//! Writing as futures, and waiting for a connect: both wait for the kernel to take something.
//!
//! Owns [`WriteFuture`] and [`ConnectFuture`]. The bytes belong to the stream as soon as they are
//! written; the futures only tell when the kernel has them, so **dropping a write future loses
//! nothing**. Read next: `iostream/pump.rs`, the function `flush`.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::state::Phase;
use super::{IoStream, StreamError, StreamLimits};
use crate::ioloop::note_wait;
use crate::net::Transport;

/// Done when the kernel has taken the bytes of one [`IoStream::write`], and of all before it.
#[derive(Debug)]
pub struct WriteFuture {
    stream: IoStream,
    /// Which byte of the whole output must be sent; or the bytes were not taken.
    mark: Result<u64, StreamError>,
    place: &'static Location<'static>,
}

impl WriteFuture {
    pub(super) fn new(
        stream: &IoStream,
        mark: Result<u64, StreamError>,
        place: &'static Location<'static>,
    ) -> Self {
        Self { stream: stream.clone(), mark, place }
    }
}

impl Future for WriteFuture {
    type Output = Result<(), StreamError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mark = match &self.mark {
            Ok(mark) => *mark,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        let mut state = self.stream.0.state.borrow_mut();
        if state.output.sent >= mark {
            return Poll::Ready(Ok(()));
        }
        if let Some(closed) = state.closed() {
            return Poll::Ready(Err(closed));
        }
        state.output.wait_for(mark, context.waker());
        note_wait("write", self.place);
        Poll::Pending
    }
}

/// Done when the stream is connected; gives the stream.
#[derive(Debug)]
#[must_use = "whether the connect succeeds is known only to those who await it"]
pub struct ConnectFuture {
    /// Or the kernel refused at once.
    stream: Result<IoStream, StreamError>,
    place: &'static Location<'static>,
}

impl ConnectFuture {
    pub(super) fn new(stream: &IoStream, place: &'static Location<'static>) -> Self {
        Self { stream: Ok(stream.clone()), place }
    }

    /// A connect that has just begun, or failed to.
    #[track_caller]
    pub(super) fn begin(transport: io::Result<Box<dyn Transport>>, limits: StreamLimits) -> Self {
        let place = Location::caller();
        let stream = match transport {
            Ok(transport) => Ok(IoStream::connecting(transport, limits)),
            Err(refused) => Err(StreamError::from(refused)),
        };
        Self { stream, place }
    }
}

impl Future for ConnectFuture {
    type Output = Result<IoStream, StreamError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stream = match &self.stream {
            Ok(stream) => stream,
            Err(refused) => return Poll::Ready(Err(refused.clone())),
        };
        match &mut stream.0.state.borrow_mut().phase {
            Phase::Connecting { waker, .. } => {
                *waker = Some(context.waker().clone());
                note_wait("connect", self.place);
                Poll::Pending
            }
            Phase::Closed(cause) => Poll::Ready(Err(StreamError::Closed(cause.clone()))),
            Phase::Open | Phase::Draining(_) | Phase::Lingering => Poll::Ready(Ok(stream.clone())),
        }
    }
}
