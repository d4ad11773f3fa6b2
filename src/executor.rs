//! The bounded thread pool. To be written.
