//! S009: the tutorial spells a hook `initialite`, and Python never calls it. Here it is no member of the trait.

use squall::web::{Exchange, HandlerResult, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn initialite(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("never called"))
    }
}

fn main() {}
