//! Commands: indexes, cursors, catalogs, greetings, and the errors clients decide by.

use bson::{Bson, DateTime, Document, bson, doc};

use super::store::Store;

fn index(key: Document, options: Document) -> Document {
    let mut specification = doc! { "key": key, "name": "i" };
    specification.extend(options);
    doc! { "createIndexes": "c", "indexes": [specification] }
}

#[test]
fn a_unique_index_decides_who_wins() {
    let mut store = Store::memory();
    store.ok(index(doc! { "name": 1, "at.x": -1 }, doc! { "unique": true }));
    store.insert("c", vec![doc! { "_id": 1, "name": "ann", "at": { "x": 1 } }]);
    let again =
        doc! { "insert": "c", "documents": [{ "_id": 2, "name": "ann", "at": { "x": 1.0 } }] };
    let reply = store.reply(again);
    let error = reply.get_array("writeErrors").unwrap()[0].as_document().unwrap();
    assert_eq!(reply.get_i32("n").unwrap(), 0);
    assert_eq!(
        *error,
        doc! {
            "index": 0,
            "code": 11000,
            "keyPattern": { "name": 1, "at.x": -1 },
            "keyValue": { "name": "ann", "at.x": 1.0 },
            "errmsg": "E11000 duplicate key error collection: meet.c index: i dup key: { name: \"ann\", at.x: 1.0 }",
        }
    );
    // Nothing of the loser is left, not even in the other index.
    store.insert("c", vec![doc! { "_id": 2, "name": "bob" }]);
    let steal = doc! { "update": "c", "updates": [{ "q": { "_id": 2 }, "u": { "$set": { "name": "ann", "at.x": 1 } } }] };
    assert_eq!(store.error(steal).0, 11000);
    assert_eq!(store.ids("c", doc! { "name": "bob" }), [2]);
    // A document may keep its own key.
    store.ok(
        doc! { "update": "c", "updates": [{ "q": { "_id": 1 }, "u": { "$set": { "z": 1 } } }] },
    );
}

#[test]
fn unique_indexes_see_every_element_and_missing_fields() {
    let cases: Vec<(Document, Document, Document, bool)> = vec![
        (doc! { "a": 1 }, doc! {}, doc! { "a": null }, true),
        (doc! { "a": 1 }, doc! { "a": [1, 2] }, doc! { "a": [3, 2] }, true),
        (doc! { "a": 1 }, doc! { "a": [1, 1] }, doc! { "a": 2 }, false),
        (doc! { "a.b": 1 }, doc! { "a": [] }, doc! {}, true),
        (doc! { "a.b": 1 }, doc! { "a": [5] }, doc! {}, true),
        (doc! { "a.b": 1 }, doc! { "a": [{ "b": [] }] }, doc! {}, false),
        (
            doc! { "a.b": 1, "a.c": 1 },
            doc! { "a": [{ "b": 1, "c": 2 }, { "b": 2, "c": 1 }] },
            doc! { "a": { "b": 1, "c": 1 } },
            false,
        ),
        (
            doc! { "a.b": 1, "a.c": 1 },
            doc! { "a": [{ "b": 1, "c": 2 }, { "b": 2, "c": 1 }] },
            doc! { "a": { "b": 2, "c": 1 } },
            true,
        ),
    ];
    for (key, first, second, collide) in cases {
        let mut store = Store::memory();
        store.ok(index(key.clone(), doc! { "unique": true }));
        store.insert("c", vec![first.clone()]);
        let reply = store.reply(doc! { "insert": "c", "documents": [second.clone()] });
        assert_eq!(reply.contains_key("writeErrors"), collide, "{key}: {first} and {second}");
    }
}

