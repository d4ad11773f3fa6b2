//! One conversation against a scripted peer: greeting, authentication, requests, faults, silence.

use std::time::Duration;

use bson::{RawDocumentBuf, rawdoc};
use squall::proto::mongo::connection::{Connection, ConnectionError, Event, Greeting, Send};
use squall::proto::mongo::error::CommandError;
use squall::proto::mongo::hello::{HelloReply, METADATA_BYTES_MAX, ServerKind, metadata};
use squall::proto::mongo::scram::{
    ClientFirst, KeyRequest, Mechanism, Server, Verifier, payload, to_payload,
};
use squall::proto::mongo::topology::{Consequence, Fault};
use squall::proto::mongo::uri::Uri;
use squall::proto::mongo::wire::{Flags, Message, MessageWriter, WireError};
use squall::reactor::Instant;

const NOW: Instant = Instant::ZERO;

fn greeting(uri: &str) -> Greeting {
    Greeting {
        app_name: Some("test".to_owned()),
        credential: Uri::parse(uri).unwrap().credential,
        nonce: "clientnonce".to_owned(),
        connect_timeout: Duration::from_secs(20),
        socket_timeout: Some(Duration::from_secs(3)),
    }
}

fn hello_reply() -> RawDocumentBuf {
    rawdoc! {
        "helloOk": true, "ismaster": true, "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0,
        "maxWireVersion": 17, "ok": 1.0,
    }
}

fn message(response_to: i32, body: &RawDocumentBuf) -> Vec<u8> {
    let mut out = Vec::new();
    MessageWriter::new(&mut out, 1000, response_to, Flags::NONE).body(body).finish();
    out
}

fn ping() -> Vec<u8> {
    message(0, &rawdoc! { "ping": 1, "$db": "admin" })
}

/// Feeds bytes one at a time; answers the first event, or error, they lead to.
fn feed(connection: &mut Connection, bytes: &[u8]) -> Result<Event, ConnectionError> {
    for (at, byte) in bytes.iter().enumerate() {
        connection.receive(&[*byte]);
        if let Some(event) = connection.next_event()? {
            assert_eq!(at + 1, bytes.len(), "{event:?} came early");
            return Ok(event);
        }
    }
    panic!("nothing happened after {} bytes", bytes.len());
}

fn say(connection: &mut Connection, what: Send<'_>) -> (i32, RawDocumentBuf) {
    let mut out = Vec::new();
    connection.send(what, NOW, &mut out).unwrap();
    let id = i32::from_le_bytes(out[4..8].try_into().unwrap());
    (id, Message::parse(&out).unwrap().body.to_owned())
}

/// A connection that has been greeted.
fn ready() -> Connection {
    let mut connection = Connection::new(greeting("mongodb://h"), NOW);
    assert!(matches!(connection.next_event(), Ok(Some(Event::Prompt))));
    assert!(matches!(connection.next_event(), Ok(None)));
    let (id, hello) = say(&mut connection, Send::Prompted);
    // M005: the spelling every server knows, the metadata once, `helloOk` for later.
    assert_eq!(hello.iter().next().unwrap().unwrap().0.as_str(), "isMaster");
    assert!(hello.get_bool("helloOk").unwrap());
    assert_eq!(hello.get_document("client").unwrap(), &*metadata(Some("test")));
    let event = feed(&mut connection, &message(id, &hello_reply())).unwrap();
    let Event::Ready(reply) = event else { panic!("{event:?}") };
    assert_eq!((reply.kind, reply.wire_version), (ServerKind::Standalone, 17));
    assert!(connection.is_idle());
    connection
}

fn asked() -> (Connection, i32) {
    let mut connection = ready();
    let (id, _) = say(&mut connection, Send::Request(ping()));
    (connection, id)
}

