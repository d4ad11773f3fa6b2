//! HAZ30 and its relatives: servers that lie, hang up, fall silent, die and come back.

use std::time::Duration;

use bson::doc;
use squall::coroutine::sleep;
use squall::ioloop::IoLoop;
use squall::mongo::{Database, Error};

use super::fake::{Answer, Fake, Seen, everywhere, message, virtually, watch};

async fn ping(db: &Database) -> Result<(), Error> {
    db.run_command(doc! { "ping": 1 }).await.map(drop)
}

/// Answers `bad` to the command `bad`, and everything else politely.
fn once(bad: Answer) -> impl Fn(&Seen) -> Answer {
    move |seen| if seen.name() == "bad" { bad.clone() } else { Answer::Say(doc! {}) }
}

fn patched(at: usize, value: u32) -> Answer {
    let mut bytes = message(&doc! { "ok": 1.0 });
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    Answer::Bytes { bytes, patch: at != 8 }
}

/// HAZ30, M001, M003: each fault costs its own connection and nothing else.
#[test]
fn haz30_lies_cost_one_connection() {
    everywhere(|| async {
        let two = {
            let body = bson::rawdoc! { "ok": 1.0 };
            let mut bytes = Vec::new();
            let flags = squall::proto::mongo::wire::Flags::NONE;
            squall::proto::mongo::wire::MessageWriter::new(&mut bytes, 1, 1, flags)
                .body(&body)
                .body(&body)
                .finish();
            Answer::Bytes { bytes, patch: true }
        };
        let lies = [
            patched(0, 16),
            patched(0, 48_000_001),
            patched(0, u32::MAX),
            patched(8, 12345), // somebody else's answer
            patched(12, 2012),
            patched(12, 999),
            patched(16, 1), // a checksum that is none
            patched(16, 2), // more to come
            patched(16, 4), // a flag nobody knows
            patched(21, 3), // a document that is shorter than a document can be
            two,
        ];
        for lie in lies {
            let fake = Fake::start(once(lie.clone()));
            let client = fake.client("?maxPoolSize=2");
            let events = watch(&client);
            let db = client.database("db");
            ping(&db).await.unwrap();
            let error = db.run_command(doc! { "bad": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Protocol(_)), "{lie:?} gave {error:?}");
            assert!(!error.nothing_was_sent());
            ping(&db).await.unwrap();
            assert_eq!(*events.borrow(), ["ready", "closed Error"], "{lie:?}");
            assert_eq!(fake.connections(), 2);
        }
    });
}

/// The connection breaks: the operation fails, the pool is emptied, the next operation looks at
/// the server and goes on.
#[test]
fn network_errors_clear_the_pool() {
    everywhere(|| async {
        for how in [Answer::Hang, Answer::Half] {
            let fake = Fake::start(once(how));
            let client = fake.client("");
            let events = watch(&client);
            let db = client.database("db");
            let io_loop = IoLoop::current();
            let both = [1, 2].map(|_| {
                let db = db.clone();
                io_loop.spawn(async move { ping(&db).await })
            });
            for one in both {
                one.await.unwrap().unwrap();
            }
            let error = db.run_command(doc! { "bad": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Network(_)), "{error:?}");
            ping(&db).await.unwrap();
            let events = events.borrow();
            assert_eq!(events.first().map(String::as_str), Some("ready"));
            assert_eq!(events.last().map(String::as_str), Some("ready"));
            assert_eq!(events.iter().filter(|event| *event == "cleared").count(), 1, "{events:?}");
        }
    });
}

/// `socketTimeoutMS`: silence ends the operation and its connection, not the pool.
#[test]
fn silence_has_an_end() {
    virtually(|| async {
        let fake = Fake::start(once(Answer::Silence));
        let client = fake.client("?socketTimeoutMS=700");
        let events = watch(&client);
        let db = client.database("db");
        ping(&db).await.unwrap();
        let io_loop = IoLoop::current();
        let begun = io_loop.time();
        let error = db.run_command(doc! { "bad": 1 }).await.unwrap_err();
        assert!(matches!(error, Error::Silence), "{error:?}");
        assert_eq!((io_loop.time() - begun).as_millis(), 700);
        ping(&db).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        ping(&db).await.unwrap(); // idleness is no silence
        assert_eq!(*events.borrow(), ["ready", "closed Error"]);
    });
}

