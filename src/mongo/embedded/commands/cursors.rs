//! `getMore` and `killCursors`.
//!
//! Read next: `../cursor.rs`.

use bson::{Bson, Document, doc};

use super::super::engine::Engine;
use super::super::error::{CURSOR_NOT_FOUND, Result, UNAUTHORIZED, fail};
use super::Call;

impl Engine {
    pub(super) fn get_more(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments =
            call.arguments(&["collection", "batchSize", "term", "lastKnownCommittedOpTime"])?;
        let id = match call.body.get("getMore") {
            Some(Bson::Int64(id)) => *id,
            other => {
                return Err(arguments.wrong_type("getMore", other.unwrap_or(&Bson::Null), "long"));
            }
        };
        arguments.required("collection")?;
        let name = arguments.text("collection")?.unwrap_or_default();
        let count = arguments.count("batchSize")?.filter(|count| *count > 0);
        let namespace = call.namespace(name);
        match self.cursors.namespace(id) {
            None => fail!(CURSOR_NOT_FOUND, "cursor id {id} not found"),
            Some(own) if own != namespace => fail!(
                UNAUTHORIZED,
                "Requested getMore on namespace '{namespace}', but cursor belongs to a different \
                 namespace {own}"
            ),
            Some(_) => {}
        }
        match self.cursors.more(id, count, call.given.now) {
            Some(reply) => reply,
            None => fail!(CURSOR_NOT_FOUND, "cursor id {id} not found"),
        }
    }

    pub(super) fn kill_cursors(&mut self, call: &mut Call<'_, '_, '_>) -> Result<Document> {
        let arguments = call.arguments(&["cursors"])?;
        call.collection()?;
        arguments.required("cursors")?;
        let mut ids = Vec::new();
        for (i, id) in arguments.array("cursors")?.unwrap_or_default().iter().enumerate() {
            match id {
                Bson::Int64(id) => ids.push(*id),
                other => return Err(arguments.wrong_type(&format!("cursors.{i}"), other, "long")),
            }
        }
        let (killed, unknown): (Vec<i64>, Vec<i64>) =
            ids.into_iter().partition(|id| self.cursors.kill(*id));
        Ok(doc! {
            "cursorsKilled": killed,
            "cursorsNotFound": unknown,
            "cursorsAlive": [],
            "cursorsUnknown": [],
            "ok": 1.0,
        })
    }
}
