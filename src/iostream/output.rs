//! The way out: what was written, how much of it the kernel has, and who waits for that.
//!
//! Owns [`Output`] and the part of [`State`] that writes. Calls nobody but the transport. Read
//! next: `iostream/write.rs` for futures, `iostream/push.rs` for protocols.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::task::Waker;

use reactor::Interest;

use super::bytes::Bytes;
use super::state::{Phase, State};
use super::{StreamError, StreamLimits};
use crate::ioloop::IoLoop;

/// Our own half of the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Finishing {
    /// More may be written.
    #[default]
    No,
    /// When the output is sent, the peer shall be told that it was all.
    Asked,
    /// The peer was told.
    Done,
}

/// The bytes on their way out.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: Bytes,
    /// Everything ever accepted, and everything ever given to the kernel.
    pub(super) accepted: u64,
    pub(super) sent: u64,
    /// The kernel took only a part: wait for a report before trying again.
    pub(super) blocked: bool,
    pub(super) finishing: Finishing,
    /// Who waits until `sent` has reached which number, in ascending order.
    pub(super) waiters: VecDeque<(u64, Waker)>,
}

impl Output {
    /// The next of those who wait for what is sent by now.
    pub(super) fn next_done(&mut self) -> Option<Waker> {
        let (mark, _) = self.waiters.front()?;
        if *mark > self.sent {
            return None;
        }
        self.waiters.pop_front().map(|(_, waker)| waker)
    }

    /// Wakes `waker` when `mark` is sent. Writes are polled in any order, and more than once.
    pub(super) fn wait_for(&mut self, mark: u64, waker: &Waker) {
        let known = self.waiters.iter().any(|(at, other)| *at == mark && other.will_wake(waker));
        if !known {
            let at = self.waiters.partition_point(|(other, _)| *other <= mark);
            self.waiters.insert(at, (mark, waker.clone()));
        }
    }
}

impl State {
    /// Whether more may be written.
    fn check_writable(&self) -> Result<(), StreamError> {
        match &self.phase {
            _ if self.output.finishing != Finishing::No => Err(StreamError::Closed(None)),
            Phase::Open | Phase::Connecting { then_drain: false, .. } => Ok(()),
            Phase::Closed(cause) => Err(StreamError::Closed(cause.clone())),
            Phase::Connecting { .. } | Phase::Draining(_) | Phase::Lingering => {
                Err(StreamError::Closed(None))
            }
        }
    }

    /// Queues `data`; gives the number of its last byte.
    pub(super) fn accept(
        &mut self,
        data: Vec<u8>,
        limits: &StreamLimits,
    ) -> Result<u64, StreamError> {
        self.check_writable()?;
        if self.output.bytes.len().saturating_add(data.len()) > limits.write_buffer_max {
            return Err(StreamError::BufferFull);
        }
        self.output.accepted += data.len() as u64;
        self.output.bytes.append_owned(data);
        Ok(self.output.accepted)
    }

    /// Gives the output away for a moment, to somebody who appends to it.
    pub(super) fn take_output(&mut self) -> Result<Bytes, StreamError> {
        self.check_writable()?;
        Ok(std::mem::take(&mut self.output.bytes))
    }

    /// Takes it back. What was written meanwhile by others comes behind.
    pub(super) fn return_output(&mut self, mut output: Bytes, length_before: usize) {
        self.output.accepted += (output.len() - length_before) as u64;
        let meanwhile = std::mem::take(&mut self.output.bytes);
        output.append(meanwhile.as_slice());
        output.release_if_empty();
        if self.closed().is_none() {
            self.output.bytes = output;
        }
    }

    /// Hands the output to the kernel, as much as it takes. With one call, unless it takes a part
    /// only: then the loop is asked to report when there is room.
    pub(super) fn send(&mut self, io_loop: &IoLoop) -> io::Result<()> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        if matches!(self.phase, Phase::Connecting { .. }) {
            return self.watch(io_loop);
        }
        let output = &mut self.output;
        while !output.bytes.is_empty() && !output.blocked {
            match transport.try_write(output.bytes.as_slice()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    output.sent += count as u64;
                    output.bytes.advance(count);
                    // Asking reports present room. Who has asked already must go on to
                    // WouldBlock, or the next report may never come.
                    output.blocked = !output.bytes.is_empty()
                        && transport.interest(Interest::BOTH) != self.watched;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => output.blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if output.bytes.is_empty() && output.finishing == Finishing::Asked {
            output.finishing = Finishing::Done;
            transport.shutdown_write()?;
        }
        self.watch(io_loop)
    }
}