#[test]
fn sparse_and_partial_indexes_leave_documents_out() {
    let mut store = Store::memory();
    store.ok(index(doc! { "a": 1 }, doc! { "unique": true, "sparse": true }));
    store.insert("c", vec![doc! { "_id": 1 }, doc! { "_id": 2 }, doc! { "_id": 3, "a": null }]);
    assert_eq!(store.error(doc! { "insert": "c", "documents": [{ "a": null }] }).0, 11000);
    assert_eq!(store.ids("c", doc! { "a": null }), [1, 2, 3]);
    let partial =
        doc! { "unique": true, "partialFilterExpression": { "b": { "$gt": 1 } }, "name": "p" };
    store.ok(index(doc! { "b": 1 }, partial));
    store.insert(
        "c",
        vec![doc! { "_id": 4, "b": 1 }, doc! { "_id": 5, "b": 1 }, doc! { "_id": 6, "b": 2 }],
    );
    assert_eq!(store.error(doc! { "insert": "c", "documents": [{ "b": 2 }] }).0, 11000);
    assert_eq!(store.ids("c", doc! { "b": { "$gte": 1 } }), [4, 5, 6]);
}

#[test]
fn indexes_are_created_listed_and_dropped() {
    let mut store = Store::memory();
    let reply = store.ok(index(doc! { "a": 1 }, doc! { "unique": true }));
    assert_eq!(
        reply,
        doc! { "numIndexesBefore": 1, "numIndexesAfter": 2, "createdCollectionAutomatically": true, "ok": 1.0 }
    );
    let reply = store.ok(index(doc! { "a": 1 }, doc! { "unique": true }));
    assert_eq!(reply.get_str("note").unwrap(), "all indexes already exist");
    assert_eq!(store.error(index(doc! { "b": 1 }, doc! {})).0, 86);
    assert_eq!(store.error(index(doc! { "a": 1 }, doc! { "unique": true, "name": "j" })).0, 85);
    assert_eq!(
        store.batch(doc! { "listIndexes": "c" }),
        [
            doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" },
            doc! { "v": 2, "key": { "a": 1 }, "name": "i", "unique": true },
        ]
    );
    assert_eq!(store.error(doc! { "dropIndexes": "c", "index": "_id_" }).0, 72);
    assert_eq!(
        store.ok(doc! { "dropIndexes": "c", "index": { "a": 1 } }).get_i32("nIndexesWas").unwrap(),
        2
    );
    assert_eq!(store.error(doc! { "dropIndexes": "c", "index": "i" }).0, 27);
    // A failed build leaves no index behind.
    store.insert("c", vec![doc! { "a": 1 }, doc! { "a": 1 }]);
    assert_eq!(store.error(index(doc! { "a": 1 }, doc! { "unique": true })).0, 11000);
    assert_eq!(store.batch(doc! { "listIndexes": "c" }).len(), 1);
}

#[test]
fn what_a_ttl_index_says_is_too_old_goes_within_a_minute() {
    let mut store = Store::memory();
    store.ok(index(doc! { "at": 1 }, doc! { "expireAfterSeconds": 100 }));
    let now = store.now;
    let at = |seconds: i64| Bson::DateTime(DateTime::from_millis(now + seconds * 1000));
    store.insert(
        "c",
        vec![
            doc! { "_id": 1, "at": at(0) },
            doc! { "_id": 2, "at": [at(900), at(0)] },
            doc! { "_id": 3, "at": 5 },
            doc! { "_id": 4, "at": at(200) },
        ],
    );
    store.now += 90_000;
    assert_eq!(store.ids("c", doc! {}), [1, 2, 3, 4]);
    store.now += 60_000;
    assert_eq!(store.ids("c", doc! {}), [3, 4]);
}

