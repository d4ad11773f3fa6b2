//! Static files over HTTP: versions, validators, ranges, and paths that lead outside.
//!
//! The files are real, in a directory of each test's own. The pure rules are in `tests/web_pure`.

use std::time::Duration;

use squall::coroutine::sleep;
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::log::Level;
use squall::web::static_files::{FileRoot, StaticFileHandler, Symlinks};
use squall::web::{
    Application, ApplicationBuilder, Exchange, HandlerResult, RequestHandler, Settings, context,
};

use crate::browser::visit;
use crate::folder::Folder;

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";

fn app(test: &str) -> (Folder, ApplicationBuilder) {
    let large = ALPHABET.repeat(10_000);
    let files = [
        ("static/site.css", "body { color: red }\n"),
        ("static/alphabet.txt", ALPHABET),
        ("static/large.bin", &large),
        ("static/favicon.ico", "icon"),
        ("static/sub/index.html", "<p>index"),
        ("static_secret/x", "secret"),
        ("page.html", "{{ static_url('site.css') }} {{ static_url('none.css') }}"),
    ];
    let folder = Folder::new(test, &files);
    let settings = Settings {
        static_path: Some(folder.0.join("static")),
        template_path: Some(folder.0.clone()),
        ..Settings::default()
    };
    (folder, Application::new().settings(settings))
}

struct Page;

impl RequestHandler for Page {
    async fn get(&self, req: Exchange) -> HandlerResult {
        req.render("page.html", context! {})
    }
}

const VERSION: &str = "fb08b41334616097b6c159df3c17752e4f66c76b241a480f418dd0ed855e3df770340e69e9edfcca9024887a454b85ece524b61babecfa37cb93bcd6e2f11d73";

// S118, T215, F221, F222
#[test]
fn versioned_files_are_cached_for_ever() {
    let (folder, app) = app("versioned");
    visit(app.route("/", Page), |browser| async move {
        let _folder = folder;
        let url = format!("/static/site.css?v={VERSION}");
        assert_eq!(browser.get("/").await.body, format!("{url} /static/none.css"));
        let file = browser.get(&url).await;
        assert_eq!((file.status, file.body.as_str()), (200, "body { color: red }\n"));
        assert_eq!(file.header("Cache-Control"), "max-age=315360000");
        assert_eq!(file.header("Etag"), format!("\"{VERSION}\""));
        assert_eq!(file.header("Content-Type"), "text/css; charset=utf-8");
        assert!(file.header("Expires").ends_with(" GMT"));
        let plain = browser.get("/static/site.css").await;
        assert_eq!((plain.header("Cache-Control"), plain.header("Expires")), ("", ""));
        assert_eq!(browser.get("/favicon.ico").await.body, "icon");
        assert_eq!(browser.get("/robots.txt").await.status, 404);
    });
}

// T216, T217, F223, F224, F225, F226
#[test]
fn parts_and_unchanged_files() {
    let (folder, app) = app("parts");
    visit(app, |browser| async move {
        let _folder = folder;
        let path = "/static/alphabet.txt";
        let whole = browser.get(path).await;
        let (etag, date) = (whole.header("Etag"), whole.header("Last-Modified"));
        for (name, value, status, body) in [
            ("Range", "bytes=0-9", 206, "abcdefghij"),
            ("Range", "bytes=22-", 206, "wxyz"),
            ("Range", "bytes=-4", 206, "wxyz"),
            ("Range", "bytes=0-100", 200, ALPHABET),
            ("Range", "lines=1", 200, ALPHABET),
            ("Range", "bytes=26-", 416, ""),
            ("If-None-Match", etag, 304, ""),
            ("If-None-Match", "\"x\"", 200, ALPHABET),
            ("If-Modified-Since", date, 304, ""),
            ("If-Modified-Since", "Sun, 27 Jan 2002 18:43:20 GMT", 200, ALPHABET),
        ] {
            let answer = browser.fetch("GET", path, &[(name, value)], "").await;
            assert_eq!((answer.status, answer.body.as_str()), (status, body), "{name}: {value}");
            if status == 304 {
                assert_eq!(answer.header("Content-Length"), "");
            }
            let head = browser.fetch("HEAD", path, &[(name, value)], "").await;
            assert_eq!(head.status, status);
            assert_eq!(head.header("Content-Length"), answer.header("Content-Length"));
            assert_eq!(head.header("Content-Range"), answer.header("Content-Range"));
        }
        let part = browser.fetch("GET", path, &[("Range", "bytes=1-2")], "").await;
        assert_eq!(part.header("Content-Range"), "bytes 1-2/26");
        assert_eq!(part.header("Etag"), etag);
        let headers = [("Range", "bytes=1-2"), ("If-None-Match", etag)];
        assert_eq!(browser.fetch("GET", path, &headers, "").await.status, 304);
    });
}