#[test]
fn requests_and_replies_take_turns() {
    let mut connection = ready();
    for _ in 0..3 {
        let (id, body) = say(&mut connection, Send::Request(ping()));
        assert_eq!(body.get_i32("ping").unwrap(), 1);
        let again = connection.send(Send::Request(ping()), NOW, &mut Vec::new());
        assert!(matches!(again, Err(ConnectionError::OutOfTurn)));
        let answer = rawdoc! { "ok": 1.0, "n": id };
        let event = feed(&mut connection, &message(id, &answer)).unwrap();
        let Event::Reply(reply) = event else { panic!("{event:?}") };
        assert_eq!(reply.body(), &*answer);
        assert!(connection.is_idle());
    }
}

/// `w: 0`: nothing will come back, so the connection is free at once.
#[test]
fn unacknowledged_requests_expect_nothing() {
    let mut connection = ready();
    let mut request = Vec::new();
    let body = rawdoc! { "insert": "c", "writeConcern": { "w": 0 }, "$db": "d" };
    MessageWriter::new(&mut request, 0, 0, Flags::MORE_TO_COME).body(&body).finish();
    say(&mut connection, Send::Request(request));
    assert!(connection.is_idle() && connection.deadline().is_none());
}

/// HAZ30, M001, M003: one fault each, and the conversation is over.
#[test]
fn haz30_faulty_replies() {
    let fault = |bytes: &dyn Fn(i32) -> Vec<u8>| {
        let (mut connection, id) = asked();
        let error = feed(&mut connection, &bytes(id)).unwrap_err();
        assert!(matches!(connection.next_event(), Ok(None)), "it is over");
        assert!(connection.send(Send::Request(ping()), NOW, &mut Vec::new()).is_err());
        format!("{error:?}")
    };
    let ok = rawdoc! { "ok": 1.0 };
    let patched = |at: usize, value: u32| {
        let ok = ok.clone();
        move |id| {
            let mut bytes = message(id, &ok);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            // Whoever expects the fault early must not be fed the rest.
            bytes.truncate(if at < 16 { 16.max(at + 4) } else { bytes.len() });
            bytes
        }
    };
    assert_eq!(fault(&|id| message(id + 1, &ok)[..16].to_vec()), "WrongReply");
    assert_eq!(fault(&|_| message(0, &ok)[..16].to_vec()), "WrongReply");
    for length in [0, 16, 48_000_001, u32::MAX] {
        let bytes = patched(0, length);
        assert!(fault(&|id| bytes(id)[..4].to_vec()).contains("MessageLength"), "{length}");
    }
    assert_eq!(fault(&patched(12, 2005)), "Wire(OpCode(2005))");
    assert_eq!(fault(&patched(12, 2012)), "Wire(OpCode(2012))");
    assert_eq!(fault(&patched(12, 1)), "Wire(OpCode(1))");
    assert_eq!(fault(&patched(16, 2)), "NotPlain");
    assert_eq!(fault(&patched(16, 4)), "Wire(Flags(4))");
    assert_eq!(fault(&patched(16, 1)), "Wire(Checksum)");
    let two = |id| {
        let mut out = Vec::new();
        MessageWriter::new(&mut out, 9, id, Flags::NONE).body(&ok).body(&ok).finish();
        out
    };
    assert_eq!(fault(&two), "Wire(TwoBodies)");
    let sequence = |id| {
        let mut out = Vec::new();
        let writer = MessageWriter::new(&mut out, 9, id, Flags::NONE);
        writer.body(&ok).sequence("documents", |_| {}).finish();
        out
    };
    assert_eq!(fault(&sequence), "NotPlain");
}

/// HAZ35: bytes nobody asked for make the next reply somebody else's; the connection must go.
#[test]
fn haz35_unasked_bytes() {
    let mut connection = ready();
    connection.receive(&[1]);
    assert!(!connection.is_idle());
    assert!(matches!(connection.next_event(), Err(ConnectionError::Unasked)));
    let (mut connection, id) = asked();
    let reply = message(id, &rawdoc! { "ok": 1.0 });
    connection.receive(&[reply.clone(), reply].concat());
    assert!(matches!(connection.next_event(), Ok(Some(Event::Reply(_)))));
    assert!(matches!(connection.next_event(), Err(ConnectionError::Unasked)));
    let mut eager = Connection::new(greeting("mongodb://h"), NOW);
    eager.receive(&[0]);
    assert!(matches!(eager.next_event(), Ok(Some(Event::Prompt))));
    assert!(matches!(eager.next_event(), Err(ConnectionError::Unasked)));
}

