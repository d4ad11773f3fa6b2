//! The floor: the least a loop can do and still run coroutines and timers.
//!
//! A ready queue of slab indices, a queue of boxed closures, a binary heap of deadlines, one epoll.
//! No cancellation, no join handles, no panics caught, nobody watching; a coroutine that is woken
//! twice is polled twice, and a slot's waker is made once for all its tenants.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::Timespec;

use super::{ARRIVED, Runtime};

pub(super) struct Floor;

type Body = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static READY: RefCell<VecDeque<usize>> = const { RefCell::new(VecDeque::new()) };
    static CALLBACKS: RefCell<VecDeque<Box<dyn FnOnce()>>> =
        const { RefCell::new(VecDeque::new()) };
    static TASKS: RefCell<Tasks> = const { RefCell::new(Tasks { slots: Vec::new(), free: Vec::new() }) };
    static TIMERS: RefCell<Timers> =
        const { RefCell::new(Timers { heap: BinaryHeap::new(), wakers: Vec::new(), free: Vec::new() }) };
    static BELL: Cell<Option<Arc<Bell>>> = const { Cell::new(None) };
}

struct Tasks {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

/// Both are taken out while the body runs.
struct Slot {
    body: Option<Body>,
    waker: Option<Waker>,
}

/// A waker is an index; it stays on its thread.
struct Index(usize);

impl Wake for Index {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push_back(self.0));
    }
}

/// The latest number from another thread.
struct Bell {
    line: OwnedFd,
    number: AtomicU64,
}

/// Deadlines and the index of what to wake; `None` has been cancelled, or wakes nobody.
struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Timers {
    fn insert(&mut self, due: Instant, waker: Option<Waker>) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        });
        self.wakers[index] = waker;
        self.heap.push(Reverse((due, index)));
        index
    }

    /// One look at the clock for all that are due; answers when the next one is.
    fn fire(&mut self) -> Option<Duration> {
        let Reverse((first, _)) = self.heap.peek()?;
        let now = Instant::now();
        if *first > now {
            return Some(*first - now);
        }
        while let Some(&Reverse((due, index))) = self.heap.peek() {
            if due > now {
                break;
            }
            self.heap.pop();
            self.free.push(index);
            if let Some(waker) = self.wakers[index].take() {
                waker.wake();
            }
        }
        Some(Duration::ZERO)
    }
}

/// Polls what was ready when it began, and runs as many callbacks as there were.
fn turn() -> bool {
    let (steps, calls) = (READY.with_borrow(VecDeque::len), CALLBACKS.with_borrow(VecDeque::len));
    for _ in 0..steps {
        let Some(index) = READY.with_borrow_mut(VecDeque::pop_front) else { break };
        step(index);
    }
    for _ in 0..calls {
        let Some(callback) = CALLBACKS.with_borrow_mut(VecDeque::pop_front) else { break };
        callback();
    }
    steps + calls > 0
}

fn step(index: usize) {
    let taken = TASKS.with_borrow_mut(|tasks| {
        let slot = &mut tasks.slots[index];
        slot.body.take().zip(slot.waker.take())
    });
    let Some((mut body, waker)) = taken else { return };
    let done = body.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    TASKS.with_borrow_mut(|tasks| {
        tasks.slots[index].waker = Some(waker);
        if done {
            tasks.free.push(index);
        } else {
            tasks.slots[index].body = Some(body);
        }
    });
}

fn start(body: Body) {
    let index = TASKS.with_borrow_mut(|tasks| {
        if let Some(index) = tasks.free.pop() {
            tasks.slots[index].body = Some(body);
            return index;
        }
        let index = tasks.slots.len();
        let waker = Some(Waker::from(Arc::new(Index(index))));
        tasks.slots.push(Slot { body: Some(body), waker });
        index
    });
    READY.with_borrow_mut(|ready| ready.push_back(index));
}

/// Resumed once, when the timer is due.
async fn sleep_until(due: Instant) {
    let mut asleep = false;
    poll_fn(|context| {
        if asleep {
            return Poll::Ready(());
        }
        asleep = true;
        let waker = context.waker().clone();
        TIMERS.with_borrow_mut(|timers| timers.insert(due, Some(waker)));
        Poll::Pending
    })
    .await;
}

impl Runtime for Floor {
    type Timer = usize;

    fn block_on(main: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let line = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &line, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
        let bell = Arc::new(Bell { line, number: AtomicU64::new(0) });
        BELL.set(Some(Arc::clone(&bell)));
        let over = std::rc::Rc::new(Cell::new(false));
        let flag = std::rc::Rc::clone(&over);
        start(Box::pin(async move {
            main.await;
            flag.set(true);
        }));
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 8];
        while !over.get() {
            let next = TIMERS.with_borrow_mut(Timers::fire);
            if turn() {
                continue;
            }
            let next = next.map(|left| Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            });
            if epoll::wait(&epoll, &mut events, next.as_ref())? > 0 {
                ARRIVED.store(bell.number.load(Ordering::Acquire), Ordering::Release);
            }
        }
        Ok(())
    }

    fn spawn(coroutine: impl Future<Output = ()> + Send + 'static) {
        start(Box::pin(coroutine));
    }

    fn add_callback(callback: impl FnOnce() + Send + 'static) {
        CALLBACKS.with_borrow_mut(|callbacks| callbacks.push_back(Box::new(callback)));
    }

    fn spawn_sleeper(due: Instant, then: impl FnOnce() + Send + 'static) {
        Self::spawn(async move {
            sleep_until(due).await;
            then();
        });
    }

    async fn sleep(delay: Duration) {
        sleep_until(Instant::now() + delay).await;
    }

    fn insert_timer(delay: Duration) -> usize {
        let due = Instant::now() + delay;
        TIMERS.with_borrow_mut(|timers| timers.insert(due, Some(Waker::noop().clone())))
    }

    /// Its place in the heap is left behind, and comes up when it is due.
    fn cancel_timer(timer: usize) {
        TIMERS.with_borrow_mut(|timers| timers.wakers[timer] = None);
    }

    fn remote() -> io::Result<impl Fn(u64) + Send + 'static> {
        let bell = BELL.take().ok_or_else(|| io::Error::other("the floor does not run"))?;
        Ok(move |number| {
            bell.number.store(number, Ordering::Release);
            // An eventfd that is full rings all the same.
            let _ = rustix::io::write(&bell.line, &1_u64.to_ne_bytes());
        })
    }
}
