//! Who is timed when: forwards and then backwards through the list, so that a drift of the machine
//! (heat, a neighbour, a background job) touches everybody alike.
//!
//! A round is A B C C B A, and its value for a contender is the mean of both passes. The first
//! contender is listed again at the end, as a contender of its own: what separates the two is
//! noise, and no difference of that size is a result. Read next: `load.rs`, `report.rs`.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use crate::contenders::Contender;
use crate::load::Generator;
use crate::machine::Cores;
use crate::options::Options;
use crate::server::Server;
use crate::wire::ENDPOINTS;

/// One contender, one endpoint, one pass.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) round: usize,
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    /// CPU time of the server, for exactly these requests.
    pub(crate) cpu: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

/// All measurements of one contender on one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) about: &'static str,
    pub(crate) measurements: Vec<Measurement>,
}

/// The rows of one endpoint, in the order of the command line, then the first one again.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) endpoint: &'static str,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
    pub(crate) rows: Vec<Row>,
}

/// Times everybody on every endpoint.
pub(crate) fn run(options: &Options, cores: Cores) -> io::Result<Vec<Table>> {
    ENDPOINTS.into_iter().map(|endpoint| run_endpoint(options, cores, endpoint)).collect()
}

fn run_endpoint(options: &Options, cores: Cores, endpoint: &'static str) -> io::Result<Table> {
    let mut contenders = options.contenders.clone();
    contenders.extend(options.contenders.first());
    let mut rows: Vec<Row> = contenders
        .iter()
        .map(|c| Row { name: c.name.to_owned(), about: c.about, measurements: Vec::new() })
        .collect();
    if let [.., again] = rows.as_mut_slice() {
        again.name += " (A/A)";
    }
    for round in 0..options.rounds {
        for index in (0..contenders.len()).chain((0..contenders.len()).rev()) {
            progress(&format!("{endpoint} {}/{} {}", round + 1, options.rounds, rows[index].name));
            let measurement = measure(contenders[index], endpoint, round, options, cores)?;
            rows[index].measurements.push(measurement);
        }
    }
    progress("");
    let (connections, rounds, length) = (options.connections, options.rounds, options.length);
    Ok(Table { endpoint, connections, rounds, length, rows })
}

/// What is being timed right now; only for somebody who is watching.
fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{text:<48}\r");
    }
}

/// A fresh server, warmed up and then timed. It sleeps whenever its CPU time is read.
fn measure(
    contender: &Contender,
    endpoint: &str,
    round: usize,
    options: &Options,
    cores: Cores,
) -> io::Result<Measurement> {
    let server = Server::start(contender, cores.server)?;
    let mut generator = Generator::connect(server.address, endpoint, options.connections)?;
    generator.run(options.warm_up)?;
    let before = server.cpu_time()?;
    let mut sample = generator.run(options.length)?;
    let cpu = server.cpu_time()?.saturating_sub(before);
    Ok(Measurement {
        round,
        requests: sample.requests,
        elapsed: sample.elapsed,
        cpu,
        p50: sample.latencies.percentile(50.0),
        p99: sample.latencies.percentile(99.0),
        max: sample.latencies.percentile(100.0),
    })
}

impl Row {
    /// Microseconds of server CPU for one request, by round.
    pub(crate) fn cpu_per_request(&self) -> Vec<f64> {
        self.by_round(|m| m.cpu.as_secs_f64() * 1e6, |m| m.requests as f64)
    }

    /// Requests per second, by round.
    pub(crate) fn rate(&self) -> Vec<f64> {
        self.by_round(|m| m.requests as f64, |m| m.elapsed.as_secs_f64())
    }

    /// Share of the time the server was running, by round.
    pub(crate) fn busy(&self) -> Vec<f64> {
        self.by_round(|m| m.cpu.as_secs_f64(), |m| m.elapsed.as_secs_f64())
    }

    /// For each round, the sum of `above` over both passes divided by the sum of `below`.
    fn by_round(&self, above: fn(&Measurement) -> f64, below: fn(&Measurement) -> f64) -> Vec<f64> {
        let rounds = self.measurements.iter().map(|m| m.round + 1).max().unwrap_or(0);
        (0..rounds)
            .map(|round| {
                let passes = self.measurements.iter().filter(|m| m.round == round);
                passes.clone().map(above).sum::<f64>() / passes.map(below).sum::<f64>()
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Measurement, Row, Table};
    use std::time::Duration;

    /// A row with two rounds of two passes; all numbers follow from `cpu`, microseconds a request.
    pub(crate) fn row(name: &str, cpu: [u64; 4]) -> Row {
        let measurement = |(index, cpu): (usize, u64)| Measurement {
            round: index / 2,
            requests: 1000,
            elapsed: Duration::from_millis(cpu),
            cpu: Duration::from_micros(cpu * 1000),
            p50: Duration::from_micros(10),
            p99: Duration::from_micros(20),
            max: Duration::from_micros(30),
        };
        let measurements = cpu.into_iter().enumerate().map(measurement).collect();
        Row { name: name.to_owned(), about: "", measurements }
    }

    pub(crate) fn table(rows: Vec<Row>) -> Table {
        let length = Duration::from_secs(1);
        Table { endpoint: "/plaintext", connections: 64, rounds: 2, length, rows }
    }

    #[test]
    fn a_round_is_the_mean_of_both_passes() {
        let row = row("a", [2, 4, 6, 6]);
        assert_eq!(row.cpu_per_request(), [3.0, 6.0]);
        assert_eq!(row.rate(), [2000.0 / 0.006, 2000.0 / 0.012]);
        assert_eq!(row.busy(), [1.0, 1.0]);
    }
}
