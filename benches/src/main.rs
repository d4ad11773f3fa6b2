//! `cargo run --release -p squall-bench`: squall beside tokio and hyper, and all of them beside the floor.
//!
//! This file is the story: read the options, check that every contender says the same bytes, then
//! time them in turn and print ratios. It knows nothing of sockets or HTTP. Read next: `plan.rs`
//! (who is timed when), `load.rs` (the visitors) and `contenders/floor.rs` (the least a server can do).
#![allow(clippy::disallowed_methods, reason = "a bench measures with the clocks that squall hides")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command-line program")]

mod contenders;
mod load;
mod machine;
mod options;
mod plan;
mod report;
mod server;
mod stats;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    let command = match options::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("squall-bench: {message}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Help => {
            println!("{}", options::HELP);
            Ok(())
        }
        Command::Serve { contender, port, core } => serve(contender, port, core),
        Command::Compare(options) => compare(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The child's side: become one contender and serve until killed.
fn serve(contender: &contenders::Contender, port: u16, core: Option<usize>) -> io::Result<()> {
    machine::die_with_parent()?;
    if let Some(core) = core {
        machine::pin_to(core)?;
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (contender.serve)(address, &|bound| println!("{}{bound}", server::LISTENING))
}

/// The parent's side: compare bytes first, times second, and print what came out.
fn compare(options: &Options) -> io::Result<()> {
    let machine = machine::Machine::describe()?;
    print!("{machine}");
    if cfg!(debug_assertions) {
        eprintln!("warning: built without --release; these numbers mean nothing");
    }
    let cores = machine::Cores::choose()?;
    machine::pin_to(cores.generator)?;
    wire::check_all(&options.contenders, cores)?;
    let results = plan::run(options, cores)?;
    print!("{}", report::tables(&results));
    if let Some(path) = &options.json {
        std::fs::write(path, report::json(&results, &machine))?;
        println!("raw numbers: {}", path.display());
    }
    Ok(())
}
