//! What is sent for a write, how batches are cut, and how their errors come back.

use bson::{Bson, Document, doc};
use squall::mongo::{Acknowledgement, Concerns, Error, Index, InsertManyOptions, WriteConcern};
use squall::proto::mongo::wire::Flags;

use super::fake::{Answer, Fake, cursor, everywhere, hello};

/// A server with small limits that counts what it is given.
fn small(batch: i32, message_bytes: i32, document_bytes: i32) -> Fake {
    Fake::start_raw(move |seen| {
        if seen.name() == "isMaster" {
            let mut reply = hello();
            reply.insert("maxWriteBatchSize", batch);
            reply.insert("maxMessageSizeBytes", message_bytes);
            reply.insert("maxBsonObjectSize", document_bytes);
            return Answer::Say(reply);
        }
        let bad = |document: &Document| document.get_bool("bad").unwrap_or(false);
        let ordered = seen.command.get_bool("ordered").unwrap_or(true);
        let failed = (0_i32..).zip(&seen.documents).filter(|(_, document)| bad(document));
        let errors = failed.map(|(at, _)| {
            Bson::Document(doc! { "index": at, "code": 11000, "errmsg": "duplicate" })
        });
        let errors = errors.take(if ordered { 1 } else { usize::MAX }).collect::<Vec<_>>();
        let mut reply = doc! { "n": seen.documents.len() as i32 - errors.len() as i32 };
        if !errors.is_empty() {
            reply.insert("writeErrors", errors);
        }
        Answer::Say(reply)
    })
}

fn batches(fake: &Fake) -> Vec<usize> {
    let inserts = fake.seen().into_iter().filter(|seen| seen.name() == "insert");
    inserts.map(|seen| seen.documents.len()).collect()
}

/// M004: a thousand documents are one message, unless the server's limits say otherwise.
#[test]
fn m004_batches() {
    everywhere(|| async {
        let documents = |count: i32| (0..count).map(|n| doc! { "_id": n, "text": "x".repeat(100) });
        for (count, batch, message_bytes, expected) in [
            (1000, 100_000, 48_000_000, vec![1000]),
            (10, 4, 48_000_000, vec![4, 4, 2]),
            (4, 4, 48_000_000, vec![4]),
            // 132 bytes each, beside the sixteen KiB that are left for the rest of a message.
            (10, 100, 16 * 1024 + 400, vec![3, 3, 3, 1]),
            (3, 100, 1000, vec![1, 1, 1]),
        ] {
            let fake = small(batch, message_bytes, 16_000_000);
            let items = fake.client("").database("db").collection("c");
            let result = items.insert_many(documents(count)).await.unwrap();
            assert_eq!(batches(&fake), expected);
            let ids = (0..count).map(Bson::Int32).collect::<Vec<_>>();
            assert_eq!(result.inserted_ids, ids);
        }
    });
}

/// M050: the index of an error counts over all batches, ordered stops at the first one.
#[test]
fn m050_errors_over_several_batches() {
    everywhere(|| async {
        let documents = || (0..9).map(|n| doc! { "_id": n, "bad": n == 4 || n == 5 || n == 8 });
        for (ordered, failed, done, expected) in [
            (true, vec![4], vec![0, 1, 2, 3], vec![3, 3]),
            (false, vec![4, 5, 8], vec![0, 1, 2, 3, 6, 7], vec![3, 3, 3]),
        ] {
            let fake = small(3, 48_000_000, 16_000_000);
            let items = fake.client("").database("db").collection("c");
            let options = InsertManyOptions { ordered };
            let error = items.insert_many_with(documents(), options).await.unwrap_err();
            assert!(error.is_duplicate_key());
            let Error::Write(failure) = error else { panic!("{error:?}") };
            let indexes = failure.write_errors.iter().map(|e| e.index).collect::<Vec<_>>();
            let inserted = failure.inserted_ids.iter().map(|(at, _)| *at).collect::<Vec<_>>();
            assert_eq!((indexes, inserted, batches(&fake)), (failed, done, expected));
        }
    });
}

