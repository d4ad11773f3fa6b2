//! The handler of static files: from a request to a file, a part of it, or the news that it is unchanged.
//!
//! Owns what is said about a file in headers. Opening, hashing and reading run on the executor, piece by
//! piece, so that neither a slow disk nor a fast client keeps the loop busy (T218).

use std::time::{Duration, SystemTime};

use super::conditional::{ByteRange, content_range, not_modified, range_applies, requested_range};
use super::content_type::content_type;
use super::files::{FileFault, FileRoot, PIECE_BYTES, StaticFile, normalize};
use crate::coroutine::yield_now;
use crate::ioloop::IoLoop;
use crate::web::error::{Error, HttpError};
use crate::web::exchange::Exchange;
use crate::web::handler::{Finished, HandlerResult, RequestHandler};

/// Ten years: a URL with a version never changes its content.
const CACHE_SECONDS: u64 = 86_400 * 365 * 10;

/// Serves the files below a directory. The route needs one group for the path:
///
/// ```
/// use squall::web::Application;
/// use squall::web::static_files::{FileRoot, StaticFileHandler, Symlinks};
///
/// let files = FileRoot::new("public".into(), Symlinks::Refuse, true);
/// let handler = StaticFileHandler::new(files).default_filename("index.html");
/// let app = Application::new().route("/public/(.*)", handler).build()?;
/// # Ok::<(), squall::web::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StaticFileHandler {
    files: FileRoot,
    default_filename: Option<String>,
}

/// What the executor brings back from the disk.
struct Opened {
    file: StaticFile,
    /// All of a small file, so that it takes one trip.
    whole: Option<Vec<u8>>,
    name: String,
}

impl StaticFileHandler {
    /// Serves the files below `files`.
    pub fn new(files: FileRoot) -> Self {
        Self { files, default_filename: None }
    }

    /// Serves this file for a directory.
    pub fn default_filename(mut self, name: impl Into<String>) -> Self {
        self.default_filename = Some(name.into());
        self
    }

    async fn serve(&self, mut req: Exchange) -> HandlerResult {
        let path = req.path_argument(0)?;
        let relative = normalize(&path).ok_or_else(|| forbidden(&path))?;
        let opened = match self.open(relative.clone()).await? {
            Err(FileFault::Directory) => match self.default_of_directory(req, &relative).await? {
                Found::Elsewhere(finished) => return Ok(finished),
                Found::File(same, opened) => {
                    req = same;
                    Ok(opened)
                }
            },
            opened => opened,
        };
        let opened = opened.map_err(|fault| refusal(fault, &relative))?;
        send(req, opened).await
    }

    /// Opens a file on the executor.
    async fn open(&self, relative: String) -> Result<Result<Opened, FileFault>, Error> {
        let files = self.files.clone();
        let job = move || {
            let mut file = files.open(&relative)?;
            let small = file.size <= PIECE_BYTES as u64;
            let whole = small.then(|| file.read_piece(0, file.size).ok()).flatten();
            Ok(Opened { file, whole, name: relative })
        };
        Ok(IoLoop::current().run_in_executor(job).await?)
    }

    async fn default_of_directory(&self, req: Exchange, relative: &str) -> Result<Found, Error> {
        let name = self.default_filename.as_ref().ok_or_else(|| forbidden(relative))?;
        if !req.path().ends_with('/') {
            // SEC12: `//host/path` plus a slash would be another site.
            if req.path().starts_with("//") {
                return Err(forbidden(relative));
            }
            let target = format!("{}/", req.path());
            return Ok(Found::Elsewhere(req.redirect_with(301, &target)));
        }
        let file = format!("{relative}/{name}").trim_start_matches('/').to_owned();
        let opened = self.open(file).await?.map_err(|fault| refusal(fault, relative))?;
        Ok(Found::File(req, opened))
    }
}

/// What a directory leads to.
enum Found {
    Elsewhere(Finished),
    File(Exchange, Opened),
}

impl RequestHandler for StaticFileHandler {
    async fn get(&self, req: Exchange) -> HandlerResult {
        self.serve(req).await
    }

    async fn head(&self, req: Exchange) -> HandlerResult {
        self.serve(req).await
    }
}

fn forbidden(path: &str) -> Error {
    HttpError::new(403).log(format!("{path:?} is not a file in the static directory")).into()
}

fn refusal(fault: FileFault, path: &str) -> Error {
    match fault {
        FileFault::NotFound => HttpError::new(404).into(),
        FileFault::Forbidden | FileFault::Directory => forbidden(path),
    }
}

/// Writes the headers, then as much of the file as was asked for.
async fn send(mut req: Exchange, mut opened: Opened) -> HandlerResult {
    let file = &opened.file;
    let etag = format!("\"{}\"", file.version);
    req.set_header("Accept-Ranges", "bytes")?;
    req.set_header("Etag", &etag)?;
    req.set_header("Last-Modified", http_date(file.modified))?;
    req.set_header("Content-Type", content_type(&opened.name))?;
    if req.query_arguments()?.raw("v").is_some() {
        let expires = IoLoop::current().wall_time() + Duration::from_secs(CACHE_SECONDS);
        req.set_header("Expires", http_date(expires))?;
        req.set_header("Cache-Control", format!("max-age={CACHE_SECONDS}"))?;
    }
    let tags = req.header("If-None-Match");
    if not_modified(tags, req.header("If-Modified-Since"), Some(&etag), file.modified) {
        req.set_status(304);
        return Ok(req.finish(()));
    }
    let applies = range_applies(req.header("If-Range"), &etag, file.modified);
    let range = requested_range(req.header("Range").filter(|_| applies), file.size);
    if let Some(content_range) = content_range(range, file.size) {
        req.set_header("Content-Range", content_range)?;
    }
    let (start, end) = match range {
        ByteRange::Whole => (0, file.size),
        ByteRange::Part { start, end } => {
            req.set_status(206);
            (start, end)
        }
        ByteRange::Unsatisfiable => {
            req.set_status(416);
            req.set_header("Content-Type", "text/plain")?;
            return Ok(req.finish(()));
        }
    };
    req.set_header("Content-Length", (end - start).to_string())?;
    if req.method() == "HEAD" {
        return Ok(req.finish(()));
    }
    if let Some(whole) = opened.whole.take() {
        return Ok(req.finish(&whole[start as usize..end as usize]));
    }
    send_pieces(req, opened.file, start, end).await
}

/// A large file, 64 KiB at a time: read, written and sent before the next piece is read.
async fn send_pieces(mut req: Exchange, file: StaticFile, start: u64, end: u64) -> HandlerResult {
    let (mut file, mut at) = (file, start);
    while at < end && !req.core.responder.is_closed() {
        let job = move || {
            let piece = file.read_piece(at, end);
            (file, piece)
        };
        let (same, piece) = IoLoop::current().run_in_executor(job).await?;
        file = same;
        let piece = piece?;
        at += piece.len() as u64;
        req.write(piece)?;
        req.flush().await?;
        yield_now().await;
    }
    Ok(req.finish(()))
}

fn http_date(since_epoch: Duration) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_epoch)
}
