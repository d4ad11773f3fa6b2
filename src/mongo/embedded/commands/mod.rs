//! The commands: one function for each, by name.
//!
//! Owns the table of names and what is common to all commands. A command that is not in the table is
//! answered with 59, which tools depend on. Read next: `arguments.rs`, then `read.rs` and `write.rs`.

mod admin;
mod arguments;
mod constants;
mod cursors;
mod find_and_modify;
mod indexes;
mod output;
mod read;
mod specification;
mod update;
mod write;

use bson::{Bson, Document, doc};

use super::engine::{Engine, Surroundings};
use super::error::{
    BAD_VALUE, COMMAND_NOT_FOUND, FAILED_TO_PARSE, ILLEGAL_OPERATION, INVALID_NAMESPACE, Result,
    TYPE_MISMATCH, UNAUTHORIZED, fail,
};
use super::expression::Given;
use super::fail_point::{FailPoint, Failure};
use super::{number, show};
use arguments::Arguments;

/// One command with everything it may use.
pub(super) struct Call<'c, 's, 'r> {
    name: &'c str,
    body: &'c Document,
    database: &'c str,
    given: Given,
    around: &'s mut Surroundings<'r>,
}

type Command = fn(&mut Engine, &mut Call<'_, '_, '_>) -> Result<Document>;

/// Must be sent to the `admin` database.
const ADMIN_ONLY: [&str; 6] = [
    "listDatabases",
    "renameCollection",
    "getParameter",
    "getLog",
    "getCmdLineOpts",
    "configureFailPoint",
];

fn look_up(name: &str) -> Option<Command> {
    Some(match name {
        "find" => Engine::find,
        "count" => Engine::count,
        "distinct" => Engine::distinct,
        "aggregate" => Engine::aggregate,
        "getMore" => Engine::get_more,
        "killCursors" => Engine::kill_cursors,
        "insert" => Engine::insert,
        "update" => Engine::update,
        "delete" => Engine::delete,
        "findAndModify" | "findandmodify" => Engine::find_and_modify,
        "createIndexes" => Engine::create_indexes,
        "listIndexes" => Engine::list_indexes,
        "dropIndexes" | "deleteIndexes" => Engine::drop_indexes,
        "create" => Engine::create,
        "drop" => Engine::drop,
        "dropDatabase" => Engine::drop_database,
        "renameCollection" => Engine::rename,
        "listCollections" => Engine::list_collections,
        "listDatabases" => Engine::list_databases,
        "configureFailPoint" => Engine::configure_fail_point,
        "hello" => constants::hello,
        "ismaster" | "isMaster" => constants::is_master,
        "ping" => constants::ping,
        "buildinfo" | "buildInfo" => constants::build_info,
        "endSessions" | "refreshSessions" | "killSessions" | "killAllSessions" => {
            constants::sessions
        }
        "startSession" => constants::start_session,
        "connectionStatus" => constants::connection_status,
        "whatsmyuri" => constants::whats_my_uri,
        "getParameter" => constants::get_parameter,
        "getLog" => constants::get_log,
        "getCmdLineOpts" => constants::command_line,
        "hostInfo" => constants::host_info,
        "serverStatus" => constants::server_status,
        _ => return None,
    })
}

impl Engine {
    pub(super) fn run(
        &mut self,
        body: &Document,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Document>> {
        let Some((name, _)) = body.iter().next() else {
            fail!(COMMAND_NOT_FOUND, "no such command: ''")
        };
        let database = match body.get("$db") {
            Some(Bson::String(name)) => check_database(name)?,
            Some(other) => fail!(
                TYPE_MISMATCH,
                "BSON field 'OP_MSG.$db' is the wrong type '{}', expected type 'string'",
                show::type_name(other)
            ),
            None => fail!(40571, "OP_MSG requests require a $db argument"),
        };
        let Some(command) = look_up(name) else {
            fail!(COMMAND_NOT_FOUND, "no such command: '{name}'")
        };
        if ADMIN_ONLY.contains(&name.as_str()) && database != "admin" {
            fail!(UNAUTHORIZED, "{name} may only be run against the admin database.");
        }
        check_common(name, body)?;
        let failure = self.fail_point.as_mut().and_then(|point| point.strike(name));
        if let Some(Failure::Error(error)) = failure {
            return Err(error);
        }
        if let Some(Failure::Close) = failure {
            return Ok(None);
        }
        let variables = variables(body)?;
        let given = Given { now: around.now, variables };
        let mut call = Call { name, body, database, given, around };
        let mut reply = command(self, &mut call)?;
        if let Some(Failure::WriteConcern(error)) = failure {
            reply.insert("writeConcernError", error);
        }
        Ok(Some(reply))
    }

    fn configure_fail_point(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        self.fail_point = FailPoint::parse(call.body)?;
        Ok(doc! { "count": 0, "ok": 1.0 })
    }
}

impl<'c> Call<'c, '_, '_> {
    /// The arguments, none of which is unknown to the command.
    fn arguments(&self, known: &[&str]) -> Result<Arguments<'c>> {
        Arguments::of_command(self.name, self.body, known)
    }

    /// The collection the command names as its value.
    fn collection(&self) -> Result<&'c str> {
        let name = match self.body.get(self.name) {
            Some(Bson::String(name)) => name,
            other => fail!(
                BAD_VALUE,
                "collection name has invalid type {}",
                other.map_or("missing", show::type_name)
            ),
        };
        check_collection(self.database, name)?;
        Ok(name)
    }

    /// The same, for a command that may create it.
    fn collection_to_write(&self) -> Result<&'c str> {
        let name = self.collection()?;
        check_new_collection(self.database, name)?;
        Ok(name)
    }

    fn namespace(&self, collection: &str) -> String {
        format!("{}.{collection}", self.database)
    }
}