/// M009: the handshake has one deadline, every request another, idleness none.
#[test]
fn m009_deadlines() {
    let mut connection = Connection::new(greeting("mongodb://h"), NOW);
    assert_eq!(connection.deadline(), Some(NOW + Duration::from_secs(20)));
    connection.expire(NOW + Duration::from_secs(19));
    assert!(connection.next_event().is_ok());
    connection.expire(NOW + Duration::from_secs(20));
    assert!(matches!(connection.next_event(), Err(ConnectionError::TimedOut)));
    assert_eq!(ready().deadline(), None);
    let (mut connection, _) = asked();
    assert_eq!(connection.deadline(), Some(NOW + Duration::from_secs(3)));
    connection.receive(&[5]);
    connection.expire(NOW + Duration::from_secs(3));
    assert!(matches!(connection.next_event(), Err(ConnectionError::TimedOut)));
}

/// Plays the server's side of an authentication. `speculative`: answer the start in the hello;
/// `extra`: ask for the empty last step; `lie`: do not know the password either.
fn authenticate(
    mechanism: Mechanism,
    speculative: bool,
    extra: bool,
    lie: bool,
) -> Result<Event, ConnectionError> {
    let mut connection = Connection::new(greeting("mongodb://user:pencil@h/shop"), NOW);
    let request = KeyRequest::new(mechanism, "user", "pencil", vec![3; 16], 4096).unwrap();
    let verifier = Verifier::new(&request, &request.derive());
    connection.next_event()?;
    let (id, hello) = say(&mut connection, Send::Prompted);
    assert_eq!(hello.get_str("saslSupportedMechs").unwrap(), "shop.user");
    let start = hello.get_document("speculativeAuthenticate").unwrap();
    assert_eq!(start.get_str("db").unwrap(), "shop");
    let mut reply = hello_reply();
    let mut first = start.to_owned();
    let mut id = id;
    if !speculative {
        let names = bson::RawArrayBuf::from_iter([mechanism.as_str()]);
        reply.append(bson::raw::cstr!("saslSupportedMechs"), names);
        assert!(matches!(feed(&mut connection, &message(id, &reply))?, Event::Prompt));
        (id, first) = say(&mut connection, Send::Prompted);
        assert_eq!(first.get_str("mechanism").unwrap(), mechanism.as_str());
        assert_eq!(first.get_str("$db").unwrap(), "shop");
    }
    let parsed = ClientFirst::parse(payload(&first).unwrap())?;
    let (server, challenge) = Server::start(verifier, &parsed, "servernonce");
    let mut answer = rawdoc! { "conversationId": 5, "done": false };
    answer.append(bson::raw::cstr!("payload"), to_payload(challenge));
    if speculative {
        reply.append(bson::raw::cstr!("speculativeAuthenticate"), answer);
    } else {
        answer.append(bson::raw::cstr!("ok"), 1.0);
        reply = answer;
    }
    let Event::KeysNeeded(needed) = feed(&mut connection, &message(id, &reply))? else {
        panic!("keys should be needed");
    };
    assert_eq!(needed, request);
    let (id, go_on) = say(&mut connection, Send::Keys(&needed.derive()));
    assert_eq!(go_on.get_i32("conversationId").unwrap(), 5);
    let mut proof = server.finish(payload(&go_on).unwrap())?;
    if lie {
        proof = b"v=AAAA".to_vec();
    }
    let mut last = rawdoc! { "conversationId": 5, "done": !extra, "ok": 1.0 };
    last.append(bson::raw::cstr!("payload"), to_payload(proof));
    let event = feed(&mut connection, &message(id, &last))?;
    if !extra {
        return Ok(event);
    }
    assert!(matches!(event, Event::Prompt));
    assert!(connection.is_authenticating());
    let (id, empty) = say(&mut connection, Send::Prompted);
    assert_eq!(payload(&empty), Some(&[][..]));
    feed(&mut connection, &message(id, &rawdoc! { "conversationId": 5, "done": true, "ok": 1.0 }))
}

