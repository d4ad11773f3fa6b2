//! Compressed responses, for programs compiled with the feature `gzip`.
//!
//! The browser of these tests reads text only, so what was compressed is asked for as bytes.

use std::io::Read as _;

use squall::web::{Application, Exchange, HandlerResult, RequestHandler, Settings};

use crate::browser::visit;

/// A page of the length in its path.
struct Page;

impl RequestHandler for Page {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        let page = "squall ".repeat(300);
        match req.path() {
            "/short" => Ok(req.finish("squall")),
            "/picture" => {
                req.set_header("Content-Type", "image/png")?;
                Ok(req.finish(page))
            }
            "/encoded" => {
                req.set_header("Content-Encoding", "br")?;
                Ok(req.finish(page))
            }
            "/pieces" => {
                req.set_header("Vary", "Cookie")?;
                for _ in 0..3 {
                    req.write("squall ".repeat(100))?;
                    req.flush().await?;
                }
                Ok(req.finish(()))
            }
            "/nothing" => {
                req.set_status(204);
                req.flush().await?;
                Ok(req.finish(()))
            }
            _ => Ok(req.finish(page)),
        }
    }
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    text
}

// T212, F218, F238
#[test]
fn pages_are_compressed() {
    let settings = Settings { compress_response: true, ..Settings::default() };
    visit(Application::new().settings(settings).route("/.*", Page), |browser| async move {
        for (path, accepts, encoding, vary) in [
            ("/", "gzip", "gzip", "Accept-Encoding"),
            ("/", "deflate, GZIP;q=0.5", "gzip", "Accept-Encoding"),
            ("/", "gzip;q=0", "", "Accept-Encoding"),
            ("/pieces", "gzip", "gzip", "Cookie,Accept-Encoding"),
            ("/", "identity", "", "Accept-Encoding"),
            ("/short", "gzip", "", "Accept-Encoding"),
            ("/picture", "gzip", "", "Accept-Encoding"),
            ("/encoded", "gzip", "br", "Accept-Encoding"),
        ] {
            let answer = browser.fetch("GET", path, &[("Accept-Encoding", accepts)], "").await;
            assert_eq!(answer.header("Content-Encoding"), encoding, "{path} {accepts}");
            assert_eq!(answer.headers_joined("Vary"), vary);
            if encoding == "gzip" {
                assert!(answer.bytes.len() < 200, "{path}");
                assert_eq!(unpacked(&answer.bytes), "squall ".repeat(300));
            }
        }
    });
}

// F218
#[test]
fn compression_is_off_by_default() {
    visit(Application::new().route("/.*", Page), |browser| async move {
        let answer = browser.fetch("GET", "/", &[("Accept-Encoding", "gzip")], "").await;
        assert_eq!((answer.header("Content-Encoding"), answer.header("Vary")), ("", ""));
    });
}

// A part is counted in bytes of the file itself: compressed, it would fit nowhere.
#[test]
fn parts_of_files_are_not_compressed() {
    let text = "squall ".repeat(1000);
    let folder = crate::folder::Folder::new("compressed_parts", &[("static/a.txt", &text)]);
    let settings = Settings {
        compress_response: true,
        static_path: Some(folder.0.join("static")),
        ..Settings::default()
    };
    visit(Application::new().settings(settings), |browser| async move {
        let _folder = folder;
        let headers = [("Accept-Encoding", "gzip"), ("Range", "bytes=7-3506")];
        let part = browser.fetch("GET", "/static/a.txt", &headers, "").await;
        assert_eq!((part.status, part.header("Content-Encoding")), (206, ""));
        assert_eq!(part.header("Content-Range"), "bytes 7-3506/7000");
        assert_eq!(part.body, "squall ".repeat(500));
    });
}

// T123: the end of a gzip stream is bytes, too, and a 204 has none.
#[test]
fn what_has_no_body_is_not_compressed() {
    let settings = Settings { compress_response: true, ..Settings::default() };
    visit(Application::new().route("/.*", Page).settings(settings), |browser| async move {
        let answer = browser.fetch("GET", "/nothing", &[("Accept-Encoding", "gzip")], "").await;
        assert_eq!((answer.status, answer.header("Content-Encoding")), (204, ""));
        let messages = browser.log.messages();
        assert!(!messages.iter().any(|line| line.contains("response")), "{messages:?}");
    });
}
