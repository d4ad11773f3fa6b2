//! S042: a redirect whose proof is dropped. Even where the exchange is not needed again, the compiler asks
//! for the value.

#![deny(unused_must_use)]

use squall::web::{Exchange, HandlerResult, HttpError, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn post(&self, req: Exchange) -> HandlerResult {
        req.redirect("/auth/login");
        Err(HttpError::new(500).into())
    }
}

fn main() {}
