//! Cursors whose documents are borrowed: across batches, errors in the middle, the end.

use bson::{Document, doc};
use squall::mongo::Error;

use super::fake::{Answer, Fake, cursor, everywhere};

fn numbers(from: i32, to: i32) -> Vec<Document> {
    (from..to).map(|n| doc! { "n": n }).collect()
}

/// M070: documents on both sides of a border, an empty batch between, and no kill at the end.
#[test]
fn m070_borrowed_documents_cross_batches() {
    everywhere(|| async {
        let fake = Fake::start(|seen| match (seen.name(), seen.command.get_i64("getMore")) {
            ("find", _) => Answer::Say(cursor("firstBatch", 7, numbers(0, 3))),
            (_, Ok(7)) => Answer::Say(cursor("nextBatch", 8, Vec::new())),
            (_, Ok(8)) => Answer::Say(cursor("nextBatch", 0, numbers(3, 5))),
            _ => Answer::Hang,
        });
        let client = fake.client("");
        let mut found = client.database("db").collection("c").find(doc! {});
        let mut seen = Vec::new();
        while let Some(document) = found.next_raw().await.unwrap() {
            seen.push(document.get_i32("n").unwrap());
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(!found.alive() && found.next_raw().await.unwrap().is_none());
        drop(found);
        let asked = fake.seen();
        // No batch size was given: the first batch is asked to be large, the others are the
        // server's to choose.
        let asked = asked.iter().filter(|one| !matches!(one.name(), "isMaster" | "hello"));
        let sizes = asked.map(|one| one.command.get_i64("batchSize").ok());
        assert_eq!(sizes.collect::<Vec<_>>(), [Some(1024), None, None]);
        assert_eq!(fake.commands(), ["find", "getMore", "getMore"]);
        client.close();
    });
}

/// A negative limit is one batch, so it is asked for whole.
#[test]
fn a_negative_limit_larger_than_a_batch_comes_whole() {
    everywhere(|| async {
        let fake = Fake::start(|_| Answer::Say(cursor("firstBatch", 0, numbers(0, 2))));
        let client = fake.client("");
        let mut found = client.database("db").collection("c").find(doc! {}).limit(-2000);
        assert_eq!(found.to_list(None).await.unwrap().len(), 2);
        let asked = fake.seen().into_iter().find(|one| one.name() == "find").unwrap().command;
        assert_eq!(asked.get_i64("limit").unwrap(), 2000);
        assert_eq!(asked.get_i64("batchSize").unwrap(), 2000);
        assert!(asked.get_bool("singleBatch").unwrap());
        client.close();
    });
}

/// What was in hand before the error is read first; the error comes once, then nothing.
#[test]
fn m070_an_error_in_the_middle_of_a_cursor() {
    everywhere(|| async {
        let fake = Fake::start(|seen| match seen.name() {
            "find" => Answer::Say(cursor("firstBatch", 7, numbers(0, 2))),
            _ => Answer::Say(doc! { "ok": 0.0, "code": 43, "errmsg": "cursor id 7 not found" }),
        });
        let client = fake.client("");
        let mut found = client.database("db").collection("c").find(doc! {});
        for n in 0..2 {
            assert_eq!(found.next_raw().await.unwrap().unwrap().get_i32("n").unwrap(), n);
        }
        let error = found.next_raw().await.unwrap_err();
        assert!(matches!(&error, Error::Command(error) if error.code == 43));
        assert!(found.next_raw().await.unwrap().is_none() && !found.alive());
        drop(found);
        assert_eq!(fake.commands(), ["find", "getMore"]);
        client.close();
    });
}
