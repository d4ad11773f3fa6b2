//! What stands in for `compress.rs` without the feature `gzip`: a compressor that cannot exist.
//!
//! Owns nothing; it keeps `reply.rs` free of conditions.

use crate::http::{Headers, Request};

/// Whether there is a compressor at all.
pub(super) const AVAILABLE: bool = false;

/// Never made.
pub(super) enum Compressor {}

impl Compressor {
    pub(super) fn wanted(_: &Request, _: &mut Headers, _: Option<usize>) -> Option<Self> {
        None
    }

    pub(super) fn piece(&mut self, _data: &[u8]) -> Vec<u8> {
        match *self {}
    }

    pub(super) fn finish(self, _data: &[u8]) -> Vec<u8> {
        match self {}
    }
}
