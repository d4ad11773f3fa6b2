//! What a write promises: order, completion, limits, and connecting first.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;

use squall::coroutine::yield_now;
use squall::iostream::{IoStream, StreamError, StreamLimits};
use squall::net::{Address, PipeTransport, SocketTransport};

use crate::support::streams::{SOCKETS, over, over_everything};
use crate::support::{on_each_backend, run, run_on_each_backend};

#[test]
fn f083_f084_t066_t071_a_write_before_the_connect_is_sent_after_it() {
    run_on_each_backend(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        let transport = SocketTransport::connect(&address, None).unwrap();
        let stream = IoStream::connecting(transport, StreamLimits::default());
        let story = Rc::new(RefCell::new(Vec::new()));
        let (write, connect) = (stream.write("early"), stream.connected());
        let (tell, told) = (Rc::clone(&story), Rc::clone(&story));
        let writing = stream.io_loop().spawn(async move {
            write.await.unwrap();
            tell.borrow_mut().push("written");
        });
        let connecting = stream.io_loop().spawn(async move {
            let connected = connect.await.unwrap();
            assert_eq!(connected.peer(), &address);
            told.borrow_mut().push("connected");
        });
        connecting.await.unwrap();
        writing.await.unwrap();
        assert_eq!(*story.borrow(), ["connected", "written"]);
        let accepted = SocketTransport::try_from(listener.accept().unwrap().0).unwrap();
        assert_eq!(IoStream::new(accepted).read_bytes(5).await.unwrap(), b"early");
    });
}

#[test]
fn f106_t071_a_refused_connect_keeps_the_kernels_reason() {
    run_on_each_backend(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = IoStream::connect(address).await.unwrap_err();
        let reason = refused.real_error().expect("a reason").kind();
        assert_eq!(reason, std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn f087_t066_writing_nothing_is_done_at_once() {
    over_everything(|here, there| async move {
        here.write("").await.unwrap();
        here.write("x").await.unwrap();
        here.write(Vec::new()).await.unwrap();
        assert_eq!(there.read_bytes(1).await.unwrap(), b"x");
    });
}

#[test]
fn f096_t067_what_was_written_may_be_dropped_by_the_caller() {
    over_everything(|here, there| async move {
        let mine = vec![b'm'; 100_000];
        drop(here.write(&mine[..]));
        drop(mine);
        assert_eq!(there.read_bytes(100_000).await.unwrap(), vec![b'm'; 100_000]);
    });
}

#[test]
fn f103_t077_a_reader_that_pauses_blocks_the_writer() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let writing = here.io_loop().spawn(here.write(vec![1; 32 << 20]));
        assert_eq!(there.read_bytes(10).await.unwrap().len(), 10);
        for _ in 0..50 {
            yield_now().await;
        }
        assert!(!writing.done(), "the reader does not read, and still everything is sent");
        there.read_bytes((32 << 20) - 10).await.unwrap();
        writing.await.unwrap().unwrap();
    });
}

#[test]
fn f110_t066_every_write_is_done_after_its_own_bytes_and_in_order() {
    over_everything(|here, there| async move {
        let order = Rc::new(RefCell::new(Vec::new()));
        for number in 0..20_u8 {
            let (write, order) = (here.write(vec![number; 30_000]), Rc::clone(&order));
            drop(here.io_loop().spawn(async move {
                write.await.unwrap();
                order.borrow_mut().push(number);
            }));
        }
        for number in 0..20_u8 {
            assert_eq!(there.read_bytes(30_000).await.unwrap(), vec![number; 30_000]);
        }
        while order.borrow().len() < 20 {
            yield_now().await;
        }
        assert!(order.borrow().is_sorted());
    });
}

#[test]
fn t066_over_the_limit_nothing_is_taken() {
    let limits = StreamLimits { write_buffer_max: 10 << 20, ..StreamLimits::default() };
    over(&SOCKETS, &limits, |here, there| async move {
        let first = here.write(vec![b'a'; 10 << 20]);
        let second = here.write(vec![b'b'; 10 << 20]).await;
        assert!(matches!(second, Err(StreamError::BufferFull)), "{second:?}");
        there.read_bytes(10 << 20).await.unwrap();
        first.await.unwrap();
        drop(here.write("c"));
        assert_eq!(there.read_bytes(1).await.unwrap(), b"c");
    });
}

/// Two who wait for the same byte are both told.
#[test]
fn writes_of_nothing_behind_a_blocked_write_wait_for_it() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let big = here.io_loop().spawn(here.write(vec![1; 16 << 20]));
        let (one, two) =
            (here.io_loop().spawn(here.write("")), here.io_loop().spawn(here.write("")));
        yield_now().await;
        assert!(!one.done() && !two.done());
        there.read_bytes(16 << 20).await.unwrap();
        for write in [big, one, two] {
            write.await.unwrap().unwrap();
        }
    });
}

#[test]
fn f111_t073_pipes() {
    on_each_backend(|io_loop| {
        run(io_loop, async {
            let (read, write) = rustix::pipe::pipe().unwrap();
            let reader = IoStream::new(PipeTransport::new(read).unwrap());
            let writer = IoStream::new(PipeTransport::new(write).unwrap());
            drop(writer.write("hel"));
            drop(writer.write("lo\r\nworld"));
            assert_eq!(reader.read_until(b"\r\n", None).await.unwrap(), b"hello\r\n");
            assert_eq!(reader.read_bytes(5).await.unwrap(), b"world");
            let megabyte = writer.write(vec![b'1'; 1 << 20]);
            let reading = writer.io_loop().spawn({
                let reader = reader.clone();
                async move { reader.read_bytes(1 << 20).await }
            });
            megabyte.await.unwrap();
            assert_eq!(reading.await.unwrap().unwrap().len(), 1 << 20);
            writer.close();
            assert!(reader.read_bytes(1).await.is_err());
        });
    });
}

/// The other end of a pipe is gone: the writer hears of it although it writes nothing.
#[test]
fn t073_a_pipe_that_nobody_reads_is_closed() {
    run_on_each_backend(|| async {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let writer = IoStream::new(PipeTransport::new(write).unwrap());
        let closed = squall::future::Promise::new();
        let told = closed.future();
        writer.set_close_callback(move || closed.set_result(()).unwrap());
        drop(read);
        told.await.unwrap();
        assert!(writer.write("x").await.is_err());
    });
}
