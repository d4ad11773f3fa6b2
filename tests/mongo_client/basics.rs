//! What happens without being asked (nothing), what a connection says first, who may watch.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bson::doc;
use squall::ioloop::IoLoop;
use squall::mongo::{Error, Event, MongoClient};
use squall::proto::mongo::uri::Host;

use super::fake::{Answer, Fake, everywhere, virtually, watch};

fn ok() -> Answer {
    Answer::Say(doc! {})
}

/// S006, M020: no loop is needed to make a client, and nothing is sent.
#[test]
fn s006_making_a_client_does_nothing() {
    let client = MongoClient::new("127.0.0.1").unwrap();
    assert_eq!(*client.address(), Host::Tcp("127.0.0.1".to_owned(), 27017));
    assert_eq!(client.connections(), 0);
    assert!(client.default_database().is_err());
    let named = MongoClient::new("mongodb://h.invalid:1/meet").unwrap();
    assert_eq!(named.default_database().unwrap().name(), "meet");
    assert!(matches!(MongoClient::new("mongodb+srv://h"), Err(Error::Settings(_))));
    assert!(matches!(MongoClient::new("mongodb://h/?tls=true"), Err(Error::Settings(_))));
}

/// S006, M009: with nobody there the first operation fails after the full thirty seconds, and
/// says what was seen.
#[test]
fn s006_nobody_there() {
    virtually(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        fake.die();
        let io_loop = IoLoop::current();
        let begun = io_loop.time();
        let error = client.database("db").run_command(doc! { "ping": 1 }).await.unwrap_err();
        assert!(matches!(error, Error::ServerSelection { .. }), "{error:?}");
        assert!(error.nothing_was_sent());
        assert_eq!((io_loop.time() - begun).as_secs(), 30);
        let text = error.to_string();
        let address = client.address().to_string();
        assert!(text.contains(&address) && text.contains("efused"), "{text}");
    });
}

/// S007, S121: handles send nothing, and neither does an operation that is not awaited.
#[test]
fn s121_operations_are_lazy() {
    everywhere(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        let users = client.database("meet").collection("user");
        drop(users.insert_one(doc! { "a": 1 }));
        drop(users.find_one(doc! {}));
        drop(users.find(doc! {}));
        drop(client.list_database_names());
        squall::coroutine::sleep(Duration::from_millis(5)).await;
        assert_eq!((fake.connections(), client.connections()), (0, 0));
        client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
        assert_eq!(fake.commands(), ["ping"]);
    });
}

/// M005: the greeting is legacy, with `helloOk`, and describes us once, in at most 512 bytes.
#[test]
fn m005_the_greeting() {
    everywhere(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("?appName=till");
        client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
        let seen = fake.seen();
        assert_eq!(seen.len(), 2);
        let hello = &seen[0].command;
        assert_eq!(seen[0].name(), "isMaster");
        assert!(hello.get_bool("helloOk").unwrap());
        assert_eq!(hello.get_str("$db").unwrap(), "admin");
        let metadata = hello.get_document("client").unwrap();
        let application = metadata.get_document("application").unwrap();
        assert_eq!(application.get_str("name").unwrap(), "till");
        assert!(metadata.to_vec().unwrap().len() <= 512);
        assert_eq!(seen[1].command, doc! { "ping": 1, "$db": "db" });
    });
}

/// M031, HAZ37: every command is told twice; what holds a password is told without contents.
#[test]
fn m031_events() {
    everywhere(|| async {
        let fake = Fake::start(|seen| match seen.name() {
            "fail" => Answer::Say(doc! { "ok": 0, "code": 59, "errmsg": "no such command" }),
            _ => Answer::Say(doc! { "secret": "s3cret" }),
        });
        let client = fake.client("");
        let log = Rc::new(RefCell::new(Vec::new()));
        let out = Rc::clone(&log);
        client.on_event(move |event| {
            let line = match event {
                Event::CommandStarted { name, database, command, .. } => {
                    format!("{database}.{name} {}", command.is_some())
                }
                Event::CommandSucceeded { name, reply, .. } => {
                    format!("{name} ok {}", reply.is_some())
                }
                Event::CommandFailed { name, error, .. } => format!("{name} {:?}", error.code()),
                _ => return,
            };
            assert!(!line.contains("s3cret"));
            out.borrow_mut().push(line);
        });
        let db = client.database("db");
        db.run_command(doc! { "ping": 1 }).await.unwrap();
        db.run_command(doc! { "fail": 1 }).await.unwrap_err();
        db.run_command(doc! { "createUser": "u", "pwd": "s3cret" }).await.unwrap();
        let expected = [
            "db.ping true",
            "ping ok true",
            "db.fail true",
            "fail Some(59)",
            "db.createUser false",
            "createUser ok false",
        ];
        assert_eq!(*log.borrow(), expected);
    });
}

