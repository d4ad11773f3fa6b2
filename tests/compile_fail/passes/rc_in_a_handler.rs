//! S148: handlers, their state and what they hold across an `await` need not be `Send`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler};

struct Visits(Rc<RefCell<u32>>);

impl RequestHandler for Visits {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let visits = Rc::clone(&self.0);
        sleep(Duration::ZERO).await;
        *visits.borrow_mut() += 1;
        Ok(req.finish(format!("visit {}", visits.borrow())))
    }
}

fn main() {
    let _ = Application::new().route("/", Visits(Rc::default()));
}
