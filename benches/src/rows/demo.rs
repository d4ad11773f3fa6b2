//! The demo itself: page views of `examples/auth` while twenty visitors log in at once.
//!
//! Each login hashes a password for tens of milliseconds. Hashing is on the executor's threads and pages
//! on the loop's, all of them on one core here, so this is the hardest case for the loop. An open loop
//! asks for the login page at a modest, constant rate. Nobody registers: a wrong name costs the same.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::budget::Rank;
use crate::contest::{Conditions, Row};
use crate::load::open::Open;
use crate::load::{PATIENCE, Visit};
use crate::machine;
use crate::metric::Metrics;
use crate::server::Server;

const VISIT: Visit = Visit { path: "/auth/register", connections: 4, depth: 1 };
/// Page views a second.
const RATE: f64 = 200.0;
const LOGINS: usize = 20;
const HASHING: &str = "hashing";

pub(super) fn rows() -> Vec<Row> {
    let contenders = vec!["idle", HASHING];
    let remedy = "not built; cargo build --release --example auth";
    let absent = if program().is_ok_and(|program| program.exists()) {
        Vec::new()
    } else {
        contenders.iter().map(|&name| (name, remedy.to_owned())).collect()
    };
    vec![Row {
        name: "demo/page-views".to_owned(),
        title: "Page views of the demo, idle and while twenty logins hash".to_owned(),
        contenders,
        bases: &["idle"],
        columns: &["p99_us", "p50_us", "max_us", "cpu_us", "logins_per_second"],
        absent,
        rank: Rank::Side,
        weight: 10.0,
        set_up: 0.3,
        serves_pages: false,
        measure: Box::new(measure),
    }]
}

/// The demo's program, beside this one.
fn program() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("examples").join("auth"))
}

fn measure(name: &str, conditions: Conditions) -> io::Result<Metrics> {
    let mut command = Command::new(program()?);
    command.args(["--port", "0", "--memory"]);
    machine::pin_to(conditions.cores.server)?; // the child inherits it
    let server = Server::spawn(command, "auth", |line| line.split('/').nth(2));
    machine::pin_to(conditions.cores.generator)?;
    let server = server?;
    let mut visitors = Open::connect(server.address, VISIT)?;
    let (over, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let crowd = if name == HASHING { LOGINS } else { 0 };
        let log_in = || {
            while !over.load(Ordering::Relaxed) {
                log_in(server.address)?;
                logins.fetch_add(1, Ordering::Relaxed);
            }
            io::Result::Ok(())
        };
        let crowd: Vec<_> = (0..crowd).map(|_| scope.spawn(log_in)).collect();
        let length = Duration::from_secs_f64(conditions.seconds);
        let before = server.cpu_time()?;
        let seen = visitors.run(RATE, length, false);
        let counted = logins.load(Ordering::Relaxed);
        over.store(true, Ordering::Relaxed);
        let cpu = server.cpu_time()?.saturating_sub(before);
        crowd.into_iter().try_for_each(|visitor| visitor.join().expect("it does not panic"))?;
        let sample = seen?.sample;
        let mut metrics = sample.metrics(cpu);
        let per_second = counted as f64 / sample.elapsed.as_secs_f64();
        metrics.push(("logins_per_second".to_owned(), per_second));
        Ok(metrics)
    })
}

/// One login with a wrong name: it hashes like a right one, and gets the form again.
fn log_in(address: SocketAddr) -> io::Result<()> {
    let token = "00112233445566778899aabbccddeeff";
    let form = format!("_xsrf={token}&username=nobody&password=wrong");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /auth/login HTTP/1.1\r\nHost: {address}\r\nCookie: _xsrf={token}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let head = String::from_utf8_lossy(&answer[..answer.len().min(100)]).into_owned();
    Err(io::Error::other(format!("a login was answered {head:?}")))
}