fn check_database(name: &str) -> Result<&str> {
    let bad = name.is_empty() || name.contains(['/', '\\', '.', ' ', '"', '$', '\0']);
    if bad || name.len() > 63 {
        fail!(INVALID_NAMESPACE, "Invalid database name: '{name}'");
    }
    Ok(name)
}

fn check_collection(database: &str, name: &str) -> Result<()> {
    if name.contains('\0') {
        fail!(INVALID_NAMESPACE, "namespaces cannot have embedded null characters");
    }
    if name.is_empty() {
        fail!(INVALID_NAMESPACE, "Invalid namespace specified '{database}.'");
    }
    if name.starts_with('.') {
        fail!(INVALID_NAMESPACE, "Collection names cannot start with '.': {name}");
    }
    Ok(())
}

fn check_new_collection(database: &str, name: &str) -> Result<()> {
    check_collection(database, name)?;
    if name.contains('$') {
        fail!(INVALID_NAMESPACE, "Invalid collection name: {name}");
    }
    if name.starts_with("system.") {
        fail!(INVALID_NAMESPACE, "Invalid system namespace: {database}.{name}");
    }
    if database.len() + name.len() + 1 > 255 {
        fail!(
            INVALID_NAMESPACE,
            "Fully qualified namespace is too long. Namespace: {database}.{name} Max: 255"
        );
    }
    Ok(())
}

/// The options every command takes.
fn check_common(name: &str, body: &Document) -> Result<()> {
    check_write_concern(name, body)?;
    check_session(body)?;
    check_read_concern(body)?;
    if let Some(limit) = body.get("maxTimeMS") {
        match number::to_i64_exact(limit) {
            Some(limit) if (0..=i64::from(i32::MAX)).contains(&limit) => {}
            Some(limit) => fail!(BAD_VALUE, "{limit} value for maxTimeMS is out of range"),
            None => fail!(BAD_VALUE, "maxTimeMS must be a number"),
        }
    }
    Ok(())
}

fn check_write_concern(name: &str, body: &Document) -> Result<()> {
    match body.get("writeConcern") {
        None => {}
        Some(Bson::Document(concern)) => {
            let reads = matches!(
                name,
                "ping"
                    | "find"
                    | "getMore"
                    | "count"
                    | "distinct"
                    | "listIndexes"
                    | "listCollections"
                    | "listDatabases"
                    | "hello"
                    | "buildInfo"
                    | "buildinfo"
            );
            if reads {
                fail!(super::error::INVALID_OPTIONS, "Command does not support writeConcern");
            }
            if concern.get("w").and_then(number::to_i64_exact).is_some_and(|w| w > 1) {
                fail!(BAD_VALUE, "cannot use 'w' > 1 when a host is not replicated");
            }
        }
        Some(other) => fail!(
            TYPE_MISMATCH,
            "\"writeConcern\" had the wrong type. Expected object, found {}",
            show::type_name(other)
        ),
    }
    Ok(())
}

fn check_session(body: &Document) -> Result<()> {
    if let Some(lsid) = body.get("lsid")
        && !matches!(lsid, Bson::Document(_))
    {
        fail!(
            TYPE_MISMATCH,
            "BSON field 'OperationSessionInfo.lsid' is the wrong type '{}', expected type 'object'",
            show::type_name(lsid)
        );
    }
    if body.contains_key("txnNumber") {
        let what = "Transaction numbers are only allowed on a replica set member or mongos";
        fail!(ILLEGAL_OPERATION, "{what}");
    }
    Ok(())
}

fn check_read_concern(body: &Document) -> Result<()> {
    if let Some(Bson::Document(concern)) = body.get("readConcern")
        && let Some(level) = concern.get("level")
    {
        let known = ["local", "majority", "linearizable", "available", "snapshot"];
        if !level.as_str().is_some_and(|level| known.contains(&level)) {
            fail!(
                FAILED_TO_PARSE,
                "readConcern.level must be either 'local', 'majority', 'linearizable', 'available', \
                 or 'snapshot'"
            );
        }
    }
    Ok(())
}

fn variables(body: &Document) -> Result<Document> {
    match body.get("let") {
        Some(Bson::Document(variables)) => Ok(variables.clone()),
        Some(other) => fail!(
            TYPE_MISMATCH,
            "BSON field 'let' is the wrong type '{}', expected type 'object'",
            show::type_name(other)
        ),
        None => Ok(Document::new()),
    }
}
