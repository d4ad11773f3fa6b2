//! The contenders: one small file each, all with the same two endpoints and the same headers.
//!
//! Owns the list of names and the bytes that everybody has to answer with. To add a contender, write
//! a file with one `serve` function like the ones here and give it a line in [`ALL`]; the harness
//! then starts it, compares its bytes with the others' and times it. Read first: `floor.rs`.

mod floor;
mod hyper;
mod squall_http;
mod squall_web;
mod tokio;

use std::io;
use std::net::SocketAddr;

use serde::Serialize;

/// `Server:` of every contender, so that all answers have the same length.
pub(crate) const SERVER: &str = "bench";
/// The body of `/plaintext`.
pub(crate) const PLAINTEXT: &str = "Hello, World!";

/// What `/json` says; serialised anew for each request, except by the floor.
#[derive(Serialize)]
struct Message {
    message: &'static str,
}

fn json() -> Vec<u8> {
    serde_json::to_vec(&Message { message: PLAINTEXT }).expect("a struct with one string")
}

/// One server under test.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Serves at the address until the process is killed, after announcing where it listens.
    pub(crate) serve: fn(SocketAddr, Announce<'_>) -> io::Result<()>,
    /// Whether it takes part when nobody says otherwise.
    pub(crate) by_default: bool,
}

/// Tells the harness the address that was bound, once connections are accepted there.
pub(crate) type Announce<'a> = &'a dyn Fn(SocketAddr);

/// Everybody. The first one is what the others are divided by.
pub(crate) const ALL: &[Contender] = &[
    Contender {
        name: "floor",
        about: "bare epoll: a constant for each blank line, nothing parsed",
        serve: floor::serve,
        by_default: true,
    },
    Contender {
        name: "tokio",
        about: "tokio current_thread and httparse, no framework",
        serve: tokio::serve,
        by_default: true,
    },
    Contender {
        name: "tokio-local",
        about: "the same on tokio's LocalRuntime",
        serve: tokio::serve_local,
        by_default: false,
    },
    Contender {
        name: "hyper",
        about: "hyper on tokio current_thread",
        serve: hyper::serve,
        by_default: true,
    },
    Contender {
        name: "squall-http",
        about: "squall's HTTP server, no framework",
        serve: squall_http::serve,
        by_default: true,
    },
    Contender {
        name: "squall-web",
        about: "squall's web layer: routes, handlers, exchanges",
        serve: squall_web::serve,
        by_default: true,
    },
];

/// The contender of that name.
pub(crate) fn find(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// Who takes part when `--contenders` is not given.
pub(crate) fn default_list() -> Vec<&'static Contender> {
    ALL.iter().filter(|contender| contender.by_default).collect()
}
