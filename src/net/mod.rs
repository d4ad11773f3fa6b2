//! Sockets and names: addresses, listeners, transports, the resolver.
//!
//! Owns everything that talks to the network without a buffer. Does not know streams: those stand
//! on a [`Transport`], in `iostream`, and so do the TCP server and client. Read next:
//! `transport.rs`, then `accept.rs`.

mod accept;
mod address;
mod network;
mod resolver;
mod sockets;
mod transport;

pub use accept::{AcceptHandle, add_accept_handler};
pub use address::{Address, Family, Peer, is_valid_ip};
pub use network::{Network, OsNetwork};
pub use resolver::{ExecutorResolver, OverrideResolver, Resolver, Resolving};
pub use sockets::{BindOptions, Listen, Listener, bind_sockets, bind_unix_socket};
pub use transport::{PipeTransport, SocketTransport, TcpTransport, Transport, UnixTransport};