/// M007: every way through the steps; and the one that must not get through.
#[test]
fn m007_authentication() {
    for (mechanism, speculative, extra) in [
        (Mechanism::Sha256, true, false),
        (Mechanism::Sha256, true, true),
        (Mechanism::Sha256, false, false),
        (Mechanism::Sha1, false, false),
        (Mechanism::Sha1, false, true),
    ] {
        let event = authenticate(mechanism, speculative, extra, false).unwrap();
        assert!(matches!(event, Event::Ready(_)), "{event:?}");
        let error = authenticate(mechanism, speculative, extra, true).unwrap_err();
        assert!(matches!(error, ConnectionError::Scram(_)), "{error:?}");
    }
}

#[test]
fn refusals_are_told_apart() {
    let refused =
        rawdoc! { "ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "no" };
    let mut connection = Connection::new(greeting("mongodb://user:pencil@h"), NOW);
    connection.next_event().unwrap();
    let (id, _) = say(&mut connection, Send::Prompted);
    feed(&mut connection, &message(id, &hello_reply())).unwrap();
    let (id, _) = say(&mut connection, Send::Prompted);
    let error = feed(&mut connection, &message(id, &refused)).unwrap_err();
    let ConnectionError::Authentication(CommandError { code: 18, .. }) = error else {
        panic!("{error:?}");
    };
    let mut old = Connection::new(greeting("mongodb://h"), NOW);
    old.next_event().unwrap();
    let (id, _) = say(&mut old, Send::Prompted);
    let reply = rawdoc! { "ok": 1, "ismaster": true, "maxWireVersion": 6 };
    let error = feed(&mut old, &message(id, &reply)).unwrap_err();
    assert!(matches!(error, ConnectionError::Hello(_)), "{error:?}");
}

/// M005: whatever the application calls itself, a server never sees more than it accepts.
#[test]
fn m005_metadata_stays_small() {
    for length in [0, 1, 128, 300, 400, 450, 512, 5000] {
        let name = "x".repeat(length);
        let document = metadata(Some(&name));
        assert!(document.as_bytes().len() <= METADATA_BYTES_MAX, "{length}");
        assert!(document.get_document("os").unwrap().get_str("type").is_ok());
        assert!(document.get_document("driver").unwrap().get_str("name").is_ok());
    }
}

/// A server's limits are heeded, but never believed beyond our own.
#[test]
fn limits_from_the_hello() {
    let reply = rawdoc! {
        "ok": 1, "ismaster": true, "maxWireVersion": 17, "maxBsonObjectSize": 1000_i64,
        "maxMessageSizeBytes": i32::MAX, "maxWriteBatchSize": -3, "setName": "rs0",
    };
    let hello = HelloReply::parse(&reply).unwrap();
    assert_eq!(hello.kind, ServerKind::Primary);
    assert_eq!(hello.limits.document_bytes, 1000);
    assert_eq!(hello.limits.message_bytes, 48_000_000);
    assert_eq!(hello.limits.batch_count, 100_000);
}

/// What each fault means for the server and its pool.
#[test]
fn consequences() {
    let command = |code| CommandError {
        code,
        code_name: String::new(),
        message: String::new(),
        labels: Vec::new(),
    };
    let of = |fault: Fault<'_>| {
        let Consequence { mark_unknown, clear_pool, check_now } = fault.consequence();
        (mark_unknown, clear_pool, check_now)
    };
    assert_eq!(of(Fault::Connecting), (false, false, true));
    assert_eq!(of(Fault::Authenticating), (true, true, false));
    assert_eq!(of(Fault::Network), (true, true, false));
    assert_eq!(of(Fault::Silence), (false, false, false));
    assert_eq!(of(Fault::Protocol), (false, false, false)); // HAZ30
    for (code, expected) in [
        (11000, (false, false, false)),
        (10107, (true, false, true)),
        (13436, (true, false, true)),
        (91, (true, true, false)),
        (11600, (true, true, false)),
    ] {
        assert_eq!(of(Fault::Command(&command(code))), expected, "{code}");
    }
}