/// M011: an id is made when there is none, and comes first.
#[test]
fn m011_ids() {
    everywhere(|| async {
        let fake = small(100, 48_000_000, 16_000_000);
        let items = fake.client("").database("db").collection("c");
        let list = [doc! { "a": 1 }, doc! { "a": 2, "_id": "own" }, doc! {}];
        let ids = items.insert_many(list).await.unwrap().inserted_ids;
        let sent = fake.seen().pop().unwrap().documents;
        let keys = sent.iter().map(|d| d.keys().cloned().collect::<Vec<_>>()).collect::<Vec<_>>();
        assert_eq!(keys, [vec!["_id", "a"], vec!["a", "_id"], vec!["_id"]]);
        let in_documents = sent.iter().map(|d| d.get("_id").unwrap().clone()).collect::<Vec<_>>();
        assert_eq!(ids, in_documents);
        let (first, third) = (ids[0].as_object_id().unwrap(), ids[2].as_object_id().unwrap());
        assert_eq!(first.bytes()[4..9], third.bytes()[4..9], "the same client");
        assert!(first < third);
    });
}

/// HAZ34, SEC41, M004: what cannot be sent is refused here, and the message shows no value.
#[test]
fn haz34_documents_that_cannot_be_sent() {
    everywhere(|| async {
        let fake = small(100, 48_000_000, 1000);
        let items = fake.client("").database("db").collection("c");
        let error = items.insert_one(doc! { "a\0b": "s3cret" }).await.unwrap_err();
        assert!(matches!(error, Error::Encode(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let nested = doc! { "list": [1, { "x\0": "s3cret" }] };
        let error = items.find_one(nested).await.unwrap_err();
        assert!(matches!(error, Error::Encode(_)), "{error:?}");
        let error = items.insert_one(doc! { "text": "x".repeat(1000) }).await.unwrap_err();
        let Error::TooLarge { bytes: 1033, max: 1000 } = error else { panic!("{error:?}") };
        assert!(matches!(items.insert_many([] as [Document; 0]).await, Err(Error::Argument(_))));
        assert!(matches!(items.create_index(doc! {}).await, Err(Error::Argument(_))));
        assert_eq!(fake.commands(), [""; 0]);
        assert!(items.insert_one(doc! { "a\u{1}": "\0" }).await.unwrap().acknowledged);
    });
}

/// `w: 0`: no answer is asked for, none is awaited, and the connection is free at once.
#[test]
fn unacknowledged_writes() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! { "n": 1 }));
        let client = fake.client("?w=0&maxPoolSize=1");
        let items = client.database("db").collection("c");
        assert!(!items.insert_one(doc! { "_id": 1 }).await.unwrap().acknowledged);
        assert!(
            !items.update_one(doc! {}, doc! { "$set": { "a": 1 } }).await.unwrap().acknowledged
        );
        assert!(!items.delete_one(doc! {}).await.unwrap().acknowledged);
        client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
        let seen = fake.seen();
        for write in &seen[1..4] {
            assert!(write.flags.contains(Flags::MORE_TO_COME));
            let concern = write.command.get_document("writeConcern").unwrap();
            assert_eq!(*concern, doc! { "w": 0 });
        }
        assert!(!seen[4].flags.contains(Flags::MORE_TO_COME));
        assert!(!seen[4].command.contains_key("writeConcern"), "a plain command inherits none");
        assert_eq!(fake.connections(), 1);
    });
}

