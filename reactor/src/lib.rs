//! What the kernel reports, and nothing else: epoll, kqueue and mio behind one contract.
//!
//! A program that serves ten thousand connections from one thread must never wait for one of
//! them. It gives all descriptors to the kernel and asks one question: *which of you may go on?*
//! The answer is a list of [`Event`]s; acting on them is somebody else's business. squall's loop is
//! that somebody, but nothing here knows of it, of callbacks or of futures.
//!
//! ```
//! use std::{io::{Read, Write}, os::unix::net::UnixStream};
//! use reactor::{Backend, Events, Interest, Slots, Source};
//!
//! let (mut here, mut there) = UnixStream::pair()?;
//! here.set_nonblocking(true)?;
//!
//! let mut reactor = Backend::native().build()?;
//! let mut streams = Slots::new();
//! let token = streams.insert(());
//! reactor.register(Source::fd(&here), token, Interest::READABLE)?;
//!
//! there.write_all(b"ping")?;
//! let mut events = Events::with_capacity(64);
//! reactor.wait(&mut events, None)?;
//!
//! let event = events.iter().next().expect("the bytes are there");
//! assert!(event.token() == token && event.is_readable());
//! let mut buffer = [0; 16];
//! assert_eq!(here.read(&mut buffer)?, 4);
//! # reactor.deregister(Source::fd(&here))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The tour
//!
//! Read `reactor.rs` first: nine clauses that all backends keep. Then `sys/epoll.rs` and
//! `sys/kqueue.rs`, which keep them with one system call each, and `mio.rs`, which borrows somebody
//! else's hands. `sleep.rs` is how a deadline survives interruptions, `waker.rs` how another thread
//! ends a wait, `token.rs` why a file descriptor's number is not a name. `sim/` bends time for
//! tests. `sys/call.rs` is a guest: a closure without a box, which only this crate may write. `README.md` tells the same story to somebody who has never seen epoll.

#![deny(unsafe_code)]

mod backend;
mod clock;
mod events;
mod interest;
#[cfg(feature = "mio")]
mod mio;
mod reactor;
#[cfg(any(feature = "mio", squall_libkqueue, not(target_os = "linux")))]
mod registered;
mod sim;
mod sleep;
mod sys;
mod token;
mod waker;

pub use backend::{Backend, UnknownBackend};
pub use clock::Instant;
pub use events::{Event, Events, Source};
pub use interest::Interest;
pub use reactor::Reactor;
pub use signals::Signal;
pub use sim::{TimeControl, VirtualTime};
pub use sys::call::Call;
pub use sys::heap::trim_heap;
pub use token::{Slots, Token};
pub use waker::{Bell, Waker};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Unix signals as something to wait for.
pub mod signals {
    pub use crate::sys::signal::{Signal, Signals};
}
