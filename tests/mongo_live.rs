//! The client against a server that answers by itself: the one that `SQUALL_MONGODB_URI` names, or
//! an embedded store.
//!
//! `tests/mongod.sh start-standalone PORT` starts a real one and prints its URI, `start-auth` one
//! with access control. Each test has a database of its own and drops it, so several may run at
//! once. Faults are in `mongo_client.rs`.

#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use squall::coroutine::join_all;
use squall::ioloop::IoLoop;
use squall::mongo::embedded::Server;
use squall::mongo::{
    Database, Error, Event, FindOneAndOptions, Index, InsertManyOptions, MongoClient, UpdateOptions,
};
use squall::proto::mongo::uri::Uri;
use support::run_on_each_backend;

/// The real server under test.
fn uri() -> Option<String> {
    std::env::var("SQUALL_MONGODB_URI").ok()
}

/// Runs `test` on every backend with an empty database of its own, on the real server if there is
/// one, else on an embedded store that lives as long as the test.
fn live<F: Future<Output = Result<(), Error>> + 'static>(
    name: &'static str,
    test: impl Fn(Database) -> F + Copy + 'static,
) {
    run_on_each_backend(move || async move {
        let store = Server::memory();
        let uri = uri().unwrap_or_else(|| format!("mongodb://{}", store.listen(0).unwrap()));
        let client = MongoClient::new(&uri).unwrap();
        let database = client.database(&format!("squall_{name}_{}", std::process::id()));
        database.drop().await.unwrap();
        let outcome = test(database.clone()).await;
        database.drop().await.unwrap();
        outcome.unwrap();
        client.close();
    });
}

/// S016, S014, S019, S039, M011, M050, M051: what goes in comes out, `_id` first.
#[test]
fn s016_insert_and_find_one() {
    live("insert", |db| async move {
        let users = db.collection("user");
        assert_eq!(users.find_one(doc! { "username": "ada" }).await?, None);
        let user = doc! { "username": "ada", "timestamp": 1.5e12, "tags": ["a", { "b": 1_i64 }] };
        let id = users.insert_one(user.clone()).await?.inserted_id;
        let id = id.as_object_id().unwrap();
        assert_eq!(id.to_hex().len(), 24);
        let found = users.find_one(id).await?.unwrap();
        assert_eq!(found.keys().next().unwrap(), "_id");
        assert!(matches!(found.get("timestamp"), Some(Bson::Double(_))));
        let mut expected = doc! { "_id": id };
        expected.extend(user);
        assert_eq!(found, expected);
        let own = users.insert_one(doc! { "x": 1, "_id": "mine" }).await?.inserted_id;
        assert_eq!(own, Bson::String("mine".to_owned()));
        let raw = users.find_one_raw(doc! { "_id": "mine" }).await?.unwrap();
        assert_eq!(raw.get_i32("x").unwrap(), 1);
        Ok(())
    });
}

/// S038: a profile keeps its fields in the order they were given.
#[test]
fn s038_field_order() {
    live("order", |db| async move {
        let fields = ["headimg", "site", "job", "signature", "github", "description"];
        let profile: Document = fields.iter().map(|f| ((*f).to_owned(), Bson::from(""))).collect();
        let id = db.collection("profile").insert_one(profile).await?.inserted_id;
        let id = ObjectId::parse_str(id.as_object_id().unwrap().to_hex()).unwrap(); // S039
        let found = db.collection("profile").find_one(id).await?.unwrap();
        let keys = found.keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(keys, [&["_id"], &fields[..]].concat());
        Ok(())
    });
}

