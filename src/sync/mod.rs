//! Waiting for each other on one thread. To be written.
