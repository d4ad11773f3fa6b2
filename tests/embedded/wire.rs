//! The server: clients on sockets, replies that wait for the disk, and rude peers.

use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use bson::{Document, RawDocumentBuf, doc};
use squall::coroutine;
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::mongo::embedded::{Change, Contents, Disk, Engine, Server, Storage, StorageError};
use squall::mongo::{Error, MongoClient};
use squall::proto::mongo::legacy::{Query, Reply};
use squall::proto::mongo::wire::{Flags, HEADER_BYTES, Header, Message, MessageWriter, OpCode};

use super::durability::{Model, Scratch, Written};
use super::store::Store;
use crate::support::{kernel_has_spoken, run_on_each_backend};

fn client(server: &Server) -> MongoClient {
    let address = server.listen(0).unwrap();
    MongoClient::new(&format!("mongodb://{address}/meet")).unwrap()
}

/// A disk whose commits the test lets through one by one.
struct Gate {
    open: Receiver<bool>,
    written: Written,
}

impl Gate {
    fn new() -> (Self, Sender<bool>, Written) {
        let (opener, open) = mpsc::channel();
        let written = Arc::new(Mutex::new((Model::default(), 0)));
        (Self { open, written: Arc::clone(&written) }, opener, written)
    }
}

impl Storage for Gate {
    fn load(&mut self) -> Result<Contents, StorageError> {
        Ok(Contents::default())
    }

    fn commit(&mut self, batch: &[Change]) -> Result<(), StorageError> {
        if self.open.recv() != Ok(true) {
            return Err(no_disk());
        }
        let mut written = self.written.lock().unwrap();
        written.0.apply(batch);
        written.1 += 1;
        Ok(())
    }
}

/// An error as a disk makes it.
fn no_disk() -> StorageError {
    Disk::open("/nowhere/at/all.redb").unwrap_err()
}

#[test]
fn a_client_finds_after_a_restart_what_it_was_told_is_written() {
    run_on_each_backend(|| async {
        let scratch = Scratch::new("restart");
        for round in 0..3 {
            let server = Server::open(&scratch.0).unwrap();
            let client = client(&server);
            let users = client.database("meet").collection("user");
            assert_eq!(users.count_documents(doc! {}).await.unwrap(), round * 50);
            let documents: Vec<Document> = (0..50).map(|i| doc! { "i": i }).collect();
            users.insert_many(documents).await.unwrap();
            client.close();
            server.close().await;
        }
    });
}

#[test]
fn a_write_is_acknowledged_when_it_is_durable_and_reads_do_not_wait() {
    run_on_each_backend(|| async {
        let (gate, opener, written) = Gate::new();
        let server = Server::with_storage(gate).unwrap();
        let client = client(&server);
        let users = client.database("meet").collection("user");
        let writer = users.clone();
        let first = squall::ioloop::IoLoop::current()
            .spawn(async move { writer.insert_one(doc! { "_id": 1 }).await });
        while users.count_documents(doc! {}).await.unwrap() == 0 {}
        // Reads are answered meanwhile, and these writes gather behind the first.
        let more: Vec<_> = (2..20)
            .map(|i| {
                let users = users.clone();
                squall::ioloop::IoLoop::current()
                    .spawn(async move { users.insert_one(doc! { "_id": i }).await })
            })
            .collect();
        while users.count_documents(doc! {}).await.unwrap() < 19 {
            kernel_has_spoken().await;
        }
        assert!(!first.done() && more.iter().all(|write| !write.done()));
        assert_eq!(written.lock().unwrap().1, 0);
        opener.send(true).unwrap();
        first.await.unwrap().unwrap();
        opener.send(true).unwrap();
        for write in more {
            write.await.unwrap().unwrap();
        }
        let written = written.lock().unwrap().clone();
        assert_eq!(written.1, 2, "eighteen writers share one commit");
        let mut restored = Store::on(Engine::restore(written.0.contents()).unwrap());
        assert_eq!(restored.all("user").len(), 19);
        client.close();
        server.close().await;
    });
}

