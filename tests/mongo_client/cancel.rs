//! M079, HAZ35: operations that are given up, at every moment, and whoever comes after them.

use std::time::Duration;

use bson::doc;
use squall::coroutine::{sleep, with_timeout};
use squall::ioloop::IoLoop;
use squall::mongo::Database;

use super::fake::{Answer, Fake, cursor, virtually, watch};

async fn who(db: &Database, name: &str) -> String {
    let reply = db.run_command(doc! { "who": name }).await.unwrap();
    reply.get_str("you").unwrap().to_owned()
}

/// A server that answers each question with the asker's name, slowly if the name says so.
fn echo() -> Fake {
    Fake::start(|seen| {
        let name = seen.command.get_str("who").unwrap().to_owned();
        let reply = doc! { "you": &name };
        match name.as_str() {
            "slow" => Answer::Late(Duration::from_millis(100), reply),
            "never" => Answer::Silence,
            _ => Answer::Say(reply),
        }
    })
}

/// An operation dropped while the server works takes its connection with it: nobody ever reads
/// somebody else's answer.
#[test]
fn m079_dropped_while_waiting() {
    virtually(|| async {
        let fake = echo();
        let client = fake.client("?maxPoolSize=1");
        let events = watch(&client);
        let db = client.database("db");
        for millis in [0, 1, 50, 99] {
            let asked = with_timeout(Duration::from_millis(millis), who(&db, "slow"));
            assert!(asked.await.is_err(), "{millis} ms are not enough");
            assert_eq!(who(&db, "next").await, "next");
            sleep(Duration::from_millis(200)).await; // the late answer has come by now
            assert_eq!(who(&db, "after").await, "after");
        }
        assert!(!events.borrow().iter().any(|event| event == "cleared"));
        assert_eq!(client.connections(), 1);
        assert_eq!(fake.open(), 1);
    });
}

/// Dropped while it waits for a connection: the next in the queue gets it.
#[test]
fn m079_dropped_in_the_queue() {
    virtually(|| async {
        let fake = echo();
        let client = fake.client("?maxPoolSize=1");
        let db = client.database("db");
        let io_loop = IoLoop::current();
        let ask = |name: &'static str| {
            let db = db.clone();
            io_loop.spawn(async move { who(&db, name).await })
        };
        let first = ask("slow");
        sleep(Duration::from_millis(10)).await;
        let (second, third) = (ask("second"), ask("third"));
        second.cancel();
        assert_eq!(first.await.unwrap(), "slow");
        assert_eq!(third.await.unwrap(), "third");
        assert_eq!(fake.connections(), 1);
        let seen = fake.seen();
        assert!(
            !seen.iter().any(|one| one.command.get_str("who").is_ok_and(|who| who == "second"))
        );
    });
}

/// Dropped while the connection is being made: it is finished and serves the next one.
#[test]
fn m079_dropped_while_connecting() {
    virtually(|| async {
        let fake = Fake::start_raw(|seen| match seen.name() {
            "isMaster" => Answer::Late(Duration::from_millis(50), super::fake::hello()),
            _ => Answer::Say(doc! { "you": seen.command.get_str("who").unwrap() }),
        });
        let client = fake.client("");
        let db = client.database("db");
        assert!(with_timeout(Duration::from_millis(10), who(&db, "hasty")).await.is_err());
        assert_eq!(who(&db, "patient").await, "patient");
        assert_eq!(fake.connections(), 1);
        assert_eq!(fake.commands(), ["who"]);
    });
}

/// For those who went away no connection is made.
#[test]
fn m079_nothing_is_done_for_those_who_left() {
    virtually(|| async {
        let fake = Fake::start_raw(|seen| match seen.name() {
            "isMaster" => Answer::Late(Duration::from_millis(20), super::fake::hello()),
            _ => Answer::Late(Duration::from_millis(500), doc! { "you": "first" }),
        });
        let client = fake.client("?maxConnecting=1");
        let db = client.database("db");
        let io_loop = IoLoop::current();
        let first = db.clone();
        let first = io_loop.spawn(async move { who(&first, "first").await });
        sleep(Duration::from_millis(100)).await;
        let others = (0..8).map(|_| {
            let db = db.clone();
            io_loop.spawn(async move { who(&db, "other").await })
        });
        let others = others.collect::<Vec<_>>();
        sleep(Duration::from_millis(1)).await;
        assert!(others.iter().all(squall::future::Future::cancel));
        first.await.unwrap();
        assert_eq!(fake.connections(), 2, "the first one's, and one that was being made");
        assert_eq!(fake.commands(), ["who"]);
    });
}

/// Granted a connection in the same turn in which it is dropped: the connection is not lost.
#[test]
fn m079_dropped_when_granted() {
    virtually(|| async {
        let fake = echo();
        let client = fake.client("?maxPoolSize=1");
        let db = client.database("db");
        let io_loop = IoLoop::current();
        for _ in 0..5 {
            let ask = |name: &'static str| {
                let db = db.clone();
                io_loop.spawn(async move { who(&db, name).await })
            };
            let (first, second) = (ask("slow"), ask("second"));
            first.await.unwrap();
            second.cancel();
            assert_eq!(who(&db, "third").await, "third");
        }
        assert_eq!(client.connections(), 1);
    });
}

/// A cursor whose request for more was given up says so instead of skipping documents, and the
/// server is told to forget it.
#[test]
fn m079_interrupted_cursors() {
    virtually(|| async {
        let fake = Fake::start(|seen| match seen.name() {
            "find" => Answer::Say(cursor("firstBatch", 77, vec![doc! { "n": 1 }])),
            "getMore" => Answer::Silence,
            _ => Answer::Say(doc! {}),
        });
        let client = fake.client("");
        let mut all = client.database("db").collection("c").find(doc! {});
        assert!(all.next().await.unwrap().is_some());
        assert!(with_timeout(Duration::from_millis(10), all.next()).await.is_err());
        assert!(all.next().await.is_err());
        drop(all);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(fake.commands(), ["find", "getMore", "killCursors"]);
        let killed = fake.seen().pop().unwrap().command;
        assert_eq!(killed.get_array("cursors").unwrap(), &[bson::Bson::Int64(77)]);
    });
}

/// A first request that was given up may be made again: nothing was read yet.
#[test]
fn m079_a_cursor_may_begin_again() {
    virtually(|| async {
        let fake = Fake::start(|seen| match seen.connection {
            0 => Answer::Silence,
            _ => Answer::Say(cursor("firstBatch", 0, vec![doc! { "n": 1 }])),
        });
        let client = fake.client("");
        let mut all = client.database("db").collection("c").find(doc! {});
        assert!(with_timeout(Duration::from_millis(10), all.next()).await.is_err());
        assert_eq!(all.to_list(None).await.unwrap(), [doc! { "n": 1 }]);
    });
}
