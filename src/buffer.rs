//! Byte helpers. To be written.