#[test]
fn a_disk_that_fails_is_not_hidden() {
    run_on_each_backend(|| async {
        let log = squall::log::capture();
        let (gate, opener, written) = Gate::new();
        let server = Server::with_storage(gate).unwrap();
        let client = client(&server);
        let users = client.database("meet").collection("user");
        opener.send(false).unwrap();
        let refused = users.insert_one(doc! { "_id": 1 }).await.unwrap_err();
        assert!(refused.to_string().contains("opening the store"), "{refused}");
        assert!(users.insert_one(doc! { "_id": 2 }).await.is_err());
        assert_eq!(written.lock().unwrap().1, 0);
        assert!(log.messages().iter().any(|line| line.contains("the embedded store cannot write")));
        client.close();
        server.close().await;
    });
}

#[test]
fn what_gathered_behind_a_lost_batch_is_refused_with_it() {
    run_on_each_backend(|| async {
        let _log = squall::log::capture();
        let (gate, opener, written) = Gate::new();
        let server = Server::with_storage(gate).unwrap();
        let client = client(&server);
        let users = client.database("meet").collection("user");
        let inserts = (0..3).map(|i| {
            let users = users.clone();
            IoLoop::current().spawn(async move { users.insert_one(doc! { "_id": i }).await })
        });
        let inserts: Vec<_> = inserts.collect();
        // All three are with the server: one is being written, the others wait for the next batch.
        while users.estimated_document_count().await.unwrap() < 3 {}
        opener.send(false).unwrap();
        opener.send(true).unwrap(); // the disk would take the next one
        for insert in inserts {
            assert!(insert.await.unwrap().is_err(), "it builds on what was lost");
        }
        assert_eq!(written.lock().unwrap().1, 0, "nothing was written behind the gap");
        client.close();
        server.close().await;
    });
}

/// A connection that says whatever a test wants it to.
struct Raw(IoStream);

impl Raw {
    async fn to(server: &Server) -> Self {
        let address = server.listen(0).unwrap();
        Self(IoStream::connect(address).await.unwrap())
    }

    fn send(&self, flags: Flags, command: &Document, documents: &[Document]) {
        let raw = |document: &Document| RawDocumentBuf::try_from(document).unwrap();
        let mut out = Vec::new();
        let mut message = MessageWriter::new(&mut out, 77, 0, flags).body(&raw(command));
        if !documents.is_empty() {
            message = message.sequence("documents", |out| {
                for document in documents {
                    out.extend_from_slice(raw(document).as_bytes());
                }
            });
        }
        message.finish();
        drop(self.0.write(out));
    }

    async fn receive(&self) -> Option<(Header, Vec<u8>)> {
        let mut message = self.0.read_bytes(HEADER_BYTES).await.ok()?;
        let header = Header::parse(&message, 48_000_000).unwrap().unwrap();
        message.extend(self.0.read_bytes(header.message_bytes - HEADER_BYTES).await.ok()?);
        Some((header, message))
    }

    async fn reply(&self) -> (Flags, Document) {
        let (header, message) = self.receive().await.unwrap();
        assert_eq!(header.response_to, 77);
        let message = Message::parse(&message).unwrap();
        (message.flags, message.body.try_into().unwrap())
    }
}

#[test]
fn node_and_mongosh_begin_with_an_old_message() {
    run_on_each_backend(|| async {
        let server = Server::memory();
        let raw = Raw::to(&server).await;
        for (command, answered) in [("ismaster", true), ("isMaster", true), ("find", false)] {
            let mut out = Vec::new();
            let document = RawDocumentBuf::try_from(&doc! { command: 1, "helloOk": true }).unwrap();
            Query::write(&mut out, 77, "admin", &document);
            drop(raw.0.write(out));
            let (header, message) = raw.receive().await.unwrap();
            assert_eq!((header.op_code, header.response_to), (OpCode::Reply, 77));
            let reply: Document = Reply::parse(&message).unwrap().document.try_into().unwrap();
            assert_eq!(reply.get_bool("ismaster").is_ok(), answered, "{reply}");
            assert_eq!(reply.get_i32("code").unwrap_or(0), if answered { 0 } else { 352 });
        }
        // And goes on with the new one, on the same connection.
        raw.send(Flags::NONE, &doc! { "ping": 1, "$db": "admin" }, &[]);
        assert_eq!(raw.reply().await.1, doc! { "ok": 1.0 });
    });
}

