//! squall: Tornado's idea, written again in Rust from the system call up.
#![forbid(unsafe_code)]

pub use reactor;

pub mod buffer;
pub mod coroutine;
pub mod executor;
pub mod future;
pub mod http;
pub mod ioloop;
pub mod iostream;
pub mod log;
#[cfg(feature = "mongo")]
pub mod mongo;
pub mod net;
pub mod process;
pub mod proto;
pub mod web;
