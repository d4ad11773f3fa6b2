//! What a protocol pump sees: lent bytes, kept tails, pauses, one send per event, one close.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use squall::coroutine::yield_now;
use squall::future::Promise;
use squall::iostream::{IoStream, StreamLimits, StreamReader};
use squall::net::{Peer, Transport};
use squall::reactor::Source;

use crate::support::streams::{Between, SOCKETS, over, over_everything, streams, transports};
use crate::support::{kernel_has_spoken, on_each_backend, run, run_on_each_backend};

/// Echoes whole lines in capitals, several writes per line, and remembers what it saw.
#[derive(Default)]
struct Capitals {
    calls: Cell<usize>,
    closed: RefCell<Vec<Option<io::ErrorKind>>>,
    pause_after_a_line: bool,
}

impl StreamReader for Capitals {
    fn received(self: Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize {
        self.calls.set(self.calls.get() + 1);
        let mut consumed = 0;
        while let Some(end) = bytes[consumed..].iter().position(|byte| *byte == b'\n') {
            let line = &bytes[consumed..=consumed + end];
            let _ = stream.write_with(|out| out.extend_from_slice(b"> "));
            let _ = stream.write_with(|out| out.extend(line.to_ascii_uppercase()));
            consumed += end + 1;
            if self.pause_after_a_line {
                stream.pause_reading();
                break;
            }
        }
        consumed
    }

    fn closed(self: Rc<Self>, _stream: &IoStream, error: Option<Arc<io::Error>>) {
        self.closed.borrow_mut().push(error.map(|error| error.kind()));
    }
}

#[test]
fn a_reader_is_shown_the_tail_again_with_more_behind_it() {
    over_everything(|here, there| async move {
        let capitals = Rc::new(Capitals::default());
        there.set_reader(Rc::clone(&capitals) as _);
        drop(there); // the stream lives as long as its connection
        here.write("one\ntw").await.unwrap();
        assert_eq!(here.read_until(b"\n", None).await.unwrap(), b"> ONE\n");
        here.write("o\nthree\n").await.unwrap();
        assert_eq!(here.read_bytes(14).await.unwrap(), b"> TWO\n> THREE\n");
        here.close();
        while capitals.closed.borrow().is_empty() {
            yield_now().await;
        }
        yield_now().await;
        assert_eq!(*capitals.closed.borrow(), [None]);
        assert_eq!(Rc::strong_count(&capitals), 1, "the stream let go of its reader");
    });
}

#[test]
fn t077_a_paused_reader_is_left_alone_and_resumes_with_what_it_left_over() {
    over_everything(|here, there| async move {
        let capitals = Rc::new(Capitals { pause_after_a_line: true, ..Capitals::default() });
        there.set_reader(Rc::clone(&capitals) as _);
        here.write("one\ntwo\n").await.unwrap();
        assert_eq!(here.read_until(b"\n", None).await.unwrap(), b"> ONE\n");
        let calls = capitals.calls.get();
        here.write("three\n").await.unwrap();
        kernel_has_spoken().await;
        assert_eq!(capitals.calls.get(), calls);
        for line in [b"> TWO\n".to_vec(), b"> THREE\n".to_vec()] {
            there.resume_reading();
            assert_eq!(here.read_until(b"\n", None).await.unwrap(), line);
        }
    });
}

#[test]
fn t069_a_paused_reader_hears_of_the_close_once_nothing_is_left_over() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        let capitals = Rc::new(Capitals { pause_after_a_line: true, ..Capitals::default() });
        there.set_reader(Rc::clone(&capitals) as _);
        here.write("one\ntwo\n").await.unwrap();
        here.read_until(b"\n", None).await.unwrap();
        here.close();
        kernel_has_spoken().await;
        assert!(capitals.closed.borrow().is_empty(), "a line is left over");
        there.resume_reading();
        while capitals.closed.borrow().is_empty() {
            yield_now().await;
        }
    });
}

/// Echoes in pieces of three bytes, leaves the rest over, and rests when the other side is slow.
struct Threes;

