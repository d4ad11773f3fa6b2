//! What travels between the loop and the kernel: a [`Source`] in, [`Event`]s out.
//!
//! Owns the three plain types and the rule that a closed or broken direction counts as a ready
//! one, so that whoever only asks `is_readable` cannot sleep through an end of file. Knows
//! neither callbacks nor streams. Read next: `reactor.rs`, the contract that gives them meaning.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use crate::Token;

/// A file descriptor, borrowed for as long as one call to the reactor takes.
///
/// The reactor never owns, reads, writes or closes it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(BorrowedFd<'a>);

impl<'a> Source<'a> {
    /// The descriptor of a socket, a pipe, a signal list: of anything that has one.
    pub fn fd(source: &'a impl AsFd) -> Self {
        Self(source.as_fd())
    }
}

impl<'a> From<BorrowedFd<'a>> for Source<'a> {
    fn from(fd: BorrowedFd<'a>) -> Self {
        Self(fd)
    }
}

impl AsFd for Source<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

/// One report: this registration may now read, write, or both.
///
/// A report is a hint, not a promise (clause 3 of [`Reactor`](crate::Reactor)): try, and be
/// ready for `WouldBlock`. A closed or broken direction is reported as ready too, because an
/// attempt on it answers at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    token: Token,
    flags: u8,
}

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
const READ_CLOSED: u8 = 4;
const WRITE_CLOSED: u8 = 8;
const ERROR: u8 = 16;

impl Event {
    /// A report about `token` that says nothing yet. This and the five setters below are for
    /// those who write a reactor; the loop only reads.
    pub const fn new(token: Token) -> Self {
        Self { token, flags: 0 }
    }

    /// Says that a read may make progress, if `yes`.
    pub const fn readable(self, yes: bool) -> Self {
        self.with(READABLE, yes)
    }

    /// Says that a write may make progress, if `yes`.
    pub const fn writable(self, yes: bool) -> Self {
        self.with(WRITABLE, yes)
    }

    /// Says that no more bytes will arrive, if `yes`.
    pub const fn read_closed(self, yes: bool) -> Self {
        self.with(READ_CLOSED, yes)
    }

    /// Says that nobody takes bytes any more, if `yes`.
    pub const fn write_closed(self, yes: bool) -> Self {
        self.with(WRITE_CLOSED, yes)
    }

    /// Says that an error is pending on the descriptor, if `yes`.
    pub const fn error(self, yes: bool) -> Self {
        self.with(ERROR, yes)
    }

    const fn with(self, flag: u8, yes: bool) -> Self {
        let flags = if yes { self.flags | flag } else { self.flags };
        Self { flags, ..self }
    }

    const fn has(self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Which registration.
    pub const fn token(self) -> Token {
        self.token
    }

    /// A read will not block, so far as the kernel knows: bytes, a connection to accept, an end
    /// of file or an error are waiting.
    pub const fn is_readable(self) -> bool {
        self.has(READABLE | READ_CLOSED | ERROR)
    }

    /// A write will not block, so far as the kernel knows: there is room, a `connect` is decided,
    /// or the attempt fails at once.
    pub const fn is_writable(self) -> bool {
        self.has(WRITABLE | WRITE_CLOSED | ERROR)
    }

    /// The peer will send no more. There may be bytes in front of the end, so read until the end
    /// of file: this is not said twice.
    pub const fn is_read_closed(self) -> bool {
        self.has(READ_CLOSED)
    }

    /// Bytes written from here on reach nobody.
    pub const fn is_write_closed(self) -> bool {
        self.has(WRITE_CLOSED)
    }

    /// An error is pending: the next read or write, or `SO_ERROR`, tells which.
    pub const fn is_error(self) -> bool {
        self.has(ERROR)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({}.{}", self.token.index(), self.token.generation())?;
        for (flag, name) in [
            (READABLE, "readable"),
            (WRITABLE, "writable"),
            (READ_CLOSED, "read closed"),
            (WRITE_CLOSED, "write closed"),
            (ERROR, "error"),
        ] {
            if self.has(flag) {
                write!(f, ", {name}")?;
            }
        }
        f.write_str(")")
    }
}

/// The reports of one [`wait`](crate::Reactor::wait), kept by the caller and used again.
#[derive(Clone, Debug)]
pub struct Events {
    list: Vec<Event>,
    capacity: usize,
}

impl Events {
    /// Room for `capacity` reports per wait. What does not fit is reported by the next wait.
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { list: Vec::with_capacity(capacity), capacity }
    }

    /// How many reports one wait may bring.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The reports, in the order in which the kernel gave them.
    pub fn iter(&self) -> std::iter::Copied<std::slice::Iter<'_, Event>> {
        self.list.iter().copied()
    }

    /// How many reports there are.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was reported.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets the reports and keeps the room; every wait begins with this.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

/// Adds reports; for those who write a reactor.
impl Extend<Event> for Events {
    fn extend<I: IntoIterator<Item = Event>>(&mut self, reports: I) {
        self.list.extend(reports);
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, Event>>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_or_broken_direction_counts_as_ready() {
        let event = Event::new(Token::new(1, 2));
        assert!(!event.is_readable() && !event.is_writable());
        assert!(event.read_closed(true).is_readable() && !event.read_closed(true).is_writable());
        assert!(event.write_closed(true).is_writable() && !event.write_closed(true).is_readable());
        assert!(event.error(true).is_readable() && event.error(true).is_writable());
        assert_eq!(event.readable(false), event);
    }

    #[test]
    fn a_report_prints_what_it_says() {
        let event = Event::new(Token::new(3, 7)).readable(true).read_closed(true);
        assert_eq!(format!("{event:?}"), "Event(3.7, readable, read closed)");
    }
}
