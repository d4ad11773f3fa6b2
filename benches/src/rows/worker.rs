//! Rows without a server of HTTP: a module takes one measurement in a process of its own.
//!
//! `squall-bench work MODULE CONTENDER OPERATION` is that process; it prints its numbers as a JSON
//! list of names and values, in their order. To add a module, give it a line in [`MODULES`].

use std::io;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::budget::Rank;
use crate::contest::{Conditions, Row};
use crate::metric::Metrics;
use crate::options::Work;
use crate::{echo, idle, machine, mongo, runtime, scaling};

/// Contender, operation, seconds; named numbers.
type Run = fn(&str, &str, f64) -> io::Result<Vec<(&'static str, f64)>>;

/// One subject: its contenders, its operations, and how a measurement is taken.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) contenders: &'static [&'static str],
    pub(crate) operations: &'static [&'static str],
    /// Measures one operation of one contender; the first number is the headline. An error of
    /// the kind `Unsupported` says that this contender has no such operation.
    pub(crate) run: Run,
    /// Why nothing of it can run here, and what would help.
    pub(crate) missing: fn() -> Option<String>,
    pub(crate) bases: &'static [&'static str],
    /// Whether it stays on the server's core; otherwise it has all of them.
    pub(crate) pinned: bool,
    pub(crate) rank: Rank,
    /// How long a measurement takes, as a multiple of `--seconds`.
    pub(crate) weight: f64,
    /// Seconds that a measurement needs besides, roughly.
    pub(crate) set_up: f64,
}

/// Every subject, and again where operations need more time or deserve less.
pub(crate) const MODULES: &[Module] = &[
    RUNTIME,
    Module { operations: runtime::MILLION, set_up: 0.5, ..RUNTIME },
    // In a full run a second, and so a hundred thousand timers.
    Module { operations: runtime::DUE, weight: 8.0, set_up: 0.4, ..RUNTIME },
    ECHO,
    Module { operations: echo::LONGER, rank: Rank::Side, ..ECHO },
    Module {
        name: "idle",
        contenders: idle::CONTENDERS,
        operations: idle::OPERATIONS,
        run: idle::run,
        missing: || None,
        bases: &["hyper"],
        pinned: false,
        rank: Rank::Once,
        weight: 4.0,
        set_up: 3.0,
    },
    Module {
        name: "scaling",
        contenders: scaling::CONTENDERS,
        operations: scaling::OPERATIONS,
        run: scaling::run,
        missing: || None,
        bases: &["1-loop"],
        pinned: false,
        rank: Rank::Side,
        weight: 3.0,
        set_up: 0.3,
    },
    Module {
        name: "mongo",
        contenders: mongo::CONTENDERS,
        operations: mongo::OPERATIONS,
        run: mongo::run,
        missing: mongo::missing,
        bases: &["floor", "mongodb", "mongodb-raw"],
        pinned: true,
        rank: Rank::Main,
        weight: 2.0,
        set_up: 0.15,
    },
];

const RUNTIME: Module = Module {
    name: "runtime",
    contenders: runtime::CONTENDERS,
    operations: runtime::OPERATIONS,
    run: runtime::run,
    missing: || None,
    bases: &["floor", "tokio"],
    pinned: true,
    rank: Rank::Main,
    weight: 1.0,
    set_up: 0.02,
};

const ECHO: Module = Module {
    name: "echo",
    contenders: echo::CONTENDERS,
    operations: echo::OPERATIONS,
    run: echo::run,
    missing: || None,
    bases: &["floor", "tokio"],
    pinned: false, // it pins its own two threads
    rank: Rank::Main,
    weight: 1.0,
    set_up: 0.03,
};

/// The name that stands for all numbers when there are none.
const ABSENT: &str = "absent";

pub(super) fn rows() -> Vec<Row> {
    MODULES
        .iter()
        .flat_map(|module| module.operations.iter().map(move |op| row(module, op)))
        .collect()
}

fn row(module: &'static Module, operation: &'static str) -> Row {
    let absent = (module.missing)().map_or_else(Vec::new, |remedy| {
        module.contenders.iter().map(|&name| (name, remedy.clone())).collect()
    });
    Row {
        name: format!("{}/{operation}", module.name),
        title: format!("{}: {}", module.name, operation.replace(['_', '-'], " ")),
        contenders: module.contenders.to_vec(),
        bases: module.bases,
        columns: &[],
        absent,
        rank: module.rank,
        weight: module.weight,
        set_up: module.set_up,
        serves_pages: false,
        measure: Box::new(move |contender, conditions| {
            measure(module, contender, operation, conditions)
        }),
    }
}

/// The parent's side: one child, one list.
fn measure(
    module: &Module,
    contender: &str,
    operation: &str,
    conditions: Conditions,
) -> io::Result<Metrics> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["work", module.name, contender, operation]);
    command.args(["--seconds", &conditions.seconds.to_string()]);
    let cores = conditions.cores;
    if module.pinned {
        command.args(["--core", &cores.server.to_string()]);
    }
    machine::unpin(cores)?; // or the child would inherit the generator's core
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    machine::pin_to(cores.generator)?;
    let output = output?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the worker ended with {}", output.status)));
    }
    parse(&output.stdout)
}

/// The numbers in their order, or why there are none.
fn parse(output: &[u8]) -> io::Result<Metrics> {
    let pairs: Vec<(String, Value)> = serde_json::from_slice(output).map_err(|error| {
        io::Error::other(format!("{error} in {:?}", String::from_utf8_lossy(output)))
    })?;
    let number = |(name, value): (String, Value)| match value.as_f64() {
        Some(number) => Ok((name, number)),
        None if name == ABSENT => {
            let why = value.as_str().unwrap_or("no reason given").to_owned();
            Err(io::Error::new(io::ErrorKind::Unsupported, why))
        }
        None => Err(io::Error::other(format!("{name} is {value}"))),
    };
    pairs.into_iter().map(number).collect()
}

/// The child's side: what to print.
pub(crate) fn work(work: &Work) -> io::Result<String> {
    let module = MODULES.iter().find(|module| module.name == work.module);
    let module = module.ok_or_else(|| io::Error::other(format!("no module {}", work.module)))?;
    answer((module.run)(&work.contender, &work.operation, work.seconds))
}

fn answer(outcome: io::Result<Vec<(&'static str, f64)>>) -> io::Result<String> {
    match outcome {
        Ok(metrics) => Ok(json!(metrics).to_string()),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(json!([(ABSENT, error.to_string())]).to_string())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{answer, parse};
    use std::io;

    #[test]
    fn numbers_travel_in_their_order_and_absence_with_its_reason() {
        let text = answer(Ok(vec![("yield_ns", 14.5), ("cpu_us", 2.0)])).expect("JSON");
        let metrics = parse(text.as_bytes()).expect("numbers");
        assert_eq!(metrics, [("yield_ns".to_owned(), 14.5), ("cpu_us".to_owned(), 2.0)]);

        let absent = io::Error::new(io::ErrorKind::Unsupported, "no database");
        let text = answer(Err(absent)).expect("JSON");
        let error = parse(text.as_bytes()).expect_err("no numbers");
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (io::ErrorKind::Unsupported, "no database")
        );
        assert!(answer(Err(io::Error::other("broken"))).is_err());
        assert!(parse(b"not JSON").is_err() && parse(br#"[["x", "y"]]"#).is_err());
    }
}