/// M042, M059: a collection may be more or less careful than its client.
#[test]
fn m059_other_concerns() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! { "n": 1 }));
        let client = fake.client("?w=0");
        let majority = WriteConcern {
            w: Some(Acknowledgement::Name("majority".to_owned())),
            ..WriteConcern::default()
        };
        let careful = Concerns { write_concern: majority, ..Concerns::default() };
        let db = client.database("db");
        let careless = db.collection("c");
        for items in
            [careless.with_options(careful.clone()), db.with_options(careful).collection("c")]
        {
            assert!(items.insert_one(doc! {}).await.unwrap().acknowledged);
            let sent = fake.seen().pop().unwrap().command;
            assert_eq!(*sent.get_document("writeConcern").unwrap(), doc! { "w": "majority" });
        }
        assert!(!careless.insert_one(doc! {}).await.unwrap().acknowledged);
    });
}

/// A write concern that is not met is an error, though the write happened.
#[test]
fn write_concern_errors() {
    everywhere(|| async {
        let fake = Fake::start(|_| {
            let error = doc! { "code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting" };
            Answer::Say(doc! { "n": 1, "writeConcernError": error })
        });
        let items = fake.client("?w=2&wTimeoutMS=10&journal=true").database("db").collection("c");
        let error = items.insert_one(doc! { "_id": 1 }).await.unwrap_err();
        assert_eq!(error.code(), Some(64));
        let Error::Write(failure) = error else { panic!("{error:?}") };
        assert_eq!(failure.inserted_ids, [(0, Bson::Int32(1))]);
        let sent = fake.seen().pop().unwrap().command;
        let concern = sent.get_document("writeConcern").unwrap();
        assert_eq!(*concern, doc! { "w": 2, "j": true, "wtimeout": 10 });
    });
}

/// The words of single commands, as a server sees them.
#[test]
fn words_on_the_wire() {
    everywhere(|| async {
        let fake = Fake::start(|seen| match seen.name() {
            "find" | "aggregate" => Answer::Say(cursor("firstBatch", 0, vec![])),
            _ => Answer::Say(doc! { "n": 1, "nModified": 1 }),
        });
        let client = fake.client("?readConcernLevel=local");
        let items = client.database("db").collection("c");
        let last = || {
            let mut command = fake.seen().pop().unwrap().command;
            command.remove("$db");
            command
        };
        items.find_one(doc! { "a": 1 }).await.unwrap();
        let local = doc! { "level": "local" };
        let one = doc! {
            "find": "c", "filter": { "a": 1 }, "limit": 1, "singleBatch": true, "readConcern": &local,
        };
        assert_eq!(last(), one);
        let all = items.find(doc! {}).sort(doc! { "a": 1 }).skip(2).limit(-3).batch_size(7);
        all.hint(doc! { "a": 1 }).to_list(None).await.unwrap();
        let many = doc! {
            "find": "c", "filter": {}, "sort": { "a": 1 }, "skip": 2_i64, "limit": 3_i64,
            "singleBatch": true, "batchSize": 7_i64, "hint": { "a": 1 }, "readConcern": &local,
        };
        assert_eq!(last(), many);
        items.count_documents(doc! { "a": 1 }).await.unwrap();
        let group = doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } };
        let count = doc! {
            "aggregate": "c", "pipeline": [{ "$match": { "a": 1 } }, group], "cursor": { "batchSize": 1024_i64 },
            "readConcern": &local,
        };
        assert_eq!(last(), count);
        items.update_many(doc! {}, doc! { "$set": { "b": 2 } }).await.unwrap();
        let statement = doc! { "q": {}, "u": { "$set": { "b": 2 } }, "multi": true };
        assert_eq!(fake.seen().pop().unwrap().documents, [statement]);
        items.delete_many(doc! {}).await.unwrap();
        assert_eq!(fake.seen().pop().unwrap().documents, [doc! { "q": {}, "limit": 0 }]);
        items.create_index(Index::new(doc! { "a": 1 }).unique()).await.unwrap();
        let index = doc! { "key": { "a": 1 }, "name": "a_1", "unique": true };
        assert_eq!(last(), doc! { "createIndexes": "c", "indexes": [index] });
    });
}
