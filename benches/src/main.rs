//! `cargo run --release -p squall-bench`: squall beside its peers, and all of them beside the floor.
//!
//! This file is the story: read the options, check that every contender says the same bytes, then
//! time them in turn and report ratios. It knows nothing of sockets or HTTP. Read next: `contest.rs`
//! (who is timed when), `rows/mod.rs` (what is asked), `load/mod.rs` (the visitors) and
//! `contenders/floor.rs` (the least a server can do).
#![allow(clippy::disallowed_methods, reason = "a bench measures with the clocks that squall hides")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command-line program")]

mod budget;
mod contenders;
mod contest;
mod echo;
mod goals;
mod idle;
mod load;
mod machine;
mod metric;
mod mongo;
mod options;
mod report;
mod rows;
mod runtime;
mod scaling;
mod self_test;
mod server;
mod stats;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::budget::{Plan, spoken};
use crate::contenders::pages;
use crate::contest::Row;
use crate::options::{Command, Options};

fn main() -> ExitCode {
    let command = match options::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("squall-bench: {message}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let outcome = machine::raise_file_limit().and_then(|()| match command {
        Command::Help => {
            println!("{}", options::HELP);
            Ok(())
        }
        Command::List(options) => {
            print!("{}", list(&options));
            Ok(())
        }
        Command::Serve { contender, port, core } => serve(contender, port, core),
        Command::Work(work) => {
            machine::die_with_parent()?;
            work.core.map_or(Ok(()), machine::pin_to)?;
            println!("{}", rows::worker::work(&work)?);
            Ok(())
        }
        Command::SelfTest { stall } => without_litter(|| self_test::run(stall)),
        Command::Compare(options) => without_litter(|| compare(&options)),
    });
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
    core.map_or(Ok(()), machine::pin_to)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (contender.serve)(address, &|bound| println!("{}{bound}", server::LISTENING))
}

/// Runs it, then takes away the files that servers were given.
fn without_litter(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let _litter = pages::Litter::of_servers()?;
    work()
}

/// The parent's side: compare bytes first, times second, and report what came out.
fn compare(options: &Options) -> io::Result<()> {
    let began = Instant::now();
    let machine = machine::Machine::describe()?;
    let cores = machine::Cores::choose()?;
    print!("{machine}");
    for warning in warnings(&machine, cores) {
        eprintln!("warning: {warning}");
    }
    for (contender, remedy) in contenders::absent() {
        println!("absent: {} ({}); to install it: {remedy}", contender.name, contender.about);
    }
    machine::pin_to(cores.generator)?;
    let rows: Vec<_> = rows::all().into_iter().filter(|row| options.wants(&row.name)).collect();
    if rows.is_empty() {
        return Err(io::Error::other("no row has a name like that; see --list"));
    }
    println!("{}", forecast(&rows, options));
    if rows.iter().any(|row| row.serves_pages) {
        let contenders = contenders::present();
        wire::check_all(&contenders, cores)?;
        print!("{}", report::text::same_bytes(&contenders));
    }
    let mut tables = Vec::new();
    let mut failures = Vec::new();
    for row in &rows {
        match contest::run(row, options, cores) {
            Ok(table) => {
                print!("{}", report::text::table(&table));
                tables.push(table);
            }
            Err(error) => failures.push(format!("{}: {error}", row.name)),
        }
    }
    print!("{}", report::text::FOOTNOTE);
    report::write(options, &machine, &tables)?;
    println!("took {}; {}", spoken(began.elapsed()), forecast(&rows, options));
    if failures.is_empty() { Ok(()) } else { Err(io::Error::other(failures.join("\n"))) }
}

/// What is going to be done, and how long that should take.
fn forecast(rows: &[Row], options: &Options) -> String {
    let plans = || rows.iter().map(|row| (row, Plan::of(row, options)));
    let measurements: usize =
        plans().map(|(row, plan)| plan.measurements(row.present().count())).sum();
    let total: Duration = plans().map(|(row, plan)| plan.forecast(row)).sum();
    let total = spoken(total + Duration::from_secs(2)); // bytes are compared first
    format!("forecast: {total} for {measurements} measurements in {} rows", rows.len())
}

/// What makes all numbers doubtful at once.
fn warnings(machine: &machine::Machine, cores: machine::Cores) -> Vec<String> {
    let mut warnings = Vec::new();
    if cfg!(debug_assertions) {
        warnings.push("built without --release; these numbers mean nothing".to_owned());
    }
    if cores.server == cores.generator {
        warnings.push("only one core; server and load generator share it".to_owned());
    }
    if machine.load.parse().is_ok_and(|load: f64| load > 0.5 * machine.cores as f64) {
        warnings.push(format!("others are using this machine: the load is {}", machine.load));
    }
    warnings
}

/// The names of everything, and what each row takes of the run's time.
fn list(options: &Options) -> String {
    let rows = rows::all().into_iter().filter(|row| options.wants(&row.name)).collect::<Vec<_>>();
    let mut text: String = rows.iter().map(|row| row_lines(row, options)).collect();
    let absent = contenders::absent().iter();
    text.extend(contenders::ALL.iter().map(|c| format!("{:<20} {}\n", c.name, c.about)));
    text.extend(absent.map(|(c, remedy)| format!("absent: {}; to install it: {remedy}\n", c.name)));
    text + &forecast(&rows, options) + "\n"
}

fn row_lines(row: &Row, options: &Options) -> String {
    let (plan, names) = (Plan::of(row, options), row.contenders.join(" "));
    let time = spoken(plan.forecast(row));
    format!("{:<20} {}\n{:<22} {time}: {plan}\n{:<22} {names}\n", row.name, row.title, "", "")
}