impl StreamReader for Threes {
    fn received(self: Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize {
        let whole = bytes.len() - bytes.len() % 3;
        let _ = stream.write_with(|out| out.extend_from_slice(&bytes[..whole]));
        if stream.unsent() > 2_000 {
            stream.pause_reading();
            let later = stream.clone();
            stream.io_loop().add_callback(move || later.resume_reading());
        }
        whole
    }

    fn closed(self: Rc<Self>, _stream: &IoStream, _error: Option<Arc<io::Error>>) {}
}

/// Tails, pauses, partial writes and reads of every size, in an order drawn from many seeds.
#[test]
fn t077_no_byte_is_lost_doubled_or_forgotten() {
    let hostile: Vec<Between> = (0..40).map(|seed| Between::Hostile(seed * 7_919)).collect();
    over(&hostile, &StreamLimits::default(), |here, there| async move {
        there.set_reader(Rc::new(Threes));
        drop(there);
        let sent: Vec<u8> = (0..20_001_u32).map(|number| (number % 251) as u8).collect();
        drop(here.write(&sent[..]));
        let mut got = Vec::new();
        for size in (1..900).cycle().step_by(37) {
            let left = sent.len() - got.len();
            got.extend(here.read_bytes(size.min(left)).await.unwrap());
            if got.len() == sent.len() {
                break;
            }
        }
        assert!(got == sent, "the bytes came back changed");
        here.close();
    });
}

/// Takes the first line, and passes the stream on.
struct FirstLine {
    rest: Rc<Capitals>,
}

impl StreamReader for FirstLine {
    fn received(self: Rc<Self>, stream: &IoStream, bytes: &[u8]) -> usize {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return 0 };
        stream.set_reader(Rc::clone(&self.rest) as _);
        end + 1
    }

    fn closed(self: Rc<Self>, _stream: &IoStream, _error: Option<Arc<io::Error>>) {
        panic!("the stream is not mine any more");
    }
}

#[test]
fn a_reader_can_pass_the_stream_on_with_the_rest_of_the_bytes() {
    over_everything(|here, there| async move {
        there.set_reader(Rc::new(FirstLine { rest: Rc::default() }));
        here.write("upgrade\nhello\n").await.unwrap();
        assert_eq!(here.read_until(b"\n", None).await.unwrap(), b"> HELLO\n");
        here.close();
    });
}

#[test]
fn a_stream_can_be_given_back_to_futures_and_taken_again() {
    over_everything(|here, there| async move {
        there.set_reader(Rc::new(Capitals::default()));
        here.write("one\n").await.unwrap();
        here.read_until(b"\n", None).await.unwrap();
        assert!(there.take_reader().is_some());
        here.write("two\nthree\n").await.unwrap();
        assert_eq!(there.read_until(b"\n", None).await.unwrap(), b"two\n");
        there.set_reader(Rc::new(Capitals::default()));
        assert_eq!(here.read_until(b"\n", None).await.unwrap(), b"> THREE\n");
    });
}

#[test]
fn what_is_written_outside_of_an_event_leaves_in_the_next_turn_or_with_flush() {
    over(&SOCKETS, &StreamLimits::default(), |here, there| async move {
        there.write_with(|out| out.extend_from_slice(b"later ")).unwrap();
        assert_eq!(there.unsent(), 6);
        assert_eq!(here.read_bytes(6).await.unwrap(), b"later ");
        there.write_with(|out| out.extend_from_slice(b"now")).unwrap();
        there.flush();
        assert_eq!(there.unsent(), 0);
        assert_eq!(here.read_bytes(3).await.unwrap(), b"now");
        there.close();
        assert!(there.write_with(|out| out.push(b'x')).is_err());
    });
}

/// Panics at the first byte.
struct Panics(Rc<Capitals>);

impl StreamReader for Panics {
    fn received(self: Rc<Self>, _stream: &IoStream, _bytes: &[u8]) -> usize {
        panic!("a bug in a protocol");
    }

    fn closed(self: Rc<Self>, stream: &IoStream, error: Option<Arc<io::Error>>) {
        Rc::clone(&self.0).closed(stream, error);
    }
}

#[test]
fn a_reader_that_panics_loses_its_connection_and_nobody_elses() {
    over_everything(|here, there| async move {
        let captured = squall::log::capture();
        let told = Rc::new(Capitals::default());
        there.set_reader(Rc::new(Panics(Rc::clone(&told))));
        here.write("x").await.unwrap();
        assert!(here.read_bytes(1).await.is_err());
        assert_eq!(captured.messages().len(), 1);
        assert_eq!(*told.closed.borrow(), [None]);
    });
}

/// Takes messages with their length in two bytes in front: the length as it is shown, the rest to
/// where it belongs.
#[derive(Default)]
struct Framed {
    body: RefCell<Vec<u8>>,
    missing: Cell<usize>,
    messages: RefCell<Vec<Vec<u8>>>,
    fills: Cell<usize>,
    closed: RefCell<Vec<Option<io::ErrorKind>>>,
}

impl Framed {
    fn take(&self, bytes: &[u8]) {
        self.body.borrow_mut().extend_from_slice(bytes);
        self.missing.set(self.missing.get() - bytes.len());
        if self.missing.get() == 0 {
            self.messages.borrow_mut().push(self.body.take());
        }
    }
}

impl StreamReader for Framed {
    fn received(self: Rc<Self>, _stream: &IoStream, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        loop {
            if self.missing.get() > 0 {
                let (mine, after) = rest.split_at(self.missing.get().min(rest.len()));
                self.take(mine);
                rest = after;
            }
            let Some((length, after)) = rest.split_first_chunk() else { break };
            self.missing.set(u16::from_le_bytes(*length).into());
            rest = after;
        }
        bytes.len() - rest.len()
    }