#[test]
fn sequences_checksums_and_silence() {
    run_on_each_backend(|| async {
        let server = Server::memory();
        let raw = Raw::to(&server).await;
        let insert = doc! { "insert": "user", "$db": "meet" };
        raw.send(Flags::MORE_TO_COME, &insert, &[doc! { "_id": 1 }, doc! { "_id": 2 }]);
        raw.send(Flags::CHECKSUM_PRESENT, &doc! { "count": "user", "$db": "meet" }, &[]);
        // The first message is not answered, the second is, with a checksum.
        let (flags, reply) = raw.reply().await;
        assert!(flags.contains(Flags::CHECKSUM_PRESENT));
        assert_eq!(reply.get_i32("n").unwrap(), 2);
    });
}

#[test]
fn whoever_breaks_the_protocol_is_cut_off_and_nobody_else() {
    run_on_each_backend(|| async {
        let log = squall::log::capture();
        let server = Rc::new(Server::memory());
        let mut nested = doc! {};
        for _ in 0..300 {
            nested = doc! { "a": nested };
        }
        nested.insert("$db", "meet");
        let polite = Raw::to(&server).await;
        for rude in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), [0; 40].to_vec()] {
            let raw = Raw::to(&server).await;
            drop(raw.0.write(rude));
            assert!(raw.receive().await.is_none());
        }
        let raw = Raw::to(&server).await;
        raw.send(Flags::NONE, &nested, &[]);
        assert!(raw.receive().await.is_none(), "too deep");
        polite.send(Flags::NONE, &doc! { "ping": 1, "$db": "admin" }, &[]);
        assert_eq!(polite.reply().await.1, doc! { "ok": 1.0 });
        assert_eq!(log.messages().len(), 3, "{:?}", log.messages());
    });
}

#[test]
fn a_fail_point_can_close_the_connection() {
    run_on_each_backend(|| async {
        let server = Server::memory();
        let raw = Raw::to(&server).await;
        let data = doc! { "failCommands": ["ping"], "closeConnection": true };
        let configure = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data, "$db": "admin" };
        raw.send(Flags::NONE, &configure, &[]);
        raw.reply().await;
        raw.send(Flags::NONE, &doc! { "ping": 1, "$db": "admin" }, &[]);
        assert!(raw.receive().await.is_none());
    });
}

#[test]
fn closing_answers_what_was_asked_and_then_ends_the_connections() {
    run_on_each_backend(|| async {
        let (gate, opener, written) = Gate::new();
        let server = Server::with_storage(gate).unwrap();
        let raw = Raw::to(&server).await;
        raw.send(Flags::NONE, &doc! { "insert": "user", "$db": "meet" }, &[doc! { "_id": 1 }]);
        kernel_has_spoken().await;
        kernel_has_spoken().await;
        opener.send(true).unwrap();
        server.close().await;
        assert_eq!(raw.reply().await.1, doc! { "n": 1, "ok": 1.0 });
        assert!(raw.receive().await.is_none());
        assert_eq!(written.lock().unwrap().1, 1);
    });
}

#[test]
fn errors_reach_the_client_as_what_they_are() {
    run_on_each_backend(|| async {
        let server = Server::memory();
        let client = client(&server);
        let users = client.database("meet").collection("user");
        users.insert_one(doc! { "_id": 1 }).await.unwrap();
        let error = users.insert_one(doc! { "_id": 1 }).await.unwrap_err();
        assert!(
            matches!(error, Error::Write { .. }) || error.to_string().contains("E11000"),
            "{error}"
        );
        coroutine::yield_now().await;
        client.close();
        server.close().await;
    });
}
