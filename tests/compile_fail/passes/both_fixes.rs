//! S046: `return` with the redirect, or the redirect and then `return`. And S047: work after the answer.

use std::time::Duration;

use squall::coroutine::sleep;
use squall::web::{Exchange, HandlerResult, RequestHandler};

struct Register;

impl RequestHandler for Register {
    async fn get(&self, req: Exchange) -> HandlerResult {
        if req.argument("captcha")? != "squall" {
            return Ok(req.redirect("/auth/register"));
        }
        Ok(req.redirect("/"))
    }

    async fn post(&self, req: Exchange) -> HandlerResult {
        if req.argument("captcha")? != "squall" {
            let done = req.redirect("/auth/register");
            return Ok(done);
        }
        let done = req.finish("It works");
        sleep(Duration::from_secs(1)).await;
        Ok(done)
    }
}

fn main() {}
