//! The command line: what to compare, how often and for how long.
//!
//! Parsed by hand, since a dozen flags need no library. Knows nothing of what the words lead to; the
//! names come from `contenders/mod.rs` and `rows/mod.rs`.

use std::path::PathBuf;

use crate::budget::Effort;
use crate::contenders::{self, Contender};

/// Printed for `--help`, and after a mistake.
pub(crate) const HELP: &str = "\
cargo run --release -p squall-bench -- [flags]
  (no flag)            everything, main rows in five rounds: about ten minutes, three more with MongoDB
  --quick              everything in one or two short rounds: about two minutes
  --smoke              every row once, as short as possible: does it all still run?
  --only A,B           only the rows whose names begin with A or B, such as http/hello
  --list               rows with their forecasts, contenders, and who is absent
  --rounds N           rounds of every row, each one forwards and backwards through the contenders
  --seconds S          length of one measurement; rows that need longer say so
  --out DIR            write results.json, summary.md and plots to DIR
  --write-docs         put the summary into docs/BENCHMARKS.md, between its markers
cargo run --release -p squall-bench -- serve NAME [--port N] [--core N]
  only the server of one contender, for wrk, perf or strace
cargo run --release -p squall-bench -- work MODULE CONTENDER OPERATION [--seconds S] [--core N]
  one measurement of a row without a server, as JSON
cargo run --release -p squall-bench -- self-test [--seconds S]
  stalls a server for S seconds (1) and fails if the latencies do not show it
contenders over HTTP: floor, tokio, tokio-local, hyper, hyper-local, axum, hyper-on-squall,
  squall-http, squall-web, squall-watched, tornado, nginx";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the help.
    Help,
    /// Print the names of everything.
    List(Options),
    /// Be one contender's server; the harness starts itself like this.
    Serve { contender: &'static Contender, port: u16, core: Option<usize> },
    /// Take one measurement in this process; the harness starts itself like this.
    Work(Work),
    /// Prove that a stall is seen.
    SelfTest { stall: f64 },
    /// Compare contenders and print the tables.
    Compare(Options),
}

/// One measurement without a server.
#[derive(Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) module: String,
    pub(crate) contender: String,
    pub(crate) operation: String,
    pub(crate) seconds: f64,
    pub(crate) core: Option<usize>,
}

/// How a comparison is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) effort: Effort,
    /// For every row, instead of what its rank says.
    pub(crate) rounds: Option<usize>,
    /// Length of a measurement, instead of what the effort says.
    pub(crate) seconds: Option<f64>,
    /// Prefixes of names; empty means all.
    pub(crate) only: Vec<String>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) write_docs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            effort: Effort::Full,
            rounds: None,
            seconds: None,
            only: Vec::new(),
            out: None,
            write_docs: false,
        }
    }
}

impl Options {
    /// Whether a row of that name was asked for.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|prefix| row.starts_with(prefix))
    }
}

/// Reads the arguments after the program's name; the error is a sentence for the user.
pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut list = false;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "serve" => return parse_serve(&value()?, words),
            "work" => return parse_work([value()?, value()?, value()?], words),
            "self-test" => return parse_self_test(words),
            "--quick" => options.effort = Effort::Quick,
            "--smoke" => options.effort = Effort::Smoke,
            "--list" => list = true,
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            "--rounds" => options.rounds = Some(number(&word, &value()?)?),
            "--seconds" => options.seconds = Some(seconds(&word, &value()?)?),
            "--out" => options.out = Some(value()?.into()),
            "--write-docs" => options.write_docs = true,
            _ => return Err(format!("no flag {word}")),
        }
    }
    if options.rounds == Some(0) {
        return Err("--rounds must be more than nothing".to_owned());
    }
    Ok(if list { Command::List(options) } else { Command::Compare(options) })
}