#[test]
fn cursors_hand_out_batches_and_are_forgotten() {
    let mut store = Store::memory();
    store.insert("c", (0..250).map(|i| doc! { "_id": i }).collect());
    let id = |reply: &Document| reply.get_document("cursor").unwrap().get_i64("id").unwrap();
    let first = store.ok(doc! { "find": "c" });
    assert_eq!(first.get_document("cursor").unwrap().get_array("firstBatch").unwrap().len(), 101);
    let more = |cursor: i64| doc! { "getMore": cursor, "collection": "c" };
    let rest = store.ok(more(id(&first)));
    assert_eq!(
        (rest.get_document("cursor").unwrap().get_array("nextBatch").unwrap().len(), id(&rest)),
        (149, 0)
    );
    assert_eq!(store.error(more(id(&first))).0, 43);
    // What was there when the cursor was opened is answered, whatever happens meanwhile.
    let second = id(&store.ok(doc! { "find": "c", "batchSize": 2 }));
    store.ok(doc! { "delete": "c", "deletes": [{ "q": {}, "limit": 0 }] });
    assert_eq!(store.batch(more(second)).len(), 248);
    store.insert("c", (0..9).map(|i| doc! { "_id": i }).collect());
    let killed = id(&store.ok(doc! { "find": "c", "batchSize": 2 }));
    let reply = store.ok(doc! { "killCursors": "c", "cursors": [killed, 5_i64] });
    assert_eq!(
        (
            reply.get_array("cursorsKilled").unwrap().len(),
            reply.get_array("cursorsNotFound").unwrap().len()
        ),
        (1, 1)
    );
    let idle = id(&store.ok(doc! { "find": "c", "batchSize": 2 }));
    store.now += 11 * 60 * 1000;
    assert_eq!(store.error(more(idle)).0, 43);
    let other = id(&store.ok(doc! { "find": "c", "batchSize": 2 }));
    let elsewhere = doc! { "getMore": other, "collection": "d" };
    assert_eq!(store.error(elsewhere).0, 13);
    assert_eq!(store.error(doc! { "getMore": 1, "collection": "c" }).0, 14); // it must be an int64
}

#[test]
fn a_batch_has_at_most_sixteen_megabytes_and_a_document_no_more() {
    let mut store = Store::memory();
    let text = "x".repeat(7 * 1024 * 1024);
    store.insert("c", (0..4).map(|i| doc! { "_id": i, "t": text.clone() }).collect());
    assert_eq!(store.batch(doc! { "find": "c" }).len(), 2);
    let large = doc! { "insert": "c", "documents": [{ "t": text.repeat(3) }] };
    let (code, sentence) = store.error(large);
    assert_eq!(
        (code, sentence.as_str()),
        (2, "object to insert too large. size in bytes: 22020109, max size: 16777216")
    );
    let grow = doc! { "update": "c", "updates": [{ "q": { "_id": 0 }, "u": { "$set": { "u": text.repeat(2) } } }] };
    assert_eq!(store.error(grow).0, 10334);
}

#[test]
fn find_and_modify_answers_the_document_before_or_after() {
    let mut store = Store::memory();
    store.insert("c", vec![doc! { "_id": 1, "n": 1 }, doc! { "_id": 2, "n": 2 }]);
    let old = store.ok(doc! { "findAndModify": "c", "query": {}, "sort": { "n": -1 }, "update": { "$inc": { "n": 5 } } });
    assert_eq!(old.get_document("value").unwrap(), &doc! { "_id": 2, "n": 2 });
    let new = store.ok(doc! { "findAndModify": "c", "query": { "_id": 1 }, "update": { "n": 9 }, "new": true, "fields": { "_id": 0 } });
    assert_eq!(new.get_document("value").unwrap(), &doc! { "n": 9 });
    let upserted = store.ok(doc! { "findAndModify": "c", "query": { "_id": 3 }, "update": { "$set": { "n": 3 } }, "upsert": true });
    assert_eq!(
        upserted,
        doc! { "lastErrorObject": { "n": 1, "updatedExisting": false, "upserted": 3 }, "value": null, "ok": 1.0 }
    );
    let removed = store.ok(doc! { "findAndModify": "c", "query": { "_id": 3 }, "remove": true });
    assert_eq!(removed.get_document("value").unwrap(), &doc! { "_id": 3, "n": 3 });
    assert_eq!(store.ids("c", doc! {}), [1, 2]);
}

