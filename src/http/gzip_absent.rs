//! What stands in for `gzip.rs` without the feature of that name: a decoder that cannot exist.
//!
//! Owns nothing; it keeps `intake.rs` free of conditions.

use super::body::BodyError;
use super::request::Parts;

/// Never made.
pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn wanted(_parts: &mut Parts, _bytes_max: u64) -> Option<Box<Self>> {
        None
    }

    pub(super) fn decode(&mut self, _data: &[u8]) -> Result<Vec<u8>, BodyError> {
        match *self {}
    }

    pub(super) fn finish(&mut self) -> Result<Vec<u8>, BodyError> {
        match *self {}
    }
}
