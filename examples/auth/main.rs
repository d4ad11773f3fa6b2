//! The auth demo: register, log in, log out, a profile, all on one thread.
//!
//! Owns the start and the end of the program: flags, database, banner, signals. Knows nothing of
//! pages. Run it with `cargo run --release --example auth`. Read next: `app.rs`.
#![allow(clippy::print_stderr, reason = "a program speaks to its user")]

mod accounts;
mod app;
mod captcha;
mod database;
mod flags;
mod pages;
mod password;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::with_timeout;
use squall::future::Promise;
use squall::http::HttpServer;
use squall::ioloop::{IoLoop, SlowCallbackDetector};
use squall::reactor::signals::Signal;
use squall::web::Application;

use database::Database;
use flags::{Flags, Request};

/// Open requests get so long to end after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let flags = match flags::parse(std::env::args().skip(1), std::env::var("MONGODB_URI").ok()) {
        Ok(Request::Serve(flags)) => flags,
        Ok(Request::Help) => {
            say(flags::HELP);
            return ExitCode::SUCCESS;
        }
        Err(complaint) => return fail(&complaint),
    };
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => fail(&complaint),
    }
}

/// Speaks on standard output. Whoever does not listen any more (`| head`) misses it, and that is all.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// One clear sentence, and a status that scripts understand.
fn fail(complaint: &str) -> ExitCode {
    eprintln!("auth: {complaint}");
    ExitCode::FAILURE
}

fn run(flags: Flags) -> Result<(), String> {
    let io_loop = IoLoop::new().map_err(|error| format!("no event loop: {error}"))?;
    // Whoever blocks the loop is named in the log, with the line of its route.
    io_loop.add_observer(Rc::new(SlowCallbackDetector::default()));
    let outcome = io_loop.run_sync(serve(io_loop.clone(), flags));
    io_loop.close();
    outcome.map_err(|error| error.to_string())?
}

async fn serve(io_loop: IoLoop, flags: Flags) -> Result<(), String> {
    let database = Database::open(&flags).await?;
    let app = app::build(&database, app::settings(flags.debug)).map_err(|e| e.to_string())?;
    let server = HttpServer::new(app.clone());
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port));
    server.listen(asked).map_err(|error| taken(flags.port, &error))?;
    say(&banner(&server, &app, &database, &io_loop));

    until_interrupted(&io_loop).await?;
    say("finishing open requests; Ctrl-C again to stop at once\n");
    server.stop();
    if with_timeout(PATIENCE, server.close_all_connections()).await.is_err() {
        say(&format!("some requests were cut off after {} s\n", PATIENCE.as_secs()));
    }
    database.close().await;
    say(&format!("bye, after {} turns of the loop\n", io_loop.turns()));
    Ok(())
}

fn taken(port: u16, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {port} is taken by another program; try --port 0 for any free one")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("port {port} needs the rights of an administrator; try --port 8888")
        }
        _ => format!("cannot listen on port {port}: {error}"),
    }
}

/// What a visitor of the terminal sees; scripts find the address in the first line.
fn banner(server: &HttpServer, app: &Application, database: &Database, on: &IoLoop) -> String {
    let mode = if app.settings().debug {
        "   debug: templates are reloaded, errors are shown"
    } else {
        ""
    };
    let mut text = format!(
        "squall auth demo on http://{address}/{mode}\n\
         \x20 database   {database}\n\
         \x20 reactor    {reactor}, one thread\n",
        address = server.addresses()[0],
        reactor = on.backend_name(),
    );
    for (index, route) in app.routes().enumerate() {
        let title = if index == 0 { "routes" } else { "" };
        let line = format!("{}:{}", route.place.file(), route.place.line());
        let _ = writeln!(text, "  {title:<10} {:<24} {line}", route.pattern);
    }
    text.push_str(
        "  try        register with \"ten seconds of add_timeout\", and watch the other visitor\n\
         \x20 Ctrl-C to stop\n",
    );
    text
}

/// Completes at the first SIGINT or SIGTERM; the second one ends the process.
async fn until_interrupted(io_loop: &IoLoop) -> Result<(), String> {
    let asked = Rc::new(Promise::new());
    let first = asked.future();
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let asked = Rc::clone(&asked);
        let watched = io_loop.on_signal(signal, move || {
            if asked.set_result(()).is_err() {
                std::process::exit(130);
            }
        });
        watched.map_err(|error| format!("cannot listen to signals: {error}"))?;
    }
    first.await.map_err(|error| error.to_string())
}
