//! The runner: drives each coroutine to its next unfinished future.
//!
//! Owns the table of suspended coroutines. A step takes the coroutine out of its slot, polls it
//! with nothing borrowed, and puts it back if it is not done; so a coroutine may spawn, wake and
//! cancel others, and itself. A slot's waker is made once and serves every later tenant: a late
//! wake-up of a former tenant is only one needless poll. Read next: `waker.rs`.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use reactor::Instant;

use super::CoroutineInfo;
use super::frame::{BoxedFrame, Home};
use super::waker::SlotWaker;
use crate::future::{Cancel, Keeper};
use crate::ioloop::{self, CoroutineId, IoLoop, Stepper, WaitNote};

/// The coroutines of one loop.
pub(super) struct Runner {
    /// The loop they belong to, found through the thread's running loop.
    loop_id: u64,
    table: RefCell<Table>,
    /// Coroutines ever spawned, which is also the newest one's number.
    spawned: Cell<u64>,
}

/// The slots, and which of them are free. A slab would forget a slot's waker with its tenant.
#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// A place for one coroutine at a time.
struct Slot {
    /// Lent to the step that runs: cloning it would touch the atomic reference count twice a step.
    waker: Option<Waker>,
    shared: Arc<SlotWaker>,
    tenant: Option<Tenant>,
}

/// Who lives in a slot.
struct Tenant {
    number: u64,
    place: &'static Location<'static>,
    /// Absent while it is being polled.
    frame: Option<BoxedFrame>,
    /// Who answers for it.
    keeper: Option<Rc<dyn Keeper>>,
    /// Where the frame goes in the end, if it is to be used again.
    home: Option<Home>,
    wait: Option<WaitNote>,
    since: Instant,
}

/// A step that is about to run: out of its slot is what it needs.
struct Step {
    number: u64,
    place: &'static Location<'static>,
    waker: Waker,
    frame: BoxedFrame,
}

/// However it went. Tenants are dropped when nothing is borrowed.
impl Drop for Tenant {
    fn drop(&mut self) {
        drop(self.frame.take());
        if let Some(keeper) = self.keeper.take() {
            keeper.ended();
        }
    }
}

impl Slot {
    /// From here on a wake-up asks for another step. A tenant that takes over in the middle of the
    /// former one's step finds the waker lent, and gets another.
    fn begin_step(&mut self) -> Option<Step> {
        let tenant = self.tenant.as_mut()?;
        let frame = tenant.frame.take()?;
        self.shared.arm();
        let waker = self.waker.take().unwrap_or_else(|| Waker::from(Arc::clone(&self.shared)));
        Some(Step { number: tenant.number, place: tenant.place, waker, frame })
    }
}

impl Table {
    fn tenant(&mut self, number: u64) -> Option<&mut Tenant> {
        let slot = self.slots.get_mut(slot_of(number))?;
        slot.tenant.as_mut().filter(|tenant| tenant.number == number)
    }

    /// Frees the slot of `number`; gives what has to be dropped when nothing is borrowed.
    fn remove(&mut self, number: u64) -> Option<Tenant> {
        self.tenant(number)?;
        let key = slot_of(number);
        self.free.push(key as u32);
        self.slots[key].tenant.take()
    }
}

impl Runner {
    /// The runner of `io_loop`, made at the first spawn.
    pub(super) fn of(io_loop: &IoLoop) -> Rc<Self> {
        io_loop.stepper(|| {
            Rc::new(Self {
                loop_id: io_loop.id(),
                table: RefCell::default(),
                spawned: Cell::new(0),
            })
        })
    }

    /// Reserves a slot for a new coroutine; the number names slot and tenant.
    pub(super) fn reserve(&self, io_loop: &IoLoop) -> u64 {
        self.spawned.set(self.spawned.get() + 1);
        let mut table = self.table.borrow_mut();
        let key = table.free.pop().unwrap_or_else(|| {
            let key = table.slots.len() as u32;
            let shared = Arc::new(SlotWaker::new(self.loop_id, key, io_loop.remote()));
            table.slots.push(Slot { waker: None, shared, tenant: None });
            key
        });
        (self.spawned.get() << SLOT_BITS) | u64::from(key)
    }

