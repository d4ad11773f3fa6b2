//! The accept loop and the server on it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use squall::coroutine::{sleep, yield_now};
use squall::ioloop::IoLoop;
use squall::iostream::{IoStream, StreamError, TcpServer};
use squall::log;
use squall::net::{
    AcceptHandle, Address, BindOptions, Listen, SocketTransport, Transport, add_accept_handler,
};
use squall::reactor::Source;

use crate::support::{kernel_has_spoken, run_on_each_backend, run_virtually};

/// A listener that does what is written, and then has nothing more.
#[derive(Debug)]
struct Scripted {
    ear: UnixStream,
    _hand: UnixStream,
    script: RefCell<VecDeque<Result<(), Errno>>>,
    attempts: Cell<usize>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Result<(), Errno>>) -> Rc<Self> {
        let (ear, mut hand) = UnixStream::pair().unwrap();
        hand.write_all(b"there are connections").unwrap();
        let script = RefCell::new(script.into_iter().collect());
        Rc::new(Self { ear, _hand: hand, script, attempts: Cell::new(0) })
    }
}

impl Listen for Scripted {
    fn accept(&self) -> io::Result<Box<dyn Transport>> {
        self.attempts.set(self.attempts.get() + 1);
        self.script.borrow_mut().pop_front().unwrap_or(Err(Errno::WOULDBLOCK))?;
        let (near, _far) = UnixStream::pair()?;
        Ok(Box::new(SocketTransport::try_from(near)?))
    }
    fn source(&self) -> Source<'_> {
        Source::fd(&self.ear)
    }
    fn address(&self) -> io::Result<Address> {
        Ok(Address::Unnamed)
    }
}

#[test]
fn t082_at_most_128_connections_per_event_and_all_of_them_in_the_end() {
    run_on_each_backend(|| async {
        let per_turn = Rc::new(RefCell::new(Vec::<(u64, usize)>::new()));
        let counts = Rc::clone(&per_turn);
        let io_loop = IoLoop::current();
        let turns = io_loop.clone();
        let listener = Scripted::new((0..300).map(|_| Ok(())));
        let handle = add_accept_handler(&io_loop, listener, move |_transport| {
            let (mut counts, turn) = (counts.borrow_mut(), turns.turns());
            match counts.last_mut() {
                Some((last, count)) if *last == turn => *count += 1,
                _ => counts.push((turn, 1)),
            }
        })
        .unwrap();
        while per_turn.borrow().iter().map(|(_, count)| count).sum::<usize>() < 300 {
            yield_now().await;
        }
        assert!(per_turn.borrow().iter().all(|(_, count)| *count <= 128), "{per_turn:?}");
        handle.remove();
    });
}

#[test]
fn t082_a_connection_that_was_aborted_in_the_queue_is_skipped() {
    run_on_each_backend(|| async {
        let accepted = Rc::new(Cell::new(0));
        let count = Rc::clone(&accepted);
        let script = [Err(Errno::CONNABORTED), Ok(()), Err(Errno::INTR), Ok(())];
        let captured = log::capture();
        let io_loop = IoLoop::current();
        let handle = add_accept_handler(&io_loop, Scripted::new(script), move |_| {
            count.set(count.get() + 1);
        });
        kernel_has_spoken().await;
        assert_eq!((accepted.get(), captured.messages().len()), (2, 0));
        handle.unwrap().remove();
    });
}

/// Whoever is called first removes both: the other was reported in the same batch.
#[test]
fn t082_f395_no_callback_after_removal_not_even_in_the_same_batch() {
    run_on_each_backend(|| async {
        let io_loop = IoLoop::current();
        let handles = Rc::new(RefCell::new(Vec::<AcceptHandle>::new()));
        let calls = Rc::new(Cell::new(0));
        for _ in 0..2 {
            let (calls, all) = (Rc::clone(&calls), Rc::clone(&handles));
            let listener = Scripted::new([Ok(()), Ok(()), Ok(())]);
            let handle = add_accept_handler(&io_loop, listener, move |_| {
                calls.set(calls.get() + 1);
                all.borrow().iter().for_each(AcceptHandle::remove);
            });
            handles.borrow_mut().push(handle.unwrap());
        }
        kernel_has_spoken().await;
        assert_eq!(calls.get(), 1);
        handles.borrow_mut().drain(..).for_each(|handle| handle.remove());
    });
}