/// Bytes that make no sense to a machine in any state: faults, never panics.
#[test]
fn any_bytes_at_any_time() {
    for start in [0_u8, 1, 16, 17, 200, 255] {
        let (mut connection, _) = asked();
        let bytes = (0..200).map(|at| start.wrapping_mul(at).wrapping_add(at)).collect::<Vec<_>>();
        connection.receive(&bytes);
        assert!(!matches!(connection.next_event(), Ok(Some(_))));
    }
    assert!(matches!(Message::parse(&[0; 3]), Err(WireError::Truncated)));
}

/// Replies of all sizes, one after the other on one conversation, in pieces of all sizes, shown or
/// written where they are wanted: each reply is what the peer sent, byte for byte, and nothing of
/// the one before is left in it.
#[test]
fn replies_in_place() {
    let mut connection = ready();
    let sizes = [0, 1, 300, 16 << 10, 200_000, 10, 65_500, 700_000, 3 << 20, 5, 190_000];
    for (round, (size, piece)) in sizes
        .iter()
        .flat_map(|size| [40, 65_536, usize::MAX].map(|piece| (*size, piece)))
        .enumerate()
    {
        let (id, _) = say(&mut connection, Send::Request(ping()));
        let body = rawdoc! { "ok": 1.0, "round": round as i32, "pad": "y".repeat(size) };
        let reply = message(id, &body);
        let mut rest = &reply[..];
        while !rest.is_empty() {
            assert!(connection.next_event().unwrap().is_none(), "it came early");
            let room = connection.room();
            assert!(room.is_empty() || room.len() <= 256 << 10);
            let count = room.len().min(rest.len()).min(piece);
            room[..count].copy_from_slice(&rest[..count]);
            connection.received(count);
            rest = &rest[count..];
            if count == 0 {
                let (shown, after) = rest.split_at(piece.min(65_536).min(rest.len()));
                connection.receive(shown);
                rest = after;
            }
        }
        let Some(Event::Reply(reply)) = connection.next_event().unwrap() else {
            panic!("no reply")
        };
        assert_eq!(reply.body().as_bytes(), body.as_bytes());
        assert!(connection.is_idle());
    }
    // Nothing is expected, and so nothing is lent; what comes all the same is a fault.
    assert!(connection.room().is_empty());
    connection.receive(&[1]);
    assert!(matches!(connection.next_event(), Err(ConnectionError::Unasked)));
}

/// Bytes behind a reply, in the same piece, were not asked for, wherever they were written.
#[test]
fn haz35_bytes_behind_a_reply_in_place() {
    for size in [10, 200_000] {
        let mut connection = ready();
        let (id, _) = say(&mut connection, Send::Request(ping()));
        let large = message(id, &rawdoc! { "pad": "y".repeat(400_000) });
        connection.receive(&large);
        drop(connection.next_event().unwrap().unwrap()); // its buffer is the spare now
        let (id, _) = say(&mut connection, Send::Request(ping()));
        let mut bytes = message(id, &rawdoc! { "pad": "y".repeat(size) });
        bytes.extend_from_slice(b"more");
        let room = connection.room();
        assert!(room.len() > bytes.len());
        room[..bytes.len()].copy_from_slice(&bytes);
        connection.received(bytes.len());
        assert!(matches!(connection.next_event(), Ok(Some(Event::Reply(_)))));
        assert!(!connection.is_idle());
        assert!(matches!(connection.next_event(), Err(ConnectionError::Unasked)));
    }
}
