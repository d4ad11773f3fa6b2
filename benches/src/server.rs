//! A contender as a child process: started, found by the address it prints, killed when dropped.
//!
//! The child is this same program with the argument `serve`. A fresh process for each measurement
//! makes luck with memory addresses part of the spread instead of part of the result.

use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::contenders::{Contender, pages};
use crate::load::PATIENCE;
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
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", contender.name, "--core", &core.to_string()]);
        command.env(pages::DIRECTORY_VARIABLE, pages::directory()?);
        Self::spawn(command, contender.name, |line| line.strip_prefix(LISTENING))
    }

    /// Starts a program whose first line tells the address, which `find` finds there.
    pub(crate) fn spawn(
        mut command: Command,
        name: &str,
        find: fn(&str) -> Option<&str>,
    ) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().expect("piped above");
        let mut server = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = find(line.trim_end()).and_then(|text| text.parse().ok());
        server.address = address
            .ok_or_else(|| io::Error::other(format!("{name} did not start: it said {line:?}")))?;
        until_it_accepts(server.address)?;
        // Whatever else it says, it must not fill the pipe, nor find it closed.
        std::thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        Ok(server)
    }

    /// CPU time the server has used so far.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        machine::cpu_time(self.child.id())
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// A program that replaced its process has announced itself before it could listen.
fn until_it_accepts(address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Err(error)
                if error.kind() == ErrorKind::ConnectionRefused && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            outcome => return outcome.map(drop),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have died by itself
        let _ = self.child.wait();
    }
}
