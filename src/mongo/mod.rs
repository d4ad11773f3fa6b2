//! A MongoDB client that lives on the loop: no thread, no blocking, one pool of connections.
//!
//! Owns everything between a handler's `users.find_one(...).await` and the bytes on the wire.
//! What the bytes mean is in `proto/mongo/`, pure and tested without a socket. It knows nothing
//! of HTTP or the web. Read next: `client.rs`, then `operation.rs` and `engine/mod.rs`; the small
//! store that speaks the same protocol, for demos and tests, is in `embedded/`.
//!
//! ```no_run
//! use bson::doc;
//! use squall::ioloop::IoLoop;
//! use squall::mongo::{Index, MongoClient};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = MongoClient::new("mongodb://127.0.0.1/meet")?;
//! IoLoop::new()?.run_sync(async move {
//!     let users = client.default_database()?.collection("user");
//!     users.create_index(Index::new(doc! { "username": 1 }).unique()).await?;
//!     let id = users.insert_one(doc! { "username": "ada" }).await?.inserted_id;
//!     let found = users.find_one(doc! { "username": "ada" }).await?;
//!     assert_eq!(found.and_then(|user| user.get("_id").cloned()), Some(id));
//!     Ok::<_, squall::mongo::Error>(())
//! })??;
//! # Ok(())
//! # }
//! ```

mod batch;
mod client;
mod collection;
mod cursor;
mod database;
mod engine;
mod error;
mod event;
mod id;
mod operation;

#[cfg(feature = "embedded")]
pub mod embedded;

pub use bson;

pub use self::client::MongoClient;
pub use self::collection::{
    Collection, DeleteResult, Filter, FindOneAndOptions, Index, InsertManyOptions,
    InsertManyResult, InsertOneResult, Update, UpdateOptions, UpdateResult,
};
pub use self::cursor::Cursor;
pub use self::database::Database;
pub use self::error::{ConnectFault, Error, WriteFailure};
pub use self::event::Event;
pub use crate::proto::mongo::concern::{
    Acknowledgement, Concerns, ReadConcern, ReadMode, ReadPreference, WriteConcern,
};
pub use crate::proto::mongo::encode::EncodeDocument;
#[cfg(feature = "serde")]
pub use crate::proto::mongo::encode::Typed;