/// M023: closing ends what is under way and what comes later; twice is once.
#[test]
fn m023_close() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Silence);
        let client = fake.client("?maxPoolSize=1");
        let io_loop = IoLoop::current();
        let run = |client: MongoClient| async move {
            client.database("db").run_command(doc! { "ping": 1 }).await
        };
        let asked = io_loop.spawn(run(client.clone()));
        let waiting = io_loop.spawn(run(client.clone()));
        while fake.commands().is_empty() {
            squall::coroutine::sleep(Duration::from_millis(1)).await;
        }
        client.close();
        client.close();
        assert!(matches!(asked.await.unwrap(), Err(Error::Closed)));
        assert!(matches!(waiting.await.unwrap(), Err(Error::Closed)));
        assert!(matches!(run(client.clone()).await, Err(Error::Closed)));
        while fake.open() > 0 {
            squall::coroutine::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(client.connections(), 0);
    });
}

/// Dropping the last handle closes the connections too.
#[test]
fn m023_drop_is_close() {
    everywhere(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        let users = client.database("db").collection("c");
        drop(client);
        users.database().run_command(doc! { "ping": 1 }).await.unwrap();
        assert_eq!(fake.open(), 1);
        drop(users);
        while fake.open() > 0 {
            squall::coroutine::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Closed in the middle of a handshake, whoever it was for.
#[test]
fn m023_close_during_a_handshake() {
    virtually(|| async {
        for greeted in [0, 1] {
            let fake = Fake::start_raw(move |seen| match seen.name() {
                "isMaster" if seen.connection < greeted => Answer::Say(super::fake::hello()),
                _ => Answer::Silence,
            });
            let client = fake.client("");
            let io_loop = IoLoop::current();
            let all = [1, 2].map(|_| {
                let db = client.database("db");
                io_loop.spawn(async move { db.run_command(doc! { "ping": 1 }).await })
            });
            squall::coroutine::sleep(Duration::from_millis(100)).await;
            assert_eq!(fake.open(), greeted + 1);
            client.close();
            squall::coroutine::sleep(Duration::from_millis(100)).await;
            assert_eq!(fake.open(), 0);
            for one in all {
                assert!(matches!(one.await.unwrap(), Err(Error::Closed)));
            }
        }
    });
}

/// M020: a client belongs to the loop that used it first.
#[test]
fn m020_the_wrong_loop() {
    let client = Rc::new(RefCell::new(None));
    let (first, second) = (Rc::clone(&client), Rc::clone(&client));
    let one = IoLoop::new().unwrap();
    let kept = one.run_sync(async move {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
        *first.borrow_mut() = Some(client);
        fake
    });
    IoLoop::new()
        .unwrap()
        .run_sync(async move {
            let client = second.borrow().clone().unwrap();
            let error = client.database("db").run_command(doc! { "ping": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::WrongLoop), "{error:?}");
        })
        .unwrap();
    drop(kept);
    one.close();
}

/// A server that is busy elsewhere: idle connections it closes are replaced without a word.
#[test]
fn idle_connections_may_be_closed_by_the_server() {
    everywhere(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        let events = watch(&client);
        let db = client.database("db");
        for round in 1..4 {
            db.run_command(doc! { "ping": 1 }).await.unwrap();
            assert_eq!(fake.connections(), round);
            fake.drop_connections();
            while client.connections() > 0 {
                squall::coroutine::sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(*events.borrow(), ["ready", "closed Error", "closed Error", "closed Error"]);
    });
}

/// M021: names that no server would take are refused before anything is sent.
#[test]
fn m021_names() {
    everywhere(|| async {
        let fake = Fake::start(|_| ok());
        let client = fake.client("");
        for name in ["", "a.b", "a b", "a$", "a\0b", "a/b", "a\\b", "a\"b", &"x".repeat(64)] {
            let error = client.database(name).run_command(doc! { "ping": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{name}");
            let error = client.database(name).collection("c").find_one(doc! {}).await.unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{name}");
        }
        for name in ["", ".a", "a.", "a..b", "a$b", "a\0b"] {
            let collection = client.database("db").collection(name);
            let error = collection.insert_one(doc! { "a": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{name}");
            let error = collection.find(doc! {}).next().await.unwrap_err();
            assert!(matches!(error, Error::Argument(_)), "{name}");
        }
        assert_eq!(fake.connections(), 0);
    });
}
