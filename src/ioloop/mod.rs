//! The loop. To be written.
