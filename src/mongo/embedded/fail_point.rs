//! `configureFailPoint`: errors on order, so that a client's retries can be tested.
//!
//! Owns the one fail point drivers use, `failCommand`. Read next: `commands/mod.rs`, which asks it
//! before each command.

use bson::{Bson, Document};

use super::error::{BAD_VALUE, Result, ServerError, fail};
use super::number;

/// Which commands fail, how, and how often.
#[derive(Clone, Debug)]
pub(super) struct FailPoint {
    commands: Vec<String>,
    code: Option<i32>,
    labels: Option<Vec<Bson>>,
    close_connection: bool,
    write_concern_error: Option<Document>,
    mode: Mode,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Always,
    Times(i64),
    Skip(i64),
}

/// What a fail point does to a command.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Error(ServerError),
    /// The connection is closed without a reply.
    Close,
    /// The command is executed, and this is added to its reply.
    WriteConcern(Document),
}

impl FailPoint {
    /// Reads the command; `None` switches the fail point off.
    pub(super) fn parse(command: &Document) -> Result<Option<Self>> {
        match command.get("configureFailPoint") {
            Some(Bson::String(name)) if name == "failCommand" => {}
            other => fail!(BAD_VALUE, "only failCommand can be configured, not {other:?}"),
        }
        let count = |mode: &Document, name| mode.get(name).and_then(number::to_i64_exact);
        let mode = match command.get("mode") {
            Some(Bson::String(mode)) if mode == "off" => return Ok(None),
            Some(Bson::String(mode)) if mode == "alwaysOn" => Mode::Always,
            Some(Bson::Document(mode)) => match (count(mode, "times"), count(mode, "skip")) {
                (Some(times), _) => Mode::Times(times),
                (_, Some(skip)) => Mode::Skip(skip),
                _ => fail!(BAD_VALUE, "a fail point's mode is off, alwaysOn, times or skip"),
            },
            _ => fail!(BAD_VALUE, "a fail point's mode is off, alwaysOn, times or skip"),
        };
        let empty = Document::new();
        let data = command.get_document("data").unwrap_or(&empty);
        let names = data.get_array("failCommands").into_iter().flatten();
        Ok(Some(Self {
            commands: names.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            code: data.get("errorCode").and_then(number::to_i64_exact).map(|code| code as i32),
            labels: data.get_array("errorLabels").ok().cloned(),
            close_connection: data.get_bool("closeConnection").unwrap_or(false),
            write_concern_error: data.get_document("writeConcernError").ok().cloned(),
            mode,
        }))
    }

    /// Asked before each command.
    pub(super) fn strike(&mut self, command: &str) -> Option<Failure> {
        if !self.commands.iter().any(|name| name == command) {
            return None;
        }
        match &mut self.mode {
            Mode::Always => {}
            Mode::Times(0) => return None,
            Mode::Times(left) => *left -= 1,
            Mode::Skip(0) => {}
            Mode::Skip(left) => {
                *left -= 1;
                return None;
            }
        }
        if self.close_connection {
            return Some(Failure::Close);
        }
        if let Some(code) = self.code {
            let mut error = ServerError::new(code, "Failing command via 'failCommand' failpoint");
            if let Some(labels) = &self.labels {
                error.details.insert("errorLabels", labels.clone());
            }
            return Some(Failure::Error(error));
        }
        self.write_concern_error.clone().map(Failure::WriteConcern)
    }
}
