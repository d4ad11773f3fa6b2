//! S045: a cookie set after the redirect is lost in Tornado, silently. Here it does not compile.

use squall::web::{Exchange, HandlerResult, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn post(&self, mut req: Exchange) -> HandlerResult {
        let done = req.redirect("/");
        req.set_signed_cookie("user", "ann")?;
        Ok(done)
    }
}

fn main() {}
