//! HTTP/1.1 (RFC 9112) as a pure state machine: no sockets, no clock, no copies of a body.
//!
//! Owns the grammar, the framing and the keep-alive rules of both versions, strict by default: one
//! bad byte in the framing is a [`RemoteError`] and the end of the connection, never a guess.
//! Knows nothing of streams or handlers; the pump in `http/` carries the bytes.
//!
//! Read in this order: `connection` (the five verbs), `state` (its two tables), `parse` and `head`
//! (what is accepted), `body` (where it ends), `encode` (what we answer).
//!
//! ```
//! use reactor::Instant;
//! use squall::proto::http1::{Connection, Event, Headers, Limits, Outgoing, RequestHead, Status};
//!
//! let mut conn = Connection::server(Limits::default(), Instant::ZERO);
//! let mut head = RequestHead::default(); // reused from request to request
//! let mut input = conn.receive(Instant::ZERO, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
//! assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::Request));
//! assert_eq!((head.method(), head.path(), head.host()), ("GET", "/a", "h"));
//! assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::EndOfMessage));
//!
//! let mut out = Vec::new();
//! conn.send(Outgoing::Whole(Status::OK.into(), b"hello"), &mut out)?;
//! assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
//! # Ok::<(), squall::proto::http1::LocalError>(())
//! ```

mod authority;
mod body;
mod connection;
mod date;
mod encode;
mod error;
mod head;
mod headers;
mod limits;
mod parse;
mod response;
mod state;
mod status;

pub use authority::{Authority, split_host_and_port};
pub use connection::{Connection, Event, Input, Outgoing, Timeout};
pub use date::{Stamp, format_date, parse_date};
pub use encode::ResponseHead;
pub use error::{LocalError, Misuse, Reason, RemoteError};
pub use head::{BodyLength, RequestHead, Version};
pub use headers::{Headers, InvalidHeader};
pub use limits::Limits;
pub use response::{Answer, ResponseReader};
pub use state::{Reading, Writing};
pub use status::Status;
