//! A queue of bytes: appended at the back, consumed at the front, and no memory while it is empty.
//!
//! Owns [`Bytes`] and the thread's few spare buffers. A queue borrows a spare when its first byte
//! arrives and gives it back when its last byte leaves, so that ten thousand idle connections
//! hold nothing and a busy one allocates nothing. Read next: `iostream/state.rs`.

use std::cell::RefCell;

/// So many buffers wait for the next queue; more than that are busy only in a burst.
const SPARES: usize = 64;

/// Larger buffers are given back to the allocator: a spare must not be a hoard.
const SPARE_CAPACITY: usize = 16 * 1024;

/// A fresh buffer: a small response or an unfinished request fits.
const FRESH_CAPACITY: usize = 1024;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer to write a message into that a stream will be given whole: taken from where
/// buffers go when their bytes are sent, so that it need not be allocated.
pub fn output_buffer() -> Vec<u8> {
    borrow_spare()
}

fn borrow_spare() -> Vec<u8> {
    let spare = SPARE.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| Vec::with_capacity(FRESH_CAPACITY))
}

fn give_back(mut buffer: Vec<u8>) {
    if (1..=SPARE_CAPACITY).contains(&buffer.capacity()) {
        buffer.clear();
        // While the thread ends there is nobody to give it back to.
        let _ = SPARE.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARES {
                spares.push(buffer);
            }
        });
    }
}

/// Bytes in the order of their arrival.
#[derive(Default)]
pub(super) struct Bytes {
    data: Vec<u8>,
    /// What lies before was consumed already.
    start: usize,
}

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.data[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.data.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.writable().extend_from_slice(bytes);
        }
    }

    /// Appends without a copy where it can.
    pub(super) fn append_owned(&mut self, bytes: Vec<u8>) {
        if self.is_empty() {
            give_back(std::mem::replace(&mut self.data, bytes));
            self.start = 0;
        } else {
            self.append(&bytes);
        }
    }

    /// The buffer itself, to append to. Whoever took it calls [`Bytes::release_if_empty`] in case
    /// nothing was appended.
    pub(super) fn writable(&mut self) -> &mut Vec<u8> {
        if self.data.capacity() == 0 {
            self.data = borrow_spare();
        }
        // Moving the rest to the front is paid for by the consumed half.
        if self.start > 0 && self.start >= self.len() {
            self.data.drain(..self.start);
            self.start = 0;
        }
        &mut self.data
    }

    /// Consumes `count` bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.start += count;
        assert!(self.start <= self.data.len(), "consumed more than was there");
        self.release_if_empty();
    }

    pub(super) fn release_if_empty(&mut self) {
        if self.is_empty() {
            give_back(std::mem::take(self).data);
        }
    }

    /// Consumes `count` bytes and hands them out.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count == self.data.len() && count >= self.data.capacity() / 2 {
            return std::mem::take(self).data;
        }
        let taken = self.as_slice()[..count].to_vec();
        self.advance(count);
        taken
    }

    /// Puts bytes back to the front, where they came from.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.writable();
        self.data.splice(..self.start, bytes.iter().copied());
        self.start = 0;
        self.release_if_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F112: appends of small and large pieces, peeks and advances keep content and length.
    #[test]
    fn a_queue_of_bytes_is_a_queue_of_bytes() {
        let (mut queue, mut model) = (Bytes::default(), Vec::new());
        let mut chance = 1_u32;
        for step in 0..2_000_u32 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = (chance >> 16) as usize % if step % 10 == 0 { 5_000 } else { 60 };
            if chance & 0x8000 == 0 {
                let piece = vec![step as u8; size];
                model.extend_from_slice(&piece);
                match step % 3 {
                    0 => queue.append_owned(piece),
                    _ => queue.append(&piece),
                }
            } else {
                let size = size.min(model.len());
                let taken: Vec<u8> = model.drain(..size).collect();
                assert_eq!(queue.take(size), taken);
                if step % 5 == 0 {
                    queue.put_back(&taken);
                    model.splice(..0, taken);
                }
            }
            assert_eq!((queue.as_slice(), queue.len()), (&model[..], model.len()));
        }
    }

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut queue = Bytes::default();
        queue.append(b"hello");
        queue.advance(5);
        assert_eq!(queue.data.capacity(), 0);
        queue.put_back(b"");
        queue.release_if_empty();
        assert_eq!(queue.data.capacity(), 0);
    }
}
