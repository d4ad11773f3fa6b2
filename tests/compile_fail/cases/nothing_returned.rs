//! S042: a method that ends without an answer.

use squall::web::{Exchange, HandlerResult, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn post(&self, req: Exchange) -> HandlerResult {
        let done = req.redirect("/auth/login");
        drop(done);
    }
}

fn main() {}
