//! `Call` calls a closure once and drops it once, whatever its size, however it ends.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use reactor::Call;

/// Counts how often it was dropped, and is as large as you like.
struct Witness<const BYTES: usize> {
    dropped: Rc<Cell<u32>>,
    content: [u8; BYTES],
}

impl<const BYTES: usize> Witness<BYTES> {
    fn new(dropped: &Rc<Cell<u32>>) -> Self {
        Self { dropped: Rc::clone(dropped), content: std::array::from_fn(|at| at as u8) }
    }
}

impl<const BYTES: usize> Drop for Witness<BYTES> {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

/// Called, never called, called in vain, and called with a panic.
fn every_end<const BYTES: usize>() {
    let (called, dropped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let closure = || {
        let (called, witness) = (Rc::clone(&called), Witness::<BYTES>::new(&dropped));
        move || {
            let witness = &witness; // all of it moves in
            assert!(witness.content.iter().enumerate().all(|(at, byte)| *byte == at as u8));
            called.set(called.get() + 1);
        }
    };

    let mut call = Call::new(closure());
    assert_eq!((called.get(), dropped.get()), (0, 0));
    call.call();
    assert_eq!((called.get(), dropped.get()), (1, 1), "a call consumes the closure");
    call.call();
    drop(call);
    assert_eq!((called.get(), dropped.get()), (1, 1), "nothing is left after it");

    drop(Call::new(closure()));
    assert_eq!((called.get(), dropped.get()), (1, 2), "dropped without a call");

    let witness = Witness::<BYTES>::new(&dropped);
    let mut failing = Call::new(move || {
        let _witness = witness;
        panic!("on purpose");
    });
    assert!(catch_unwind(AssertUnwindSafe(|| failing.call())).is_err());
    drop(failing);
    assert_eq!(dropped.get(), 3, "dropped while unwinding, and not again");
}

#[test]
fn a_small_closure_is_called_once_and_dropped_once() {
    every_end::<0>();
    every_end::<8>(); // three words with the two counters: it just fits
}

#[test]
fn so_is_one_that_needs_a_box() {
    every_end::<9>();
    every_end::<1_000>();
}

#[test]
fn a_closure_of_nothing_needs_no_room() {
    let mut call = Call::new(|| ());
    call.call();
    call.call();
}

#[test]
fn a_closure_that_wants_more_alignment_gets_it() {
    #[repr(align(64))]
    struct Aligned(u8);
    let (aligned, seen) = (Aligned(7), Rc::new(Cell::new(0)));
    let out = Rc::clone(&seen);
    let mut call = Call::new(move || {
        let aligned = &aligned;
        assert_eq!(std::ptr::from_ref(aligned).addr() % 64, 0);
        out.set(aligned.0);
    });
    let mut moved = std::mem::replace(&mut call, Call::new(|| ()));
    moved.call();
    assert_eq!(seen.get(), 7);
}

#[test]
fn a_call_that_moved_before_it_was_called_is_whole() {
    let sum = Rc::new(Cell::new(0));
    let mut calls: Vec<Call> = Vec::new();
    for number in 1..=100_u64 {
        let sum = Rc::clone(&sum);
        calls.push(Call::new(move || sum.set(sum.get() + number))); // the list grows and moves
    }
    calls.reverse();
    calls.iter_mut().for_each(Call::call);
    assert_eq!(sum.get(), 5_050);
}

#[test]
fn a_closure_may_drop_others_and_make_new_ones() {
    let count = Rc::new(Cell::new(0));
    let (inner, counter) = (Rc::clone(&count), Rc::clone(&count));
    let other = Call::new(move || counter.set(100));
    let mut call = Call::new(move || {
        drop(other);
        let mut again = Call::new(move || inner.set(inner.get() + 1));
        again.call();
    });
    call.call();
    assert_eq!(count.get(), 1);
}
