//! The bytes of a reply, from the first that arrives to the last document that borrows from them.
//!
//! Owns the one buffer a reply is received in: how it grows, where the next bytes are wanted, and what
//! becomes of it when the reply is dropped. A large reply is read to where it stays. It judges
//! nothing but the header's length. Read next: `wire.rs`, which takes messages apart.

use std::cell::Cell;
use std::fmt;

use bson::RawDocument;

use super::wire::{HEADER_BYTES, Header, MESSAGE_BYTES_MAX, WireError};

/// A reply in one piece, where it was received: the documents borrow from it.
pub struct Reply {
    /// The message, and behind it whatever lies in the buffer from earlier ones.
    buffer: Vec<u8>,
    /// Where the document ends.
    end: usize,
}

/// One body section, nothing else: the document begins behind flags and section kind.
const BODY_START: usize = HEADER_BYTES + 5;

impl Reply {
    /// The message at the front of `buffer`, which has been parsed.
    pub(super) fn new(buffer: Vec<u8>, body_bytes: usize) -> Self {
        Self { buffer, end: BODY_START + body_bytes }
    }

    /// The reply's document.
    pub fn body(&self) -> &RawDocument {
        RawDocument::from_bytes(self.bytes()).expect("checked when the reply was received")
    }

    /// The same as bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[BODY_START..self.end]
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.buffer));
    }
}

impl fmt::Debug for Reply {
    /// Without what the reply says: it may be anybody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.end)
    }
}

/// Larger buffers are given back to the allocator: a spare must not be a hoard.
const SPARE_BYTES_MAX: usize = 1 << 20;

/// Smaller ones are not worth keeping.
const SPARE_BYTES_MIN: usize = 16 << 10;

/// A length is believed only so far before the bytes are there.
const CLAIM_BYTES_MAX: usize = 1 << 20;

/// What one read may bring: others on the loop want to read too.
const ROOM_BYTES_MAX: usize = 256 << 10;

/// Room grows by so much at a time, so that replies of nearly one size find the same buffer good.
const ROOM_STEP: usize = 64 << 10;

thread_local! {
    /// The buffer of the last large reply, for the next one: fresh memory of that size comes from the
    /// kernel page by page, which costs as much as reading it. Its bytes stay, so that it need not be
    /// cleared to be read into.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn borrow_spare() -> Vec<u8> {
    SPARE.try_with(Cell::take).unwrap_or_default()
}

fn give_back(buffer: Vec<u8>) {
    if (SPARE_BYTES_MIN..=SPARE_BYTES_MAX).contains(&buffer.capacity()) {
        let _ = SPARE.try_with(|spare| spare.set(buffer)); // while the thread ends there is none
    }
}

/// What has come of the next message.
#[derive(Default)]
pub(super) struct Incoming {
    /// What came, and behind it room for more.
    buffer: Vec<u8>,
    filled: usize,
}

impl fmt::Debug for Incoming {
    /// Without what came: it may be anybody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.filled)
    }
}

impl Incoming {
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    pub(super) fn header(&self) -> Result<Option<Header>, WireError> {
        Header::parse(&self.buffer[..self.filled], MESSAGE_BYTES_MAX)
    }

    /// Takes a copy of bytes that arrived elsewhere.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if self.filled == 0 {
            self.claim(Header::parse(bytes, MESSAGE_BYTES_MAX)); // before there is much to move
        }
        let room = self.buffer.len() - self.filled;
        let (inside, behind) = bytes.split_at(room.min(bytes.len()));
        self.buffer[self.filled..][..inside.len()].copy_from_slice(inside);
        self.buffer.extend_from_slice(behind);
        self.filled += bytes.len();
        self.claim(self.header());
    }

    /// Makes room for the rest of a message in one step.
    fn claim(&mut self, header: Result<Option<Header>, WireError>) {
        if let Ok(Some(header)) = header {
            if self.buffer.capacity() == 0 && header.message_bytes >= SPARE_BYTES_MIN {
                self.buffer = borrow_spare();
            }
            let missing = header.message_bytes.saturating_sub(self.buffer.len());
            self.buffer.reserve_exact(missing.min(CLAIM_BYTES_MAX));
        }
    }

    /// Where the next bytes are wanted: behind those of a long message, or in the spare buffer if a
    /// reply is `expected`. Otherwise nowhere: a small message is copied once, to a buffer of its size.
    pub(super) fn room(&mut self, expected: bool) -> &mut [u8] {
        if self.buffer.is_empty() && expected {
            self.buffer = borrow_spare();
        }
        let mut end = self.buffer.len();
        if let Ok(Some(Header { message_bytes: whole @ SPARE_BYTES_MIN.., .. })) = self.header() {
            // A little more than will come: a read that does not fill it has seen everything.
            end = end.max((whole + 1).next_multiple_of(ROOM_STEP));
        }
        end = end.min(self.filled + ROOM_BYTES_MAX);
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    /// So many bytes were written to the front of the room.
    pub(super) fn received(&mut self, count: usize) {
        self.filled = self.buffer.len().min(self.filled + count);
        if self.filled == 0 {
            give_back(std::mem::take(&mut self.buffer));
        }
    }

    /// A buffer that begins with the first message, once all its bytes are there.
    pub(super) fn take(&mut self, message_bytes: usize) -> Option<Vec<u8>> {
        let rest = self.buffer[..self.filled].get(message_bytes..)?.to_vec();
        self.filled = rest.len();
        let buffer = std::mem::replace(&mut self.buffer, rest);
        if message_bytes >= SPARE_BYTES_MIN || buffer.len() == message_bytes {
            return Some(buffer);
        }
        let small = buffer[..message_bytes].to_vec();
        give_back(buffer);
        Some(small)
    }
}
