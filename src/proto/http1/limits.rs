//! Everything a peer can push against, in one place, each number with its reason.
//!
//! Owns the defaults of the HTTP machine and nothing else; who counts against them is named beside
//! each field. Read next: `parse.rs` for the heads, `body.rs` for the bodies.

use std::time::Duration;

/// What one peer may cost us.
///
/// The defaults suit a small public service; raise `body_bytes_max` for the few handlers that
/// take uploads with a plan of their own rather than here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// 64 KiB. A head is parsed whole, so this is also what one silent peer can make us hold.
    pub head_bytes_max: usize,
    /// 100. Browsers send about twenty; each costs a table entry and a comparison per look-up.
    pub header_count_max: usize,
    /// 10 MiB. A buffered body is in memory whole, and there may be many at once (HAZ07).
    pub body_bytes_max: u64,
    /// 64 KiB. The longest piece of a body handed over at once: one full receive buffer.
    pub piece_bytes_max: usize,
    /// 60 s from the first byte of a head to its blank line: a slow sender is cut off (HAZ06).
    pub head_time_max: Duration,
    /// 300 s for a whole body: ten MiB at 35 kB/s, the slowest uplink worth waiting for.
    pub body_time_max: Duration,
    /// 60 s between two requests: browsers reopen without anyone noticing.
    pub idle_time_max: Duration,
}

impl Limits {
    /// 64 bytes for a chunk's size line with its CRLF (T118): sixteen hex digits are enough for
    /// any size, the rest is room for leading zeros. Nobody has a reason to change it.
    pub(super) const CHUNK_LINE_MAX: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            header_count_max: 100,
            body_bytes_max: 10 * 1024 * 1024,
            piece_bytes_max: 64 * 1024,
            head_time_max: Duration::from_secs(60),
            body_time_max: Duration::from_secs(300),
            idle_time_max: Duration::from_secs(60),
        }
    }
}
