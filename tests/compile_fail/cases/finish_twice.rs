//! S043, S044: `redirect` has finished the response; the tutorial's `self.finish()` after it raises in
//! Python and does not compile here.

use squall::web::{Exchange, HandlerResult, RequestHandler};

struct Login;

impl RequestHandler for Login {
    async fn post(&self, req: Exchange) -> HandlerResult {
        let done = req.redirect("/auth/login");
        let _ = req.finish("too late");
        Ok(done)
    }
}

fn main() {}
