//! The runner: drives each coroutine to its next unfinished future.
//!
//! Owns the slots that suspended coroutines live in. A step polls the coroutine where it lives, with
//! nothing borrowed but its own frame; so a coroutine may spawn, wake and cancel others, and itself.
//! A slot and its waker are made once and serve every later tenant: a late wake-up of a former
//! tenant is only one needless poll. Read next: `waker.rs`.

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
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Slots that the next coroutines move into.
    free: RefCell<Vec<u32>>,
    /// Coroutines ever spawned, which is also the newest one's number.
    spawned: Cell<u64>,
}

/// A place for one coroutine at a time.
pub(super) struct Slot {
    key: u32,
    waker: Waker,
    /// The same waker, by its own type.
    shared: Arc<SlotWaker>,
    /// Who lives here, or [`NOBODY`].
    tenant: Cell<u64>,
    /// The tenant's body; borrowed while it is polled, and then it may outlive its tenancy.
    frame: RefCell<Option<BoxedFrame>>,
    /// The line that spawned the tenant.
    place: Cell<&'static Location<'static>>,
    /// Who answers for it.
    keeper: Cell<Option<Rc<dyn Keeper>>>,
    /// Where the frame goes in the end, if it is to be used again.
    home: Cell<Option<Home>>,
    wait: Cell<Option<WaitNote>>,
    since: Cell<Instant>,
}

/// Fewer slots than these are no crowd's, and stay.
const CROWD: usize = 1024;

/// No coroutine has this number.
const NOBODY: u64 = 0;

/// What a tenant leaves behind. It is dropped when nothing is borrowed: the coroutine's own
/// destructors run then.
struct Estate {
    frame: Option<BoxedFrame>,
    keeper: Option<Rc<dyn Keeper>>,
}

/// However it ended, its keeper hears of it, last.
impl Drop for Estate {
    fn drop(&mut self) {
        drop(self.frame.take());
        if let Some(keeper) = self.keeper.take() {
            keeper.ended();
        }
    }
}

impl Runner {
    /// The runner of `io_loop`, made at the first spawn.
    pub(super) fn of(io_loop: &IoLoop) -> Rc<Self> {
        io_loop.stepper(|| {
            Rc::new(Self {
                loop_id: io_loop.id(),
                slots: RefCell::default(),
                free: RefCell::default(),
                spawned: Cell::new(0),
            })
        })
    }

