//! Latency in an open loop: everybody meets the same schedule, at 50, 70 and 90 % of what the slowest
//! can do.
//!
//! The peaks come from a closed loop just before. Latency counts from when a request was due, see
//! `load/open.rs`; how late the generator itself was stands beside it.

use std::cell::OnceCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::http::{SET_UP, USUAL, absent, contender, keep_alive};
use crate::budget::Rank;
use crate::contenders::pages::HELLO;
use crate::contest::{Conditions, Row};
use crate::load::Visit;
use crate::load::open::Open;
use crate::metric::{self, Metrics};
use crate::server::Server;

const VISIT: Visit = Visit { path: HELLO, connections: 64, depth: 1 };
const SHARES: [u32; 3] = [50, 70, 90];
/// The least time in which a peak is looked for.
const PEAK_SECONDS: f64 = 0.1;

pub(super) fn rows() -> Vec<Row> {
    let slowest = Rc::new(OnceCell::new());
    let row = |share: u32| {
        let slowest = Rc::clone(&slowest);
        Row {
            name: format!("latency/{share}"),
            title: format!("Latency at {share} % of the slowest contender's peak, open loop"),
            contenders: USUAL.to_vec(),
            bases: &["floor", "tokio", "hyper"],
            columns: &[
                "p99_us",
                "p50_us",
                "p90_us",
                "p99.9_us",
                "p99.99_us",
                "max_us",
                "cpu_us",
                "requests_per_second",
                "generator_lag_p99_us",
            ],
            absent: absent(USUAL),
            rank: Rank::Side,
            weight: 3.0,
            set_up: SET_UP,
            serves_pages: true,
            measure: Box::new(move |name, conditions| {
                let peak = match slowest.get() {
                    Some(peak) => *peak,
                    None => *slowest.get_or_init(|| slowest_peak(conditions).unwrap_or(f64::NAN)),
                };
                if peak.is_nan() {
                    return Err(io::Error::other("the peaks could not be found"));
                }
                measure(name, peak * f64::from(share) / 100.0, conditions)
            }),
        }
    };
    SHARES.map(row).into()
}

/// The smallest of all peaks.
fn slowest_peak(conditions: Conditions) -> io::Result<f64> {
    let conditions = Conditions { seconds: conditions.seconds.max(PEAK_SECONDS), ..conditions };
    let mut slowest = f64::INFINITY;
    let absent = absent(USUAL);
    let absent = |name: &str| absent.iter().any(|(absent, _)| *absent == name);
    for name in USUAL.iter().copied().filter(|name| !absent(name)) {
        let server = Server::start(contender(name), conditions.cores.server)?;
        let seen = keep_alive(&server, VISIT, conditions)?;
        let peak = metric::get(&seen, "requests_per_second").expect("every load tells it");
        slowest = slowest.min(peak);
    }
    Ok(slowest)
}

fn measure(name: &str, rate: f64, conditions: Conditions) -> io::Result<Metrics> {
    let spin = conditions.cores.server != conditions.cores.generator;
    let server = Server::start(contender(name), conditions.cores.server)?;
    let mut visitors = Open::connect(server.address, VISIT)?;
    visitors.run(rate, Duration::from_secs_f64(conditions.warm_up), spin)?;
    let before = server.cpu_time()?;
    let seen = visitors.run(rate, Duration::from_secs_f64(conditions.seconds), spin)?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    let mut metrics = seen.sample.metrics(cpu);
    let lag = seen.lag.percentile(99.0).as_secs_f64() * 1e6;
    metrics.push(("generator_lag_p99_us".to_owned(), lag));
    Ok(metrics)
}
