//! A contender as a child process: started, found by the address it prints, killed when dropped.
//!
//! The child is this same program with the argument `serve`. A fresh process for each measurement
//! makes luck with memory addresses part of the spread instead of part of the result.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::contenders::Contender;
use crate::machine;

/// What the child prints in front of its address.
pub(crate) const LISTENING: &str = "listening on ";

/// A running server of one contender.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a contender on one core and returns once it listens.
    pub(crate) fn start(contender: &Contender, core: usize) -> io::Result<Self> {
        let mut child = std::process::Command::new(std::env::current_exe()?)
            .args(["serve", contender.name, "--core", &core.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("piped above");
        let mut server = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix(LISTENING).and_then(|text| text.parse().ok());
        let name = contender.name;
        server.address = address
            .ok_or_else(|| io::Error::other(format!("{name} did not start: it said {line:?}")))?;
        Ok(server)
    }

    /// CPU time the server has used so far.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        machine::cpu_time(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have died by itself
        let _ = self.child.wait();
    }
}
