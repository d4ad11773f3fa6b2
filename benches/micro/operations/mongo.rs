//! MongoDB's wire protocol without a wire: a request into bytes, the reply's bytes into documents.
//!
//! Knows no client and no server; what they add is in no table here.

use std::hint::black_box;

use squall::mongo::bson::{RawBsonRef, RawDocumentBuf, doc, rawdoc};
use squall::proto::mongo::decode::Decoder;
use squall::proto::mongo::wire::{Flags, Message, MessageWriter};

use super::Prepared;

/// `find` with a filter and a limit, from its parts to the whole message.
pub(super) fn encode_find_one(times: usize) -> Prepared {
    let mut out = Vec::new();
    Box::new(move || {
        for number in 0..times {
            out.clear();
            let command = rawdoc! {
                "find": "tasks",
                "filter": { "owner": "anna", "number": number as i64 },
                "limit": 1,
                "singleBatch": true,
                "$db": "bench",
            };
            MessageWriter::new(&mut out, number as i32, 0, Flags::NONE).body(&command).finish();
            black_box(&out);
        }
    })
}

/// A reply with a thousand documents, each checked and decoded.
pub(super) fn decode_find_1000(times: usize) -> Prepared {
    let reply = reply();
    Box::new(move || {
        for _ in 0..times {
            assert_eq!(decoded(&reply), 1000);
        }
    })
}

fn reply() -> Vec<u8> {
    let task = |number: i32| {
        doc! { "_id": number, "owner": "anna", "title": "water the plants", "done": number % 2 == 0,
        "tags": ["home", "weekly"], "effort": f64::from(number) / 4.0 }
    };
    let batch: Vec<_> = (0..1000).map(task).collect();
    let reply =
        doc! { "cursor": { "firstBatch": batch, "id": 0_i64, "ns": "bench.tasks" }, "ok": 1.0 };
    let reply = RawDocumentBuf::try_from(&reply).expect("a valid document");
    let mut out = Vec::new();
    MessageWriter::new(&mut out, 2, 1, Flags::NONE).body(&reply).finish();
    out
}

fn decoded(reply: &[u8]) -> usize {
    let message = Message::parse(reply).expect("a whole message");
    let cursor = message.body.get_document("cursor").expect("a reply to find");
    let batch = cursor.get_array("firstBatch").expect("a reply to find");
    let mut decoder = Decoder::default();
    let documents = batch.into_iter().map(|item| {
        let raw = item.ok().and_then(RawBsonRef::as_document).expect("a document");
        black_box(decoder.decode(raw).expect("a document"))
    });
    documents.count()
}
