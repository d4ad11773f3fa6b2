//! Commands whose answers hardly depend on anything: greetings, versions, and what tools ask for.
//!
//! Owns the promise of a wire version: 17, MongoDB 6.0, the server this store is compared with.
//! Read next: `mod.rs` for the table.

use bson::{Bson, Document, doc};

use super::super::collection::DOCUMENT_SIZE_MAX;
use super::super::engine::{Engine, uuid_binary};
use super::super::error::{INVALID_OPTIONS, Result, ServerError, fail};
use super::super::show;
use super::Call;

const VERSION: &str = "6.0.5";

/// What a driver must know before it sends anything else.
fn greeting(call: &Call<'_, '_, '_>, primary: &str) -> Document {
    let mut reply = doc! { primary: true };
    if call.body.get_bool("helloOk").unwrap_or(false) {
        reply.insert("helloOk", true);
    }
    reply.extend(doc! {
        "maxBsonObjectSize": DOCUMENT_SIZE_MAX as i32,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "localTime": call.given.now,
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": call.around.connection,
        "minWireVersion": 0,
        "maxWireVersion": 17,
        "readOnly": false,
        "ok": 1.0,
    });
    reply
}

/// As `buildInfo` says it of this build.
const DEBUG: bool = cfg!(debug_assertions);

pub(super) fn hello(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(greeting(call, "isWritablePrimary"))
}

pub(super) fn is_master(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(greeting(call, "ismaster"))
}

pub(super) fn ping(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    call.arguments(&[])?;
    Ok(doc! { "ok": 1.0 })
}

pub(super) fn build_info(_: &mut Engine, _: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! {
        "version": VERSION,
        "gitVersion": "squall",
        "modules": [],
        "sysInfo": "deprecated",
        "versionArray": [6, 0, 5, 0],
        "bits": 64,
        "debug": DEBUG,
        "maxBsonObjectSize": DOCUMENT_SIZE_MAX as i32,
        "storageEngines": ["squall"],
        "ok": 1.0,
    })
}

/// Sessions are accepted and ignored: nothing here lasts longer than a command but a cursor.
pub(super) fn sessions(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    let arguments = call.arguments(&[])?;
    match call.body.get(call.name) {
        Some(Bson::Array(_)) => Ok(doc! { "ok": 1.0 }),
        other => Err(arguments.wrong_type(call.name, other.unwrap_or(&Bson::Null), "array")),
    }
}

pub(super) fn start_session(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    let mut id = [0; 16];
    (call.around.random)(&mut id);
    let id = Bson::Binary(uuid_binary(id));
    Ok(doc! { "id": { "id": id }, "timeoutMinutes": 30, "ok": 1.0 })
}

pub(super) fn connection_status(_: &mut Engine, _: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! {
        "authInfo": { "authenticatedUsers": [], "authenticatedUserRoles": [] },
        "ok": 1.0,
    })
}

pub(super) fn whats_my_uri(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! { "you": call.around.peer, "ok": 1.0 })
}

pub(super) fn get_parameter(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    if call.body.contains_key("featureCompatibilityVersion") {
        return Ok(doc! { "featureCompatibilityVersion": { "version": "6.0" }, "ok": 1.0 });
    }
    fail!(INVALID_OPTIONS, "no option found to get")
}

pub(super) fn get_log(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    match call.body.get("getLog") {
        Some(Bson::String(name)) if name == "*" => {
            Ok(doc! { "names": ["global", "startupWarnings"], "ok": 1.0 })
        }
        Some(Bson::String(name)) if name == "global" || name == "startupWarnings" => {
            Ok(doc! { "totalLinesWritten": 0, "log": [], "ok": 1.0 })
        }
        other => {
            let shown = other.map_or_else(String::new, show::value);
            Err(ServerError::new(96, format!("No RamLog: {shown}")))
        }
    }
}

pub(super) fn command_line(_: &mut Engine, _: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! { "argv": ["squall"], "parsed": {}, "ok": 1.0 })
}

pub(super) fn host_info(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! {
        "system": { "currentTime": call.given.now, "hostname": "localhost" },
        "os": { "type": std::env::consts::OS },
        "extra": {},
        "ok": 1.0,
    })
}

pub(super) fn server_status(_: &mut Engine, call: &mut Call<'_, '_, '_>) -> Result<Document> {
    Ok(doc! {
        "host": "localhost",
        "version": VERSION,
        "process": "squall",
        "localTime": call.given.now,
        "ok": 1.0,
    })
}
