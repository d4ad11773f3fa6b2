//! Where two things meet: a reply and its end, an error and what went before it, a listener and
//! the client it closes.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bson::raw::cstr;
use bson::{Bson, Document, RawArrayBuf, RawDocumentBuf, doc, rawdoc};
use squall::coroutine::{join_all, sleep};
use squall::ioloop::IoLoop;
use squall::mongo::{Error, Event, FindOneAndOptions, InsertManyOptions};
use squall::proto::mongo::wire::{Flags, MessageWriter};

use super::fake::{Answer, Fake, everywhere, hello, virtually};

/// Says of an update that nothing matched, and that this was inserted.
fn upserted(inserted: RawDocumentBuf) -> Answer {
    let mut list = RawArrayBuf::new();
    list.push(inserted);
    let mut reply = rawdoc! { "ok": 1.0, "n": 0, "nModified": 0 };
    reply.append(cstr!("upserted"), list);
    let mut bytes = Vec::new();
    MessageWriter::new(&mut bytes, 1, 1, Flags::NONE).body(&reply).finish();
    Answer::Bytes { bytes, patch: true }
}

/// A server that counts wrongly makes us report nonsense at worst, never panic.
#[test]
fn an_upsert_that_was_not_counted() {
    everywhere(|| async {
        let fake = Fake::start(|_| upserted(rawdoc! { "index": 0, "_id": 7 }));
        let items = fake.client("").database("db").collection("c");
        let result = items.update_one(doc! {}, doc! { "$set": { "a": 1 } }).await.unwrap();
        assert_eq!((result.matched, result.upserted_id), (0, Some(Bson::Int32(7))));
    });
}

/// SEC43: an upserted id without bottom is passed over, not followed down.
#[test]
fn sec43_an_id_without_bottom() {
    everywhere(|| async {
        let fake = Fake::start(|_| {
            let levels = 100_000;
            let mut inside = Vec::new();
            for level in 0..levels {
                let bytes = (levels - level - 1) * 8 + 5;
                inside.extend_from_slice(&i32::to_le_bytes(bytes));
                if level + 1 < levels {
                    inside.extend_from_slice(b"\x03a\0");
                }
            }
            inside.extend(std::iter::repeat_n(0, levels as usize));
            let mut inserted = rawdoc! { "index": 0 };
            inserted.append(cstr!("_id"), RawDocumentBuf::from_bytes(inside).unwrap());
            upserted(inserted)
        });
        let items = fake.client("").database("db").collection("c");
        let result = items.update_one(doc! {}, doc! { "$set": { "a": 1 } }).await.unwrap();
        assert_eq!(result.upserted_id, None);
    });
}

/// A connection that was closed together with its greeting is not one that can be used.
#[test]
fn a_greeting_and_good_bye() {
    everywhere(|| async {
        let fake = Fake::start_raw(|seen| match (seen.name(), seen.connection) {
            ("isMaster", 0) => Answer::Last(hello()),
            ("isMaster", _) => Answer::Say(hello()),
            _ => Answer::Say(doc! {}),
        });
        let client = fake.client("");
        client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
        assert_eq!((fake.connections(), client.connections()), (2, 1));
    });
}

