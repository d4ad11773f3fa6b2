//! The system calls: one file for each kernel interface, and the only door for `unsafe`.
//!
//! Owns which file is compiled on which system: epoll on Linux, kqueue on every other Unix (and on
//! Linux too, over libkqueue, when built with `--cfg squall_libkqueue`). Two guests come for the door:
//! `call.rs`, a closure without a box, and `heap.rs`, which has memory given back. Read next: `epoll.rs`.

#[cfg(target_os = "linux")]
pub(crate) mod epoll;

#[cfg(any(squall_libkqueue, not(target_os = "linux")))]
pub(crate) mod kqueue;
#[cfg(all(squall_libkqueue, target_os = "linux"))]
mod libkqueue;

pub(crate) mod call;
pub(crate) mod heap;
pub(crate) mod signal;
