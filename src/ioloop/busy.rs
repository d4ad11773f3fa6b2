//! A row of busy turns: how long the loop may go on without asking the kernel, and how often it
//! must look at the clock meanwhile.
//!
//! Both questions cost more than a short turn does. Knows turns and instants, and neither the kernel
//! nor a clock. Read next: `timers.rs`.

use std::time::Duration;

use reactor::Instant;

/// While callbacks keep each other busy, the kernel is still asked at least this often: 50 us is
/// less than a reader notices, and a hundred times the price of the question.
const ASK_EVERY: Duration = Duration::from_micros(50);

/// The same in turns, for clocks that stand still while there is work, as a virtual one does.
const ASK_EVERY_TURNS: u32 = 1024;

/// Jobs that one look at the clock may serve, as long as they are so short that this many take less
/// than [`SHORT`] together. Whoever is longer is followed by a look of its own.
const JOBS_PER_LOOK: u32 = 32;

/// Nobody notices a clock that is late by this much.
const SHORT: Duration = Duration::from_micros(2);

/// Turns in which there was always something ready.
#[derive(Clone, Copy, Default)]
pub(super) struct BusyRow {
    /// When the kernel must be asked.
    until: Instant,
    turns: u32,
    /// Jobs since the clock was read, and how many there may be.
    unseen: u32,
    allowed: u32,
}

impl BusyRow {
    /// The kernel was asked just now.
    pub(super) fn begins(now: Instant) -> Self {
        Self { until: now + ASK_EVERY, turns: 0, unseen: 0, allowed: 1 }
    }

    /// After a turn of so many jobs: whether it is time to look at the clock.
    pub(super) fn wants_the_time(&mut self, jobs: usize) -> bool {
        self.turns += 1;
        self.unseen = self.unseen.saturating_add(jobs as u32);
        self.unseen >= self.allowed
    }

    /// The clock said `now`, and `before` when it was last read.
    pub(super) fn learns_the_time(&mut self, before: Instant, now: Instant) {
        self.unseen = 0;
        self.allowed = if now <= before + SHORT { JOBS_PER_LOOK } else { 1 };
    }

    /// Whether the next turn must wait until the kernel was asked.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.turns > ASK_EVERY_TURNS || now >= self.until
    }
}
