//! Coroutines. To be written.