// T218: in pieces, with the right length.
#[test]
fn large_files() {
    let (folder, app) = app("large");
    visit(app, |browser| async move {
        let _folder = folder;
        let file = browser.get("/static/large.bin").await;
        assert_eq!(file.body, ALPHABET.repeat(10_000));
        assert_eq!(file.header("Content-Length"), "260000");
        let part = [("Range", "bytes=70000-209999")];
        let part = browser.fetch("GET", "/static/large.bin", &part, "").await;
        assert_eq!((part.status, part.body.len()), (206, 140_000));
        assert_eq!(part.body, ALPHABET.repeat(10_000)[70_000..210_000]);
    });
}

// A client that leaves in the middle is no error, and the handler ends.
#[test]
fn a_large_file_for_a_client_that_leaves() {
    let folder = Folder::new("leaves", &[("static/huge.bin", &"x".repeat(16 << 20))]);
    let static_path = Some(folder.0.join("static"));
    let app = Application::new().settings(Settings { static_path, ..Settings::default() });
    visit(app, |browser| async move {
        let _folder = folder;
        let client = IoStream::connect(browser.server.addresses()[0].clone()).await.unwrap();
        client.write("GET /static/huge.bin HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        client.read_until(b"\r\n\r\n", 4096).await.unwrap();
        client.close();
        let waiting = || IoLoop::current().coroutines().len();
        let mut turns = 0;
        while waiting() > 1 {
            sleep(Duration::from_millis(1)).await; // the handler ends by itself
            turns += 1;
            assert!(turns < 10_000, "it still reads");
        }
        let errors = browser.log.records().into_iter().filter(|r| r.level == Level::Error);
        assert_eq!(errors.count(), 0, "{:?}", browser.log.messages());
    });
}

// F227, SEC09, SEC12, T214, F228
#[test]
fn paths_outside_and_directories() {
    let (folder, app) = app("outside");
    let files = FileRoot::new(folder.0.join("static"), Symlinks::Refuse, true);
    let with_index = StaticFileHandler::new(files).default_filename("index.html");
    visit(app.route("/(.*)", with_index), |browser| async move {
        let secret = folder.0.join("static_secret/x");
        let absolute = format!("/static/{}", secret.display());
        for (path, status) in [
            ("/static/../static_secret/x", 403),
            ("/static/%2e%2e/static_secret/x", 403),
            ("/static/..%2fstatic_secret%2fx", 403),
            (absolute.as_str(), 403),
            ("/static/sub", 403),
            ("/static/", 403),
            ("/static/none", 404),
            ("/sub/", 200),
            ("//evil.com/../sub", 403),
        ] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(!answer.header("Location").starts_with("//"));
        }
        assert_eq!(browser.get("/sub").await.redirect(), "301 /sub/");
        assert_eq!(browser.get("/sub/").await.body, "<p>index");
    });
}

// RFC 9110 part 13.1.5: a part of another version would be glued to the wrong file.
#[test]
fn a_range_counts_only_for_the_version_it_was_meant_for() {
    let (folder, app) = app("if_range");
    visit(app, |browser| async move {
        let _folder = folder;
        let file = browser.get("/static/alphabet.txt").await;
        let (etag, modified) = (file.header("Etag"), file.header("Last-Modified"));
        let weak = format!("W/{etag}");
        for (condition, status) in [
            (etag, 206),
            (modified, 206),
            (&*weak, 200),
            ("\"another\"", 200),
            ("Sun, 27 Jan 2013 18:43:20 GMT", 200),
            ("nonsense", 200),
        ] {
            let headers = [("Range", "bytes=1-2"), ("If-Range", condition)];
            let answer = browser.fetch("GET", "/static/alphabet.txt", &headers, "").await;
            assert_eq!(answer.status, status, "{condition}");
            assert_eq!(answer.body, if status == 206 { "bc" } else { ALPHABET }, "{condition}");
        }
    });
}
