//! A closure to be called once, kept without a box if it is small.
//!
//! Has nothing to do with the kernel: it lives here because this folder is the one door for `unsafe`.
//! A `Box<dyn FnOnce()>` costs an allocation each time, which is most of what a callback costs; three
//! words hold what callbacks usually capture. Read next: `../lib.rs`.
#![expect(unsafe_code, reason = "words that are a closure")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Room for a closure: what is larger, or aligned more strictly, goes into a box.
type Room = [usize; 3];

/// A closure that is called once, or dropped. Like an `Option<Box<dyn FnOnce()>>`, without the box
/// for closures of up to three words.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use reactor::Call;
///
/// let count = Rc::new(Cell::new(0));
/// let counter = Rc::clone(&count);
/// let mut call = Call::new(move || counter.set(counter.get() + 1));
/// assert_eq!(count.get(), 0);
/// call.call();
/// call.call(); // there is nothing left to call
/// assert_eq!(count.get(), 1);
/// ```
pub struct Call {
    room: MaybeUninit<Room>,
    /// Absent when it was called.
    does: Option<&'static Does>,
    /// The closure need not be `Send` or `Sync`, so this is neither.
    stays: PhantomData<*mut ()>,
}

/// What can be done with the closure in the room. Both end its life.
struct Does {
    call: unsafe fn(*mut Room),
    drop: unsafe fn(*mut Room),
}

impl Call {
    /// Takes the closure in.
    #[inline]
    pub fn new<F: FnOnce() + 'static>(closure: F) -> Self {
        if size_of::<F>() <= size_of::<Room>() && align_of::<F>() <= align_of::<Room>() {
            Self::in_room(closure)
        } else {
            Self::in_room(Box::new(closure))
        }
    }

    /// For closures that fit.
    #[inline]
    fn in_room<F: FnOnce() + 'static>(closure: F) -> Self {
        assert!(size_of::<F>() <= size_of::<Room>() && align_of::<F>() <= align_of::<Room>());
        let mut room = MaybeUninit::<Room>::uninit();
        // SAFETY: the room is large enough for an `F` and aligned for it, as was just asserted.
        unsafe { room.as_mut_ptr().cast::<F>().write(closure) };
        let does = const { &Does { call: call::<F>, drop: drop::<F> } };
        Self { room, does: Some(does), stays: PhantomData }
    }

    /// Calls it, the first time. It is called where it lies: moving it out would cost more than most
    /// closures do. A panic of the closure is the caller's.
    #[inline]
    pub fn call(&mut self) {
        if let Some(does) = self.does.take() {
            // SAFETY: the room holds the closure that `does` was made for; it was neither called nor
            // dropped, since both take `does` away.
            unsafe { (does.call)(self.room.as_mut_ptr()) }
        }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if let Some(does) = self.does.take() {
            // SAFETY: the room holds the closure that `does` was made for; it was neither called nor
            // dropped, since both take `does` away.
            unsafe { (does.drop)(self.room.as_mut_ptr()) }
        }
    }
}

/// Moves the closure out, so that it is dropped by its own call, also when it panics.
///
/// # Safety
/// The room holds a live `F`. From now on it does not.
unsafe fn call<F: FnOnce()>(room: *mut Room) {
    // SAFETY: said above.
    let closure = unsafe { room.cast::<F>().read() };
    closure();
}

/// # Safety
/// The room holds a live `F`. From now on it does not.
unsafe fn drop<F>(room: *mut Room) {
    // SAFETY: said above.
    unsafe { room.cast::<F>().drop_in_place() }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
