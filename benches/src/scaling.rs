//! One loop a thread, all on one port: how the web layer scales when the kernel deals out the
//! connections (`SO_REUSEPORT`).
//!
//! A loop and the visitors that it needs share a core: one core against two, rather than loops against
//! visitors for the last core, so that even `requests_per_second`, which pays for the visitors, may
//! double. The first number takes them out: requests in a second of processor time of the loops, times
//! loops. It grows with the loops as long as a request does not become dearer. Which loop has how many
//! connections is the kernel's choice; with few of them the busiest has far more than its share, and is
//! given so that nobody needs to wonder.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use squall::http::HttpServer;
use squall::ioloop::IoLoop;
use squall::net::BindOptions;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler, Settings};

use crate::echo::{Thread, Visitors};
use crate::machine::{self, Cores};
use crate::wire;

/// So many loops.
pub(crate) const CONTENDERS: &[&str] = &["1-loop", "2-loops"];
/// What they serve.
pub(crate) const OPERATIONS: &[&str] = &["squall-web"];

/// For each loop: enough for the kernel's dice to be fair.
const PER_LOOP: usize = 256;

/// One measurement: loop and visitors number `n` are on core `n`.
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
    let cores = Cores::choose()?;
    let cores = &[cores.server, cores.generator][..loops];
    let first = Thread::start(serve, Some(cores[0]))?;
    let address = first.address;
    let mut servers = vec![first];
    for core in &cores[1..] {
        servers.push(Thread::start_at(address, serve, Some(*core))?);
    }
    let request = wire::request(address, "/");
    let answer = wire::exchange(&mut TcpStream::connect(address)?, &request)?.len();
    let connect = |_: &usize| Visitors::connect(address, PER_LOOP, request.clone(), answer);
    let mut visitors = cores.iter().map(connect).collect::<io::Result<Vec<_>>>()?;
    ask(&mut visitors, cores, seconds / 5.0)?;
    let before = cpu_times(&servers)?;
    let (requests, elapsed) = ask(&mut visitors, cores, seconds)?;
    let after = cpu_times(&servers)?;
    let used: Vec<f64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let (all, busiest) = (used.iter().sum::<f64>(), used.iter().copied().fold(0.0, f64::max));
    let loops = loops as f64;
    Ok(vec![
        ("without_visitors_per_second", loops * requests / all),
        ("requests_per_second", requests / elapsed),
        ("loops_cpu_share", all / elapsed / loops),
        ("busiest_loop_share", busiest / all),
    ])
}

/// Every group of visitors asks on its core; so many answers in so many seconds.
fn ask(visitors: &mut [Visitors], cores: &[usize], seconds: f64) -> io::Result<(f64, f64)> {
    let length = Duration::from_secs_f64(seconds);
    let (together, began) = (&Barrier::new(visitors.len()), Instant::now());
    let requests = std::thread::scope(|scope| {
        let groups = visitors.iter_mut().zip(cores);
        let groups: Vec<_> = groups
            .map(|(group, core)| {
                scope.spawn(move || {
                    machine::pin_to(*core)?;
                    together.wait();
                    Ok(group.run(length)?.latencies.len() as f64)
                })
            })
            .collect();
        groups.into_iter().map(|group| group.join().expect("it does not panic")).sum()
    });
    let requests: io::Result<f64> = requests;
    Ok((requests?, began.elapsed().as_secs_f64()))
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
