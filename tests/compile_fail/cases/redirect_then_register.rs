//! S042, THE TRAP: the captcha is wrong, the visitor is redirected, the method goes on, and the user is
//! registered all the same. `redirect` takes the exchange away, so there is nothing to go on with.

use squall::web::{Category, Exchange, HandlerResult, RequestHandler};

struct Register;

impl Register {
    async fn insert(&self, _username: String) {}
}

impl RequestHandler for Register {
    async fn post(&self, mut req: Exchange) -> HandlerResult {
        let captcha = req.argument("captcha")?;
        if req.signed_text("captcha").as_deref() != Some(&*captcha) {
            req.flash("wrong captcha", Category::Error);
            req.redirect("/auth/register");
        }
        let username = req.argument("username")?;
        self.insert(username).await;
        Ok(req.redirect("/"))
    }
}

fn main() {}
