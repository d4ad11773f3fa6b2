//! The HTTP server from outside: real sockets, every backend, virtual time for what takes long.
//!
//! Owns the small client (`client.rs`) and the services the tests talk to. What is accepted and
//! refused byte by byte is in `proto_http1.rs`; here it is what connections do.
#![allow(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]
#![allow(clippy::needless_pass_by_value, reason = "services are given their request")]

mod support;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/client.rs"]
mod client;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/fetching.rs"]
mod fetching;
#[path = "http/origins.rs"]
mod origins;
#[path = "http/slow_readers.rs"]
mod slow_readers;
#[path = "http/timeouts.rs"]
mod timeouts;
#[path = "http/util.rs"]
mod util;
