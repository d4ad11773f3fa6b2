//! The price list: instructions per operation, counted by valgrind and held against `baseline.json`.
//!
//!     cargo run --release -p squall-bench --bin instructions               # compare; CI does this
//!     cargo run --release -p squall-bench --bin instructions -- --update   # write what is true now
//!     cargo run --release -p squall-bench --bin instructions -- callback   # only these operations
//!
//! Counts do not hang on how busy a machine is, so that a few percent are seen everywhere. Owns the
//! command line. Read next: `callgrind.rs` for how it is counted, `baseline.rs` for what is refused.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

mod baseline;
mod callgrind;
mod operations;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use baseline::Prices;
use operations::Operation;

/// The committed prices.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/micro/baseline.json");
/// To be run when the prices have changed for a reason.
const UPDATE: &str = "cargo run --release -p squall-bench --bin instructions -- --update";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [callgrind::ONCE, name, times] => once(name, times).map(|()| true),
        ["--update"] => update().map(|()| true),
        _ => compare(&words),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}

/// What runs under valgrind: one operation, so many times.
fn once(name: &str, times: &str) -> io::Result<()> {
    let times = times.parse().map_err(io::Error::other)?;
    operations::STEADY.store(true, Ordering::Relaxed);
    callgrind::measured(&mut *(find(name)?.prepare)(times));
    Ok(())
}

fn update() -> io::Result<()> {
    let all: Vec<_> = operations::ALL.iter().collect();
    let prices = measure(&all)?;
    prices.write(Path::new(BASELINE))?;
    print!("{prices}");
    println!("written to {BASELINE}");
    Ok(())
}

fn compare(names: &[&str]) -> io::Result<bool> {
    let chosen: Vec<&Operation> = match names {
        [] => operations::ALL.iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<io::Result<_>>()?,
    };
    let known = Prices::read(Path::new(BASELINE))?;
    let report = baseline::compare(&known, &measure(&chosen)?, UPDATE);
    print!("{report}");
    Ok(report.passed())
}

fn measure(chosen: &[&Operation]) -> io::Result<Prices> {
    Ok(Prices { made_with: callgrind::tools()?, instructions: callgrind::count_all(chosen)? })
}

fn find(name: &str) -> io::Result<&'static Operation> {
    let found = operations::ALL.iter().find(|operation| operation.name == name);
    found.ok_or_else(|| io::Error::other(format!("no operation named {name}")))
}
