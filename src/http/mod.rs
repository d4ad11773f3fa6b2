//! HTTP over streams: the pure machines of `proto::http1`, carried by `iostream`.
//!
//! Owns the pumps and nothing of the protocol. Knows no routes and no handlers.
//! Read next: `client.rs`.

mod client;

pub use client::{FetchError, FetchRequest, FetchResponse, HttpClient};

pub use crate::proto::http1::Headers;
