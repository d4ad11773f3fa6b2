//! HTTP in a closed loop: what a request costs the server, in the ways in which it can come.
//!
//! A measurement is a fresh server on one core and visitors from another. The headline is the CPU time
//! of the server per request, since that survives a shared machine; the peak rate stands beside it.

use std::io;
use std::time::Duration;

use crate::budget::Rank;
use crate::contenders::pages::{FILE, HELLO, JSON, TEMPLATE};
use crate::contenders::{self, Contender};
use crate::contest::{Conditions, Row};
use crate::load::Visit;
use crate::load::churn::Churn;
use crate::load::closed::Closed;
use crate::metric::Metrics;
use crate::server::Server;

/// Seconds until a server listens and its visitors are connected.
pub(super) const SET_UP: f64 = 0.03;
/// Whom the others are divided by.
const BASES: &[&str] = &["floor", "tokio", "hyper"];
const COLUMNS: &[&str] = &["cpu_us", "requests_per_second", "busy_percent", "p50_us", "p99_us"];

/// Those that answer most questions.
pub(super) const USUAL: &[&str] =
    &["floor", "tokio", "hyper", "axum", "squall-http", "squall-web", "nginx"];
/// The usual ones, and the original.
const WITH_TORNADO: &[&str] =
    &["floor", "tokio", "hyper", "axum", "squall-http", "squall-web", "nginx", "tornado"];
const EVERYBODY: &[&str] = &[
    "floor",
    "tokio",
    "tokio-local",
    "hyper",
    "hyper-local",
    "axum",
    "hyper-on-squall",
    "squall-http",
    "squall-web",
    "squall-watched",
    "nginx",
    "tornado",
];

/// How visitors come.
#[derive(Clone, Copy)]
enum How {
    KeepAlive(usize),
    Pipelined(usize),
    Close(usize),
}

pub(super) fn rows() -> Vec<Row> {
    use How::{Close, KeepAlive, Pipelined};
    use Rank::{Main, Side};
    let row = |name: &str, title: &str, contenders: &[&'static str], path, how, rank| Row {
        name: format!("http/{name}"),
        title: title.to_owned(),
        contenders: serving(contenders, path),
        bases: BASES,
        columns: COLUMNS,
        absent: absent(contenders),
        rank,
        weight: if path == FILE { 2.0 } else { 1.0 }, // a mebibyte is long: few fit into less
        set_up: SET_UP,
        serves_pages: true,
        measure: Box::new(move |name, conditions| measure(name, path, how, conditions)),
    };
    let (one, few, crowd) = (KeepAlive(1), KeepAlive(64), KeepAlive(512));
    let page = "A page from a template, 64 connections";
    vec![
        row("hello-1", "Hello, one keep-alive connection", WITH_TORNADO, HELLO, one, Side),
        row("hello-64", "Hello, 64 keep-alive connections", EVERYBODY, HELLO, few, Main),
        row("hello-512", "Hello, 512 keep-alive connections", USUAL, HELLO, crowd, Side),
        row(
            "pipelined",
            "Hello, 64 connections, 16 requests at once",
            USUAL,
            HELLO,
            Pipelined(64),
            Main,
        ),
        row("close", "Hello, a connection for each request", USUAL, HELLO, Close(64), Main),
        row("json", "JSON, 64 keep-alive connections", EVERYBODY, JSON, few, Side),
        row("template", page, EVERYBODY, TEMPLATE, few, Side),
        row("file", "A file of 1 MiB, 16 connections", EVERYBODY, FILE, KeepAlive(16), Side),
    ]
}

/// Those of the named that have this path.
pub(super) fn serving(names: &[&'static str], path: &str) -> Vec<&'static str> {
    names.iter().copied().filter(|name| contender(name).paths.contains(&path)).collect()
}

/// Those of the named that cannot run here, and what would help.
pub(super) fn absent(names: &[&'static str]) -> Vec<(&'static str, String)> {
    let absent = contenders::absent().iter();
    let named = absent.filter(|(absent, _)| names.contains(&absent.name));
    named.map(|(absent, remedy)| (absent.name, remedy.clone())).collect()
}

/// A name of ours.
pub(super) fn contender(name: &str) -> &'static Contender {
    contenders::find(name).expect("rows name contenders")
}

/// A fresh server, warmed up and then timed. It sleeps whenever its CPU time is read.
fn measure(
    name: &str,
    path: &'static str,
    how: How,
    conditions: Conditions,
) -> io::Result<Metrics> {
    let server = Server::start(contender(name), conditions.cores.server)?;
    match how {
        How::KeepAlive(connections) => {
            keep_alive(&server, Visit { path, connections, depth: 1 }, conditions)
        }
        How::Pipelined(connections) => {
            keep_alive(&server, Visit { path, connections, depth: 16 }, conditions)
        }
        How::Close(connections) => {
            let mut churn = Churn::new(server.address, Visit { path, connections, depth: 1 })?;
            let (warm_up, length) = times(conditions);
            churn.run(warm_up)?;
            let before = server.cpu_time()?;
            let sample = churn.run(length)?;
            Ok(sample.metrics(server.cpu_time()?.saturating_sub(before)))
        }
    }
}

/// One measurement with connections that stay.
pub(super) fn keep_alive(
    server: &Server,
    visit: Visit,
    conditions: Conditions,
) -> io::Result<Metrics> {
    let mut visitors = Closed::connect(server.address, visit)?;
    let (warm_up, length) = times(conditions);
    visitors.run(warm_up)?;
    let before = server.cpu_time()?;
    let sample = visitors.run(length)?;
    Ok(sample.metrics(server.cpu_time()?.saturating_sub(before)))
}

/// Warm-up and length.
fn times(conditions: Conditions) -> (Duration, Duration) {
    let Conditions { warm_up, seconds, .. } = conditions;
    (Duration::from_secs_f64(warm_up), Duration::from_secs_f64(seconds))
}
