//! The client against a scripted server: faults, silence, cancellation, the pool, recovery.
//!
//! The server runs on the loop under test, so most of it happens in virtual time: half a minute
//! of waiting takes milliseconds, and each run is the same. What needs no clock runs on every
//! backend. A real server is asked in `mongo_live.rs`.

#![cfg(feature = "mongo")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod mongo_client {
    mod basics;
    mod cancel;
    mod cursors;
    mod edges;
    mod fake;
    mod faults;
    mod login;
    mod pool;
    mod writes;
}