#[test]
fn collections_and_databases_come_and_go() {
    let mut store = Store::memory();
    store.insert("b", vec![doc! { "_id": 1 }]);
    store.ok(doc! { "create": "a" });
    assert_eq!(store.error(doc! { "create": "a" }).0, 48);
    let names = |store: &mut Store| -> Vec<String> {
        let listed = store.batch(doc! { "listCollections": 1, "nameOnly": true });
        listed.iter().map(|entry| entry.get_str("name").unwrap().to_owned()).collect()
    };
    assert_eq!(names(&mut store), ["a", "b"]);
    store.ok(doc! { "renameCollection": "meet.b", "to": "other.z", "$db": "admin" });
    assert_eq!(store.batch(doc! { "find": "z", "$db": "other" }), [doc! { "_id": 1 }]);
    let databases = store.ok(doc! { "listDatabases": 1, "nameOnly": true, "$db": "admin" });
    assert_eq!(
        databases.get_array("databases").unwrap(),
        &[bson!({ "name": "meet" }), bson!({ "name": "other" })]
    );
    assert_eq!(
        store.ok(doc! { "drop": "a" }),
        doc! { "nIndexesWas": 1, "ns": "meet.a", "ok": 1.0 }
    );
    assert_eq!(store.error(doc! { "drop": "a" }), (26, "ns not found".to_owned()));
    store.ok(doc! { "dropDatabase": 1, "$db": "other" });
    assert_eq!(names(&mut store), [""; 0]);
}

#[test]
fn clients_are_greeted_as_by_mongod_6() {
    let mut store = Store::memory();
    let hello = store.ok(doc! { "hello": 1, "helloOk": true, "$db": "admin" });
    assert!(hello.get_bool("isWritablePrimary").unwrap());
    assert!(hello.get_bool("helloOk").unwrap());
    assert_eq!(
        (hello.get_i32("minWireVersion").unwrap(), hello.get_i32("maxWireVersion").unwrap()),
        (0, 17)
    );
    assert_eq!(hello.get_i32("connectionId").unwrap(), 7);
    assert!(!hello.contains_key("topologyVersion"), "clients would wait for a stream");
    for name in ["ismaster", "isMaster"] {
        assert!(store.ok(doc! { name: 1, "$db": "admin" }).get_bool("ismaster").unwrap());
    }
    assert_eq!(store.ok(doc! { "ping": 1 }), doc! { "ok": 1.0 });
}