/// M050: what an earlier batch did is told, whatever ended the operation; and nobody may believe
/// that nothing was sent.
#[test]
fn m050_a_later_batch_that_fails() {
    everywhere(|| async {
        for (last, code) in [("large", None), ("refused", Some(13)), ("hang", None)] {
            let fake = Fake::start_raw(move |seen| {
                let has = |key| seen.documents.iter().any(|document| document.contains_key(key));
                match seen.name() {
                    "isMaster" => {
                        let mut reply = hello();
                        reply.insert("maxWriteBatchSize", 2);
                        reply.insert("maxBsonObjectSize", 1000);
                        Answer::Say(reply)
                    }
                    _ if has("refused") => Answer::Say(doc! { "ok": 0, "code": 13 }),
                    _ if has("hang") => Answer::Hang,
                    _ => Answer::Say(doc! { "n": seen.documents.len() as i32 }),
                }
            });
            let items = fake.client("").database("db").collection("c");
            for ordered in [true, false] {
                let mut documents = (0..3).map(|n| doc! { "_id": n }).collect::<Vec<Document>>();
                let bytes = if last == "large" { 1000 } else { 1 };
                documents.push(doc! { "_id": 3, last: "x".repeat(bytes) });
                let options = InsertManyOptions { ordered };
                let error = items.insert_many_with(documents, options).await.unwrap_err();
                assert!(!error.nothing_was_sent(), "{error:?}");
                assert_eq!(error.code(), code);
                let Error::Write(failure) = error else { panic!("{error:?}") };
                assert_eq!(failure.inserted_ids, [(0, Bson::Int32(0)), (1, Bson::Int32(1))]);
                match (last, failure.cut_short) {
                    ("large", Some(Error::TooLarge { .. }))
                    | ("refused", Some(Error::Command(_)))
                    | ("hang", Some(Error::Network(_))) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    });
}

/// A write concern that is not met is an error for every command that asked for it.
#[test]
fn write_concerns_of_other_commands() {
    everywhere(|| async {
        let fake = Fake::start(|_| {
            let error = doc! { "code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting" };
            Answer::Say(doc! { "value": { "_id": 1 }, "writeConcernError": error })
        });
        let items = fake.client("?w=2&wTimeoutMS=10").database("db").collection("c");
        let options = FindOneAndOptions::default();
        let error = items.find_one_and_delete(doc! {}, options).await.unwrap_err();
        assert_eq!(error.code(), Some(64));
        let error = items.create_index(doc! { "a": 1 }).await.unwrap_err();
        assert_eq!(error.code(), Some(64));
        let error = items.drop_index("a_1").await.unwrap_err();
        assert_eq!(error.code(), Some(64));
    });
}

/// A listener that closes the client while a connection is about to be made: none is left open.
#[test]
fn closed_by_a_listener() {
    virtually(|| async {
        let fake = Fake::start(|_| Answer::Late(Duration::from_millis(100), doc! {}));
        let client = fake.client("");
        let (closing, created) = (client.clone(), Rc::new(Cell::new(0)));
        client.on_event(move |event| {
            if let Event::ConnectionCreated(_) = event {
                created.set(created.get() + 1);
                if created.get() == 2 {
                    closing.close();
                }
            }
        });
        let io_loop = IoLoop::current();
        let both = [1, 2].map(|_| {
            let db = client.database("db");
            io_loop.spawn(async move { db.run_command(doc! { "ping": 1 }).await })
        });
        for one in join_all(both).await.unwrap() {
            assert!(matches!(one, Err(Error::Closed)), "{one:?}");
        }
        sleep(Duration::from_millis(200)).await;
        assert_eq!((fake.open(), client.connections()), (0, 0));
    });
}

/// `w: 0` waits for no answer, but for the network: what is not sent yet would fill the memory.
#[test]
fn unacknowledged_writes_do_not_pile_up() {
    virtually(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let items = fake.client("?w=0&socketTimeoutMS=60000").database("db").collection("c");
        let text = "x".repeat(16_000_000);
        for n in 0..4 {
            items.insert_one(doc! { "_id": n, "text": text.as_str() }).await.unwrap();
        }
        let arrived = fake.commands().len();
        assert!(arrived >= 2, "{arrived} of 4 have arrived");
        assert_eq!(fake.connections(), 1);
    });
}

/// A batch that has no room for a document opens the next one with it, whatever its form; a
/// document that is too large on its own is named before anything is sent.
#[test]
fn m004_what_has_no_room_opens_the_next_batch() {
    virtually(|| async {
        let fake = Fake::start_raw(|seen| match seen.name() {
            "isMaster" | "hello" => {
                let mut hello = hello();
                hello.insert("maxMessageSizeBytes", 20_000);
                hello.insert("maxBsonObjectSize", 4_000);
                Answer::Say(hello)
            }
            _ => Answer::Say(doc! { "n": seen.documents.len() as i32 }),
        });
        let client = fake.client("");
        let items = client.database("db").collection("c");
        let documents = (0..5).map(|n| rawdoc! { "_id": n, "pad": "x".repeat(1500) });
        let inserted = items.insert_many(documents).await.unwrap();
        assert_eq!(inserted.inserted_ids, (0..5).map(Bson::Int32).collect::<Vec<_>>());
        let seen = fake.seen().into_iter().filter(|seen| seen.name() == "insert");
        let batches = seen.map(|seen| seen.documents).collect::<Vec<_>>();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert!(batches.concat().iter().map(|sent| sent.get_i32("_id").unwrap()).eq(0..5));
        let large = items.insert_one(rawdoc! { "pad": "x".repeat(4_000) }).await;
        assert!(matches!(large, Err(Error::TooLarge { max: 4_000, .. })), "{large:?}");
    });
}
