//! What a document costs the heap, counted: the client's thread alone, its server is on another.
//!
//! Every figure is counted after a warm-up and nothing is timed. What the operation is asked with
//! and what it gives is the caller's own, and counted too.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]

use std::future::Future;
use std::sync::mpsc;
use std::thread;

use allocation_counter::measure;
use bson::{RawDocumentBuf, doc, rawdoc};
use squall::ioloop::IoLoop;
use squall::mongo::embedded::Server;
use squall::mongo::{Collection, Error, MongoClient};
use squall::proto::mongo::decode::Decoder;

/// Documents of four fields, one of them a text.
const DOCUMENTS: u64 = 1_000;

fn document(n: u64) -> RawDocumentBuf {
    rawdoc! { "_id": n as i64, "n": n as i32, "text": "x".repeat(150), "a": 1 }
}

/// Runs `work` a few times, and then once more for the number of allocations.
fn count<F>(work: impl Fn(Collection) -> F) -> u64
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (tell, served) = mpsc::channel();
    let server = thread::spawn(move || {
        let io_loop = IoLoop::new().unwrap();
        let server = io_loop.run_sync(async { Server::memory() }).unwrap();
        let address = io_loop.run_sync(async move { server.listen(0).map(|at| (server, at)) });
        let (server, address) = address.unwrap().unwrap();
        tell.send((address, io_loop.handle())).unwrap();
        io_loop.start().unwrap();
        drop(server);
    });
    let (address, server_loop) = served.recv().unwrap();
    let client = MongoClient::new(&format!("mongodb://{address}")).unwrap();
    let items = client.database("db").collection("c");
    let io_loop = IoLoop::new().unwrap();
    let filled = items.clone();
    let fill = async move { filled.insert_many((0..DOCUMENTS).map(document)).await.map(drop) };
    io_loop.run_sync(fill).unwrap().unwrap();
    for _ in 0..3 {
        io_loop.run_sync(work(items.clone())).unwrap().unwrap();
    }
    let last = work(items);
    let counted = measure(|| io_loop.run_sync(last).unwrap().unwrap());
    client.close();
    server_loop.stop();
    server.join().unwrap();
    counted.count_total
}

/// They are all borrowed from one reply, and the reply is in memory that another has left.
#[test]
fn a_thousand_borrowed_documents_allocate_nothing_of_their_own() {
    let counted = count(|items| async move {
        let mut all = items.find(doc! {});
        let mut seen = 0;
        while let Some(document) = all.next_raw().await? {
            assert!(document.get_i32("n").is_ok_and(|n| n == seen));
            seen += 1;
        }
        assert_eq!(seen, DOCUMENTS as i32);
        Ok(())
    });
    assert!(counted <= 20, "{counted}");
}

/// A table, its entries, four names and one text; nothing is grown, nothing is made in vain.
#[test]
fn an_owned_document_allocates_what_it_consists_of() {
    let counted = count(|items| async move {
        let mut all = items.find(doc! {});
        let mut seen = 0;
        while let Some(document) = all.next().await? {
            assert!(document.get_i32("n").is_ok_and(|n| n == seen));
            seen += 1;
        }
        assert_eq!(seen, DOCUMENTS as i32);
        Ok(())
    });
    assert!(counted <= 7 * DOCUMENTS + 50, "{counted}");
}

/// The filter is three (a table, its entries, a name), the document that is given one; the client
/// itself has nothing but the reply.
#[test]
fn find_one_allocates_its_reply() {
    let counted = count(|items| async move {
        for n in 0..DOCUMENTS as i64 {
            let found = items.find_one_raw(doc! { "_id": n }).await?;
            assert!(found.is_some_and(|found| found.get_i64("_id").is_ok_and(|id| id == n)));
        }
        Ok(())
    });
    assert!(counted <= 5 * DOCUMENTS + 20, "{counted}");
}

/// The caller's own bytes are copied into a message whose memory others have left: the list of one,
/// the list of its `_id`, the reply.
#[test]
fn insert_one_of_bytes_allocates_little() {
    let raw = rawdoc! { "n": 1, "text": "x".repeat(150) };
    let counted = count(move |items| {
        let raw = raw.clone();
        async move {
            for _ in 0..DOCUMENTS {
                items.insert_one(&raw).await?;
            }
            Ok(())
        }
    });
    assert!(counted <= 3 * DOCUMENTS + 20, "{counted}");
}

/// One large document among small ones is paid for once, not with each of those that follow.
#[test]
fn a_large_document_does_not_make_its_neighbours_dear() {
    for names in [200, 100_000] {
        let large = (0..names).map(|n| (format!("name {n}"), bson::Bson::Null)).collect();
        let large = doc! { "a": bson::Bson::Document(large) }.to_vec().unwrap();
        let large = bson::RawDocument::from_bytes(&large).unwrap();
        let small = rawdoc! { "a": null };
        let mut decoder = Decoder::default();
        for document in [&*small, large, large, large, &*small, &*small, &*small] {
            decoder.decode(document).unwrap();
        }
        let counted = measure(|| assert_eq!(decoder.decode(&small).unwrap().len(), 1));
        assert!(counted.count_total <= 7, "{names} names: {counted:?}");
    }
}
