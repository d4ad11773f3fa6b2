//! Log records and where they go: three named channels, as in Tornado, one process-wide sink.
//!
//! Owns the line format, so that a line can never be forged: control characters in a message are
//! escaped. Knows nothing of the loop. Tests put a [`capture`] in front of the sink of their thread.

use std::cell::RefCell;
use std::fmt;
use std::io::Write as _;
use std::rc::Rc;

/// How serious a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for somebody who is looking for a fault.
    Debug,
    /// Normal operation, such as a served request.
    Info,
    /// A client's mistake, or something that will need attention.
    Warning,
    /// Our own mistake, or a failed operation.
    Error,
}

/// Which part of squall speaks (Tornado's three loggers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// One line for each request served: `tornado.access`.
    Access,
    /// Errors of the user's own code: `tornado.application`.
    Application,
    /// Everything else squall has to say: `tornado.general`.
    General,
}

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// How serious it is.
    pub level: Level,
    /// Who speaks.
    pub channel: Channel,
    /// What is said; control characters are already escaped.
    pub message: String,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Debug => 'D',
            Level::Info => 'I',
            Level::Warning => 'W',
            Level::Error => 'E',
        };
        let channel = match self.channel {
            Channel::Access => "access",
            Channel::Application => "application",
            Channel::General => "general",
        };
        write!(f, "[{level} {channel}] {}", self.message)
    }
}

thread_local! {
    static CAPTURE: RefCell<Vec<Rc<RefCell<Vec<Record>>>>> = const { RefCell::new(Vec::new()) };
}

/// Says `message` on `channel`: to this thread's newest [`Capture`], or else to standard error.
pub fn write(level: Level, channel: Channel, message: &str) {
    let record = Record { level, channel, message: escape_controls(message) };
    let captured = CAPTURE.try_with(|stack| match stack.borrow().last() {
        Some(records) => {
            records.borrow_mut().push(record.clone());
            true
        }
        None => false,
    });
    // A thread that is ending has something to say, but no captures any more.
    if !captured.unwrap_or(false) {
        // A log that cannot be written must not stop the server.
        let _ = writeln!(std::io::stderr().lock(), "{record}");
    }
}

/// An error of the user's own code.
pub fn application_error(message: &str) {
    write(Level::Error, Channel::Application, message);
}

/// Something the operator should see.
pub fn general(level: Level, message: &str) {
    write(level, Channel::General, message);
}

/// One served request.
pub fn access(level: Level, message: &str) {
    write(level, Channel::Access, message);
}

/// Collects this thread's records until it is dropped (Tornado's `ExpectLog`).
///
/// ```
/// let log = squall::log::capture();
/// squall::log::application_error("first\nsecond");
/// assert_eq!(log.messages(), ["first\\nsecond"]);
/// ```
#[must_use]
pub fn capture() -> Capture {
    let records = Rc::default();
    CAPTURE.with(|stack| stack.borrow_mut().push(Rc::clone(&records)));
    Capture { records }
}

/// The records of one thread since [`capture`].
#[derive(Debug)]
pub struct Capture {
    records: Rc<RefCell<Vec<Record>>>,
}

impl Capture {
    /// Everything said so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.borrow().clone()
    }

    /// The messages said so far, without level and channel.
    pub fn messages(&self) -> Vec<String> {
        self.records.borrow().iter().map(|record| record.message.clone()).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        CAPTURE.with(|stack| stack.borrow_mut().retain(|other| !Rc::ptr_eq(other, &self.records)));
    }
}

/// HAZ19: a newline in a user's name must not begin a new log line.
fn escape_controls(message: &str) -> String {
    if !message.contains(char::is_control) {
        return message.to_owned();
    }
    message
        .chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
