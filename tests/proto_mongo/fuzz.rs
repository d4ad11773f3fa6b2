//! Invariants as functions of any bytes, for a fuzzer to call; here they get a few thousand inputs.
//!
//! Owns no driver: `pub fn mongo_*(data: &[u8])` panics when its invariant is broken, and nothing
//! else is promised. `seeds` are good places to begin.

use bson::{Document, RawDocument, rawdoc};
use squall::proto::mongo::connection::{Connection, Event, Greeting, Send};
use squall::proto::mongo::decode::{Decoder, decode, decode_field};
use squall::proto::mongo::encode::EncodeDocument as _;
use squall::proto::mongo::scram::{Client, ClientFirst, Mechanism, Server};
use squall::proto::mongo::shape;
use squall::proto::mongo::uri::Uri;
use squall::proto::mongo::wire::{Flags, MESSAGE_BYTES_MAX, Message, MessageWriter, OpCode, split};
use squall::proto::mongo::{legacy, settings::Settings};
use squall::reactor::Instant;

/// Whatever is understood reads the same when it is written again, and its documents lie inside.
pub(crate) fn mongo_wire(data: &[u8]) {
    let Ok(Some((header, message))) = split(data, MESSAGE_BYTES_MAX) else { return };
    assert!(message.len() == header.message_bytes && message.len() <= data.len());
    match header.op_code {
        OpCode::Msg => {
            let Ok(parsed) = Message::parse(message) else { return };
            let mut again = Vec::new();
            let mut writer =
                MessageWriter::new(&mut again, header.request_id, header.response_to, Flags::NONE);
            writer = writer.body(parsed.body);
            for sequence in parsed.sequences() {
                let documents = sequence.documents();
                let fill = |out: &mut Vec<u8>| {
                    documents.for_each(|one| out.extend_from_slice(one.as_bytes()));
                };
                writer = writer.sequence(sequence.name, fill);
            }
            writer.finish();
            let second = Message::parse(&again).expect("written by ourselves");
            assert_eq!(second.body.as_bytes(), parsed.body.as_bytes());
            let count =
                |m: &Message<'_>| m.sequences().map(|s| s.documents().count()).sum::<usize>();
            assert_eq!(count(&second), count(&parsed));
        }
        OpCode::Query => drop(legacy::Query::parse(message)),
        OpCode::Reply => drop(legacy::Reply::parse(message)),
        OpCode::Compressed => {}
    }
}

/// A document whose shape is good can be walked by the decoder without panic, and if it decodes,
/// its encoding has a good shape too.
pub(crate) fn mongo_shape(data: &[u8]) {
    if shape::check(data).is_err() {
        // The decoder checks by the same rules, whatever it has seen before.
        if let Ok(document) = RawDocument::from_bytes(data) {
            assert!(decode(document).is_err() && warm().decode(document).is_err());
        }
        let _ = decode_field(data, "_id");
        shape::fields(data).for_each(drop);
        return;
    }
    let document = RawDocument::from_bytes(data).expect("the shape is good");
    let lengths = shape::fields(data).map(|field| field.expect("the shape is good").value.len());
    let theirs = document.iter_elements().map(|one| one.map(|one| one.size()).ok());
    assert!(lengths.zip(theirs).all(|(ours, theirs)| theirs.is_none_or(|theirs| theirs == ours)));
    if let Ok(decoded) = decode(document) {
        let encoded = decoded.to_vec().expect("it was decoded");
        shape::check(&encoded).expect("encoded by the library");
        let mut ours = Vec::new();
        decoded.encode(&mut ours).expect("the library could");
        assert_eq!(ours, encoded);
    }
    // Decoding is the library's, in fewer copies: the same documents, the same refusals. NaN is
    // not itself, so bytes are compared.
    let bytes = |document: Document| document.to_vec().expect("it was decoded");
    let (ours, theirs) = (decode(document).ok(), Document::try_from(document).ok());
    assert_eq!(ours.is_some(), theirs.is_some());
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let (mut warm, ours) = (warm(), bytes(ours));
        assert_eq!(ours, bytes(theirs));
        for _ in 0..4 {
            assert_eq!(bytes(warm.decode(document).expect("it can be decoded")), ours);
        }
        let first = document.get("_id").expect("it was decoded").is_some();
        assert_eq!(decode_field(data, "_id").expect("it was decoded").is_some(), first);
    }
}

/// A decoder that expects documents like the first seed.
fn warm() -> Decoder {
    let usual = rawdoc! { "ping": 1, "$db": "admin", "nested": { "list": [1] } };
    let mut decoder = Decoder::default();
    for _ in 0..3 {
        decoder.decode(&usual).expect("a good document");
    }
    decoder
}