/// M009: a server that accepts and never greets is not a server.
#[test]
fn m009_a_handshake_has_an_end() {
    virtually(|| async {
        let fake = Fake::start_raw(|_| Answer::Silence);
        let client = fake.client("?connectTimeoutMS=400&serverSelectionTimeoutMS=1500");
        let error = ping(&client.database("db")).await.unwrap_err();
        assert!(matches!(error, Error::ServerSelection { .. }), "{error:?}");
        assert!(error.to_string().contains("silent"), "{error}");
        assert_eq!(fake.connections(), 3); // at 0, 500 and 1000 ms
        sleep(Duration::from_secs(5)).await;
        assert_eq!(fake.connections(), 4, "nobody waits any more: the last look was the last");
        assert_eq!(fake.open(), 0);
    });
}

/// Wrong handshakes of all kinds are told in the selection error.
#[test]
fn handshakes_that_go_wrong() {
    virtually(|| async {
        let old = doc! { "ismaster": true, "maxWireVersion": 6 };
        let refused = doc! { "ok": 0, "code": 1, "errmsg": "not today" };
        for (answer, told) in [
            (Answer::Say(old), "wire version 6"),
            (Answer::Say(refused), "not today"),
            (Answer::Hang, "closed"),
            (Answer::Half, "closed"),
            (patched(12, 1), "protocol"),
        ] {
            let fake = Fake::start_raw(move |_| answer.clone());
            let client = fake.client("?serverSelectionTimeoutMS=50");
            let error = ping(&client.database("db")).await.unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::ServerSelection { .. }), "{error:?}");
            assert!(text.contains(told), "{text}");
        }
    });
}

/// The server dies and comes back: no restart, no new client.
#[test]
fn recovery_without_a_restart() {
    virtually(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let client = fake.client("?serverSelectionTimeoutMS=2000");
        let db = client.database("db");
        for round in 0..3 {
            ping(&db).await.unwrap();
            fake.die();
            sleep(Duration::from_millis(100)).await;
            let error = ping(&db).await.unwrap_err();
            assert!(error.nothing_was_sent(), "{round}: {error:?}");
            assert!(error.has_label("RetryableError"), "{error:?}");
            sleep(Duration::from_millis(600)).await; // the failure made us look again
            let error = ping(&db).await.unwrap_err();
            assert!(matches!(error, Error::ServerSelection { .. }), "{round}: {error:?}");
            let io_loop = IoLoop::current();
            let waiting = db.clone();
            let waiting = io_loop.spawn(async move { ping(&waiting).await });
            sleep(Duration::from_millis(900)).await;
            fake.listen();
            waiting.await.unwrap().unwrap();
        }
    });
}

