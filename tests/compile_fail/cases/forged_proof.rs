//! S042: nobody can make the proof of an answer without answering.

use squall::web::{Exchange, Finished, HandlerResult, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn post(&self, _req: Exchange) -> HandlerResult {
        Ok(Finished(()))
    }
}

fn main() {}
