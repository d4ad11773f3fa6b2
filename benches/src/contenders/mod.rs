//! The contenders: one small file each, all with the same pages and the same headers.
//!
//! Owns the list of names. To add a contender, write a file with one `serve` function like the ones
//! here and give it a line in [`ALL`]; the harness then starts it, compares its bytes with the
//! others' and times it. Read first: `floor.rs`, `tokio.rs`, `pages.rs`.

mod axum;
mod floor;
mod hyper;
mod hyper_on_squall;
mod nginx;
pub(crate) mod pages;
mod squall_http;
mod squall_web;
mod tokio;
mod tornado;

use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;

use self::pages::{FILE, HELLO, JSON, TEMPLATE};

/// One server under test.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Serves at the address until the process is killed, after announcing where it listens.
    pub(crate) serve: fn(SocketAddr, Announce<'_>) -> io::Result<()>,
    /// What it serves.
    pub(crate) paths: &'static [&'static str],
    /// Whether [`FILE`] is read from disk, and so has the headers of a file.
    pub(crate) serves_files: bool,
    /// Headers in which its answers may differ from the floor's, because it cannot say the same.
    pub(crate) differs_in: &'static [&'static str],
    /// Why it cannot run here, and what to do about it.
    pub(crate) missing: fn() -> Option<String>,
}

/// Tells the harness the address that was bound, once connections are accepted there.
pub(crate) type Announce<'a> = &'a dyn Fn(SocketAddr);

impl Contender {
    const fn new(
        name: &'static str,
        about: &'static str,
        serve: fn(SocketAddr, Announce<'_>) -> io::Result<()>,
    ) -> Self {
        Self {
            name,
            about,
            serve,
            paths: &[HELLO, JSON, TEMPLATE, FILE],
            serves_files: false,
            differs_in: &[],
            missing: || None,
        }
    }
}

/// Everybody. The first one is what the others are divided by.
pub(crate) const ALL: &[Contender] = &[
    Contender::new(
        "floor",
        "bare epoll: a constant for each blank line, nothing parsed",
        floor::serve,
    ),
    Contender::new(
        "tokio",
        "httparse on tokio's current_thread runtime, no framework",
        tokio::serve,
    ),
    Contender::new("tokio-local", "the same on tokio's LocalRuntime", tokio::serve_local),
    Contender::new("hyper", "hyper on tokio's current_thread runtime", hyper::serve),
    Contender::new("hyper-local", "the same on tokio's LocalRuntime", hyper::serve_local),
    Contender {
        serves_files: true,
        ..Contender::new("axum", "axum on hyper and tokio's current_thread runtime", axum::serve)
    },
    Contender::new(
        "hyper-on-squall",
        "hyper's connections on squall's loop and streams",
        hyper_on_squall::serve,
    ),
    Contender::new("squall-http", "squall's HTTP server, no framework", squall_http::serve),
    Contender {
        serves_files: true,
        ..Contender::new(
            "squall-web",
            "squall's web layer: routes, handlers, exchanges",
            squall_web::serve,
        )
    },
    Contender {
        serves_files: true,
        ..Contender::new(
            "squall-watched",
            "the same with the slow-callback detector watching",
            squall_web::serve_watched,
        )
    },
    Contender {
        serves_files: true,
        missing: tornado::missing,
        ..Contender::new("tornado", "Tornado on asyncio", tornado::serve)
    },
    Contender {
        paths: &[HELLO, JSON, FILE],
        serves_files: true,
        differs_in: &["server", "connection"],
        missing: nginx::missing,
        ..Contender::new("nginx", "nginx, one worker: constants and files", nginx::serve)
    },
];

/// The contender of that name.
pub(crate) fn find(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// Those that cannot run here, and what would help.
pub(crate) fn absent() -> &'static [(&'static Contender, String)] {
    static ABSENT: OnceLock<Vec<(&Contender, String)>> = OnceLock::new();
    ABSENT.get_or_init(|| ALL.iter().filter_map(|c| Some((c, (c.missing)()?))).collect())
}

/// Those that can.
pub(crate) fn present() -> Vec<&'static Contender> {
    let absent = |name| absent().iter().any(|(absent, _)| absent.name == name);
    ALL.iter().filter(|contender| !absent(contender.name)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_contender_is_a_file_of_sixty_lines() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/contenders");
        for name in ["axum.rs", "squall_http.rs", "nginx.rs", "tornado.rs"] {
            let text = std::fs::read_to_string(format!("{directory}/{name}")).expect("a contender");
            assert!(text.lines().count() <= 60, "{name}: docs/BENCHMARKS.md promises 60 lines");
        }
    }
}