    /// The slot of the next coroutine, which has its number from now on.
    pub(super) fn reserve(&self, io_loop: &IoLoop) -> Rc<Slot> {
        self.spawned.set(self.spawned.get() + 1);
        let vacant = self.free.borrow_mut().pop();
        let slot = vacant.and_then(|key| self.slot(key)).unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            let key = slots.len() as u32;
            let slot = Rc::new(Slot::new(SlotWaker::new(self.loop_id, key, io_loop.remote()), key));
            slots.push(Rc::clone(&slot));
            slot
        });
        slot.tenant.set((self.spawned.get() << SLOT_BITS) | u64::from(slot.key));
        slot
    }

    /// Moves it in and runs the first step, in the caller's turn. `keeper` is told how it ended.
    pub(super) fn begin(
        &self,
        io_loop: &IoLoop,
        slot: &Slot,
        place: &'static Location<'static>,
        frame: BoxedFrame,
        (keeper, home): (Rc<dyn Keeper>, Option<Home>),
    ) {
        let _current = io_loop.enter_for_a_step();
        slot.shared.set_tenant(slot.number());
        slot.place.set(place);
        slot.keeper.set(Some(keeper));
        slot.home.set(home);
        slot.wait.set(None);
        slot.since.set(io_loop.now());
        slot.frame.replace(Some(frame));
        // An observer may list the coroutines: nothing is borrowed.
        let id = CoroutineId(slot.number());
        io_loop.observe(|observer| observer.coroutine_spawn(id, place));
        self.run(io_loop, slot);
    }

    fn slot(&self, key: u32) -> Option<Rc<Slot>> {
        self.slots.borrow().get(key as usize).cloned()
    }

    /// One step: poll, and say what it waits for. A late wake-up finds nobody.
    fn run(&self, io_loop: &IoLoop, slot: &Slot) {
        let Ok(mut frame) = slot.frame.try_borrow_mut() else { return };
        let Some(body) = frame.as_mut() else { return };
        let number = slot.tenant.get();
        slot.shared.arm();
        io_loop.observe(|observer| observer.coroutine_step(CoroutineId(number)));
        io_loop.take_wait_note();
        let mut done = false;
        let panic = io_loop.run_watched("coroutine", slot.place.get(), || {
            done = body.as_mut().step(&mut Context::from_waker(&slot.waker)).is_ready();
        });
        let wait = io_loop.take_wait_note();
        // It may have cancelled itself; and on a closed loop nobody would ever step it again.
        let stays = !done && slot.tenant.get() == number && !io_loop.is_closed();
        if stays && panic.is_none() {
            slot.wait.set(wait);
            slot.since.set(io_loop.now());
            drop(frame);
            io_loop.observe(|observer| observer.coroutine_wait(CoroutineId(number), wait));
        } else {
            let body = frame.take();
            drop(frame);
            self.finish(io_loop, slot, number, body, panic);
        }
    }

    /// The last step is over: its slot is free for the next one.
    #[inline(never)]
    fn finish(
        &self,
        io_loop: &IoLoop,
        slot: &Slot,
        number: u64,
        frame: Option<BoxedFrame>,
        panic: Option<String>,
    ) {
        let home = slot.home.take();
        let lived_here = slot.tenant.get() == number;
        let mut estate = Estate { frame, keeper: lived_here.then(|| slot.vacate()).flatten() };
        self.release(slot.key);
        if lived_here {
            io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
        }
        if let (Some(message), Some(keeper)) = (panic, &estate.keeper) {
            Rc::clone(keeper).panicked(message);
        }
        if let (Some(home), Some(frame)) = (home, estate.frame.take()) {
            frame.go_home(&home);
        }
    }

    /// Ends a tenancy from outside. A body that is being polled right now ends with its step.
    fn evict(&self, number: u64) -> Option<Estate> {
        let slot = self.slot(slot_of(number)).filter(|slot| slot.tenant.get() == number)?;
        let keeper = slot.vacate();
        let Ok(frame) = slot.frame.try_borrow_mut().map(|mut frame| frame.take()) else {
            return Some(Estate { frame: None, keeper });
        };
        slot.home.take();
        self.release(slot.key);
        Some(Estate { frame, keeper })
    }

    /// Nobody lives in this slot any more.
    fn release(&self, key: u32) {
        self.free.borrow_mut().push(key);
        let slots = self.slots.borrow().len();
        let stay = slots - self.free.borrow().len();
        // Looked at each time the number of those who stay is halved.
        if slots > CROWD && stay < slots / 8 && (stay.is_power_of_two() || stay == 0) {
            self.tidy_after_a_crowd();
        }
    }

    /// Drops the slots behind the last one that is lived in. Their wakers may live on: they wake whoever
    /// gets a slot of the same key, which is one needless poll.
    #[cold]
    fn tidy_after_a_crowd(&self) {
        let mut slots = self.slots.borrow_mut();
        let stay = slots.iter().rposition(|slot| !slot.is_empty()).map_or(0, |last| last + 1);
        slots.truncate(stay);
        slots.shrink_to_fit();
        let mut free = self.free.borrow_mut();
        free.retain(|key| (*key as usize) < stay);
        free.shrink_to_fit();
    }

    /// Every coroutine that is not over, oldest first.
    pub(super) fn list(&self) -> Vec<CoroutineInfo> {
        let slots = self.slots.borrow();
        let lived_in = slots.iter().filter(|slot| slot.tenant.get() != NOBODY);
        let mut listed: Vec<CoroutineInfo> = lived_in
            .map(|slot| CoroutineInfo {
                id: CoroutineId(slot.tenant.get()),
                place: slot.place.get(),
                wait: slot.wait.get(),
                since: slot.since.get(),
            })
            .collect();
        listed.sort_by_key(|info| info.id);
        listed
    }
}

impl Slot {
    fn new(waker: SlotWaker, key: u32) -> Self {
        let shared = Arc::new(waker);
        Self {
            key,
            waker: Waker::from(Arc::clone(&shared)),
            shared,
            tenant: Cell::new(NOBODY),
            frame: RefCell::new(None),
            place: Cell::new(Location::caller()),
            keeper: Cell::new(None),
            home: Cell::new(None),
            wait: Cell::new(None),
            since: Cell::new(Instant::ZERO),
        }
    }

    /// The tenant's number.
    pub(super) fn number(&self) -> u64 {
        self.tenant.get()
    }

    /// Nobody lives here, and nobody's body is being polled either.
    fn is_empty(&self) -> bool {
        let vacated = self.frame.try_borrow().is_ok_and(|frame| frame.is_none());
        vacated && self.tenant.get() == NOBODY
    }

    /// The tenancy is over.
    fn vacate(&self) -> Option<Rc<dyn Keeper>> {
        self.tenant.set(NOBODY);
        self.keeper.take()
    }
}

/// A number is the spawn count and, in its low bits, the slot.
const SLOT_BITS: u32 = 24;

fn slot_of(number: u64) -> u32 {
    (number & ((1 << SLOT_BITS) - 1)) as u32
}

impl Stepper for Runner {
    fn step(&self, io_loop: &IoLoop, slot: u32) {
        if let Some(slot) = self.slot(slot) {
            self.run(io_loop, &slot);
        }
    }

    fn close(&self) {
        let numbers: Vec<u64> = self.list().iter().map(|info| info.id.0).collect();
        let gone: Vec<Option<Estate>> =
            numbers.into_iter().map(|number| self.evict(number)).collect();
        drop(gone);
    }
}

impl Cancel for Runner {
    fn cancel(&self, number: u64) {
        let estate = self.evict(number);
        if estate.is_some() {
            let _ = ioloop::owner(self.loop_id, |io_loop| {
                io_loop.observe(|observer| observer.coroutine_end(CoroutineId(number)));
            });
        }
        drop(estate);
    }
}
