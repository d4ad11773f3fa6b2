//! M007, HAZ32: authentication on the loop, against servers that know the password, and others.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bson::{Bson, Document, doc};
use squall::coroutine::{join_all, sleep};
use squall::ioloop::IoLoop;
use squall::mongo::Error;
use squall::proto::mongo::scram::{
    ClientFirst, KeyRequest, Mechanism, Server, Verifier, to_payload,
};

use super::fake::{Answer, Fake, Seen, everywhere, hello, virtually};

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Honest,
    /// Does not answer the start that rides along with the hello.
    Slow,
    /// Does not know the password, and says it does.
    Lying,
    /// Asks for two thousand million rounds.
    Greedy,
    /// Answers with somebody else's nonce.
    Replaying,
}

/// The server's side of SCRAM for user `ada` with password `s3cret`.
fn server(mechanism: Mechanism, manner: Manner) -> Fake {
    let request = KeyRequest::new(mechanism, "ada", "s3cret", vec![5; 16], 4096).unwrap();
    let verifier = Verifier::new(&request, &request.derive());
    let open: Rc<RefCell<BTreeMap<usize, Server>>> = Rc::default();
    let start = {
        let open = Rc::clone(&open);
        move |connection: usize, start: &Document| {
            let payload = start.get_binary_generic("payload").unwrap();
            let first = ClientFirst::parse(payload).unwrap();
            let (server, mut challenge) = Server::start(verifier.clone(), &first, "servernonce");
            open.borrow_mut().insert(connection, server);
            let text = String::from_utf8(challenge.clone()).unwrap();
            match manner {
                Manner::Greedy => challenge = text.replace("i=4096", "i=2147483647").into_bytes(),
                Manner::Replaying => challenge = text.replacen("r=", "r=x", 1).into_bytes(),
                _ => {}
            }
            let payload = Bson::Binary(to_payload(challenge));
            doc! { "conversationId": 1, "done": false, "payload": payload }
        }
    };
    let finish = move |seen: &Seen| {
        let payload = seen.command.get_binary_generic("payload").unwrap();
        let finished = open.borrow()[&seen.connection].finish(payload);
        let Ok(last) = finished else {
            return doc! { "ok": 0, "code": 18, "errmsg": "Authentication failed." };
        };
        let last = if manner == Manner::Lying { b"v=AAAA".to_vec() } else { last };
        doc! { "conversationId": 1, "done": true, "payload": Bson::Binary(to_payload(last)) }
    };
    Fake::start_raw(move |seen| {
        Answer::Say(match seen.name() {
            "isMaster" => {
                let mut reply = hello();
                let sent = seen.command.get_document("speculativeAuthenticate");
                if let Ok(sent) = sent
                    && sent.get_str("mechanism").is_ok_and(|m| m == mechanism.as_str())
                    && manner != Manner::Slow
                {
                    reply.insert("speculativeAuthenticate", start(seen.connection, sent));
                } else {
                    reply.insert("saslSupportedMechs", [mechanism.as_str()].as_slice().to_vec());
                }
                reply
            }
            "saslStart" => start(seen.connection, &seen.command),
            "saslContinue" => finish(seen),
            _ => doc! {},
        })
    })
}

fn with_user(fake: &Fake, user: &str, options: &str) -> squall::mongo::MongoClient {
    let uri = fake.uri(options).replacen("://", &format!("://{user}@"), 1);
    squall::mongo::MongoClient::new(&uri).unwrap()
}

/// M007: with the first step in the hello, and without; and both mechanisms.
#[test]
fn m007_logins() {
    everywhere(|| async {
        for (mechanism, manner, expected) in [
            (Mechanism::Sha256, Manner::Honest, &["saslContinue", "ping"][..]),
            (Mechanism::Sha256, Manner::Slow, &["saslStart", "saslContinue", "ping"]),
            (Mechanism::Sha1, Manner::Honest, &["saslStart", "saslContinue", "ping"]),
        ] {
            let fake = server(mechanism, manner);
            let client = with_user(&fake, "ada:s3cret", "");
            client.database("db").run_command(doc! { "ping": 1 }).await.unwrap();
            assert_eq!(fake.commands(), expected, "{mechanism:?} {manner:?}");
        }
    });
}

/// Many connections at once: each logs in, the keys are derived off the loop and remembered.
#[test]
fn m007_many_logins() {
    everywhere(|| async {
        let fake = server(Mechanism::Sha256, Manner::Honest);
        let client = with_user(&fake, "ada:s3cret", "?maxPoolSize=5");
        let io_loop = IoLoop::current();
        let all = (0..20).map(|_| {
            let db = client.database("db");
            io_loop.spawn(async move { db.run_command(doc! { "ping": 1 }).await.is_ok() })
        });
        assert!(join_all(all.collect::<Vec<_>>()).await.unwrap().into_iter().all(|ok| ok));
        assert!(fake.connections() <= 5);
    });
}

/// A wrong password is told at once, not after thirty seconds of looking for a server.
#[test]
fn wrong_passwords_are_told_at_once() {
    virtually(|| async {
        let fake = server(Mechanism::Sha256, Manner::Honest);
        let client = with_user(&fake, "ada:wrong", "");
        let db = client.database("db");
        let begun = IoLoop::current().time();
        for _ in 0..3 {
            let error = db.run_command(doc! { "ping": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Authentication(_)), "{error:?}");
            assert_eq!(error.code(), Some(18));
            assert!(error.nothing_was_sent());
        }
        // The second and third look had to wait their turn: guessing is no faster than that.
        let took = IoLoop::current().time() - begun;
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(!fake.commands().contains(&"ping".to_owned()));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(fake.open(), 0);
    });
}

/// HAZ32: servers that cannot prove themselves, or want to keep us busy, get nothing.
#[test]
fn haz32_servers_that_are_not_to_be_trusted() {
    virtually(|| async {
        for manner in [Manner::Lying, Manner::Greedy, Manner::Replaying] {
            let fake = server(Mechanism::Sha256, manner);
            let client = with_user(&fake, "ada:s3cret", "");
            let error = client.database("db").run_command(doc! { "ping": 1 }).await.unwrap_err();
            assert!(matches!(error, Error::Authentication(_)), "{manner:?}: {error:?}");
            assert!(!fake.commands().contains(&"ping".to_owned()), "{manner:?}");
            // HAZ37: whatever is printed, the password is not in it.
            let printed = format!("{error} {error:?} {client:?} {:?}", client.settings());
            assert!(!printed.contains("s3cret"), "{printed}");
        }
    });
}
