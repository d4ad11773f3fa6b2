//! kqueue on Linux: the C library libkqueue, under the names that libc gives the real thing.
//!
//! Owns the declarations of its header and nothing else. It exists so that `kqueue.rs` can be run
//! where most of us develop: it is compiled only with `RUSTFLAGS="--cfg squall_libkqueue"`. The
//! library emulates kqueue over epoll, so passing here is a strong hint and macOS the proof. Read
//! next: `kqueue.rs`.

use std::ffi::{c_int, c_void};

pub(super) use ::libc::{EPIPE, timespec};

/// `struct kevent` of libkqueue's `sys/event.h`: 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct kevent {
    pub(super) ident: usize,
    pub(super) filter: i16,
    pub(super) flags: u16,
    pub(super) fflags: u32,
    pub(super) data: isize,
    pub(super) udata: *mut c_void,
}

const _: () = assert!(size_of::<kevent>() == 32);

pub(super) const EVFILT_READ: i16 = -1;
pub(super) const EVFILT_WRITE: i16 = -2;
pub(super) const EVFILT_USER: i16 = -11;

pub(super) const EV_ADD: u16 = 0x0001;
pub(super) const EV_DELETE: u16 = 0x0002;
pub(super) const EV_CLEAR: u16 = 0x0020;
pub(super) const EV_RECEIPT: u16 = 0x0040;
pub(super) const EV_ERROR: u16 = 0x4000;
pub(super) const EV_EOF: u16 = 0x8000;
pub(super) const NOTE_TRIGGER: u32 = 0x0100_0000;

#[expect(unsafe_code, reason = "declarations of C functions")]
#[link(name = "kqueue")]
unsafe extern "C" {
    pub(super) unsafe fn kqueue() -> c_int;
    pub(super) unsafe fn kevent(
        queue: c_int,
        changes: *const kevent,
        changes_len: c_int,
        reports: *mut kevent,
        reports_len: c_int,
        timeout: *const timespec,
    ) -> c_int;
}
