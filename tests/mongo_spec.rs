//! The published specification tests that need no server, run from wherever they are.
//!
//! The data is `MongoDB`'s (Apache-2.0) and not in this repository: `SQUALL_MONGO_SPEC` names the
//! folder, otherwise `../shared/mongo-spec` is tried. Without it every test says loudly that it
//! proved nothing; `proto_mongo.rs` holds tables of our own that always run.
#![cfg(feature = "mongo")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, block and look at the real clock"
)]

use std::path::PathBuf;

use serde_json::Value as Json;
use squall::proto::mongo::concern::{Acknowledgement, ReadConcern, WriteConcern};
use squall::proto::mongo::options::Value;
use squall::proto::mongo::settings::{Settings, SettingsError};
use squall::proto::mongo::uri::{Host, Uri};

/// The folder of the suites, if it is there and says under which licence.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/mongo-spec");
    let folder = std::env::var_os("SQUALL_MONGO_SPEC").map_or_else(beside, PathBuf::from);
    let licence = std::fs::read_to_string(folder.join("LICENSE")).unwrap_or_default();
    licence.contains("Apache License").then_some(folder)
}

/// Every case of the JSON files in a suite; asserts that there are at least as many as known.
#[expect(clippy::print_stderr, reason = "a skipped proof must be seen")]
fn cases(suite: &str, at_least: usize) -> Vec<Json> {
    let Some(folder) = folder() else {
        eprintln!("SKIPPED: no specification tests for {suite}; set SQUALL_MONGO_SPEC");
        return Vec::new();
    };
    let files = std::fs::read_dir(folder.join(suite)).expect("the suite is a folder");
    let mut paths = files.map(|file| file.unwrap().path()).collect::<Vec<_>>();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    let read = |path: &PathBuf| -> Json {
        serde_json::from_slice(&std::fs::read(path).unwrap()).expect("a JSON file")
    };
    let tests = |file: Json| file["tests"].as_array().cloned().unwrap_or_default();
    let cases = paths.iter().map(read).flat_map(tests).collect::<Vec<_>>();
    assert!(cases.len() >= at_least, "{suite} has only {} cases", cases.len());
    cases
}

fn text<'a>(case: &'a Json, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

/// Parses a case's string and judges it; nothing when it was rightly refused.
fn parse(case: &Json) -> Option<Uri> {
    let name = text(case, "description");
    match (Uri::parse(text(case, "uri")), case["valid"] == true) {
        (Ok(uri), true) => {
            if let Some(warning) = case["warning"].as_bool() {
                let warnings = uri.options.warnings();
                assert_eq!(!warnings.is_empty(), warning, "{name}: {warnings:?}");
            }
            Some(uri)
        }
        (Err(_), false) => None,
        (Ok(_), false) => panic!("{name}: was understood"),
        (Err(error), true) => panic!("{name}: {error}"),
    }
}

fn check_hosts(uri: &Uri, expected: &[Json], name: &str) {
    assert_eq!(uri.hosts.len(), expected.len(), "{name}");
    for (host, expected) in uri.hosts.iter().zip(expected) {
        let wanted = text(expected, "host").to_owned();
        let wanted = match text(expected, "type") {
            "unix" => Host::Unix(wanted),
            _ => Host::Tcp(wanted, expected["port"].as_u64().unwrap_or(27017) as u16),
        };
        assert_eq!(*host, wanted, "{name}");
    }
}

fn check_options(uri: &Uri, expected: &Json, name: &str) {
    for (option, expected) in expected.as_object().into_iter().flatten() {
        let found = uri.options.get(option).unwrap_or_else(|| panic!("{name}: no {option}"));
        let found = match found {
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Text(value) => Json::from(value.as_str()),
            Value::List(words) => Json::from(words.clone()),
            Value::Pairs(pairs) => pairs.iter().cloned().collect(),
            Value::PairSets(sets) => {
                sets.iter().map(|set| set.iter().cloned().collect::<Json>()).collect()
            }
        };
        assert_eq!(found, *expected, "{name}: {option}");
    }
}

fn check_auth(uri: &Uri, expected: &Json, name: &str) {
    let word = |key: &str| expected[key].as_str();
    let credential = uri.credential.as_ref();
    assert_eq!(credential.and_then(|c| c.username.as_deref()), word("username"), "{name}");
    assert_eq!(credential.and_then(|c| c.password.as_deref()), word("password"), "{name}");
    assert_eq!(uri.database.as_deref(), word("db"), "{name}");
}

