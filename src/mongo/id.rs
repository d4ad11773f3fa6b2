//! Object ids: four bytes of time, five of chance, three that count.
//!
//! Owns the counter of one client. Time and chance come from the loop, so that a seed reproduces
//! a run (M011). Processes are started, never forked, so no two of them share their five bytes.

use std::cell::Cell;

use bson::oid::ObjectId;

use crate::ioloop::IoLoop;

/// Makes ids that no other client makes.
#[derive(Debug)]
pub(super) struct ObjectIds {
    process: [u8; 5],
    counter: Cell<u32>,
}

impl ObjectIds {
    pub(super) fn new(io_loop: &IoLoop) -> Self {
        let mut random = [0; 8];
        io_loop.random(&mut random);
        let [a, b, c, d, e, count @ ..] = random;
        let count = u32::from_be_bytes([0, count[0], count[1], count[2]]);
        Self { process: [a, b, c, d, e], counter: Cell::new(count) }
    }

    pub(super) fn next(&self, io_loop: &IoLoop) -> ObjectId {
        self.counter.set(self.counter.get().wrapping_add(1));
        let [_, counter @ ..] = self.counter.get().to_be_bytes();
        ObjectId::from_parts(io_loop.wall_time().as_secs() as u32, self.process, counter)
    }
}
