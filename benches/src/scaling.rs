//! One loop a thread, all on one port: how the web layer scales when the kernel deals out the
//! connections (`SO_REUSEPORT`).
//!
//! The visitors need a core of their own and there may be none, so the first number is requests in
//! a second of the servers' CPU time; the visitors' own CPU time is given beside it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use squall::http::HttpServer;
use squall::ioloop::IoLoop;
use squall::net::BindOptions;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler, Settings};

use crate::echo::{Thread, Visitors};
use crate::runtime::thread_time;
use crate::wire;

/// So many loops.
pub(crate) const CONTENDERS: &[&str] = &["1-loop", "2-loops"];
/// What they serve.
pub(crate) const OPERATIONS: &[&str] = &["squall-web"];

const CONNECTIONS: usize = 64;

/// One measurement. Nobody is pinned: the scheduler has the cores to deal out.
pub(crate) fn run(
    contender: &str,
    operation: &str,
    seconds: f64,
) -> io::Result<Vec<(&'static str, f64)>> {
    let loops = match (contender, operation) {
        ("1-loop", "squall-web") => 1,
        ("2-loops", "squall-web") => 2,
        _ => return Err(io::Error::other(format!("no {operation} of {contender}"))),
    };
    let first = Thread::start(serve, None)?;
    let address = first.address;
    let mut servers = vec![first];
    for _ in 1..loops {
        servers.push(Thread::start_at(address, serve, None)?);
    }
    let request = wire::request(address, "/");
    let answer = wire::exchange(&mut TcpStream::connect(address)?, &request)?.len();
    let mut visitors = Visitors::connect(address, CONNECTIONS, request, answer)?;
    visitors.run(Duration::from_secs_f64(seconds / 5.0))?;
    let (before, own_before) = (cpu_times(&servers)?, thread_time());
    let sample = visitors.run(Duration::from_secs_f64(seconds))?;
    let (after, own) = (cpu_times(&servers)?, thread_time().saturating_sub(own_before));
    let used: Vec<f64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let (requests, elapsed) = (sample.latencies.len() as f64, sample.elapsed.as_secs_f64());
    let busiest = used.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        // What the loops would do if each had its core to itself: the busiest decides.
        ("without_visitors_per_second", requests / busiest),
        ("per_server_cpu_per_second", requests / used.iter().sum::<f64>()),
        ("requests_per_second", requests / elapsed),
        ("server_cpu_share", used.iter().sum::<f64>() / elapsed),
        ("visitor_cpu_share", own.as_secs_f64() / elapsed),
    ])
}

fn cpu_times(servers: &[Thread]) -> io::Result<Vec<f64>> {
    servers.iter().map(|server| Ok(server.cpu_time()?.as_secs_f64())).collect()
}

fn serve(at: SocketAddr, announce: &dyn Fn(SocketAddr)) -> io::Result<()> {
    let io_loop = IoLoop::new()?;
    let settings = Settings { access_log: false, ..Settings::default() };
    let application = Application::new()
        .route("/", Hello)
        .settings(settings)
        .build()
        .map_err(io::Error::other)?;
    let server = HttpServer::new(application);
    let options = BindOptions::new(at.port()).address(Ipv4Addr::LOCALHOST.to_string()).reuse_port();
    server.listen(options)?;
    announce(server.addresses()[0].socket_addr().expect("a TCP socket"));
    io_loop.start()
}

struct Hello;

impl RequestHandler for Hello {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_header("Content-Type", "text/plain")?;
        Ok(req.finish("Hello, World!"))
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTENDERS, OPERATIONS, run};

    #[test]
    fn both_loops_answer() {
        for loops in CONTENDERS {
            let numbers = run(loops, OPERATIONS[0], 0.05).expect("measured");
            assert!(numbers.iter().all(|(_, value)| *value > 0.0), "{loops}: {numbers:?}");
        }
    }
}
