//! Static files: style sheets, scripts and pictures from one directory.
//!
//! This file owns the handler, which says what to send; `files.rs` finds and opens files without leaving
//! the root, `conditional.rs` knows when a file, or which part of it, must be sent at all, and
//! `content_type.rs` names what it is. Every system call on a file runs on the executor.

mod conditional;
mod content_type;
mod files;
mod handler;

pub use conditional::{
    ByteRange, content_range, etag_matches, not_modified, range_applies, requested_range,
};
pub use content_type::content_type;
pub use files::{FileFault, FileRoot, StaticFile, Symlinks, normalize};
pub use handler::StaticFileHandler;
