//! What a form sends and what a page sends back: arguments, uploads, XSRF tokens, flash messages.
//!
//! The browser keeps cookies here as real ones do, so that what one page sets the next one gets.

use squall::web::{
    Application, Category, Exchange, HandlerResult, RequestHandler, Settings, context,
};

use crate::browser::visit;
use crate::folder::Folder;

/// Says what it got.
struct Echo;

impl RequestHandler for Echo {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let all = req.arguments("a")?;
        let one = req.optional_argument("a")?;
        Ok(req.finish(format!("{one:?} {all:?}")))
    }

    async fn post(&self, req: Exchange) -> HandlerResult {
        let query = req.query_arguments()?.get("a")?;
        let body = req.body_arguments()?.get("a")?;
        let one = req.optional_argument("a")?;
        let files: Vec<_> = req.files()?.iter().map(|file| format!("{file:?}")).collect();
        Ok(req.finish(format!("{query:?} {body:?} {one:?} {}", files.concat())))
    }
}

// S013, T163, F217
#[test]
fn arguments() {
    visit(Application::new().route("/", Echo), |browser| async move {
        for (path, body) in [
            ("/", "None []"),
            ("/?a=1&a=2", r#"Some("2") ["1", "2"]"#),
            ("/?a=%20x%0b", r#"Some("x") ["x"]"#),
            ("/?a=a+b%2B", r#"Some("a b+") ["a b+"]"#),
        ] {
            assert_eq!(browser.get(path).await.body, body);
        }
        assert_eq!(browser.post("/?a=q", "a=b").await.body, r#"Some("q") Some("b") Some("b") "#);
        assert_eq!(browser.post("/?a=q", "").await.body, r#"Some("q") None Some("q") "#);
        let headers = [("Content-Type", "text/plain")];
        assert_eq!(browser.fetch("POST", "/", &headers, "a=b").await.body, "None None None ");
    });
}

// T147, SEC18, T146
#[test]
fn uploads() {
    visit(Application::new().route("/", Echo), |browser| async move {
        let headers = [("Content-Type", "multipart/form-data; boundary=\"x y\"")];
        let body = "--x y\r\nContent-Disposition: form-data; name=a\r\n\r\nfield\r\n--x y\r\n\
            Content-Disposition: form-data; name=f; filename=\"测试.txt\"\r\n\r\nFoo\r\n--x y--";
        let answer = browser.fetch("POST", "/", &headers, body).await;
        let file = "HttpFile { f: \"测试.txt\", application/unknown, 3 bytes }";
        assert_eq!(answer.body, format!("None Some(\"field\") Some(\"field\") {file}"));
        let before = browser.log.messages().len();
        let bad = "--x y\r\n\r\n\r\n".repeat(10_000);
        assert_eq!(browser.fetch("POST", "/", &headers, &bad).await.status, 400);
        assert_eq!(
            browser.log.messages().len() - before,
            2,
            "one for the fault, one for the request"
        );
        let encoded = [headers[0], ("Content-Encoding", "gzip")];
        assert_eq!(browser.fetch("POST", "/", &encoded, body).await.status, 400);
    });
}

/// A form with a hidden field.
struct Form;

impl RequestHandler for Form {
    async fn get(&self, req: Exchange) -> HandlerResult {
        if req.path() == "/untouched" {
            return Ok(req.finish("no token here"));
        }
        req.render("form.html", context! {})
    }

    async fn post(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("accepted"))
    }

    async fn delete(&self, req: Exchange) -> HandlerResult {
        Ok(req.finish("deleted"))
    }
}

fn form_app(test: &str) -> (Folder, squall::web::ApplicationBuilder) {
    let folder = Folder::new(test, &[("form.html", "{{ xsrf_form_html() }}")]);
    let settings = Settings {
        xsrf_cookies: true,
        template_path: Some(folder.0.clone()),
        ..Settings::default()
    };
    (folder, Application::new().settings(settings).route("/.*", Form))
}

/// The token in a page.
fn token(page: &str) -> String {
    let start = page.find("value=\"").expect("a field") + 7;
    page[start..].split('"').next().expect("a value").to_owned()
}

// B.9.2, F250-F253, SEC02, SEC06, SEC08
#[test]
fn xsrf_tokens_guard_forms() {
    let (_folder, app) = form_app("xsrf");
    visit(app, |browser| async move {
        assert_eq!(browser.get("/untouched").await.header("Set-Cookie"), "", "set when first read");
        let page = browser.get("/").await;
        assert!(page.body.starts_with("<input type=\"hidden\" name=\"_xsrf\" value=\"2|"));
        let token_one = token(&page.body);
        let token_two = token(&browser.get("/").await.body);
        assert_ne!(token_one, token_two, "another mask");
        for token in [&token_one, &token_two] {
            assert_eq!(browser.post("/", &format!("_xsrf={token}")).await.status, 200);
            let header = [("X-Xsrftoken", token.as_str())];
            assert_eq!(browser.fetch("POST", "/", &header, "").await.status, 200);
            let header = [("X-Csrftoken", token.as_str())];
            assert_eq!(browser.fetch("DELETE", "/", &header, "").await.status, 200);
        }
        let ajax = [("X-Requested-With", "XMLHttpRequest")];
        assert_eq!(browser.fetch("POST", "/", &ajax, "").await.status, 403);
        assert_eq!(browser.fetch("DELETE", "/", &[], "").await.status, 403);
        assert_eq!(browser.post("/", "_xsrf=2|zz").await.status, 403);
        let stranger = browser.another();
        let answer = stranger.post("/", &format!("_xsrf={token_one}")).await;
        assert_eq!(answer.status, 403, "a token without its cookie");
        stranger.cookies.borrow_mut().insert("_xsrf".into(), "2|zz".into());
        let answer = stranger.post("/", &format!("_xsrf={token_one}")).await;
        assert_eq!(answer.status, 403, "a malformed cookie is no cookie");
        let log = stranger.log.messages().concat();
        assert!(log.contains("XSRF cookie does not match the argument"), "{log}");
    });
}

/// Shows messages, or leaves one.
struct Notes;

impl RequestHandler for Notes {
    async fn get(&self, req: Exchange) -> HandlerResult {
        req.render("notes.html", context! {})
    }

    async fn post(&self, mut req: Exchange) -> HandlerResult {
        for text in req.arguments("text")? {
            req.flash(text, Category::Error);
        }
        Ok(req.redirect("/"))
    }

    async fn put(&self, mut req: Exchange) -> HandlerResult {
        req.flash("at once", Category::Info);
        req.render("notes.html", context! {})
    }
}

// S029, S030: in order, several, escaped, any language, through other requests, and exactly once.
#[test]
fn flash_messages_are_shown_once() {
    let page = "{% for m in get_flashed_messages() %}<{{ m.category }}: {{ m.text }}>{% endfor %}";
    let folder = Folder::new("flash", &[("notes.html", page)]);
    let settings = Settings { template_path: Some(folder.0.clone()), ..Settings::default() };
    let app = Application::new().settings(settings).route("/", Notes).route("/echo", Echo);
    visit(app, |browser| async move {
        let _folder = folder;
        assert_eq!(browser.get("/").await.body, "");
        let answer = browser
            .post("/", "text=%E9%AA%8C%E8%AF%81%E7%A0%81%E9%94%99%E8%AF%AF&text=%3Cb%3E")
            .await;
        assert_eq!(answer.redirect(), "302 /");
        browser.get("/echo").await; // a request that shows nothing takes nothing
        browser.post("/", "text=third").await;
        let shown = "<error: 验证码错误><error: &lt;b&gt;><error: third>";
        assert_eq!(browser.get("/").await.body, shown);
        assert_eq!(browser.get("/").await.body, "", "and gone");
        assert_eq!(browser.fetch("PUT", "/", &[], "").await.body, "<info: at once>");
        assert_eq!(browser.get("/").await.body, "");
    });
}
