//! What everybody has to answer: four paths, their types and their bodies.
//!
//! Owns the bytes and the work behind them: JSON is serialised and the template rendered anew for
//! each request, except by the floor. A contender with tools of its own for that uses those.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use minijinja::{Environment, Value, context};
use serde::Serialize;

/// `Server:` of every contender, so that all answers have the same length.
pub(crate) const SERVER: &str = "bench";
/// Thirteen bytes.
pub(crate) const HELLO: &str = "/plaintext";
/// One small struct.
pub(crate) const JSON: &str = "/json";
/// A page with a table of twelve rows, some with characters that must be escaped.
pub(crate) const TEMPLATE: &str = "/template";
/// One mebibyte.
pub(crate) const FILE: &str = "/static/mebibyte.bin";

/// The body of [`HELLO`].
pub(crate) const GREETING: &str = "Hello, World!";
/// The type of [`TEMPLATE`].
pub(crate) const HTML: &str = "text/html; charset=UTF-8";
/// The type of [`FILE`].
pub(crate) const BINARY: &str = "application/octet-stream";

/// Names the directory of [`FILE`] for the servers that the harness starts.
pub(crate) const DIRECTORY_VARIABLE: &str = "SQUALL_BENCH_FILES";

/// Type and body of a path, for contenders that have no router, templates or file server.
pub(super) fn page(path: &str) -> Option<(&'static str, Cow<'static, [u8]>)> {
    match path {
        HELLO => Some(("text/plain", Cow::Borrowed(GREETING.as_bytes()))),
        JSON => Some(("application/json", Cow::Owned(json()))),
        TEMPLATE => Some((HTML, Cow::Owned(template().into_bytes()))),
        FILE => Some((BINARY, Cow::Borrowed(mebibyte()))),
        _ => None,
    }
}

/// What [`JSON`] says.
#[derive(Serialize)]
struct Message {
    message: &'static str,
}

pub(super) fn json() -> Vec<u8> {
    serde_json::to_vec(&Message { message: GREETING }).expect("a struct with one string")
}

const MESSAGES: [&str; 6] = [
    "One thread serves everybody.",
    "A callback is a promise to be short.",
    "if (a < b && b > c) escape();",
    "Waiting is fine, computing for long is not.",
    "<script src=\"evil.js\">",
    "フレームワークのベンチマーク",
];

/// The variables of the template, made anew for each request as a database would.
pub(super) fn variables() -> Value {
    let row = |id: usize| context! { id, message => MESSAGES[id % MESSAGES.len()] };
    context! { title => "Twelve rows", rows => (1..=12).map(row).collect::<Vec<_>>() }
}

/// The directory of the template, and its name.
pub(super) const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
pub(super) const TEMPLATE_NAME: &str = "table.html";

/// The page, rendered.
pub(super) fn template() -> String {
    static ENGINE: OnceLock<Environment<'static>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let mut engine = Environment::new();
        let source = include_str!("../../templates/table.html");
        engine.add_template(TEMPLATE_NAME, source).expect("a good template");
        engine
    });
    let page = engine.get_template(TEMPLATE_NAME).and_then(|page| page.render(variables()));
    page.expect("a good template")
}

/// The body of [`FILE`].
pub(super) fn mebibyte() -> &'static [u8] {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    BODY.get_or_init(|| (0..1 << 20).map(|at: u32| b'a' + (at % 251 % 26) as u8).collect())
}

/// A directory with the file in it, below the harness's own for as long as that runs.
pub(crate) fn directory() -> io::Result<PathBuf> {
    let own = || own_directory("bench");
    let directory = std::env::var_os(DIRECTORY_VARIABLE).map_or_else(own, PathBuf::from);
    let file = directory.join(Path::new(FILE).file_name().expect("a name"));
    if !file.exists() {
        fs::create_dir_all(&directory)?;
        fs::write(&file, mebibyte())?;
    }
    Ok(directory)
}

/// Among the files for which nobody cares.
fn own_directory(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("squall-{what}-{}", std::process::id()))
}

/// A directory for as long as this lives; what is put there goes with it.
#[derive(Debug)]
pub(crate) struct Litter(PathBuf);

impl Litter {
    /// Where servers get their files from.
    pub(crate) fn of_servers() -> io::Result<Self> {
        directory().map(Self)
    }

    /// An empty one.
    pub(crate) fn of(what: &str) -> io::Result<Self> {
        let directory = own_directory(what);
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // somebody may have been faster
    }
}

#[cfg(test)]
mod tests {
    use super::Litter;

    #[test]
    fn litter_goes_with_its_owner() {
        let litter = Litter::of("litter").expect("a directory");
        let place = litter.path().to_owned();
        std::fs::write(place.join("page"), "what a server was given").expect("written");
        drop(litter);
        assert!(!place.exists());
    }

    #[test]
    fn the_template_is_escaped() {
        let page = super::template();
        assert!(page.contains("&lt;script") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("<tr>").count(), 12);
    }
}