/// M004, M070, M071, M073: many documents in, batch by batch out.
#[test]
fn m070_cursors() {
    live("cursors", |db| async move {
        let numbers = db.collection("numbers");
        let inserted = numbers.insert_many((0..1000).map(|n| doc! { "n": n })).await?;
        assert_eq!(inserted.inserted_ids.len(), 1000);
        let commands = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&commands);
        db.client().on_event(move |event| {
            if let Event::CommandStarted { name, .. } = event {
                seen.borrow_mut().push((*name).to_owned());
            }
        });
        let mut cursor = numbers.find(doc! {}).sort(doc! { "n": -1 }).batch_size(300);
        assert!(commands.borrow().is_empty(), "nothing is sent yet");
        assert_eq!(cursor.next().await?.unwrap().get_i32("n").unwrap(), 999);
        assert!(cursor.alive() && cursor.cursor_id() != 0);
        assert_eq!(cursor.to_list(299).await?.len(), 299);
        assert_eq!(*commands.borrow(), ["find"], "the batch was not empty before");
        let rest = cursor.to_list(None).await?;
        assert_eq!(rest.len(), 700);
        assert_eq!(rest.last().unwrap().get_i32("n").unwrap(), 0);
        assert_eq!(cursor.next().await?, None);
        assert_eq!(cursor.next().await?, None);
        assert!(!cursor.alive() && cursor.cursor_id() == 0);
        assert_eq!(*commands.borrow(), ["find", "getMore", "getMore", "getMore"]);
        let page =
            numbers.find(doc! { "n": { "$gte": 100 } }).sort(doc! { "n": 1 }).skip(5).limit(3);
        let page = page.projection(doc! { "_id": 0, "n": 1 }).to_list(None).await?;
        assert_eq!(page, [doc! { "n": 105 }, doc! { "n": 106 }, doc! { "n": 107 }]);
        let single = numbers.find(doc! {}).limit(-4).to_list(None).await?;
        assert_eq!(single.len(), 4);
        let mut late = numbers.find(doc! {});
        late.next().await?;
        assert!(matches!(late.limit(1).next().await, Err(Error::Argument(_))));
        Ok(())
    });
}

/// M076: a cursor that is dropped, or closed, is forgotten by the server.
#[test]
fn m076_dropped_cursors_are_killed() {
    live("killed", |db| async move {
        let numbers = db.collection("numbers");
        numbers.insert_many((0..10).map(|n| doc! { "n": n })).await?;
        let more = |id: i64| db.run_command(doc! { "getMore": id, "collection": "numbers" });
        let mut closed = numbers.find(doc! {}).batch_size(2);
        closed.next().await?;
        let id = closed.cursor_id();
        closed.close().await?;
        assert_eq!(more(id).await.unwrap_err().code(), Some(43));
        let mut dropped = numbers.find(doc! {}).batch_size(2);
        dropped.next().await?;
        let id = dropped.cursor_id();
        let killed = Rc::new(RefCell::new(false));
        let seen = Rc::clone(&killed);
        db.client().on_event(move |event| {
            if let Event::CommandSucceeded { name: "killCursors", .. } = event {
                *seen.borrow_mut() = true;
            }
        });
        drop(dropped);
        while !*killed.borrow() {
            db.run_command(doc! { "ping": 1 }).await?;
        }
        assert_eq!(more(id).await.unwrap_err().code(), Some(43));
        Ok(())
    });
}

