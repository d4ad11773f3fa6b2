//! Who the visitor is: signed cookies, login pages, and what comes through a proxy.
//!
//! Cookies as they look on the wire, and the way back after a login. Read next: `forms.rs`.

use std::time::Duration;

use squall::web::{
    Application, Cookie, Exchange, HandlerResult, Prepared, RequestHandler, Settings, addslash,
    authenticated, removeslash,
};

use crate::browser::visit;

fn settings() -> Settings {
    Settings {
        cookie_secret: Some("secret".into()),
        login_url: Some("/auth/login".into()),
        ..Settings::default()
    }
}

/// Needs somebody.
struct Profile;

impl RequestHandler for Profile {
    async fn prepare(&self, req: Exchange) -> Prepared {
        authenticated(req)
    }

    fn current_user(&self, req: &Exchange) -> Option<String> {
        req.signed_text("user")
    }

    async fn get(&self, req: Exchange) -> HandlerResult {
        let user = req.current_user().unwrap_or_default();
        Ok(req.finish(user))
    }
}

/// Makes somebody of a visitor.
struct Login;

impl RequestHandler for Login {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_signed_cookie("user", "邓小丽")?;
        Ok(req.finish(()))
    }

    async fn delete(&self, mut req: Exchange) -> HandlerResult {
        req.clear_cookie("user")?;
        Ok(req.finish(()))
    }

    async fn post(&self, mut req: Exchange) -> HandlerResult {
        req.set_cookie(&Cookie::new("a", "1"))?;
        req.set_cookie(&Cookie::new("b", "x y"))
            .expect_err("a space needs quotes, and no browser wants them");
        req.set_cookie(&Cookie::new("a", "2").max_age(Duration::from_secs(5)))?;
        Ok(req.finish(()))
    }
}

// T179, F207, S041, HAZ22
#[test]
fn only_known_visitors_pass() {
    let app =
        Application::new().settings(settings()).route("/profile", Profile).route("/login", Login);
    visit(app, |browser| async move {
        let answer = browser.get("/profile?tab=1&x=y").await;
        assert_eq!(answer.redirect(), "302 /auth/login?next=%2Fprofile%3Ftab%3D1%26x%3Dy");
        assert_eq!(browser.post("/profile", "").await.status, 403);
        let cookie = browser.get("/login").await.header("Set-Cookie").to_owned();
        assert!(cookie.starts_with("user=2|1:0|10:"), "{cookie}");
        assert!(
            cookie.contains("; HttpOnly; Path=/; SameSite=Lax") && cookie.contains("; expires=")
        );
        assert_eq!(browser.get("/profile").await.body, "邓小丽");
        let user = browser.cookies.borrow()["user"].clone();
        browser.cookies.borrow_mut().insert("user".into(), user.replace("2|1:0", "2|1:1"));
        assert_eq!(browser.get("/profile").await.status, 302, "a forged cookie is no cookie");
        browser.fetch("DELETE", "/login", &[], "").await;
        assert!(browser.cookies.borrow().is_empty());
    });
}

// F207: an absolute login page is somewhere else, so it gets the whole URL.
#[test]
fn a_login_page_elsewhere() {
    let settings = Settings { login_url: Some("https://login.example/".into()), ..settings() };
    let app = Application::new().settings(settings).route("/profile", Profile);
    visit(app, |browser| async move {
        let answer = browser.get("/profile").await;
        let next = "http%3A%2F%2Fapp.example%2Fprofile";
        assert_eq!(answer.redirect(), format!("302 https://login.example/?next={next}"));
    });
}

// T165, F204: the second set of a name replaces the first.
#[test]
fn cookies_replace_each_other() {
    let app = Application::new().settings(settings()).route("/login", Login);
    visit(app, |browser| async move {
        let answer = browser.post("/login", "").await;
        assert_eq!(answer.header("Set-Cookie"), "a=2; Max-Age=5; Path=/");
    });
}

struct Slashed;

impl RequestHandler for Slashed {
    async fn prepare(&self, req: Exchange) -> Prepared {
        if req.path().starts_with("/add") { addslash(req) } else { removeslash(req) }
    }

    async fn get(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("here"))
    }
}

// T186, F256
#[test]
fn slashes() {
    visit(Application::new().route("/.*", Slashed), |browser| async move {
        for (path, answer) in [
            ("/add", "301 /add/"),
            ("/add?a=1", "301 /add/?a=1"),
            ("/add/", "200 "),
            ("/remove/", "301 /remove"),
            ("/remove/?a=1", "301 /remove?a=1"),
            ("/remove", "200 "),
            ("/", "200 "),
        ] {
            assert_eq!(browser.get(path).await.redirect(), answer, "{path}");
        }
        assert_eq!(browser.post("/add", "").await.status, 404);
    });
}
