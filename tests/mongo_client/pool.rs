//! M008, M010, S154: how many connections, for whom, in which order.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bson::doc;
use squall::coroutine::{join_all, sleep};
use squall::future::Future;
use squall::ioloop::IoLoop;
use squall::mongo::{Error, MongoClient};

use super::fake::{Answer, Fake, everywhere, hello, virtually, watch};

fn slow() -> Fake {
    Fake::start(|_| Answer::Late(Duration::from_millis(100), doc! {}))
}

fn ask(client: &MongoClient, number: i32) -> Future<Result<(), Error>> {
    let db = client.database("db");
    IoLoop::current().spawn(async move { db.run_command(doc! { "ask": number }).await.map(drop) })
}

/// S154: a hundred requests one after the other need one connection.
#[test]
fn s154_one_after_the_other() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let client = fake.client("");
        for n in 0..100 {
            ask(&client, n).await.unwrap().unwrap();
        }
        assert_eq!((fake.connections(), client.connections()), (1, 1));
    });
}

/// M010: as many at once as there may be connections, the others in the order they came.
#[test]
fn m010_waiters_are_served_in_order() {
    virtually(|| async {
        let fake = slow();
        let client = fake.client("?maxPoolSize=3");
        let all = (0..12).map(|n| ask(&client, n)).collect::<Vec<_>>();
        let begun = IoLoop::current().time();
        for one in join_all(all).await.unwrap() {
            one.unwrap();
        }
        let took = IoLoop::current().time() - begun;
        assert!(took >= Duration::from_millis(400), "{took:?}");
        assert!(took < Duration::from_millis(600), "{took:?}");
        assert!(fake.connections() <= 3 && client.connections() <= 3);
        let order = fake.seen().into_iter().filter(|seen| seen.name() == "ask");
        let order = order.map(|seen| seen.command.get_i32("ask").unwrap()).collect::<Vec<_>>();
        assert_eq!(order, (0..12).collect::<Vec<_>>());
    });
}

/// M008: no more than two handshakes at once, whatever the crowd.
#[test]
fn m008_handshakes_at_once() {
    virtually(|| async {
        let fake = Fake::start_raw(|seen| match seen.name() {
            "isMaster" => Answer::Late(Duration::from_millis(10), hello()),
            _ => Answer::Late(Duration::from_millis(500), doc! {}),
        });
        let client = fake.client("");
        let begun = IoLoop::current().time();
        let all = (0..9).map(|n| ask(&client, n)).collect::<Vec<_>>();
        for one in join_all(all).await.unwrap() {
            one.unwrap();
        }
        // One look, then four times two handshakes, then the last answer.
        let took = IoLoop::current().time() - begun;
        assert!(took >= Duration::from_millis(550), "{took:?}");
        assert_eq!(fake.connections(), 9);
    });
}

#[test]
fn waiting_for_a_connection_has_an_end() {
    virtually(|| async {
        let fake = slow();
        let client = fake.client("?maxPoolSize=1&waitQueueTimeoutMS=30");
        let first = ask(&client, 1);
        sleep(Duration::from_millis(10)).await;
        let second = ask(&client, 2).await.unwrap().unwrap_err();
        assert!(matches!(second, Error::PoolTimeout), "{second:?}");
        assert!(second.nothing_was_sent());
        first.await.unwrap().unwrap();
        ask(&client, 3).await.unwrap().unwrap();
        assert_eq!(fake.connections(), 1);
    });
}

#[test]
fn idle_connections_are_closed() {
    virtually(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let client = fake.client("?maxIdleTimeMS=5000");
        let events = watch(&client);
        ask(&client, 1).await.unwrap().unwrap();
        sleep(Duration::from_secs(4)).await;
        ask(&client, 2).await.unwrap().unwrap();
        sleep(Duration::from_secs(4)).await;
        assert_eq!(fake.open(), 1);
        sleep(Duration::from_secs(2)).await;
        assert_eq!((fake.open(), client.connections()), (0, 0));
        ask(&client, 3).await.unwrap().unwrap();
        assert_eq!(*events.borrow(), ["ready", "closed Idle"]);
    });
}

#[test]
fn some_connections_are_kept_ready() {
    virtually(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let client = fake.client("?minPoolSize=4");
        ask(&client, 1).await.unwrap().unwrap();
        sleep(Duration::from_millis(50)).await;
        assert_eq!((fake.open(), client.connections()), (4, 4));
    });
}

/// Nothing of a client outlives it: not its connections, not its timers.
#[test]
fn nothing_is_left_behind() {
    virtually(|| async {
        let fake = slow();
        let io_loop = IoLoop::current();
        let timers = io_loop.timers_pending();
        let weak = {
            let client = fake.client("?maxIdleTimeMS=90000&socketTimeoutMS=90000");
            let alive = Rc::new(());
            let weak = Rc::downgrade(&alive);
            client.on_event(move |_| {
                let _ = &alive;
            });
            let asked = ask(&client, 1);
            sleep(Duration::from_millis(10)).await;
            asked.cancel();
            ask(&client, 2).await.unwrap().unwrap();
            weak
        };
        sleep(Duration::from_millis(500)).await;
        assert_eq!(fake.open(), 0);
        assert!(weak.upgrade().is_none(), "the client is gone");
        assert_eq!(io_loop.timers_pending(), timers);
    });
}

/// A listener may use the client it listens to.
#[test]
fn listeners_may_do_anything() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Say(doc! {}));
        let client = fake.client("");
        let results = Rc::new(RefCell::new(0));
        let (seen, weak) = (Rc::clone(&results), client.clone());
        client.on_event(move |_| {
            *seen.borrow_mut() += 1;
            let _ = weak.connections();
        });
        ask(&client, 1).await.unwrap().unwrap();
        assert_eq!(*results.borrow(), 5); // created, ready, pool ready, started, succeeded
        client.close(); // or the listener would keep its own client alive
    });
}