    /// Moves it in and runs the first step, in the caller's turn. `keeper` is told how it ended.
    pub(super) fn begin(
        &self,
        io_loop: &IoLoop,
        number: u64,
        place: &'static Location<'static>,
        frame: BoxedFrame,
        (keeper, home): (Rc<dyn Keeper>, Option<Home>),
    ) {
        let _current = io_loop.enter_for_a_step();
        let since = io_loop.now();
        let (keeper, frame) = (Some(keeper), Some(frame));
        let tenant = Tenant { number, place, frame, keeper, home, wait: None, since };
        let step = {
            let slot = &mut self.table.borrow_mut().slots[slot_of(number)];
            slot.shared.set_tenant(number);
            slot.tenant = Some(tenant);
            slot.begin_step()
        };
        // An observer may list the coroutines: nothing is borrowed.
        io_loop.observe(|observer| observer.coroutine_spawn(CoroutineId(number), place));
        if let Some(step) = step {
            self.run(io_loop, step);
        }
    }

    /// One step: poll, and keep what is not done.
    fn run(&self, io_loop: &IoLoop, step: Step) {
        let Step { number, place, waker, mut frame } = step;
        io_loop.observe(|observer| observer.coroutine_step(CoroutineId(number)));
        io_loop.take_wait_note();
        let mut done = false;
        let panic = io_loop.run_watched("coroutine", place, || {
            done = frame.as_mut().step(&mut Context::from_waker(&waker)).is_ready();
        });
        match panic {
            None if !done => self.suspend(io_loop, number, waker, frame),
            panic => self.finish(io_loop, number, waker, frame, panic),
        }
    }

    /// Back into its slot, unless it was cancelled during its own step, or the loop was closed and
    /// nobody would ever step it again.
    fn suspend(&self, io_loop: &IoLoop, number: u64, waker: Waker, frame: BoxedFrame) {
        let wait = io_loop.take_wait_note();
        let mut table = self.table.borrow_mut();
        let slot = &mut table.slots[slot_of(number)];
        slot.waker = Some(waker);
        match &mut slot.tenant {
            Some(tenant) if tenant.number == number && !io_loop.is_closed() => {
                (tenant.frame, tenant.wait, tenant.since) = (Some(frame), wait, io_loop.now());
                drop(table);
                io_loop.observe(|observer| observer.coroutine_wait(CoroutineId(number), wait));
            }
            _ => {
                let tenant = table.remove(number);
                drop(table);
                drop((frame, tenant)); // their own destructors run when nothing is borrowed
            }
        }
    }

    /// Its slot is free for the next one. The coroutine's own destructors run when nothing is
    /// borrowed.
    fn finish(
        &self,
        io_loop: &IoLoop,
        number: u64,
        waker: Waker,
        frame: BoxedFrame,
        panic: Option<String>,
    ) {
        let tenant = {
            let mut table = self.table.borrow_mut();
            table.slots[slot_of(number)].waker = Some(waker);
            table.remove(number)
        };
        let Some(mut tenant) = tenant else { return };
        io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
        if let (Some(message), Some(keeper)) = (panic, &tenant.keeper) {
            Rc::clone(keeper).panicked(message);
        }
        if let Some(home) = tenant.home.take() {
            frame.go_home(&home);
        }
    }

    /// Every suspended coroutine, oldest first.
    pub(super) fn list(&self) -> Vec<CoroutineInfo> {
        let table = self.table.borrow();
        let tenants = table.slots.iter().filter_map(|slot| slot.tenant.as_ref());
        let mut listed: Vec<CoroutineInfo> = tenants
            .map(|tenant| CoroutineInfo {
                id: CoroutineId(tenant.number),
                place: tenant.place,
                wait: tenant.wait,
                since: tenant.since,
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
        let step = {
            let mut table = self.table.borrow_mut();
            table.slots.get_mut(slot as usize).and_then(Slot::begin_step)
        };
        if let Some(step) = step {
            self.run(io_loop, step);
        }
    }

    fn close(&self) {
        let numbers: Vec<u64> = self.list().iter().map(|info| info.id.0).collect();
        let gone: Vec<Option<Tenant>> =
            numbers.into_iter().map(|number| self.table.borrow_mut().remove(number)).collect();
        drop(gone); // the coroutines' own destructors run when nothing is borrowed
    }
}

impl Cancel for Runner {
    fn cancel(&self, number: u64) {
        let tenant = self.table.borrow_mut().remove(number);
        if tenant.is_some() {
            let _ = ioloop::owner(self.loop_id, |io_loop| {
                io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
            });
        }
        drop(tenant); // the coroutine's own destructors run when nothing is borrowed
    }
}
