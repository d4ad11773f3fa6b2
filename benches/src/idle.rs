//! A crowd of idle keep-alive connections: what each costs in memory, whether others notice, and
//! what is left when they have gone.
//!
//! The server is a child process, `serve NAME`; everything is read from `/proc`. Each connection
//! asks once and then says nothing.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit};

use crate::contenders;
use crate::echo::Visitors;
use crate::load::ARRIVE_AT_ONCE;
use crate::machine::{self, Cores};
use crate::runtime::percentile_us;
use crate::server::Server;
use crate::wire;

/// Who takes part.
pub(crate) const CONTENDERS: &[&str] = &["floor", "hyper", "squall-http", "squall-web"];
/// So many connections, or as many files as may be open.
pub(crate) const OPERATIONS: &[&str] = &["10000", "50000"];

/// Those who go on asking while the crowd is idle.
const ACTIVE: usize = 100;
/// Connections from one source address.
const PER_SOURCE: usize = 2_000;
/// Files that are open for other reasons, on both sides.
const SPARE_FILES: u64 = ACTIVE as u64 + 100;
const PATH: &str = "/plaintext";

/// One measurement.
pub(crate) fn run(
    contender: &str,
    operation: &str,
    seconds: f64,
) -> io::Result<Vec<(&'static str, f64)>> {
    let wanted: usize = operation.parse().map_err(io::Error::other)?;
    let contender = contenders::find(contender)
        .ok_or_else(|| io::Error::other(format!("no contender {contender}")))?;
    let crowd = wanted.min(room()?);
    if crowd < wanted {
        eprintln!("only {crowd} idle connections instead of {wanted}: ulimit -n");
    }
    let cores = Cores::choose()?;
    let server = Server::start(contender, cores.server)?; // it inherits the limit
    machine::pin_to(cores.generator)?;
    let answer = first_answer(server.address)?;
    let before = Process::of(&server)?;
    let idle = gather(1, crowd, server.address, answer)?;
    let during = Process::of(&server)?;
    let p99 = active(server.address, answer, seconds)?;
    drop(idle);
    let after = all_gone(&server, before.files)?;
    let idle = gather(2, crowd, server.address, answer)?;
    let again = Process::of(&server)?;
    drop(idle);
    let each = |now: u64| now.saturating_sub(before.bytes) as f64 / crowd as f64;
    Ok(vec![
        ("bytes_per_connection", each(during.bytes)),
        ("bytes_left_per_connection", each(after.bytes)),
        ("connections", crowd as f64),
        ("before_mib", mib(before.bytes)),
        ("during_mib", mib(during.bytes)),
        ("after_mib", mib(after.bytes)),
        ("second_crowd_mib", mib(again.bytes)), // what was left behind is used again, or was lost
        ("active_p99_us", p99),
    ])
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Raises the limit of open files as far as it goes; answers how many connections fit below it.
fn room() -> io::Result<usize> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised)?;
    let files = limit.maximum.unwrap_or(u64::MAX).saturating_sub(SPARE_FILES);
    Ok(usize::try_from(files).unwrap_or(usize::MAX))
}

fn first_answer(address: SocketAddr) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    Ok(wire::exchange(&mut stream, &wire::request(address, PATH))?.len())
}

/// The crowd of that number: everybody connects, asks once and stays.
fn gather(number: u8, size: usize, to: SocketAddr, answer: usize) -> io::Result<Vec<TcpStream>> {
    let mut crowd = Vec::with_capacity(size);
    while crowd.len() < size {
        sit_down(&mut crowd, number, size, to, answer)?;
    }
    Ok(crowd)
}

/// Some more of the crowd. Every crowd comes from a network of its own, since the kernel remembers for
/// a minute who has left, and finds a free port slowly where many are taken.
fn sit_down(
    idle: &mut Vec<TcpStream>,
    crowd: u8,
    size: usize,
    to: SocketAddr,
    answer: usize,
) -> io::Result<()> {
    let there = idle.len();
    let process = 1 + (std::process::id() % 250) as u8;
    for number in there..size.min(there + ARRIVE_AT_ONCE) {
        let from = Ipv4Addr::new(127, process, crowd, 2 + (number / PER_SOURCE) as u8);
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0))?;
        rustix::net::connect(&socket, &to)?;
        let mut stream = TcpStream::from(socket);
        stream.write_all(&wire::request(to, PATH))?;
        idle.push(stream);
    }
    for stream in &mut idle[there..] {
        let length = wire::whole_answer(stream)?.len();
        if length != answer {
            return Err(io::Error::other(format!("an answer of {length} bytes")));
        }
    }
    Ok(())
}

/// The 99th percentile of those who are not idle, in microseconds.
fn active(address: SocketAddr, answer: usize, seconds: f64) -> io::Result<f64> {
    let request = wire::request(address, PATH);
    let mut visitors = Visitors::connect(address, ACTIVE, request, answer)?;
    visitors.run(Duration::from_secs_f64(seconds / 5.0))?;
    let mut sample = visitors.run(Duration::from_secs_f64(seconds))?;
    Ok(percentile_us(&mut sample.latencies, 0.99))
}

/// Waits until the server has noticed that everybody has left.
fn all_gone(server: &Server, files: usize) -> io::Result<Process> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let now = Process::of(server)?;
        if now.files <= files {
            return Ok(now);
        }
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("{} files are still open", now.files)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What `/proc` says of the server.
struct Process {
    /// Resident memory.
    bytes: u64,
    files: usize,
}

impl Process {
    fn of(server: &Server) -> io::Result<Self> {
        let directory = format!("/proc/{}", server.id());
        let status = fs::read_to_string(format!("{directory}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: Option<u64> =
            resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        let bytes = kib.ok_or_else(|| io::Error::other("no VmRSS"))? * 1024;
        Ok(Self { bytes, files: fs::read_dir(format!("{directory}/fd"))?.count() })
    }
}
