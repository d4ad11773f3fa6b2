//! `proto::mongo` from outside: tables of bytes, strings and scripts, and what they must give.
//!
//! Every message goes in whole and byte by byte. Nothing here opens a socket or looks at a clock.
//! The published specification tests are in `mongo_spec.rs`.
#![cfg(feature = "mongo")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, block and look at the real clock"
)]

mod proto_mongo {
    mod connection;
    mod fuzz;
    mod pool;
    mod scram;
    mod shape;
    mod uri;
    mod wire;
}
