//! Who is registered with what interest, for kernels that do not say.
//!
//! Owns clause 1 of the contract where the kernel forgives: kqueue takes a second registration
//! for a change of the first, and keeps reading and writing as two things. epoll needs none of
//! this. Read next: `sys/kqueue.rs`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::{Interest, Source};

/// The descriptors that one reactor watches.
#[derive(Debug, Default)]
pub(crate) struct Registered(BTreeMap<RawFd, Interest>);

impl Registered {
    /// `AlreadyExists` if the source is here.
    pub(crate) fn check_absent(&self, source: Source<'_>) -> io::Result<()> {
        let present = self.0.contains_key(&number(source));
        if present { Err(io::ErrorKind::AlreadyExists.into()) } else { Ok(()) }
    }

    /// The interest of a source that is here, or else `NotFound`.
    pub(crate) fn interest(&self, source: Source<'_>) -> io::Result<Interest> {
        self.0.get(&number(source)).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Notes what the kernel has agreed to.
    pub(crate) fn insert(&mut self, source: Source<'_>, interest: Interest) {
        self.0.insert(number(source), interest);
    }

    /// Forgets what the kernel has forgotten.
    pub(crate) fn remove(&mut self, source: Source<'_>) {
        self.0.remove(&number(source));
    }
}

fn number(source: Source<'_>) -> RawFd {
    source.as_fd().as_raw_fd()
}
