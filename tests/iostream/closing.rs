//! What a close leaves: pending futures, unread bytes, the callback, the log.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::rc::Rc;

use squall::coroutine::yield_now;
use squall::future::{Future, Promise};
use squall::iostream::{IoStream, StreamError, StreamLimits};
use squall::log;
use squall::net::{SocketTransport, Transport};

use crate::support::streams::{
    Between, SOCKETS, over, over_everything, streams, tcp_sockets, transports,
};
use crate::support::{kernel_has_spoken, on_each_backend, run, run_on_each_backend};

#[test]
fn f080_a_response_followed_by_a_close_is_read_to_its_end() {
    over_everything(|here, there| async move {
        drop(there.write(vec![b'r'; 300_000]));
        there.close_after_write();
        assert!(matches!(there.write("late").await, Err(StreamError::Closed(_))));
        assert_eq!(here.read_bytes(300_000).await.unwrap().len(), 300_000);
        assert!(here.read_bytes(1).await.is_err());
        while !there.closed() {
            kernel_has_spoken().await;
        }
    });
}

#[test]
fn dropping_the_last_handle_sends_what_was_written() {
    over_everything(|here, there| async move {
        drop(there.write(vec![b'r'; 300_000]));
        drop(there);
        assert_eq!(here.read_until_close().await.unwrap().len(), 300_000);
    });
}

/// The peer has finished sending, not listening: `printf question | nc` wants its answer.
#[test]
fn a_peer_that_has_finished_sending_still_gets_its_answer() {
    run_on_each_backend(|| async {
        let (mut peer, there) = tcp_sockets();
        let there = IoStream::new(SocketTransport::try_from(there).unwrap());
        peer.write_all(b"question").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        for round in 0..3 {
            kernel_has_spoken().await;
            match round {
                0 => assert_eq!(there.read_bytes(8).await.unwrap(), b"question"),
                1 => assert_eq!(there.read_until_close().await.unwrap(), b""),
                _ => there.write("answer").await.unwrap(),
            }
        }
        let mut answer = [0; 6];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
        assert!(there.read_bytes(1).await.is_err() && there.closed());
    });
}

#[test]
fn f085_t068_closing_fails_the_pending_read_and_write() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let _open = there;
        let reading = here.io_loop().spawn(here.read_bytes(1));
        let writing = here.io_loop().spawn(here.write(vec![0; 64 << 20]));
        yield_now().await;
        here.close();
        assert!(matches!(reading.await.unwrap(), Err(StreamError::Closed(None))));
        assert!(matches!(writing.await.unwrap(), Err(StreamError::Closed(None))));
        assert!(matches!(here.read_bytes(1).await, Err(StreamError::Closed(None))));
        assert!(matches!(here.write("x").await, Err(StreamError::Closed(None))));
        here.close(); // twice is fine
    });
}

#[test]
fn t068_a_close_with_an_error_is_what_everybody_fails_with() {
    over_everything(|here, there| async move {
        let _open = there;
        let reading = here.io_loop().spawn(here.read_until_close());
        yield_now().await;
        here.close_with_error(io::Error::other("enough"));
        for error in [reading.await.unwrap().unwrap_err(), here.write("x").await.unwrap_err()] {
            assert_eq!(error.real_error().unwrap().to_string(), "enough");
        }
        assert!(here.error().is_some());
    });
}

#[test]
fn f088_f095_t069_the_close_callback_waits_until_everything_is_read() {
    over_everything(|here, there| async move {
        let told = Rc::new(Cell::new(0));
        let count = Rc::clone(&told);
        here.set_close_callback(move || count.set(count.get() + 1));
        there.write("12").await.unwrap();
        there.close();
        assert_eq!(here.read_bytes(1).await.unwrap(), b"1");
        kernel_has_spoken().await;
        assert_eq!((told.get(), here.closed()), (0, false));
        assert_eq!(here.read_bytes(1).await.unwrap(), b"2");
        assert_eq!(told.get(), 0);
        // A transport that never says "closed" is only found out by reading.
        if matches!(here.peer(), squall::net::Address::Unnamed) {
            assert!(here.read_bytes(1).await.is_err());
        }
        while told.get() == 0 {
            yield_now().await;
        }
        assert!(here.closed());
        yield_now().await;
        assert_eq!(told.get(), 1);
    });
}

