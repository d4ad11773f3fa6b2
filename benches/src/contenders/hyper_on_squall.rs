//! hyper's HTTP/1 connections on squall's loop and streams: the control.
//!
//! The same handler as in `contenders/hyper.rs`, with squall's loop in the place of tokio's: what separates
//! the two is the runtime, and what separates this one from squall's own server is the protocol.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBufCursor, Write};
use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use squall::ioloop::IoLoop;
use squall::iostream::{IoStream, ReadFuture, StreamError, TcpServer, WriteFuture};

use super::Announce;

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    let server = TcpServer::coroutine(|stream| {
        let stream = Adapter { stream, reading: None, writing: None };
        http1::Builder::new()
            .pipeline_flush(true)
            .serve_connection(stream, service_fn(super::hyper::handle))
    });
    server.listen(address)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

/// Reads and writes of hyper's kind, made of those of squall's.
struct Adapter {
    stream: IoStream,
    reading: Option<ReadFuture>,
    writing: Option<WriteFuture>,
}

impl Read for Adapter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let this = &mut *self;
        let reading = this.reading.get_or_insert_with(|| this.stream.read_partial(room));
        let read = ready!(Pin::new(reading).poll(context));
        this.reading = None;
        match read {
            Ok(bytes) => buffer.put_slice(&bytes),
            Err(StreamError::Closed(None)) => {} // the end of the input: hyper sees nothing new
            Err(error) => return Poll::Ready(Err(io::Error::other(error))),
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Adapter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.as_mut().poll_flush(context))?; // one write at a time: the kernel sets the pace
        self.writing = Some(self.stream.write(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writing) = &mut self.writing {
            let written = ready!(Pin::new(writing).poll(context));
            self.writing = None;
            written.map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        self.stream.close();
        Poll::Ready(Ok(()))
    }
}
