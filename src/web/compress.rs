//! Responses with `Content-Encoding: gzip` (T212), for applications that ask for it.
//!
//! Owns the choice what is worth compressing; the compression itself is flate2's. A page is compressed
//! where it is finished, so secrets in it need a mask: see `xsrf.rs`. Read next: `reply.rs`.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::{Headers, Request};

/// A whole response below this grows more by the header than it shrinks.
const WHOLE_BYTES_MIN: usize = 1024;

/// zlib's own middle: beyond it, time doubles for a percent.
const LEVEL: u32 = 6;

/// Whether there is a compressor at all.
pub(super) const AVAILABLE: bool = true;

/// Compresses one response.
pub(super) struct Compressor(GzEncoder<Vec<u8>>);

impl Compressor {
    /// A compressor, if the client takes gzip and the response is worth it. `whole` is the length of a
    /// response that is complete. The headers are changed to say what is sent.
    pub(super) fn wanted(
        request: &Request,
        headers: &mut Headers,
        whole: Option<usize>,
    ) -> Option<Self> {
        headers.add("Vary", "Accept-Encoding").expect("a good header");
        let accepts = request.header_list("Accept-Encoding").any(accepts_gzip);
        let large = whole.is_none_or(|length| length >= WHOLE_BYTES_MIN);
        // A part is counted in bytes of the whole as it is.
        let encoded = headers.contains("Content-Encoding") || headers.contains("Content-Range");
        let content_type = headers.get("Content-Type").unwrap_or_default();
        if !accepts || !large || encoded || !is_compressible(content_type) {
            return None;
        }
        headers.set("Content-Encoding", "gzip").expect("a good header");
        headers.remove("Content-Length"); // of what was not compressed
        Some(Self(GzEncoder::new(Vec::new(), Compression::new(LEVEL))))
    }

    /// What can be sent once `data` was written; all of it, so that the client can read that far.
    pub(super) fn piece(&mut self, data: &[u8]) -> Vec<u8> {
        let written = self.0.write_all(data).and_then(|()| self.0.flush());
        written.expect("memory takes everything");
        std::mem::take(self.0.get_mut())
    }

    /// The end, after `data`.
    pub(super) fn finish(mut self, data: &[u8]) -> Vec<u8> {
        self.0.write_all(data).expect("memory takes everything");
        self.0.finish().expect("memory takes everything")
    }
}

/// `gzip`, unless with `;q=0`.
fn accepts_gzip(codings: &[u8]) -> bool {
    let codings = String::from_utf8_lossy(codings).to_ascii_lowercase();
    codings.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        name.trim() == "gzip" && !refused
    })
}

/// Text and its kin; pictures are compressed already.
fn is_compressible(content_type: &[u8]) -> bool {
    let kind = content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    kind.starts_with(b"text/")
        || [
            &b"application/javascript"[..],
            b"application/json",
            b"application/manifest+json",
            b"application/xml",
            b"application/atom+xml",
            b"application/xhtml+xml",
            b"image/svg+xml",
        ]
        .contains(&kind)
}
