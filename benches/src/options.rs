//! The command line: what to compare, how often and for how long.
//!
//! Parsed by hand, since six flags need no library. Knows nothing of what the words lead to; the
//! list of names comes from `contenders/mod.rs`.

use std::path::PathBuf;
use std::time::Duration;

use crate::contenders::{self, Contender};

/// Printed for `--help`, and after a mistake.
pub(crate) const HELP: &str = "\
cargo run --release -p squall-bench -- [flags]
  --quick              2 rounds of 1 second: a first impression in about half a minute
  --smoke              1 round of 0.1 seconds: does it all still run? (about 5 seconds)
  --rounds N           rounds, each one forwards and backwards through the list (5)
  --seconds S          length of one measurement (2)
  --connections N      keep-alive connections, one request in flight on each (64)
  --contenders A,B     whom to compare; the first is the floor (see below)
  --json FILE          write every single measurement to FILE
cargo run --release -p squall-bench -- serve NAME [--port N] [--core N]
  only the server of one contender, for wrk, perf or strace
contenders: floor, tokio, tokio-local, hyper, squall-http, squall-web";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the help.
    Help,
    /// Be one contender's server; the harness starts itself like this.
    Serve { contender: &'static Contender, port: u16, core: Option<usize> },
    /// Compare contenders and print the table.
    Compare(Options),
}

/// How a comparison is run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) contenders: Vec<&'static Contender>,
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) connections: usize,
    pub(crate) json: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            contenders: contenders::default_list(),
            rounds: 5,
            length: Duration::from_secs(2),
            warm_up: Duration::from_millis(300),
            connections: 64,
            json: None,
        }
    }
}

/// Reads the arguments after the program's name; the error is a sentence for the user.
pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "serve" => return parse_serve(&value()?, words),
            "--quick" => (options.rounds, options.length) = (2, Duration::from_secs(1)),
            "--smoke" => {
                options.rounds = 1;
                options.length = Duration::from_millis(100);
                options.warm_up = Duration::from_millis(20);
            }
            "--rounds" => options.rounds = number(&word, &value()?)?,
            "--seconds" => {
                let seconds: f64 = number(&word, &value()?)?;
                options.length = Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
            }
            "--connections" => options.connections = number(&word, &value()?)?,
            "--contenders" => {
                options.contenders = value()?.split(',').map(find).collect::<Result<_, _>>()?;
            }
            "--json" => options.json = Some(value()?.into()),
            _ => return Err(format!("no flag {word}")),
        }
    }
    if options.rounds == 0 || options.connections == 0 || options.length.is_zero() {
        return Err("rounds, connections and seconds must be more than nothing".to_owned());
    }
    Ok(Command::Compare(options))
}

fn parse_serve(name: &str, mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut port, mut core) = (0, None);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--port" => port = number(&word, &value)?,
            "--core" => core = Some(number(&word, &value)?),
            _ => return Err(format!("no flag {word} for serve")),
        }
    }
    Ok(Command::Serve { contender: find(name)?, port, core })
}

fn find(name: &str) -> Result<&'static Contender, String> {
    contenders::find(name).ok_or_else(|| format!("no contender named {name}"))
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{flag} needs a number, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::{Command, HELP, parse};
    use crate::contenders;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_are_read() {
        let Ok(Command::Compare(options)) = words("--rounds 3 --contenders floor,hyper") else {
            panic!("should compare");
        };
        assert_eq!(options.rounds, 3);
        assert_eq!(
            options.contenders.iter().map(|c| c.name).collect::<Vec<_>>(),
            ["floor", "hyper"]
        );
        assert!(matches!(words("serve tokio --port 80"), Ok(Command::Serve { port: 80, .. })));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, complaint) in [
            ("--rounds", "--rounds needs a value"),
            ("--rounds many", "--rounds needs a number, not \"many\""),
            ("--contenders floor,nginx", "no contender named nginx"),
            ("--fast", "no flag --fast"),
            ("--rounds 0", "rounds, connections and seconds must be more than nothing"),
        ] {
            assert_eq!(words(line).map(|_| ()), Err(complaint.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_help_names_every_contender() {
        let names: Vec<_> = contenders::ALL.iter().map(|contender| contender.name).collect();
        assert!(HELP.ends_with(&names.join(", ")), "add it to HELP: {names:?}");
    }
}
