//! HTTP over streams: a server that is handed every request with the right to answer it.
//!
//! Owns the life of a connection between [`IoStream`](crate::iostream::IoStream) and the pure
//! machine of `proto::http1`: one receive, one send, requests in order, bodies with backpressure,
//! deadlines. Knows nothing of routes, cookies or forms: those are `web`, for which an application
//! is a [`Service`] like any closure. Read in this order: `server.rs`, `connection.rs`, `pump.rs`.
//!
//! ```
//! use squall::http::{Headers, HttpServer, Request, Responder, Status};
//! use squall::{ioloop::IoLoop, iostream::IoStream};
//!
//! let io_loop = IoLoop::new()?;
//! let answer = io_loop.run_sync(async {
//!     let server = HttpServer::new(|request: Request, responder: Responder| {
//!         let text = format!("hello, {}", request.path());
//!         responder.send(Status::OK, "", &Headers::new(), text.as_bytes());
//!     });
//!     server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0)))?;
//!     let client = IoStream::connect(server.addresses()[0].clone()).await?;
//!     client.write("GET /world HTTP/1.0\r\n\r\n").await?;
//!     Ok::<_, Box<dyn std::error::Error>>(client.read_until_close().await?)
//! })??;
//! assert!(answer.ends_with(b"\r\n\r\nhello, /world"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod client;
mod connection;
mod exchange;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(not(feature = "gzip"))]
#[path = "gzip_absent.rs"]
mod gzip;
mod intake;
mod pump;
mod request;
mod responder;
mod server;
mod service;
mod shared;
pub mod util;
mod xheaders;

pub use self::body::{BodyError, BodyStream, NextPiece};
pub use self::client::{FetchError, FetchRequest, FetchResponse, HttpClient};
pub use self::request::{Protocol, Request};
pub use self::responder::Responder;
pub use self::server::HttpServer;
pub use self::service::{BodyPlan, Service};
pub use self::shared::Access;
pub use self::xheaders::Trusted;
pub use crate::proto::http1::{
    Authority, BodyLength, Headers, InvalidHeader, Limits, RequestHead, Status, Version,
    format_date, parse_date, split_host_and_port,
};
