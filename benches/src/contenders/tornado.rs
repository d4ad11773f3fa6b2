//! Tornado, the original, on Python's asyncio: one process, one thread.
//!
//! The script beside this file says the same bytes. Needs a Python that has tornado: `python3`, or
//! the one that `$SQUALL_BENCH_PYTHON` names.

use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::Announce;
use super::pages::directory;

const SCRIPT: &str = include_str!("tornado.py");
/// Its templates, which are not Jinja's.
const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates_tornado");

fn python() -> Command {
    Command::new(std::env::var_os("SQUALL_BENCH_PYTHON").unwrap_or_else(|| "python3".into()))
}

pub(super) fn missing() -> Option<String> {
    let probe = ["-c", "import tornado"];
    let status = python().args(probe).stderr(Stdio::null()).stdin(Stdio::null()).status();
    let found = status.is_ok_and(|status| status.success());
    (!found).then(|| {
        "python3 -m venv venv && venv/bin/pip install tornado && \
         export SQUALL_BENCH_PYTHON=$PWD/venv/bin/python"
            .to_owned()
    })
}

/// Becomes the script, which announces itself in the same words.
pub(super) fn serve(address: SocketAddr, _: Announce<'_>) -> io::Result<()> {
    let arguments = [address.port().to_string(), TEMPLATES.to_owned()];
    Err(python().args(["-c", SCRIPT]).args(arguments).arg(directory()?).exec())
}
