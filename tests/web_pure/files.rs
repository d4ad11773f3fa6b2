//! Static files: which paths are served, in which version, and how much of them.
//!
//! Works on real files in a directory of its own. Read next: `folder.rs` in `tests/web`, which makes it.

use std::os::unix::fs::symlink;
use std::time::Duration;

use squall::web::static_files::{
    ByteRange, FileFault, FileRoot, Symlinks, content_range, content_type, normalize, not_modified,
    requested_range,
};

use crate::folder::Folder;

fn open(root: &FileRoot, path: &str) -> Result<u64, FileFault> {
    let relative = normalize(path).ok_or(FileFault::Forbidden)?;
    root.open(&relative).map(|file| file.size)
}

// T214, F227, SEC09
#[test]
fn paths() {
    use FileFault::{Directory, Forbidden, NotFound};
    let folder = Folder::new(
        "paths",
        &[("static/a.css", "12"), ("static/sub/b.js", "123"), ("static_secret/x", "secret")],
    );
    let root = FileRoot::new(folder.0.join("static"), Symlinks::Refuse, true);
    for (path, answer) in [
        ("a.css", Ok(2)),
        ("./sub//../a.css", Ok(2)),
        ("sub/b.js", Ok(3)),
        ("sub", Err(Directory)),
        ("", Err(Directory)),
        ("missing", Err(NotFound)),
        ("a.css/x", Err(NotFound)),
        ("../static_secret/x", Err(Forbidden)),
        ("sub/../../static_secret/x", Err(Forbidden)),
        ("..", Err(Forbidden)),
        ("/etc/passwd", Err(Forbidden)),
        ("a\0.css", Err(Forbidden)),
        ("..\\static_secret\\x", Err(Forbidden)),
    ] {
        assert_eq!(open(&root, path), answer, "{path:?}");
    }
}

// HAZ15: links are refused, as files, as directories, and when they stay inside.
#[test]
fn links() {
    let folder = Folder::new("links", &[("static/a.css", "12"), ("outside/x", "secret")]);
    for (target, name) in
        [("outside/x", "file"), ("outside", "directory"), ("static/a.css", "inside")]
    {
        symlink(folder.0.join(target), folder.0.join("static").join(name)).expect("a link");
    }
    let path = folder.0.join("static");
    let strict = FileRoot::new(path.clone(), Symlinks::Refuse, true);
    let lenient = FileRoot::new(path.clone(), Symlinks::Follow, true);
    for (path, size) in [("file", 6), ("directory/x", 6), ("inside", 2)] {
        assert_eq!(open(&strict, path), Err(FileFault::Forbidden), "{path}");
        assert_eq!(open(&lenient, path), Ok(size), "{path}");
    }
    assert_eq!(open(&strict, "directory"), Err(FileFault::Forbidden));
    let pipe = path.join("pipe");
    let status = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(status.success());
    assert_eq!(open(&strict, "pipe"), Err(FileFault::Forbidden));
}

// T215, S118: Tornado's version is the SHA-512 of the content; a change is noticed.
#[test]
fn versions() {
    let folder = Folder::new("versions", &[("a.css", "body { color: red }\n")]);
    let root = FileRoot::new(folder.0.clone(), Symlinks::Refuse, true);
    let version = "fb08b41334616097b6c159df3c17752e4f66c76b241a480f418dd0ed855e3df770340e69e9edfcca9024887a454b85ece524b61babecfa37cb93bcd6e2f11d73";
    assert_eq!(root.version("a.css").as_deref(), Some(version));
    assert_eq!(root.version("missing"), None);
    folder.write("a.css", "another length");
    assert_eq!(root.version("a.css").as_deref(), Some(version), "remembered");
    assert_ne!(root.open("a.css").expect("open").version, version);
    assert_ne!(root.version("a.css").as_deref(), Some(version), "corrected");
    let mut file = root.open("a.css").expect("open");
    assert_eq!(file.read_piece(2, 7).expect("a piece"), b"other");
    assert!(file.read_piece(2, 70).is_err(), "the file became shorter");
}

// T216, F223, F226, F257
#[test]
fn conditions() {
    let modified = Duration::from_millis(1_359_312_200_500);
    let date = |text| (None, Some(text));
    let tag = |text| (Some(text), None);
    for ((tags, since), answer) in [
        ((None, None), false),
        (date("Sun, 27 Jan 2013 18:43:20 GMT"), true),
        (date("Sunday, 27-Jan-13 18:43:20 GMT"), true),
        (date("Sun Jan 27 18:43:20 2013"), true),
        (date("Sun, 27 Jan 2013 18:43:19 GMT"), false),
        (date("Mon, 28 Jan 2013 18:43:20 GMT"), true),
        (date("Fri, 31 Dec 1969 23:59:59 GMT"), false),
        (date("yesterday"), false),
        (tag("*"), true),
        (tag("\"v\""), true),
        (tag("W/\"v\""), true),
        (tag("\"x\", \"v\""), true),
        (tag("\"x\""), false),
        (tag("v"), false),
        ((Some("\"x\""), Some("Sun, 27 Jan 2013 18:43:20 GMT")), false),
        ((Some("\"v\""), Some("Sun, 27 Jan 2002 18:43:20 GMT")), true),
    ] {
        assert_eq!(
            not_modified(tags, since, Some("\"v\""), modified),
            answer,
            "{tags:?} {since:?}"
        );
    }
}

// T150, T217, F224: twenty-six bytes.
#[test]
fn ranges() {
    let part = |start, end| ByteRange::Part { start, end };
    for (header, range, content) in [
        ("bytes=0-9", part(0, 10), Some("bytes 0-9/26")),
        ("bytes=0-", ByteRange::Whole, None),
        ("bytes=0-10000000", ByteRange::Whole, None),
        ("bytes=1-10000000", part(1, 26), Some("bytes 1-25/26")),
        ("bytes=22-", part(22, 26), Some("bytes 22-25/26")),
        ("bytes=-4", part(22, 26), Some("bytes 22-25/26")),
        ("bytes=-1000000", ByteRange::Whole, None),
        ("asdf", ByteRange::Whole, None),
        ("items=0-9", ByteRange::Whole, None),
        ("bytes=1-2,5-6", ByteRange::Whole, None),
        ("bytes=+1-2", ByteRange::Whole, None),
        ("bytes=", ByteRange::Whole, None),
        ("bytes=-", ByteRange::Whole, None),
        ("bytes=99999999999999999999-", ByteRange::Whole, None),
        ("bytes=0-18446744073709551615", ByteRange::Whole, None),
        ("bytes=-0", ByteRange::Unsatisfiable, Some("bytes */26")),
        ("bytes=26", ByteRange::Unsatisfiable, Some("bytes */26")),
        ("bytes=10-3", ByteRange::Unsatisfiable, Some("bytes */26")),
    ] {
        assert_eq!(requested_range(Some(header), 26), range, "{header}");
        assert_eq!(content_range(range, 26).as_deref(), content, "{header}");
    }
    assert_eq!(requested_range(None, 26), ByteRange::Whole);
}

// T219, F221
#[test]
fn types() {
    for (name, kind) in [
        ("robots.txt", "text/plain; charset=utf-8"),
        ("a.xml", "application/xml"),
        ("a.xml.gz", "application/gzip"),
        ("a.bz2", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("logo.SVG", "image/svg+xml"),
    ] {
        assert_eq!(content_type(name), kind, "{name}");
    }
}
