//! The network from outside: addresses, listeners, the accept loop, the resolver, the client's
//! race and the server (T080-T089, F390-F395).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[path = "net/accepting.rs"]
mod accepting;
#[path = "net/binding.rs"]
mod binding;
#[path = "net/connecting.rs"]
mod connecting;
#[path = "net/racing.rs"]
mod racing;