/// M053: update, replace, delete, and what the server says became of them.
#[test]
fn m053_update_replace_delete() {
    live("update", |db| async move {
        let items = db.collection("items");
        items.insert_many((0..6).map(|n| doc! { "_id": n, "even": n % 2 == 0 })).await?;
        let one = items.update_one(doc! { "even": true }, doc! { "$set": { "x": 1 } }).await?;
        assert_eq!((one.matched, one.modified, one.upserted_id), (1, 1, None));
        let many = items.update_many(doc! { "even": true }, doc! { "$set": { "x": 1 } }).await?;
        assert_eq!((many.matched, many.modified), (3, 2));
        let pipeline = vec![doc! { "$set": { "twice": { "$multiply": ["$x", 2] } } }];
        let by_stages = items.update_one(doc! { "_id": 0 }, pipeline).await?;
        assert_eq!(by_stages.modified, 1);
        let upsert = UpdateOptions { upsert: true, ..UpdateOptions::default() };
        let new =
            items.update_one_with(doc! { "_id": 9 }, doc! { "$set": { "y": 1 } }, upsert.clone());
        let new = new.await?;
        assert_eq!((new.matched, new.upserted_id), (0, Some(Bson::Int32(9))));
        let replaced = items.replace_one(doc! { "_id": 9 }, doc! { "z": 1 }).await?;
        assert_eq!((replaced.matched, replaced.modified), (1, 1));
        let found = items.find_one(doc! { "_id": 9 }).await?.unwrap();
        assert_eq!(found, doc! { "_id": 9, "z": 1 });
        let operators = items.replace_one(doc! {}, doc! { "$set": { "a": 1 } }).await;
        assert!(matches!(operators, Err(Error::Argument(_))));
        let plain = items.update_one(doc! {}, doc! { "a": 1 }).await;
        assert!(matches!(plain, Err(Error::Argument(_))));
        assert_eq!(items.delete_one(doc! { "even": true }).await?.deleted, 1);
        assert_eq!(items.delete_many(doc! { "even": true }).await?.deleted, 2);
        assert_eq!(items.count_documents(doc! {}).await?, 4);
        Ok(())
    });
}

/// M054: before or after.
#[test]
fn m054_find_one_and() {
    live("find_one_and", |db| async move {
        let items = db.collection("items");
        items.insert_many((1..4).map(|n| doc! { "_id": n, "n": n })).await?;
        let before = FindOneAndOptions::default;
        let after = || FindOneAndOptions { return_after: true, ..FindOneAndOptions::default() };
        let inc = doc! { "$inc": { "n": 10 } };
        let first = items.find_one_and_update(doc! { "_id": 1 }, inc.clone(), before());
        assert_eq!(first.await?, Some(doc! { "_id": 1, "n": 1 }));
        let now = items.find_one_and_update(doc! { "_id": 1 }, inc.clone(), after()).await?;
        assert_eq!(now, Some(doc! { "_id": 1, "n": 21 }));
        let missing = items.find_one_and_update(doc! { "_id": 7 }, inc, before()).await?;
        assert_eq!(missing, None);
        let replaced = items.find_one_and_replace(doc! { "_id": 2 }, doc! { "m": 1 }, after());
        assert_eq!(replaced.await?, Some(doc! { "_id": 2, "m": 1 }));
        let last = FindOneAndOptions {
            sort: Some(doc! { "_id": -1 }),
            projection: Some(doc! { "n": 1, "_id": 0 }),
            ..FindOneAndOptions::default()
        };
        let gone = items.find_one_and_delete(doc! {}, last).await?;
        assert_eq!(gone, Some(doc! { "n": 3 }));
        Ok(())
    });
}

/// M055, M056.
#[test]
fn m055_count_distinct_aggregate() {
    live("count", |db| async move {
        let items = db.collection("items");
        assert_eq!(items.estimated_document_count().await?, 0);
        assert_eq!(items.count_documents(doc! {}).await?, 0);
        items.insert_many((0..10).map(|n| doc! { "n": n, "k": n % 3 })).await?;
        assert_eq!(items.estimated_document_count().await?, 10);
        assert_eq!(items.count_documents(doc! { "k": 0 }).await?, 4);
        let mut values = items.distinct("k", doc! { "n": { "$lt": 2 } }).await?;
        values.sort_by_key(Bson::as_i32);
        assert_eq!(values, [Bson::Int32(0), Bson::Int32(1)]);
        let stages = [
            doc! { "$group": { "_id": "$k", "s": { "$sum": "$n" } } },
            doc! { "$sort": { "_id": 1 } },
        ];
        let groups = items.aggregate(stages).batch_size(2).to_list(None).await?;
        let expected = [(0, 18), (1, 12), (2, 15)].map(|(k, s)| doc! { "_id": k, "s": s });
        assert_eq!(groups, expected);
        Ok(())
    });
}

