//! The embedded store: what the engine answers, what survives, and what goes over the wire.
//!
//! The tables in `tables.rs` and `commands.rs` were first asked of a real mongod 6.0.5; the long list is
//! `differential.py`, which asks both again. Here no server and no Python is needed.

#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod embedded {
    mod commands;
    mod durability;
    mod store;
    mod tables;
    mod wire;
}
