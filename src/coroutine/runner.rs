//! The runner: drives each coroutine to its next unfinished future.
//!
//! Owns the slots of suspended coroutines. A step takes the coroutine out of its slot, polls it
//! with nothing borrowed, and puts it back if it is not done; so a coroutine may spawn, wake and
//! cancel others, and itself. A slot's waker is made once and serves every later tenant: a late
//! wake-up of a former tenant is only one needless poll. Read next: `waker.rs`.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use reactor::Instant;
use slab::Slab;

use super::CoroutineInfo;
use super::waker::SlotWaker;
use crate::future::Cancel;
use crate::ioloop::{self, CoroutineId, IoLoop, Stepper, WaitNote};

/// A coroutine's body: it settles its own promise, so it has nothing to return.
type Body = Pin<Box<dyn std::future::Future<Output = ()>>>;

/// The coroutines of one loop.
pub(super) struct Runner {
    /// The loop they belong to, found through the thread's running loop.
    loop_id: u64,
    slots: RefCell<Slab<Slot>>,
    /// One waker per slot ever used, kept when the tenant leaves.
    wakers: RefCell<Vec<(Option<Waker>, Arc<SlotWaker>)>>,
    /// Coroutines ever spawned, which is also the newest one's number.
    spawned: Cell<u64>,
}

/// One tenant.
struct Slot {
    number: u64,
    place: &'static Location<'static>,
    /// Absent while it is being polled.
    body: Option<Body>,
    wait: Option<WaitNote>,
    since: Instant,
}

impl Runner {
    /// The runner of `io_loop`, made at the first spawn.
    pub(super) fn of(io_loop: &IoLoop) -> Rc<Self> {
        io_loop.stepper(|| {
            Rc::new(Self {
                loop_id: io_loop.id(),
                slots: RefCell::default(),
                wakers: RefCell::default(),
                spawned: Cell::new(0),
            })
        })
    }

    /// Takes a slot for a new coroutine; the number names slot and tenant.
    pub(super) fn reserve(&self, io_loop: &IoLoop, place: &'static Location<'static>) -> u64 {
        self.spawned.set(self.spawned.get() + 1);
        let mut slots = self.slots.borrow_mut();
        let entry = slots.vacant_entry();
        let number = (self.spawned.get() << SLOT_BITS) | entry.key() as u64;
        let slot = Slot { number, place, body: None, wait: None, since: io_loop.now() };
        self.keep_waker(io_loop, entry.key(), number);
        entry.insert(slot);
        drop(slots); // an observer may list the coroutines
        io_loop.observe(|observer| observer.coroutine_spawn(CoroutineId(number), place));
        number
    }

    fn keep_waker(&self, io_loop: &IoLoop, slot: usize, number: u64) {
        let mut wakers = self.wakers.borrow_mut();
        if wakers.len() == slot {
            let waker = Arc::new(SlotWaker::new(self.loop_id, slot as u32, io_loop.remote()));
            wakers.push((None, waker));
        }
        wakers[slot].1.set_tenant(number);
    }

    /// Runs the first step, in the caller's turn.
    pub(super) fn begin(&self, io_loop: &IoLoop, number: u64, body: Body) {
        let _current = io_loop.enter_for_a_step();
        self.poll(io_loop, slot_of(number), body);
    }

    /// One step: poll, and keep what is not done.
    fn poll(&self, io_loop: &IoLoop, key: usize, mut body: Body) {
        let Some((number, place)) = self.tenant(key) else { return };
        let waker = self.arm(key);
        io_loop.observe(|observer| observer.coroutine_step(CoroutineId(number)));
        io_loop.take_wait_note();
        let mut done = true;
        io_loop.run_guarded("coroutine", place, || {
            done = body.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(());
        });
        self.put_waker_back(key, waker);
        let wait = io_loop.take_wait_note();
        let gone = self.suspend_or_free(io_loop, key, number, (!done).then_some(body), wait);
        drop(gone); // the coroutine's own destructors run when nothing is borrowed
    }

    fn tenant(&self, key: usize) -> Option<(u64, &'static Location<'static>)> {
        self.slots.borrow().get(key).map(|slot| (slot.number, slot.place))
    }

    /// The slot's waker, ready to report the next wake-up. It is lent by taking it out: cloning
    /// would touch the atomic reference count twice a step.
    fn arm(&self, key: usize) -> Waker {
        let mut wakers = self.wakers.borrow_mut();
        let (kept, shared) = &mut wakers[key];
        shared.arm();
        kept.take().unwrap_or_else(|| Waker::from(Arc::clone(shared)))
    }

    fn put_waker_back(&self, key: usize, waker: Waker) {
        self.wakers.borrow_mut()[key].0 = Some(waker);
    }

    /// What is dropped is returned, to be dropped by the caller.
    fn suspend_or_free(
        &self,
        io_loop: &IoLoop,
        key: usize,
        number: u64,
        mut body: Option<Body>,
        wait: Option<WaitNote>,
    ) -> Option<Body> {
        let mut slots = self.slots.borrow_mut();
        let still_there = slots.get(key).is_some_and(|slot| slot.number == number);
        if !still_there {
            return body; // cancelled during its own step
        }
        let abandoned = if io_loop.is_closed() { body.take() } else { None };
        if body.is_some() {
            let slot = &mut slots[key];
            (slot.body, slot.wait, slot.since) = (body, wait, io_loop.now());
            drop(slots);
            io_loop.observe(|observer| observer.coroutine_wait(CoroutineId(number), wait));
        } else {
            slots.remove(key);
            drop(slots);
            io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
        }
        abandoned // nobody would ever step it again
    }

    /// Every suspended coroutine, oldest first.
    pub(super) fn list(&self) -> Vec<CoroutineInfo> {
        let slots = self.slots.borrow();
        let mut listed: Vec<CoroutineInfo> = slots
            .iter()
            .map(|(_, slot)| CoroutineInfo {
                id: CoroutineId(slot.number),
                place: slot.place,
                wait: slot.wait,
                since: slot.since,
            })
            .collect();
        listed.sort_by_key(|info| info.id);
        listed
    }
}

/// A number is the spawn count and, in its low bits, the slot.
const SLOT_BITS: u32 = 24;

fn slot_of(number: u64) -> usize {
    (number & ((1 << SLOT_BITS) - 1)) as usize
}

impl Stepper for Runner {
    fn step(&self, io_loop: &IoLoop, slot: u32) {
        let body = {
            let mut slots = self.slots.borrow_mut();
            slots.get_mut(slot as usize).and_then(|slot| slot.body.take())
        };
        if let Some(body) = body {
            self.poll(io_loop, slot as usize, body);
        }
    }

    fn close(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
    }
}

impl Cancel for Runner {
    fn cancel(&self, number: u64) {
        let key = slot_of(number);
        let slot = {
            let mut slots = self.slots.borrow_mut();
            let is_it = slots.get(key).is_some_and(|slot| slot.number == number);
            is_it.then(|| slots.remove(key))
        };
        if slot.is_some() {
            let _ = ioloop::owner(self.loop_id, |io_loop| {
                io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
            });
        }
        drop(slot); // the coroutine's own destructors run when nothing is borrowed
    }
}