/// M057, S028: a unique index decides who was first.
#[test]
fn s028_unique_index() {
    live("index", |db| async move {
        let users = db.collection("user");
        let name = users.create_index(Index::new(doc! { "username": 1 }).unique()).await?;
        assert_eq!(name, "username_1");
        assert_eq!(users.create_index(Index::new(doc! { "username": 1 }).unique()).await?, name);
        let io_loop = IoLoop::current();
        let race = (0..8).map(|_| {
            let users = users.clone();
            io_loop.spawn(async move { users.insert_one(doc! { "username": "ada" }).await })
        });
        let outcomes = join_all(race.collect::<Vec<_>>()).await.unwrap();
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for error in lost.into_iter().filter_map(Result::err) {
            assert!(error.is_duplicate_key(), "{error}");
            assert_eq!(error.code(), Some(11000));
            let Error::Write(failure) = &error else { panic!("{error:?}") };
            let key = &failure.write_errors[0].key_pattern;
            assert_eq!(*key, Some(doc! { "username": 1 }));
        }
        let many = [Index::new(doc! { "a": 1, "b": -1 }), Index::new(doc! { "c": 1 }).named("see")];
        assert_eq!(users.create_indexes(many).await?, ["a_1_b_-1", "see"]);
        let names = |list: Vec<Document>| {
            let mut names: Vec<_> =
                list.iter().map(|index| index.get_str("name").unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let listed = names(users.list_indexes().await?);
        assert_eq!(listed, ["_id_", "a_1_b_-1", "see", "username_1"]);
        users.drop_index("see").await?;
        assert_eq!(users.drop_index("see").await.unwrap_err().code(), Some(27));
        users.drop_indexes().await?;
        assert_eq!(names(users.list_indexes().await?), ["_id_"]);
        assert_eq!(users.index_information().await?.into_keys().collect::<Vec<_>>(), ["_id_"]);
        assert!(db.collection("missing").list_indexes().await?.is_empty());
        Ok(())
    });
}

/// M050: ordered stops, unordered goes on; both say exactly what was inserted.
#[test]
fn m050_partial_inserts() {
    live("partial", |db| async move {
        let batch = || [1, 2, 2, 3, 1, 4].map(|id| doc! { "_id": id });
        let places = |error: Error| {
            let Error::Write(failure) = error else { panic!("{error}") };
            let failed = failure.write_errors.iter().map(|error| error.index).collect::<Vec<_>>();
            let done = failure.inserted_ids.iter().map(|(at, _)| *at).collect::<Vec<_>>();
            (failed, done)
        };
        let ordered = db.collection("ordered");
        let error = ordered.insert_many(batch()).await.unwrap_err();
        assert_eq!(places(error), (vec![2], vec![0, 1]));
        assert_eq!(ordered.count_documents(doc! {}).await?, 2);
        let unordered = db.collection("unordered");
        let options = InsertManyOptions { ordered: false };
        let error = unordered.insert_many_with(batch(), options).await.unwrap_err();
        assert_eq!(places(error), (vec![2, 4], vec![0, 1, 3, 5]));
        assert_eq!(unordered.count_documents(doc! {}).await?, 4);
        Ok(())
    });
}

/// M041, M024, M059, M040: what is there, what it is called, and that it can go.
#[test]
fn m041_collections_and_databases() {
    live("admin", |db| async move {
        db.create_collection("one").await?;
        assert_eq!(db.create_collection("one").await.unwrap_err().code(), Some(48));
        db.collection("two").insert_one(doc! { "_id": 1 }).await?;
        let mut names = db.list_collection_names().await?;
        names.sort();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(db.list_collections().to_list(None).await?.len(), 2);
        let three = db.collection("two").rename("three", false).await?;
        assert_eq!(three.count_documents(doc! {}).await?, 1);
        let taken = three.rename("one", false).await.unwrap_err();
        assert_eq!(taken.code(), Some(48));
        three.rename("one", true).await?;
        assert_eq!(db.collection("one").options().await?, Some(doc! {}));
        db.drop_collection("one").await?;
        db.drop_collection("one").await?;
        assert_eq!(db.collection("one").options().await?, None);
        assert!(db.list_collection_names().await?.is_empty());
        db.collection("x").insert_one(doc! {}).await?;
        let name = db.name().to_owned();
        assert!(db.client().list_database_names().await?.contains(&name));
        let mine = db.client().list_databases().await?;
        assert!(mine.iter().any(|one| one.get_str("name").is_ok_and(|n| n == name)));
        db.drop().await?;
        assert!(!db.client().list_database_names().await?.contains(&name));
        assert!(db.client().server_info().await?.get_str("version").is_ok());
        let unknown = db.run_command(doc! { "frobnicate": 1 }).await.unwrap_err();
        assert_eq!(unknown.code(), Some(59));
        Ok(())
    });
}

/// S154: many requests share few connections; many at once share no more than allowed.
#[test]
fn s154_one_pool() {
    live("pool", |db| async move {
        for _ in 0..50 {
            db.run_command(doc! { "ping": 1 }).await?;
        }
        assert_eq!(db.client().connections(), 1);
        let io_loop = IoLoop::current();
        let pings = (0..60).map(|_| {
            let db = db.clone();
            io_loop.spawn(async move { db.run_command(doc! { "ping": 1 }).await.is_ok() })
        });
        let pings = join_all(pings.collect::<Vec<_>>()).await.unwrap();
        assert!(pings.into_iter().all(|ok| ok));
        assert!(db.client().connections() <= 60);
        Ok(())
    });
}

/// M079: an operation given up half-way does no harm to the next.
#[test]
fn m079_cancelled_operations() {
    live("cancel", |db| async move {
        let numbers = db.collection("numbers");
        numbers.insert_many((0..100).map(|n| doc! { "n": n })).await?;
        for n in 0..20 {
            let one = numbers.clone();
            let io_loop = IoLoop::current();
            let running =
                io_loop.spawn(async move { one.find_one(doc! { "n": 99 - n }).await.is_ok() });
            running.cancel();
            let found = numbers.find_one(doc! { "n": n }).await?.unwrap();
            assert_eq!(found.get_i32("n").unwrap(), n);
        }
        Ok(())
    });
}

/// The server's own time limit comes back as code 50.
#[test]
fn max_time() {
    live("max_time", |db| async move {
        let items = db.collection("items");
        items.insert_many((0..50).map(|n| doc! { "n": n })).await?;
        let slow = doc! { "$where": "sleep(50) || true" };
        let limited = items.find(slow).max_time(Duration::from_millis(20));
        // A store without JavaScript refuses the query instead, which is as honest.
        let error = { limited }.next().await.unwrap_err();
        assert!(matches!(error, Error::Command(_)), "{error}");
        Ok(())
    });
}

/// M007: right and wrong passwords, both mechanisms, many connections at once; only where the
/// connection string holds a user. `mongo_client.rs` plays the server where there is none.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped proof must be seen")]
fn m007_authentication() {
    let user = |uri: &String| Uri::parse(uri).unwrap().credential.is_some();
    let Some(uri) = uri().filter(user) else {
        eprintln!("SKIPPED: no user; let SQUALL_MONGODB_URI name a server with access control");
        return;
    };
    run_on_each_backend(move || {
        let uri = uri.clone();
        async move {
            for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
                let client = MongoClient::new(&format!("{uri}&authMechanism={mechanism}")).unwrap();
                let io_loop = IoLoop::current();
                let status = |client: MongoClient| async move {
                    let command = doc! { "connectionStatus": 1 };
                    client.database("admin").run_command(command).await
                };
                let all = (0..6).map(|_| io_loop.spawn(status(client.clone())));
                for one in join_all(all.collect::<Vec<_>>()).await.unwrap() {
                    let one = one.unwrap();
                    let users = one.get_document("authInfo").unwrap();
                    assert_eq!(users.get_array("authenticatedUsers").unwrap().len(), 1);
                }
            }
            let wrong = uri.replacen("://root:", "://root:not-", 1);
            assert_ne!(wrong, uri);
            let client = MongoClient::new(&wrong).unwrap();
            let error = client.server_info().await.unwrap_err();
            assert!(matches!(error, Error::Authentication(_)), "{error:?}");
            assert_eq!(error.code(), Some(18));
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    });
}

/// Documents may be bytes or the caller's own types on the way in, and on the way out; across the
/// borders of batches, in order.
#[cfg(feature = "serde")]
#[test]
fn documents_of_every_form() {
    use std::collections::BTreeMap;

    use squall::mongo::Typed;

    live("forms", |db| async move {
        let forms = db.collection("forms");
        let raw = bson::rawdoc! { "_id": 0, "word": "raw" };
        forms.insert_one(&raw).await?;
        let typed = BTreeMap::from([("word", "typed")]);
        let made = forms.insert_many([Typed(&typed), Typed(&typed)]).await?;
        assert!(made.inserted_ids.iter().all(|id| id.as_object_id().is_some()), "{made:?}");
        let nested = doc! { "_id": { "a": [1, 2] }, "word": "nested" };
        let id = forms.insert_many([&nested]).await?.inserted_ids;
        assert_eq!(id, [nested.get("_id").unwrap().clone()]);

        assert_eq!(forms.find_one_raw(doc! { "_id": 0 }).await?.unwrap(), raw);
        let projected = || forms.find(doc! {}).projection(doc! { "_id": 0 }).batch_size(1);
        let mut cursor = projected();
        let mut words = Vec::new();
        while let Some(word) = cursor.next_as::<BTreeMap<&str, &str>>().await? {
            words.push(word["word"].to_owned());
        }
        assert_eq!(words, ["raw", "typed", "typed", "nested"]);
        let mut cursor = projected();
        assert!(matches!(cursor.next_as::<BTreeMap<&str, i32>>().await, Err(Error::Decode(_))));
        let word = cursor.next_as::<BTreeMap<&str, &str>>().await?.unwrap();
        assert_eq!(word["word"], "typed", "one that does not fit does not end the cursor");
        cursor.close().await?;
        let missing = forms.find_one_as::<BTreeMap<String, i32>>(doc! { "word": "none" }).await?;
        assert_eq!(missing, None);
        Ok(())
    });
}

/// Replies larger than every buffer that is kept, and smaller ones between them, all borrowed; a
/// cursor that is dropped half-way leaves its connection good for the next.
#[test]
fn large_replies() {
    live("large", |db| async move {
        let large = db.collection("large");
        let pad = "z".repeat(2_000);
        large.insert_many((0..2_000).map(|n| doc! { "_id": n, "pad": &pad })).await?;
        for size in [None, Some(700), Some(1)] {
            let all = || large.find(doc! {}).sort(doc! { "_id": 1 });
            let mut cursor = size.map_or_else(all, |size| all().batch_size(size));
            let wanted = if size == Some(1) { 50 } else { 2_000 };
            for n in 0..wanted {
                let document = cursor.next_raw().await?.unwrap();
                assert_eq!(document.get_i32("_id").ok(), Some(n));
                assert_eq!(document.get_str("pad").ok(), Some(&*pad));
            }
            if wanted == 2_000 {
                assert!(cursor.next_raw().await?.is_none());
            }
            drop(cursor);
            assert_eq!(large.count_documents(doc! {}).await?, 2_000);
            let owned = large.find_one(doc! { "_id": 77 }).await?;
            assert_eq!(owned, Some(doc! { "_id": 77, "pad": &pad }));
        }
        let listed = large.find(doc! {}).sort(doc! { "_id": -1 }).to_list(1_500).await?;
        assert!(listed.iter().rev().map(|one| one.get_i32("_id").unwrap()).eq(500..2_000));
        Ok(())
    });
}
