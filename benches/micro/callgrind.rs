//! Counting: this program runs itself under valgrind, and only what `measured` calls is counted.
//!
//! Each operation is run N and 2N times in processes of their own and the difference is divided by
//! N, so that growing buffers and first times cost nothing; and all that twice, to see that the
//! figure repeats.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::operations::Operation;

/// The word that makes this program the one that is counted.
pub(crate) const ONCE: &str = "once";
/// Two measurements of one program may differ by so much.
const AGREEMENT: f64 = 0.001;

/// The counter starts when this begins and stops when it returns; valgrind finds it by name.
#[inline(never)]
pub(crate) fn measured(run: &mut dyn FnMut()) {
    run();
    std::hint::black_box(()); // otherwise the call above would be a jump out of this function
}

/// Instructions per operation, as many at a time as there are cores.
pub(crate) fn count_all(chosen: &[&Operation]) -> io::Result<BTreeMap<String, f64>> {
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || -> io::Result<()> {
        while let Some(operation) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let count = count(operation)?;
            counted.lock().expect("nobody panics").insert(operation.name.to_owned(), count);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("nobody panics"))
    })?;
    Ok(counted.into_inner().expect("nobody panics"))
}

fn count(operation: &Operation) -> io::Result<f64> {
    let (first, second) = (slope(operation)?, slope(operation)?);
    if (first - second).abs() > first * AGREEMENT {
        let name = operation.name;
        let what = format!("{name} does not repeat: {first:.1} and {second:.1} instructions");
        return Err(io::Error::other(what));
    }
    Ok(first.midpoint(second))
}

fn slope(operation: &Operation) -> io::Result<f64> {
    let times = operation.times;
    let (once, twice) = (collected(operation.name, times)?, collected(operation.name, 2 * times)?);
    Ok((twice - once) / times as f64)
}

/// The instructions of one run of `measured` in a process of its own.
fn collected(name: &str, times: usize) -> io::Result<f64> {
    let output = quiet("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*callgrind::measured*")
        .arg(std::env::current_exe()?)
        .args([ONCE, name, &times.to_string()])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match count {
        Some(count) if output.status.success() && count > 0.0 => Ok(count),
        _ => Err(io::Error::other(format!("{name} could not be counted:\n{said}"))),
    }
}

/// What the counts hang on beside the program: the compiler, and what valgrind shows of a machine.
pub(crate) fn tools() -> io::Result<String> {
    let version = |program: &str| -> io::Result<String> {
        let output = Command::new(program).arg("--version").output();
        let output =
            output.map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let tools = [version("rustc")?, version("valgrind")?, std::env::consts::ARCH.to_owned()];
    Ok(tools.join(", "))
}

/// A program that sees the same environment everywhere, so that no switch of ours is on by chance.
fn quiet(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LC_ALL", "C");
    command
}
