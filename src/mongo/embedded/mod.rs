//! The embedded document store: the server's side of MongoDB's wire protocol, small and honest.
//!
//! It exists so that the demo and the tests run on a machine with nothing installed. It knows the
//! commands, operators and stages that small services use; anything else gets the server's own error
//! code, never a wrong answer. It is not a database product: everything is held in memory, and a file
//! only makes it last. Read next: `engine.rs`, where a command goes in and a reply comes out, and
//! `server.rs`, which puts it on the wire.
#![allow(clippy::unnecessary_wraps, reason = "the functions of one table have one signature")]

mod aggregate;
mod collection;
mod commands;
mod committer;
mod compare;
mod cursor;
mod decimal;
mod engine;
mod error;
mod expression;
mod fail_point;
mod index;
mod keys;
mod number;
mod path;
mod plan;
mod projection;
mod query;
mod server;
mod show;
mod size;
mod sort;
mod storage;
mod update;

pub use engine::{Engine, Surroundings};
pub use error::ServerError;
pub use server::{OpenError, Server};
pub use storage::{Change, Contents, Disk, Storage, StorageError};