#[test]
fn connection_strings() {
    for case in cases("connection-string/tests", 72) {
        let Some(uri) = parse(&case) else { continue };
        let name = text(&case, "description");
        if let Some(hosts) = case["hosts"].as_array() {
            check_hosts(&uri, hosts, name);
        }
        if case["auth"].is_object() {
            check_auth(&uri, &case["auth"], name);
        }
        check_options(&uri, &case["options"], name);
    }
}

#[test]
fn uri_options() {
    for case in cases("uri-options/tests", 90) {
        let Some(uri) = parse(&case) else { continue };
        check_options(&uri, &case["options"], text(&case, "description"));
    }
}

/// Mechanisms other than SCRAM are refused by name when a client is made (M032), so for those only
/// the refusal is asked for, not which of two reasons came first.
#[test]
fn credentials() {
    for case in cases("auth/tests/legacy", 67) {
        let name = text(&case, "description");
        let parsed = Uri::parse(text(&case, "uri"));
        let foreign = ["GSSAPI", "X509", "PLAIN", "MONGODB-AWS", "MONGODB-OIDC"];
        if foreign.iter().any(|mechanism| text(&case, "uri").contains(mechanism)) {
            let refused = parsed.is_err()
                || parsed.as_ref().is_ok_and(|uri| {
                    Settings::from_uri(uri)
                        .is_err_and(|e| matches!(e, SettingsError::Unsupported(_)))
                });
            assert!(refused, "{name}");
        }
        if foreign.iter().any(|m| text(&case, "uri").contains(m)) && case["valid"] == false {
            continue;
        }
        let Some(uri) = parse(&case) else { continue };
        let expected = &case["credential"];
        assert_eq!(uri.credential.is_some(), expected.is_object(), "{name}");
        let Some(credential) = uri.credential else { continue };
        let word = |key: &str| expected[key].as_str();
        assert_eq!(credential.username.as_deref(), word("username"), "{name}");
        assert_eq!(credential.password.as_deref(), word("password"), "{name}");
        assert_eq!(Some(credential.source.as_str()), word("source"), "{name}");
        assert_eq!(credential.mechanism.as_deref(), word("mechanism"), "{name}");
    }
}

/// A concern's document as JSON; no document is an empty one there.
fn json(document: Option<bson::Document>) -> Json {
    let value = |value| match value {
        bson::Bson::Int32(number) => Json::from(number),
        bson::Bson::Int64(number) => Json::from(number),
        bson::Bson::Boolean(flag) => Json::from(flag),
        bson::Bson::String(text) => Json::from(text),
        other => panic!("no concern holds {other}"),
    };
    document.unwrap_or_default().into_iter().map(|(key, v)| (key, value(v))).collect()
}

#[test]
fn concerns_in_connection_strings() {
    for case in cases("read-write-concern/tests/connection-string", 5) {
        let Some(uri) = parse(&case) else { continue };
        let settings = Settings::from_uri(&uri).unwrap();
        let name = text(&case, "description");
        if case["readConcern"].is_object() {
            let level = case["readConcern"]["level"].as_str();
            assert_eq!(settings.concerns.read_concern.level.as_deref(), level, "{name}");
        }
        if case["writeConcern"].is_object() {
            assert_eq!(
                settings.concerns.write_concern,
                write_concern(&case["writeConcern"]),
                "{name}"
            );
        }
    }
}

fn write_concern(json: &Json) -> WriteConcern {
    let w = match &json["w"] {
        Json::Number(count) => Some(Acknowledgement::Servers(count.as_u64().unwrap() as u32)),
        Json::String(name) => Some(Acknowledgement::Name(name.clone())),
        _ => None,
    };
    let w_timeout = json["wtimeoutMS"].as_u64().map(std::time::Duration::from_millis);
    WriteConcern { w, journal: json["journal"].as_bool(), w_timeout }
}

#[test]
fn concerns_as_documents() {
    for case in cases("read-write-concern/tests/document", 6) {
        let name = text(&case, "description");
        if case["readConcern"].is_object() {
            let level = case["readConcern"]["level"].as_str().map(str::to_owned);
            let found = json(ReadConcern { level }.to_document());
            assert_eq!(found, case["readConcernDocument"], "{name}");
        }
        if case["writeConcern"].is_object() && case["valid"] == true {
            let concern = write_concern(&case["writeConcern"]);
            assert_eq!(json(concern.to_document()), case["writeConcernDocument"], "{name}");
            assert_eq!(Json::from(concern.is_acknowledged()), case["isAcknowledged"], "{name}");
        }
    }
}