#[test]
fn f089_both_chunks_are_read_before_the_close() {
    let limits = StreamLimits { read_chunk_max: 256, ..StreamLimits::default() };
    over(&SOCKETS, &limits, |here, there| async move {
        let closed = close_of(&here);
        there.write(vec![b'A'; 512]).await.unwrap();
        there.close();
        assert_eq!(here.read_bytes(256).await.unwrap(), [b'A'; 256]);
        assert_eq!(here.read_bytes(256).await.unwrap(), [b'A'; 256]);
        closed.await.unwrap();
        assert!(here.read_bytes(1).await.is_err());
    });
}

#[test]
fn f094_t069_the_close_callback_fires_on_an_idle_stream_and_with_a_read_pending() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let idle = close_of(&here);
        there.close();
        idle.await.unwrap();
        close_of(&here).await.unwrap(); // on a closed stream too, later

        let (here, there) = streams(Between::Tcp, &StreamLimits::default());
        let busy = close_of(&here);
        let reading = here.io_loop().spawn(here.read_bytes(5));
        there.close();
        busy.await.unwrap();
        assert!(reading.await.unwrap().is_err());
    });
}

/// Done when the stream calls its close callback.
fn close_of(stream: &IoStream) -> Future<()> {
    let promise = Promise::new();
    let future = promise.future();
    stream.set_close_callback(move || promise.set_result(()).unwrap());
    future
}

/// A transport that breaks after its first bytes.
#[derive(Debug)]
struct Breaking(Box<dyn Transport>, io::ErrorKind);

impl Transport for Breaking {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.try_read(buf) {
            Ok(0) => Err(self.1.into()),
            other => other,
        }
    }
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.try_write(data)
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown_write()
    }
    fn source(&self) -> squall::reactor::Source<'_> {
        self.0.source()
    }
    fn peer(&self) -> squall::net::Peer {
        self.0.peer()
    }
    fn set_nodelay(&mut self, on: bool) -> io::Result<()> {
        self.0.set_nodelay(on)
    }
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }
}

#[test]
fn f108_f109_t064_t070_errors_are_raised_and_logged_once_unless_they_are_everyday() {
    run_on_each_backend(|| async {
        for (kind, lines) in [(io::ErrorKind::ConnectionReset, 0), (io::ErrorKind::Other, 1)] {
            for inline in [true, false] {
                let captured = log::capture();
                let (here, there) = transports(Between::Tcp);
                let here = IoStream::new(Breaking(here, kind));
                let there = IoStream::new(there);
                there.write("half of it").await.unwrap();
                if inline {
                    assert_eq!(here.read_bytes(5).await.unwrap(), b"half ");
                    there.close();
                    kernel_has_spoken().await; // the error waits for whoever reads next
                }
                let reading = here.io_loop().spawn(here.read_until_close());
                there.close();
                let error = reading.await.unwrap().unwrap_err();
                assert_eq!(error.real_error().expect("the cause").kind(), kind);
                assert_eq!(captured.messages().len(), if inline { 0 } else { lines });
            }
        }
    });
}

/// Peers vanish every day: the cause is there for whoever asks, and not in the log.
#[test]
fn t070_t076_a_reset_is_a_quiet_close_with_its_cause() {
    run_on_each_backend(|| async {
        let captured = log::capture();
        let (here, there) = tcp_sockets();
        let here = IoStream::new(SocketTransport::try_from(here).unwrap());
        socket2::SockRef::from(&there).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        let closed = close_of(&here);
        drop(there);
        closed.await.unwrap();
        let error = here.error().expect("a cause");
        assert_eq!(error.real_error().unwrap().kind(), io::ErrorKind::ConnectionReset);
        assert!(captured.messages().is_empty(), "{:?}", captured.messages());
    });
}

/// No stream outlives its loop, its handles or its connection.
#[test]
fn streams_are_let_go() {
    on_each_backend(|io_loop| {
        let before = io_loop.handlers_registered();
        run(io_loop, async {
            for round in 0..1_000 {
                let (here, there) =
                    transports(if round % 2 == 0 { Between::Tcp } else { Between::Unix });
                let (here, there) = (IoStream::new(here), IoStream::new(there));
                drop(here.write("x"));
                there.read_bytes(1).await.unwrap();
                drop(here);
                yield_now().await;
            }
        });
        assert_eq!(io_loop.handlers_registered(), before);
    });
}
