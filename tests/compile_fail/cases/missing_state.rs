//! S010: the tutorial's handlers use `self.application.db`, which nobody has set. Here a handler's state is
//! its fields, and a handler without its database is no handler.

use squall::web::{Application, Exchange, HandlerResult, RequestHandler};

struct Database;

struct Register {
    db: Database,
}

impl RequestHandler for Register {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let _ = &self.db;
        Ok(req.finish("register"))
    }
}

fn main() {
    let _ = Application::new().route("/auth/register", Register {});
}
