//! System calls per request: counted by strace, which sees every one of them.
//!
//! The server runs under strace, which writes a line for each call. Lines are counted while the server
//! sleeps, before the first request and after the last answer, so the call in which it sleeps is there
//! both times. Being watched slows it down, so nothing here is timed.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::budget::Rank;
use crate::contenders::pages::{self, HELLO, Litter};
use crate::contest::{Conditions, Row};
use crate::load::Visit;
use crate::load::closed::Closed;
use crate::metric::Metrics;
use crate::server::{LISTENING, Server};

const CONTENDERS: &[&str] = &["floor", "tokio", "hyper", "axum", "squall-http", "squall-web"];
const VISIT: Visit = Visit { path: HELLO, connections: 64, depth: 1 };

pub(super) fn rows() -> Vec<Row> {
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    let absent = match version {
        Ok(_) => Vec::new(),
        Err(_) => CONTENDERS.iter().map(|&name| (name, "apt-get install strace".into())).collect(),
    };
    vec![Row {
        name: "http/syscalls".to_owned(),
        title: "System calls per request, 64 keep-alive connections".to_owned(),
        contenders: CONTENDERS.to_vec(),
        bases: &["floor"],
        columns: &["each_request", "requests"],
        absent,
        rank: Rank::Once,
        weight: 4.0,
        set_up: 0.2,
        serves_pages: true,
        measure: Box::new(measure),
    }]
}

fn measure(name: &str, conditions: Conditions) -> io::Result<Metrics> {
    // Not where the server looks for files, or it might watch itself being watched.
    let directory = Litter::of("calls")?;
    let log = directory.path().join(name);
    let mut strace = Command::new("strace");
    // With -D the server is our child and strace its grandchild, and whoever ends it ends both.
    strace.args(["-D", "-f", "-qq", "-o"]).arg(&log).arg("--").arg(std::env::current_exe()?);
    strace.args(["serve", name, "--core", &conditions.cores.server.to_string()]);
    strace.env(pages::DIRECTORY_VARIABLE, pages::directory()?);
    let server = Server::spawn(strace, name, |line| line.strip_prefix(LISTENING))?;
    let mut visitors = Closed::connect(server.address, VISIT)?;
    visitors.run(Duration::from_secs_f64(conditions.warm_up))?;
    let before = calls(&log)?;
    let sample = visitors.run(Duration::from_secs_f64(conditions.seconds))?;
    let calls = (calls(&log)? - before) as f64;
    let requests = sample.requests as f64;
    Ok(vec![("each_request".to_owned(), calls / requests), ("requests".to_owned(), requests)])
}

/// Lines of the log, but for second halves of calls that another thread's call has interrupted.
fn calls(log: &Path) -> io::Result<usize> {
    let log = fs::read_to_string(log)?;
    Ok(log.lines().filter(|line| !line.contains(" resumed>")).count())
}