    fn fill(self: Rc<Self>, read: &mut dyn FnMut(&mut [u8]) -> usize) -> bool {
        if self.missing.get() == 0 {
            return false;
        }
        let mut room = vec![0; self.missing.get()];
        let count = read(&mut room);
        self.take(&room[..count]);
        self.fills.set(self.fills.get() + usize::from(count > 0));
        true
    }

    fn closed(self: Rc<Self>, _stream: &IoStream, error: Option<Arc<io::Error>>) {
        self.closed.borrow_mut().push(error.map(|error| error.kind()));
    }
}

/// What is read to a reader's own room is neither shown nor lost, whatever was shown before it, and
/// a peer that leaves in the middle of it has left.
#[test]
fn a_reader_may_say_where_the_bytes_belong() {
    let mut between: Vec<Between> = (0..20).map(|seed| Between::Hostile(seed * 7_919)).collect();
    between.extend(SOCKETS);
    over(&between, &StreamLimits::default(), |here, there| async move {
        let framed = Rc::new(Framed::default());
        there.set_reader(Rc::clone(&framed) as _);
        drop(there);
        let sizes = [1_usize, 3, 700, 65_000, 2, 9_000, 40_000, 1];
        let message = |size: &usize| (0..*size).map(|at| (at % 251) as u8).collect::<Vec<_>>();
        let mut sent = Vec::new();
        for body in sizes.iter().map(message) {
            sent.extend_from_slice(&(body.len() as u16).to_le_bytes());
            sent.extend_from_slice(&body);
        }
        sent.extend_from_slice(&[200, 0, 1, 2, 3]);
        let written = here.write(sent);
        while framed.messages.borrow().len() < sizes.len() {
            yield_now().await;
        }
        written.await.unwrap();
        here.close();
        while framed.closed.borrow().is_empty() {
            yield_now().await;
        }
        assert_eq!(*framed.messages.borrow(), sizes.iter().map(message).collect::<Vec<_>>());
        assert_eq!(*framed.closed.borrow(), [None]);
        assert_eq!((framed.missing.get(), framed.body.borrow().len()), (197, 3));
        // One byte more than a loop's receive buffer was sent, so the rest of something came later.
        assert!(framed.fills.get() > 0);
    });
}

/// Wants a message that never ends.
struct Hoarder(RefCell<Option<Promise<Option<io::ErrorKind>>>>);

impl StreamReader for Hoarder {
    fn received(self: Rc<Self>, _stream: &IoStream, _bytes: &[u8]) -> usize {
        0
    }

    fn closed(self: Rc<Self>, _stream: &IoStream, error: Option<Arc<io::Error>>) {
        let promise = self.0.take().expect("told once");
        promise.set_result(error.map(|error| error.kind())).unwrap();
    }
}

#[test]
fn t060_a_reader_that_consumes_nothing_cannot_hoard() {
    on_each_backend(|io_loop| {
        run(io_loop, async {
            let limits = StreamLimits { read_buffer_max: 100_000, ..StreamLimits::default() };
            let (here, there) = streams(Between::Tcp, &limits);
            let promise = Promise::new();
            let closed = promise.future();
            there.set_reader(Rc::new(Hoarder(RefCell::new(Some(promise)))));
            drop(here.write(vec![0; 1 << 20]));
            assert_eq!(closed.await.unwrap(), Some(io::ErrorKind::InvalidData));
        });
    });
}

/// Counts what reaches the kernel.
#[derive(Debug)]
struct Counting {
    inner: Box<dyn Transport>,
    reads: Rc<Cell<usize>>,
    writes: Rc<Cell<usize>>,
}

impl Transport for Counting {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.set(self.reads.get() + 1);
        self.inner.try_read(buf)
    }
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.writes.set(self.writes.get() + 1);
        self.inner.try_write(data)
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.inner.shutdown_write()
    }
    fn source(&self) -> Source<'_> {
        self.inner.source()
    }
    fn peer(&self) -> Peer {
        self.inner.peer()
    }
    fn set_nodelay(&mut self, on: bool) -> io::Result<()> {
        self.inner.set_nodelay(on)
    }
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

#[test]
fn one_receive_and_one_send_per_event() {
    run_on_each_backend(|| async {
        for between in SOCKETS {
            let (here, there) = transports(between);
            let (reads, writes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let counting =
                Counting { inner: there, reads: Rc::clone(&reads), writes: Rc::clone(&writes) };
            let (here, there) = (IoStream::new(here), IoStream::new(counting));
            there.set_reader(Rc::new(Capitals::default()));
            for round in 1..=10 {
                here.write("a\nb\nc\nd\n").await.unwrap();
                assert_eq!(here.read_bytes(16).await.unwrap(), b"> A\n> B\n> C\n> D\n");
                assert_eq!((reads.get(), writes.get()), (round, round));
            }
        }
    });
}
