//! The embedded store. To be written.
