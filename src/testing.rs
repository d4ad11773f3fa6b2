//! Test tools. To be written.
