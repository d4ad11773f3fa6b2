//! The command line, and what is wrong with it in one sentence.
//!
//! Owns the flags and their defaults; does nothing about them. Read next: `database.rs`.

use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The auth demo of squall: register, log in, log out, on one thread.

  cargo run --release --example auth -- [flags]

  --port N       the port to serve on; 0 for any free one (8888)
  --mongo URI    keep the users in this MongoDB; MONGODB_URI does the same
  --data DIR     keep the users in a file in this directory
  --memory       keep the users in memory, whatever MONGODB_URI says (the default)
  --debug        reload templates at each request, and show errors in the browser
  --help         this text
";

/// What the user wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Serve(Flags),
    Help,
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) port: u16,
    pub(crate) store: Store,
    pub(crate) debug: bool,
}

/// Where the users are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Directory(PathBuf),
    Mongo(String),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl Iterator<Item = String>,
    mongodb_uri: Option<String>,
) -> Result<Request, String> {
    let mut arguments = arguments.peekable();
    let (mut port, mut debug, mut store) = (8888, false, None);
    while let Some(argument) = arguments.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = |what: &str| {
            let value =
                inline.clone().or_else(|| arguments.next_if(|next| !next.starts_with("--")));
            value.ok_or_else(|| format!("{name} needs {what}"))
        };
        let chosen = match name.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--debug" => {
                debug = true;
                continue;
            }
            "--port" => {
                let text = value("a number")?;
                let complaint = || format!("--port {text} is not a number from 0 to 65535");
                port = text.parse().map_err(|_| complaint())?;
                continue;
            }
            "--memory" => Store::Memory,
            "--data" => Store::Directory(value("a directory")?.into()),
            "--mongo" => Store::Mongo(value("a URI such as mongodb://127.0.0.1:27017")?),
            _ => return Err(format!("unknown argument {name}; --help lists the flags")),
        };
        if store.replace(chosen).is_some() {
            return Err("--memory, --data and --mongo exclude each other".to_owned());
        }
    }
    let store = store.or(mongodb_uri.map(Store::Mongo)).unwrap_or(Store::Memory);
    Ok(Request::Serve(Flags { port, store, debug }))
}
