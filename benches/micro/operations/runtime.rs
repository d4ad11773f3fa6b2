//! Callbacks, coroutines, futures and timers: what the loop does when no socket is in sight.
//!
//! Every operation has a loop of its own, which is closed when the work is dropped. Read next:
//! `sockets.rs`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use squall::coroutine::{join_all, yield_now};
use squall::future::Promise;
use squall::ioloop::IoLoop;

use super::Prepared;
use super::clock::new_loop;

/// A loop that is closed with its last user, since what it holds may hold the loop.
pub(super) struct Closing(pub(super) IoLoop);

impl Closing {
    pub(super) fn new() -> Self {
        Self(new_loop().expect("an event loop"))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Added and run, a thousand in a turn.
pub(super) fn callback(times: usize) -> Prepared {
    fn add(io_loop: &IoLoop, left: usize, ran: &Rc<Cell<usize>>) {
        for _ in 0..left.min(1_000) {
            let ran = Rc::clone(ran);
            io_loop.add_callback(move || ran.set(ran.get() + 1));
        }
        let (left, again, ran) = (left.saturating_sub(1_000), io_loop.clone(), Rc::clone(ran));
        io_loop
            .add_callback(move || if left == 0 { again.stop() } else { add(&again, left, &ran) });
    }
    let io_loop = Closing::new();
    Box::new(move || {
        let ran = Rc::new(Cell::new(0));
        add(&io_loop.0, times, &ran);
        io_loop.0.start().expect("the loop runs");
        assert_eq!(ran.get(), times);
    })
}

/// Each adds the next: a turn of the loop for every one.
pub(super) fn callback_chain(times: usize) -> Prepared {
    fn link(io_loop: &IoLoop, left: usize) {
        let next = io_loop.clone();
        io_loop.add_callback(move || if left == 0 { next.stop() } else { link(&next, left - 1) });
    }
    let io_loop = Closing::new();
    Box::new(move || {
        link(&io_loop.0, times);
        io_loop.0.start().expect("the loop runs");
    })
}

/// A coroutine that is over after its first step.
pub(super) fn spawn_empty(times: usize) -> Prepared {
    coroutine(async move {
        let io_loop = IoLoop::current();
        for _ in 0..times {
            assert!(io_loop.spawn(async {}).done());
        }
    })
}

/// One of a hundred coroutines makes room for the others and is resumed.
pub(super) fn yield_100(times: usize) -> Prepared {
    async fn yields(times: usize) {
        for _ in 0..times {
            yield_now().await;
        }
    }
    coroutine(async move {
        let io_loop = IoLoop::current();
        let all: Vec<_> = (0..100).map(|_| io_loop.spawn(yields(times / 100))).collect();
        join_all(all).await.expect("nobody fails");
    })
}

/// There and back: two coroutines wake each other.
pub(super) fn ping_pong(times: usize) -> Prepared {
    coroutine(async move {
        let (there, back) = (Rc::new(Place::default()), Rc::new(Place::default()));
        let (near, far) = (Rc::clone(&there), Rc::clone(&back));
        let echo = IoLoop::current().spawn(async move {
            for _ in 0..times {
                far.put(near.take().await);
            }
        });
        for number in 0..times {
            there.put(number);
            assert_eq!(back.take().await, number);
        }
        echo.await.expect("nobody fails");
    })
}

/// A cell for one number, and who waits for it.
#[derive(Default)]
struct Place {
    number: Cell<Option<usize>>,
    reader: RefCell<Option<Waker>>,
}

impl Place {
    fn put(&self, number: usize) {
        self.number.set(Some(number));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    async fn take(&self) -> usize {
        poll_fn(|context| {
            if let Some(number) = self.number.take() {
                return Poll::Ready(number);
            }
            self.reader.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }
}

/// A promise is made, its future awaited, and a callback keeps the promise.
pub(super) fn future_set_and_await(times: usize) -> Prepared {
    coroutine(async move {
        let io_loop = IoLoop::current();
        for number in 0..times {
            let promise = Promise::new();
            let future = promise.future();
            io_loop.add_callback(move || promise.set_result(number).expect("set once"));
            assert_eq!(future.await.ok(), Some(number));
        }
    })
}

/// Runs what `body` describes; a second run would find nothing left to do.
fn coroutine(body: impl Future<Output = ()> + 'static) -> Prepared {
    let (io_loop, mut body) = (Closing::new(), Some(body));
    Box::new(move || {
        let body = body.take().expect("work is run once");
        io_loop.0.run_sync(body).expect("the coroutine ends");
    })
}

/// Into a loop that has no other timers at first.
pub(super) fn timer_insert(times: usize) -> Prepared {
    let (io_loop, mut delays) = (Closing::new(), Delays::new());
    Box::new(move || insert(&io_loop.0, &mut delays, times))
}

/// Into a loop that has a million already.
pub(super) fn timer_insert_1m(times: usize) -> Prepared {
    let (io_loop, mut delays) = (Closing::new(), Delays::new());
    insert(&io_loop.0, &mut delays, 1_000_000);
    Box::new(move || insert(&io_loop.0, &mut delays, times))
}

fn insert(io_loop: &IoLoop, delays: &mut Delays, times: usize) {
    for _ in 0..times {
        io_loop.call_later(delays.next(), || ());
    }
}

/// All of a loop's timers, in the order in which they were made.
pub(super) fn timer_cancel(times: usize) -> Prepared {
    let (io_loop, mut delays) = (Closing::new(), Delays::new());
    let mut timers: Vec<_> =
        (0..times).map(|_| io_loop.0.call_later(delays.next(), || ())).collect();
    Box::new(move || {
        for timer in timers.drain(..) {
            io_loop.0.remove_timeout(timer);
        }
        assert_eq!(io_loop.0.timers_pending(), 0);
    })
}

/// The same delays in every run, between one minute and an hour: none is due while we measure.
struct Delays(u64);

impl Delays {
    fn new() -> Self {
        Self(88_172_645_463_325_252)
    }

    /// Marsaglia's xorshift.
    fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_secs(60) + Duration::from_micros(self.0 % 3_540_000_000)
    }
}
