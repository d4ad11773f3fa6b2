//! The same commands to a real mongod and to the embedded store: every reply must be the same.
//!
//! Starts `differential.py`, which holds the list. Needs the URI of a mongod 6.0 without access
//! control in `SQUALL_MONGODB_URI`, Python and PyMongo; says so when one of them is missing.
//! `tests/mongod.sh start-standalone PORT` starts a server and prints its URI.

#![cfg(feature = "embedded")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and one that was skipped says so"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use squall::ioloop::IoLoop;
use squall::mongo::embedded::Server;

/// The script takes about fifteen seconds; a machine that is busy may take longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why there is nothing to compare, or the URI of the server to compare with.
fn real_server() -> Result<String, &'static str> {
    let uri = std::env::var("SQUALL_MONGODB_URI").map_err(|_| "SQUALL_MONGODB_URI is not set")?;
    if uri.contains('@') || uri.contains("replicaSet=") {
        return Err("SQUALL_MONGODB_URI names no plain standalone server");
    }
    let python = Command::new("python3").args(["-c", "import pymongo"]).output();
    if python.is_ok_and(|output| output.status.success()) {
        Ok(uri)
    } else {
        Err("python3 with pymongo is not installed")
    }
}

#[test]
fn the_embedded_store_answers_as_mongod_does() {
    let uri = match real_server() {
        Ok(uri) => uri,
        Err(reason) => return eprintln!("SKIPPED the comparison with mongod: {reason}"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential.py");
    let outcome = IoLoop::new().unwrap().run_sync_timeout(PATIENCE, async move {
        let server = Server::memory();
        let own = format!("mongodb://{}", server.listen(0).unwrap());
        let compare = move || Command::new("python3").arg(script).args([uri, own]).output();
        let output = IoLoop::current().run_in_executor(compare).await.unwrap().unwrap();
        server.close().await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        eprintln!("{}", text(&output.stdout));
        assert!(output.status.success(), "{}", text(&output.stderr));
    });
    outcome.unwrap();
}