fn parse_serve(name: &str, words: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut port, mut core) = (0, None);
    flags("serve", words, |flag, value| match flag {
        "--port" => number(flag, value).map(|number| port = number).map(Some),
        "--core" => number(flag, value).map(|number| core = Some(number)).map(Some),
        _ => Ok(None),
    })?;
    let contender = contenders::find(name);
    let contender = contender.ok_or_else(|| format!("no contender named {name}"))?;
    Ok(Command::Serve { contender, port, core })
}

fn parse_work(names: [String; 3], words: impl Iterator<Item = String>) -> Result<Command, String> {
    let [module, contender, operation] = names;
    let mut work = Work { module, contender, operation, seconds: 1.0, core: None };
    flags("work", words, |flag, value| match flag {
        "--seconds" => seconds(flag, value).map(|seconds| work.seconds = seconds).map(Some),
        "--core" => number(flag, value).map(|number| work.core = Some(number)).map(Some),
        _ => Ok(None),
    })?;
    Ok(Command::Work(work))
}

fn parse_self_test(words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut stall = 1.0;
    flags("self-test", words, |flag, value| match flag {
        "--seconds" => seconds(flag, value).map(|seconds| stall = seconds).map(Some),
        _ => Ok(None),
    })?;
    Ok(Command::SelfTest { stall })
}

/// Flags with one value each; `take` answers `None` for those that it does not know.
fn flags(
    command: &str,
    mut words: impl Iterator<Item = String>,
    mut take: impl FnMut(&str, &str) -> Result<Option<()>, String>,
) -> Result<(), String> {
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        take(&flag, &value)?.ok_or_else(|| format!("no flag {flag} for {command}"))?;
    }
    Ok(())
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{flag} needs a number, not {text:?}"))
}

/// A length of time that is one.
fn seconds(flag: &str, text: &str) -> Result<f64, String> {
    let seconds: f64 = number(flag, text)?;
    let good = seconds > 0.0 && seconds < 3600.0;
    good.then_some(seconds).ok_or_else(|| format!("{flag} needs a time between 0 and an hour"))
}

#[cfg(test)]
mod tests {
    use super::{Command, HELP, Work, parse};
    use crate::budget::Effort;
    use crate::contenders;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_read() {
        let Ok(Command::Compare(options)) =
            words("--quick --rounds 3 --only http/hello,echo --out x")
        else {
            panic!("should compare");
        };
        assert_eq!((options.effort, options.rounds), (Effort::Quick, Some(3)));
        assert!(options.wants("http/hello-64") && options.wants("echo/64"));
        assert!(!options.wants("http/json"));
        assert_eq!(options.out, Some("x".into()));
        assert!(matches!(words("serve tokio --port 80"), Ok(Command::Serve { port: 80, .. })));
        assert!(matches!(words("--list --only mongo"), Ok(Command::List(_))));
        assert!(matches!(words("self-test --seconds 0.2"), Ok(Command::SelfTest { stall: 0.2 })));
    }

    #[test]
    fn a_measurement_is_named_in_three_words() {
        let Ok(Command::Work(work)) = words("work runtime floor yield --seconds 0.5 --core 1")
        else {
            panic!("should work");
        };
        let [module, contender, operation] = ["runtime", "floor", "yield"].map(str::to_owned);
        assert_eq!(work, Work { module, contender, operation, seconds: 0.5, core: Some(1) });
    }

    #[test]
    fn mistakes_are_named() {
        for (line, complaint) in [
            ("--rounds", "--rounds needs a value"),
            ("--rounds many", "--rounds needs a number, not \"many\""),
            ("serve apache", "no contender named apache"),
            ("serve floor --fast 1", "no flag --fast for serve"),
            ("work runtime floor", "work needs a value"),
            ("--fast", "no flag --fast"),
            ("--rounds 0", "--rounds must be more than nothing"),
            ("--seconds 0", "--seconds needs a time between 0 and an hour"),
            ("--seconds NaN", "--seconds needs a time between 0 and an hour"),
        ] {
            assert_eq!(words(line).map(|_| ()), Err(complaint.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_help_names_every_contender() {
        for contender in contenders::ALL {
            assert!(HELP.contains(&format!(" {}", contender.name)), "add {}", contender.name);
        }
    }
}