#[test]
fn t083_without_descriptors_the_listener_rests_longer_and_longer() {
    run_virtually(|io_loop| async move {
        let captured = log::capture();
        let (started, arrivals) = (io_loop.now(), Rc::new(RefCell::new(Vec::new())));
        let script = [
            Err(Errno::MFILE),
            Err(Errno::MFILE),
            Err(Errno::NFILE),
            Ok(()),
            Err(Errno::MFILE),
            Ok(()),
        ];
        let listener = Scripted::new(script);
        let (clock, times) = (io_loop.clone(), Rc::clone(&arrivals));
        let handle = add_accept_handler(&io_loop, Rc::clone(&listener) as _, move |_| {
            times.borrow_mut().push((clock.now() - started).as_millis());
        })
        .unwrap();
        sleep(Duration::from_secs(10)).await;
        // 50 + 100 + 200 ms, and after a success again 50.
        assert_eq!(*arrivals.borrow(), [350, 400]);
        assert_eq!(listener.attempts.get(), 7, "no spinning");
        assert_eq!(captured.messages().len(), 2, "one line per shortage");
        handle.remove();
    });
}

#[test]
fn t083_a_resting_listener_can_be_removed() {
    run_virtually(|io_loop| async move {
        let _captured = log::capture();
        let listener = Scripted::new([Err(Errno::MFILE), Ok(())]);
        let handle =
            add_accept_handler(&io_loop, Rc::clone(&listener) as _, |_| panic!("removed")).unwrap();
        kernel_has_spoken().await;
        handle.remove();
        sleep(Duration::from_secs(10)).await;
        assert_eq!(listener.attempts.get(), 1);
        assert_eq!(Rc::strong_count(&listener), 2, "only the handle has it");
    });
}

fn loopback() -> BindOptions {
    BindOptions::new(0).address("127.0.0.1")
}

fn address_of(server: &TcpServer) -> std::net::SocketAddr {
    server.addresses()[0].socket_addr().unwrap()
}

#[test]
fn t088_a_server_gives_each_connection_to_its_coroutine() {
    run_on_each_backend(|| async {
        let server = TcpServer::coroutine(|stream: IoStream| async move {
            let line = stream.read_until(b"\n", 100).await?;
            stream.write([b"you said ", &line[..]].concat()).await
        });
        server.listen(loopback()).unwrap();
        let client = IoStream::connect(address_of(&server)).await.unwrap();
        client.write("hello\n").await.unwrap();
        // The coroutine's end is the connection's end.
        assert_eq!(client.read_until_close().await.unwrap(), b"you said hello\n");
        server.stop();
    });
}

#[test]
fn f395_t088_an_error_of_the_coroutine_is_logged() {
    run_on_each_backend(|| async {
        let captured = log::capture();
        let server =
            TcpServer::coroutine(|_stream| async { Err(io::Error::other("my own fault")) });
        server.listen(loopback()).unwrap();
        let client = IoStream::connect(address_of(&server)).await.unwrap();
        assert_eq!(client.read_until_close().await.unwrap(), b"");
        let messages = captured.messages();
        assert!(messages.len() == 1 && messages[0].contains("my own fault"), "{messages:?}");
        server.stop();
    });
}

#[test]
fn f395_t088_stop_twice_and_inside_the_callback_while_connections_live_on() {
    run_on_each_backend(|| async {
        let server = Rc::new(OnceCell::<TcpServer>::new());
        let inside = Rc::clone(&server);
        let _ = server.set(TcpServer::new(move |stream| {
            inside.get().unwrap().stop();
            drop(stream.write("last one"));
        }));
        let server = server.get().unwrap();
        server.listen(loopback()).unwrap();
        let address = address_of(server);
        let waiting = TcpStream::connect(address).unwrap();
        let client = IoStream::new(SocketTransport::try_from(waiting).unwrap());
        assert_eq!(client.read_bytes(8).await.unwrap(), b"last one");
        server.stop();
        assert!(server.addresses().is_empty());
        assert!(matches!(IoStream::connect(address).await, Err(StreamError::Closed(Some(_)))));
    });
}
