//! Request bodies with `Content-Encoding: gzip`, decoded on their way in (T126, S171).
//!
//! Owns the limit on what comes out: a bomb is refused when it has grown to the body's limit and
//! not a byte later (SEC31). The decompression itself is flate2's. Read next: `intake.rs`.

use std::io::{self, Write};

use flate2::write::GzDecoder;

use super::body::BodyError;
use super::request::Parts;
use crate::proto::http1::Reason;

/// Decodes one body.
pub(super) struct Decoder {
    gzip: GzDecoder<Sink>,
}

/// Takes what comes out, up to the limit.
struct Sink {
    out: Vec<u8>,
    left: u64,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(data.len() as u64);
        self.left = left.ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// For a body that says it needs one, of at most `bytes_max` decoded. From here on nobody
    /// needs to know that it was compressed.
    pub(super) fn wanted(parts: &mut Parts, bytes_max: u64) -> Option<Box<Self>> {
        let encoding = parts.head.header("Content-Encoding")?;
        encoding.eq_ignore_ascii_case(b"gzip").then(|| {
            parts.head.consume_content_encoding();
            Box::new(Self { gzip: GzDecoder::new(Sink { out: Vec::new(), left: bytes_max }) })
        })
    }

    /// What `data` adds.
    pub(super) fn decode(&mut self, data: &[u8]) -> Result<Vec<u8>, BodyError> {
        self.gzip.write_all(data).map_err(|error| refused(&error))?;
        Ok(std::mem::take(&mut self.gzip.get_mut().out))
    }

    /// What was held back, if the stream is complete and its checksum right.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, BodyError> {
        self.gzip.try_finish().map_err(|error| refused(&error))?;
        Ok(std::mem::take(&mut self.gzip.get_mut().out))
    }
}

fn refused(error: &io::Error) -> BodyError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => BodyError::Refused(Reason::BodyTooLarge.into()),
        _ => BodyError::Encoding,
    }
}
