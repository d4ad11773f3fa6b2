//! Buffered streams. To be written.
