//! The date as HTTP writes it, and the two header lines that every answer begins with.
//!
//! Owns the `Server` and `Date` lines ready-made, so that an answer copies them and nothing else.
//! Has no clock: the server that owns a [`Stamp`] refreshes it once a second.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;

use super::status::Status;

/// `Server` and `Date` as bytes, good for one second.
#[derive(Clone, Debug)]
pub struct Stamp {
    second: u64,
    server: Vec<u8>,
    date: Vec<u8>,
    both: Vec<u8>,
    /// How most answers begin: `200 OK` and both lines.
    ok: Vec<u8>,
}

impl Stamp {
    /// A stamp for `wall`, the time since the Unix epoch. An empty `server` writes no such line.
    pub fn new(server: &str, wall: Duration) -> Self {
        let server = if server.is_empty() { Vec::new() } else { line("Server", server) };
        let (date, both, ok) = (Vec::new(), Vec::new(), Vec::new());
        let mut stamp = Self { second: u64::MAX, server, date, both, ok };
        stamp.refresh(wall);
        stamp
    }

    /// Writes the date anew, if the second has changed.
    pub fn refresh(&mut self, wall: Duration) {
        if self.second == wall.as_secs() {
            return;
        }
        self.second = wall.as_secs();
        self.date.clear();
        let date = HttpDate::from(SystemTime::UNIX_EPOCH + wall);
        write!(self.date, "Date: {date}\r\n").expect("a Vec takes everything");
        self.both.clear();
        self.both.extend_from_slice(&self.server);
        self.both.extend_from_slice(&self.date);
        self.ok.clear();
        self.ok.extend_from_slice(Status::OK.line().expect("a standard code").as_bytes());
        self.ok.extend_from_slice(&self.both);
    }

    /// Status line and both lines of a `200 OK` that has neither.
    pub(super) fn ok(&self) -> &[u8] {
        &self.ok
    }

    /// The lines for an answer that may have its own.
    pub(super) fn lines(&self, has_server: bool, has_date: bool) -> &[u8] {
        match (has_server, has_date) {
            (false, false) => &self.both,
            (true, false) => &self.date,
            (false, true) => &self.server,
            (true, true) => &[],
        }
    }
}

fn line(name: &str, value: &str) -> Vec<u8> {
    format!("{name}: {value}\r\n").into_bytes()
}

/// T151: a time since the Unix epoch in the only format that HTTP still writes.
///
/// ```
/// use std::time::Duration;
/// let date = squall::proto::http1::format_date(Duration::from_millis(1_359_312_200_500));
/// assert_eq!(date, "Sun, 27 Jan 2013 18:43:20 GMT");
/// ```
pub fn format_date(since_epoch: Duration) -> String {
    HttpDate::from(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

/// Reads any of the three formats that HTTP has had; the answer is since the Unix epoch.
pub fn parse_date(text: &str) -> Option<Duration> {
    httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()
}
