//! The demo as its user meets it: a program with flags, a banner, one sentence when something is
//! wrong, one thread, and an end when asked (S001, S002, S005, S092, S093).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The example that `cargo test` has built beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    built.join("examples").join(format!("auth{}", std::env::consts::EXE_SUFFIX))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("MONGODB_URI").env_remove("SQUALL_REACTOR");
    command
}

/// A demo that serves; killed when dropped.
struct Demo {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    banner: String,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Ctrl-C to stop") {
            assert_ne!(output.read_line(&mut banner).unwrap(), 0, "it ended after: {banner}");
        }
        let first = banner.lines().next().unwrap();
        let from = first.find("http://").expect("an address in the first line") + "http://".len();
        let address = first[from..].split('/').next().unwrap().to_owned();
        Self { child, output, address, banner }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn threads(&self) -> Option<usize> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        Some(tasks.count())
    }

    /// Ends it with a signal; the status and the last words.
    fn end(mut self, signal: &str) -> (std::process::ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut words = String::new();
        self.output.read_to_string(&mut words).unwrap();
        (self.child.wait().unwrap(), words)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn s002_s092_it_serves_with_nothing_installed_and_its_banner_tells_where_and_what() {
    let demo = Demo::start(&["--port", "0"]);
    assert!(demo.banner.contains("database   embedded store, in memory"), "{}", demo.banner);
    for route in ["/auth/register", "/auth/login", "/demo/ping"] {
        assert!(demo.banner.contains(route), "{}", demo.banner);
    }
    let page = demo.get("/");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(demo.get("/static/style.css").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(demo.get("/nowhere").starts_with("HTTP/1.1 404 Not Found\r\n"));
}

#[test]
fn s001_one_thread_serves_everything() {
    let demo = Demo::start(&["--port", "0"]);
    for _ in 0..50 {
        assert!(demo.get("/auth/register").starts_with("HTTP/1.1 200"));
        assert!(demo.get("/auth/captcha").starts_with("HTTP/1.1 200")); // this one uses the database
    }
    if let Some(threads) = demo.threads() {
        assert_eq!(threads, 1, "pages and database need no second thread");
    }
}

#[test]
fn s093_sigterm_and_sigint_end_it_well() {
    for signal in ["-TERM", "-INT"] {
        let demo = Demo::start(&["--port", "0"]);
        assert!(demo.get("/").starts_with("HTTP/1.1 200"));
        let (status, words) = demo.end(signal);
        assert!(status.success(), "{status}: {words}");
        assert!(words.contains("bye"), "{words}");
    }
}

#[test]
fn data_in_a_directory_survives_the_end_of_the_program() {
    let directory = std::env::temp_dir().join(format!("squall-demo-{}", std::process::id()));
    let path = directory.to_str().unwrap();
    let demo = Demo::start(&["--port=0", "--data", path]);
    assert!(demo.banner.contains("auth.redb"), "{}", demo.banner);
    assert!(demo.get("/auth/captcha").starts_with("HTTP/1.1 200"), "a write");
    assert!(demo.end("-TERM").0.success());
    let again = Demo::start(&["--port=0", "--data", path]);
    assert!(again.get("/auth/login").starts_with("HTTP/1.1 200"));
    drop(again);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Runs it to its end, which must be a failure with one sentence.
#[track_caller]
fn refuses(arguments: &[&str], said: &[&str]) {
    let output = command(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {words}");
    assert_eq!(words.lines().count(), 1, "{arguments:?}: {words}");
    for part in said {
        assert!(words.contains(part), "{arguments:?} says {words}");
    }
    assert!(output.stdout.is_empty(), "nothing looks like a start");
}

#[test]
fn what_is_wrong_is_one_sentence_and_a_status() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refuses(&["--port", &port], &["port", &port, "taken", "--port 0"]);
    refuses(&["--port", "many"], &["--port many is not a number"]);
    refuses(&["--prot", "1"], &["unknown argument --prot", "--help"]);
    refuses(&["--mongo"], &["--mongo needs a URI"]);
    refuses(&["--memory", "--data", "x"], &["exclude each other"]);
    refuses(&["--port", "0", "--mongo", "postgres://x"], &["--mongo", "mongodb://"]);
    refuses(&["--port", "0", "--data", "/dev/null/x"], &["/dev/null/x"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("mongodb://user:secret@{closed}/?serverSelectionTimeoutMS=300");
    refuses(&["--port", "0", "--mongo", &uri], &["does not answer", &closed.to_string()]);
    let output = command(&["--port", "0", "--mongo", &uri]).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"), "HAZ37");
}

#[test]
fn help_is_help_and_no_error() {
    let output = command(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for flag in ["--port", "--mongo", "--data", "--memory", "--debug"] {
        assert!(text.contains(flag), "{flag}");
    }
}
