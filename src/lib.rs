//! squall: Tornado's idea, written again in Rust from the system call up.
//!
//! One thread, one loop, and everything a small web service needs on top of it: timers, futures and
//! coroutines, streams, HTTP/1.1, a web layer in Tornado's shape, and a MongoDB client on the same
//! loop. This file only names the rooms; it does not know what happens in them. Each room opens
//! with what it owns, what it does not know, and what to read next.
//!
//! # The tour, in reading order
//!
//! 1. [`reactor`]: what the kernel reports, behind one contract; epoll, kqueue and mio keep it.
//! 2. [`ioloop`]: one turn of the loop. Start here if you want to understand event loops.
//! 3. [`future`] and [`coroutine`]: results that come later, and `async` blocks a step at a time.
//! 4. [`executor`]: threads for what would block.
//! 5. [`net`] and [`iostream`]: sockets, and buffered streams over them.
//! 6. [`proto`]: HTTP and MongoDB as pure state machines, without a socket in sight.
//! 7. [`http`] and [`web`]: the server, then the layer in which applications are written.
//! 8. `mongo`: the client, and the small embedded store that speaks the same protocol.
//!
//! # Hello, world
//!
//! ```no_run
//! use squall::ioloop::IoLoop;
//! use squall::web::{Application, Exchange, HandlerResult, RequestHandler};
//!
//! struct Hello;
//!
//! impl RequestHandler for Hello {
//!     async fn get(&self, req: Exchange) -> HandlerResult {
//!         Ok(req.finish("Hello, world"))
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let app = Application::new().route("/", Hello).build()?;
//!     app.listen(8888)?;
//!     IoLoop::current().start()?;
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `mio` | yes | the mio crate as one more reactor backend |
//! | `mongo` | yes | the MongoDB client |
//! | `embedded` | yes | the embedded document store |
//! | `gzip` | no | request bodies and responses with `Content-Encoding: gzip` |

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
pub mod testing;
pub mod web;

/// The README's programs have to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