/// A connection fed anything, cut anywhere, shown to it or written where it wants it, gives the
/// same events and ends at the first fault.
pub(crate) fn mongo_connection(data: &[u8]) {
    let (&cut, data) = data.split_first().unwrap_or((&0, &[]));
    let transcript = |parts: &[&[u8]], in_place: bool| {
        let greeting = Greeting {
            app_name: None,
            credential: Uri::parse("mongodb://u:p@h").expect("a good string").credential,
            nonce: "abc".to_owned(),
            connect_timeout: std::time::Duration::from_secs(1),
            socket_timeout: None,
        };
        let mut connection = Connection::new(greeting, Instant::ZERO);
        let mut events = Vec::new();
        for part in std::iter::once(&&[][..]).chain(parts) {
            feed(&mut connection, part, in_place);
            loop {
                match connection.next_event() {
                    Ok(Some(Event::Prompt)) => {
                        let sent = connection.send(Send::Prompted, Instant::ZERO, &mut Vec::new());
                        events.push(format!("prompt {}", sent.is_ok()));
                    }
                    Ok(Some(other)) => events.push(format!("{other:?}")),
                    Ok(None) => break,
                    Err(error) => events.push(format!("{error:?}")),
                }
            }
        }
        events
    };
    let (first, second) = data.split_at(usize::from(cut).min(data.len()));
    let whole = transcript(&[data], false);
    assert_eq!(transcript(&[first, second], false), whole);
    assert_eq!(transcript(&[first, second], true), whole);
}

/// Bytes for a connection, as many as it likes where it wants them.
fn feed(connection: &mut Connection, bytes: &[u8], in_place: bool) {
    let room = if in_place { connection.room() } else { &mut [] };
    let (inside, behind) = bytes.split_at(room.len().min(bytes.len()));
    room[..inside.len()].copy_from_slice(inside);
    connection.received(inside.len());
    connection.receive(behind);
}

/// No text is a connection string that panics, and none that is understood shows its password.
pub(crate) fn mongo_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = Uri::parse(text) else { return };
    drop(Settings::from_uri(&uri));
    let Some(mut credential) = uri.credential.clone() else { return };
    // A secret that stands nowhere else in the string may stand nowhere in what is shown of it.
    let secret = "wohlverwahrt-7f3a9c";
    if credential.password.is_some() && !text.contains(secret) {
        credential.password = Some(secret.to_owned());
        let uri = Uri { credential: Some(credential), ..uri };
        assert!(!format!("{uri} {uri:?}").contains(secret));
    }
}

/// Neither side of SCRAM panics at any message, and neither believes one it has not checked.
pub(crate) fn mongo_scram(data: &[u8]) {
    let mut client = Client::new(Mechanism::Sha256, "user", "abc".to_owned());
    assert!(client.verify(data).is_err());
    drop(client.challenge(data, "pencil"));
    assert!(!client.is_verified());
    drop(ClientFirst::parse(data));
    let _: fn(&Server, &[u8]) -> _ = Server::finish;
}

/// Where mutation may begin.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let body =
        rawdoc! { "ping": 1, "$db": "admin", "nested": { "list": [1, "two", { "x": null }] } };
    let mut message = Vec::new();
    let fill = |out: &mut Vec<u8>| out.extend_from_slice(body.as_bytes());
    MessageWriter::new(&mut message, 1, 1, Flags::CHECKSUM_PRESENT)
        .body(&body)
        .sequence("documents", fill)
        .finish();
    let mut query = Vec::new();
    legacy::Query::write(&mut query, 1, "admin", &body);
    let mut hello = vec![30];
    let greeting = rawdoc! { "ok": 1.0, "ismaster": true, "maxWireVersion": 17 };
    MessageWriter::new(&mut hello, 1, 1, Flags::NONE).body(&greeting).finish();
    vec![
        message,
        query,
        hello,
        body.as_bytes().to_vec(),
        b"mongodb://user:p%40ss@[::1]:1,h/db?w=1&tls=false".to_vec(),
        b"r=abcd,s=W22Z,i=4096".to_vec(),
        b"n,,n=user,r=abc".to_vec(),
    ]
}

/// A smoke test: every target with every seed, each byte of it changed in a few ways, and cut.
#[test]
fn targets_hold_near_their_seeds() {
    let targets = [mongo_wire, mongo_shape, mongo_connection, mongo_uri, mongo_scram];
    let run = |data: &[u8]| {
        for target in targets {
            target(data);
        }
    };
    for seed in seeds() {
        for at in 0..seed.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, seed[at] ^ 1, seed[at].wrapping_add(1)] {
                let mut bytes = seed.clone();
                bytes[at] = value;
                run(&bytes);
            }
            run(&seed[..at]);
        }
        run(&seed);
    }
}