/// While the server is away it is asked twice a second, however many wait.
#[test]
fn a_missing_server_is_not_stormed() {
    virtually(|| async {
        let fake = Fake::start_raw(|_| Answer::Hang);
        let client = fake.client("?serverSelectionTimeoutMS=9900");
        let io_loop = IoLoop::current();
        let all = (0..50).map(|_| {
            let db = client.database("db");
            io_loop.spawn(async move { ping(&db).await })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap().unwrap_err();
        }
        assert!(fake.connections() <= 20, "{} looks in ten seconds", fake.connections());
    });
}

/// "I am going down" empties the pool; "I am not the primary" does not; other errors are ours.
#[test]
fn errors_that_tell_about_the_server() {
    everywhere(|| async {
        for (code, expected) in [
            (91, &["ready", "cleared", "closed Stale", "ready"][..]),
            (11600, &["ready", "cleared", "closed Stale", "ready"]),
            (11000, &["ready"]),
            (13, &["ready"]),
        ] {
            let refusal = doc! { "ok": 0, "code": code, "errmsg": "x", "codeName": "Y" };
            let fake = Fake::start(once(Answer::Say(refusal)));
            let client = fake.client("");
            let events = watch(&client);
            let db = client.database("db");
            let error = db.run_command(doc! { "bad": 1 }).await.unwrap_err();
            assert_eq!(error.code(), Some(code));
            ping(&db).await.unwrap();
            assert_eq!(*events.borrow(), expected, "{code}");
        }
    });
}

/// SEC40, SEC43: a reply whose inside is malformed or bottomless is an error and no more.
#[test]
fn sec43_documents_without_bottom() {
    everywhere(|| async {
        let fake = Fake::start(|seen| {
            let levels = if seen.command.contains_key("deep") { 50_000 } else { 3 };
            let mut inside = Vec::new();
            for level in 0..levels {
                let bytes = (levels - level - 1) * 8 + 5;
                inside.extend_from_slice(&i32::to_le_bytes(bytes));
                if level + 1 < levels {
                    inside.extend_from_slice(b"\x03a\0");
                }
            }
            inside.extend(std::iter::repeat_n(0, levels as usize));
            let document = bson::RawDocumentBuf::from_bytes(inside).unwrap();
            let mut reply = bson::rawdoc! { "ok": 1.0 };
            reply.append(bson::raw::cstr!("inside"), document);
            let mut bytes = Vec::new();
            let flags = squall::proto::mongo::wire::Flags::NONE;
            squall::proto::mongo::wire::MessageWriter::new(&mut bytes, 1, 1, flags)
                .body(&reply)
                .finish();
            Answer::Bytes { bytes, patch: true }
        });
        let client = fake.client("");
        let db = client.database("db");
        let error = db.run_command(doc! { "x": 1, "deep": true }).await.unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error:?}");
        assert!(error.to_string().contains("100 levels"), "{error}");
        db.run_command(doc! { "x": 1 }).await.unwrap();
        assert_eq!(fake.connections(), 1);
    });
}

/// Bytes nobody asked for end a connection, even an idle one.
#[test]
fn haz35_unasked_bytes() {
    everywhere(|| async {
        let fake = Fake::start(|seen| {
            let mut bytes = message(&doc! { "ok": 1.0 });
            if seen.name() == "bad" {
                bytes.extend(message(&doc! { "ok": 1.0, "whose": "not yours" }));
            }
            Answer::Bytes { bytes, patch: true }
        });
        let client = fake.client("?maxPoolSize=1");
        let db = client.database("db");
        db.run_command(doc! { "bad": 1 }).await.unwrap();
        let next = db.run_command(doc! { "ping": 1 }).await.unwrap();
        assert_eq!(next, doc! { "ok": 1.0 });
        assert_eq!(fake.connections(), 2);
    });
}

/// A reply that lacks what it must have is an error.
#[test]
fn replies_that_lack_something() {
    everywhere(|| async {
        let fake = Fake::start(|seen| match seen.name() {
            "find" if seen.command.get_str("find").is_ok_and(|c| c == "a") => Answer::Say(doc! {}),
            "find" => {
                Answer::Say(doc! { "cursor": { "id": 0_i64, "ns": "db.c", "firstBatch": [1] } })
            }
            _ => Answer::Say(doc! {}),
        });
        let client = fake.client("");
        let db = client.database("db");
        let error = db.collection("a").find_one(doc! {}).await.unwrap_err();
        assert!(matches!(error, Error::Reply("cursor")), "{error:?}");
        let error = db.collection("b").find_one(doc! {}).await.unwrap_err();
        assert!(matches!(error, Error::Reply(_)), "{error:?}");
        let error = client.list_database_names().await.unwrap_err();
        assert!(matches!(error, Error::Reply("databases")), "{error:?}");
        assert_eq!(fake.connections(), 1);
    });
}
