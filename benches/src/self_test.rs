//! The honesty test: a stall of the server must be in the numbers.
//!
//! A real contender is stopped by signal in the middle of an open loop and goes on after the stall.
//! Counted from when requests were due, p99.9 has to be most of the stall; counted from when they
//! were sent, as a closed loop counts, the same run has to hide it. If either fails, no latency of
//! this harness is to be believed.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::contenders::pages::HELLO;
use crate::contenders::{self};
use crate::load::Visit;
use crate::load::open::Open;
use crate::machine;
use crate::server::Server;

/// The run is so many times as long as the stall, so that a tenth of all requests are due in it.
const LENGTH: u32 = 10;
/// Requests during a run, whatever its length.
const REQUESTS: f64 = 20_000.0;
/// Few connections: only what is in flight when the stall begins is late by a closed loop's clock.
const VISIT: Visit = Visit { path: HELLO, connections: 4, depth: 1 };

/// Stalls a server for so many seconds and looks for it.
pub(crate) fn run(stall: f64) -> io::Result<()> {
    let stall = Duration::from_secs_f64(stall);
    let cores = machine::Cores::choose()?;
    let server = Server::start(contenders::find("floor").expect("a contender"), cores.server)?;
    let mut visitors = Open::connect(server.address, VISIT)?;
    let length = stall * LENGTH;
    let rate = REQUESTS / length.as_secs_f64();
    let seen = std::thread::scope(|scope| {
        let staller = scope.spawn(|| {
            let process = Pid::from_raw(server.id() as i32);
            let process = process.ok_or_else(|| io::Error::other("a process has a number"))?;
            std::thread::sleep(length / 3);
            kill_process(process, Signal::STOP)?;
            std::thread::sleep(stall);
            io::Result::Ok(kill_process(process, Signal::CONT)?)
        });
        let seen = visitors.run(rate, length, false)?;
        staller.join().expect("it does not panic")?;
        io::Result::Ok(seen)
    })?;
    let (corrected, hidden) = (&seen.sample.latencies, &seen.from_sending);
    println!("the server stood still for {stall:?} of {length:?}, {rate:.0} requests/s");
    for percent in [50.0, 99.0, 99.9, 99.99, 100.0] {
        let [due, sent] = [corrected, hidden].map(|latencies| latencies.percentile(percent));
        println!("p{percent:<6} {due:>12.1?} since due {sent:>12.1?} since sent");
    }
    verdict(stall, corrected.percentile(99.9), hidden.percentile(99.9)).map_err(io::Error::other)
}

/// What p99.9 must say, with and without the correction.
fn verdict(stall: Duration, corrected: Duration, hidden: Duration) -> Result<(), String> {
    if corrected < stall.mul_f64(0.9) {
        return Err(format!("the stall is missing: p99.9 is {corrected:?} after {stall:?}"));
    }
    if hidden > stall / 2 {
        return Err(format!("this run proves nothing: uncorrected, p99.9 is {hidden:?} too"));
    }
    println!("the stall is seen; a closed loop would have hidden it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::verdict;
    use std::time::Duration;

    #[test]
    fn a_hidden_stall_and_a_run_that_proves_nothing_are_failures() {
        let [second, short] = [1000, 1].map(Duration::from_millis);
        assert!(verdict(second, second, short).is_ok());
        assert!(verdict(second, short, short).is_err_and(|why| why.contains("missing")));
        assert!(verdict(second, second, second).is_err_and(|why| why.contains("nothing")));
    }
}
