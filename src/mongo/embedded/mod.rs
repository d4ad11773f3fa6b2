//! The embedded document store: the server's side of MongoDB's wire protocol, small and honest.
//!
//! It exists so that the demo and the tests run on a machine with nothing installed. It knows the
//! commands, operators and stages that small services use; anything else gets the server's own error
//! code, never a wrong answer. It is not a database product: everything is held in memory, and a file
//! only makes it last. Read next: `engine.rs`, where a command goes in and a reply comes out.

mod aggregate;
mod compare;
mod decimal;
mod error;
mod expression;
mod keys;
mod number;
mod path;
mod projection;
mod query;
mod show;
mod sort;
mod update;
