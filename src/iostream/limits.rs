//! Everything a peer can push against in a stream, each number with its reason.
//!
//! Owns [`StreamLimits`] and nothing else. Read next: `iostream/state.rs`, where they bite.

/// How much a stream holds for a peer that sends too much or reads too slowly (T060).
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// Bytes that arrived and were not read: what one read may wait for. 100 MiB unless told, as
    /// in Tornado; a protocol that knows its longest message says less.
    pub read_buffer_max: usize,
    /// Bytes asked of the kernel at once. 64 KiB unless told, the loop's receive buffer; less
    /// makes a slow reader slow its peer sooner (T077).
    pub read_chunk_max: usize,
    /// Bytes written and not sent. Without limit unless told: only the writer knows whether it
    /// can wait.
    pub write_buffer_max: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            read_buffer_max: 100 * 1024 * 1024,
            read_chunk_max: 64 * 1024,
            write_buffer_max: usize::MAX,
        }
    }
}

impl StreamLimits {
    /// At most half of the buffer at once, so that it is not overshot (T060), and at least a byte.
    pub(super) fn chunk(&self) -> usize {
        self.read_chunk_max.min(self.read_buffer_max / 2).max(1)
    }
}