#[test]
fn what_the_store_does_not_have_is_refused() {
    let mut store = Store::memory();
    let table: Vec<(Document, i32, &str)> = vec![
        (doc! { "nope": 1 }, 59, "no such command: 'nope'"),
        (doc! { "Ping": 1 }, 59, "no such command: 'Ping'"),
        (
            doc! { "find": "c", "foo": 1 },
            40415,
            "BSON field 'FindCommandRequest.foo' is an unknown field.",
        ),
        (
            doc! { "insert": "c" },
            40414,
            "BSON field 'insert.documents' is missing but a required field",
        ),
        (
            doc! { "insert": "c", "documents": [] },
            16,
            "Write batch sizes must be between 1 and 100000. Got 0 operations.",
        ),
        (
            doc! { "insert": "c", "documents": [{ "_id": [1] }] },
            53,
            "The '_id' value cannot be of type array",
        ),
        (doc! { "insert": "a$b", "documents": [{}] }, 73, "Invalid collection name: a$b"),
        (
            doc! { "find": "c", "filter": { "$foo": 1 } },
            2,
            "unknown top level operator: $foo. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.",
        ),
        (doc! { "find": "c", "filter": { "a": { "$near": 1 } } }, 2, "unknown operator: $near"),
        (
            doc! { "find": "c", "filter": { "a": { "$regex": "(" } } },
            51091,
            "Regular expression is invalid: missing )",
        ),
        (
            doc! { "find": "c", "sort": { "a": 2 } },
            15975,
            "$sort key ordering must be 1 (for ascending) or -1 (for descending)",
        ),
        (
            doc! { "find": "c", "tailable": true },
            238,
            "'tailable' is not supported by the embedded store",
        ),
        (
            doc! { "find": "c", "collation": { "locale": "en" } },
            238,
            "'collation' is not supported by the embedded store",
        ),
        (
            doc! { "aggregate": "c", "pipeline": [] },
            9,
            "The 'cursor' option is required, except for aggregate with the explain argument",
        ),
        (
            doc! { "aggregate": "c", "pipeline": [{ "$project": { "a": { "$foo": 1 } } }], "cursor": {} },
            31325,
            "Invalid $project :: caused by :: Unknown expression $foo",
        ),
        (
            doc! { "listDatabases": 1 },
            13,
            "listDatabases may only be run against the admin database.",
        ),
        (
            doc! { "insert": "c", "documents": [{}], "txnNumber": 1_i64 },
            20,
            "Transaction numbers are only allowed on a replica set member or mongos",
        ),
        (
            doc! { "insert": "c", "documents": [{}], "writeConcern": { "w": 2 } },
            2,
            "cannot use 'w' > 1 when a host is not replicated",
        ),
        (
            doc! { "createIndexes": "c", "indexes": [{ "key": { "a": "text" }, "name": "t" }] },
            67,
            "Error in specification { key: { a: \"text\" }, name: \"t\" } :: caused by :: Unknown index plugin 'text'",
        ),
        (doc! { "ping": 1, "$db": "a b" }, 73, "Invalid database name: 'a b'"),
    ];
    for (command, code, sentence) in table {
        assert_eq!(store.error(command.clone()), (code, sentence.to_owned()), "{command}");
    }
    assert_eq!(store.reply(doc! { "nope": 1 }).get_str("codeName").unwrap(), "CommandNotFound");
}

#[test]
fn unordered_batches_go_on_after_an_error() {
    let mut store = Store::memory();
    let documents = bson!([{ "_id": 1 }, { "_id": 1 }, { "_id": 2 }]);
    let reply = store.reply(doc! { "insert": "c", "documents": documents.clone() });
    assert_eq!(reply.get_i32("n").unwrap(), 1);
    let reply = store.reply(doc! { "insert": "d", "documents": documents, "ordered": false });
    assert_eq!(reply.get_i32("n").unwrap(), 2);
    assert_eq!(reply.get_array("writeErrors").unwrap().len(), 1);
}

#[test]
fn a_fail_point_fails_what_it_names_as_often_as_it_says() {
    let mut store = Store::memory();
    let point = |mode: Bson, data: Document| doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data, "$db": "admin" };
    store.ok(point(
        bson!({ "times": 1 }),
        doc! { "failCommands": ["find"], "errorCode": 91, "errorLabels": ["RetryableWriteError"] },
    ));
    assert_eq!(store.ok(doc! { "ping": 1 }), doc! { "ok": 1.0 });
    let failed = store.reply(doc! { "find": "c" });
    assert_eq!(
        (failed.get_i32("code").unwrap(), failed.get_array("errorLabels").unwrap().len()),
        (91, 1)
    );
    store.ok(doc! { "find": "c" });
    store.ok(point(
        bson!("alwaysOn"),
        doc! { "failCommands": ["insert"], "writeConcernError": { "code": 64 } },
    ));
    let reply = store.reply(doc! { "insert": "c", "documents": [{}] });
    assert!(reply.contains_key("writeConcernError") && reply.get_i32("n").unwrap() == 1);
    store.ok(point(bson!("off"), doc! {}));
    assert!(!store.ok(doc! { "insert": "c", "documents": [{}] }).contains_key("writeConcernError"));
}
