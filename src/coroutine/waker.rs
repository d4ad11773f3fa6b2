//! The waker: how a coroutine gets back into the ready queue, without unsafe code.
//!
//! At home, on the loop's own thread, waking is a push to the ready queue guarded by a plain flag.
//! From any other thread it goes through the loop's inbox. The two paths have a flag each, so the
//! local one never pays for the atomic read-modify-write of the remote one. A wake-up that takes
//! both paths is one needless poll. Read next: `combine.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Wake;

use crate::ioloop::{self, CoroutineId, Remote};

/// Wakes whatever coroutine lives in one slot of one loop.
pub(super) struct SlotWaker {
    loop_id: u64,
    slot: u32,
    /// The tenant's number, for observers only.
    tenant: AtomicU64,
    /// The slot is in the ready queue. Written by the loop's thread alone.
    queued: AtomicBool,
    /// The slot is in the inbox, or was since the last step.
    posted: AtomicBool,
    remote: Arc<Remote>,
}

impl SlotWaker {
    pub(super) fn new(loop_id: u64, slot: u32, remote: Arc<Remote>) -> Self {
        let (queued, posted) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { loop_id, slot, tenant: AtomicU64::new(0), queued, posted, remote }
    }

    pub(super) fn set_tenant(&self, number: u64) {
        self.tenant.store(number, Ordering::Relaxed);
    }

    /// Called just before a step: from here on a wake-up asks for another one. The swap makes
    /// everything that a posting thread wrote before its wake-up visible to this step.
    pub(super) fn arm(&self) {
        self.queued.store(false, Ordering::Relaxed);
        if self.posted.load(Ordering::Relaxed) {
            self.posted.swap(false, Ordering::AcqRel);
        }
    }

    /// The way from any other thread.
    #[inline(never)]
    fn post(&self) {
        if !self.posted.swap(true, Ordering::AcqRel) {
            self.remote.wake(self.slot);
        }
    }
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let at_home = ioloop::owner(self.loop_id, |io_loop| {
            if !self.queued.load(Ordering::Relaxed) {
                self.queued.store(true, Ordering::Relaxed);
                io_loop.push_step(self.slot);
                let id = CoroutineId(self.tenant.load(Ordering::Relaxed));
                io_loop.observe(|observer| observer.coroutine_wake(id));
            }
        });
        if at_home.is_none() {
            self.post();
        }
    }
}
