//! `MongoDB`'s protocol as pure machines: bytes, clocks and chance come in as arguments.
//!
//! Owns what can be known without a socket: messages (`wire`, `legacy`), documents (`shape`, `decode`,
//! `encode`), and everything a connection says. The client pumps it over streams and the embedded
//! server answers with it; neither appears here. Read next: `wire.rs`.

pub mod concern;
pub mod connection;
pub mod crc32c;
pub mod decode;
pub mod encode;
pub mod error;
pub mod hello;
mod incoming;
pub mod legacy;
pub mod options;
pub mod pool;
mod sasl;
pub mod scram;
pub mod settings;
pub mod shape;
pub mod topology;
pub mod uri;
pub mod wire;
