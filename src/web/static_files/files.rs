//! Finding and opening files below a root, and never outside it.
//!
//! Owns two checks: the path as written, component by component (SEC09), and the walk that opens each
//! directory in turn without following links (HAZ15), so that nothing can be swapped in between.
//! All functions that touch the disk may block: the handler calls them on the executor.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha512};

use crate::web::signed::hex;

/// Files are read in pieces of this size, with a turn of the loop after each.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Larger files are no part of a page, and would delay the start.
const LEARNED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Whether links below the root may be followed, also to places outside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Symlinks {
    /// A link is refused with 403.
    #[default]
    Refuse,
    /// Whoever can write below the root decides what is served.
    Follow,
}

/// Why a file is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// The path leaves the root, leads over a link, or is no regular file: 403.
    Forbidden,
    /// There is no such file: 404.
    NotFound,
    /// It is a directory: the handler decides.
    Directory,
}

/// The path below the root that `url_path` names, as clean components; `None` if it leaves the root.
///
/// ```
/// use squall::web::static_files::normalize;
/// assert_eq!(normalize("css/./a//site.css").as_deref(), Some("css/a/site.css"));
/// assert_eq!(normalize("../static_secret/x"), None);
/// ```
pub fn normalize(url_path: &str) -> Option<String> {
    if url_path.contains(['\0', '\\']) || url_path.starts_with('/') {
        return None; // a backslash is a separator on other systems and in no honest URL
    }
    let mut components = Vec::new();
    for part in url_path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                components.pop()?;
            }
            part => components.push(part),
        }
    }
    Some(components.join("/"))
}

/// An open regular file and what is known of it.
#[derive(Debug)]
pub struct StaticFile {
    file: File,
    /// Its length.
    pub size: u64,
    /// When it was changed (since the Unix epoch).
    pub modified: Duration,
    /// The SHA-512 of its content, in hexadecimal: its version and its `ETag`.
    pub version: String,
}

impl StaticFile {
    /// The next piece of the file from `start`, at most up to `end`.
    pub fn read_piece(&mut self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(end - start).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut piece = vec![0; length];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut piece)?;
        Ok(piece)
    }
}

/// A directory whose files may be served. Clones share the table of versions, also between threads.
#[derive(Clone, Debug)]
pub struct FileRoot {
    path: Arc<Path>,
    symlinks: Symlinks,
    versions: Arc<Mutex<BTreeMap<String, KnownVersion>>>,
    cache: bool,
}

#[derive(Clone, Debug)]
struct KnownVersion {
    size: u64,
    modified: Duration,
    version: String,
}

impl FileRoot {
    /// Serves `path`. With `cache` a file's content is hashed again only when its length or its time of
    /// change says that it is another.
    pub fn new(path: PathBuf, symlinks: Symlinks, cache: bool) -> Self {
        Self { path: path.into(), symlinks, versions: Arc::default(), cache }
    }

    /// Opens the file that `relative` (from [`normalize`]) names. Blocks.
    pub fn open(&self, relative: &str) -> Result<StaticFile, FileFault> {
        let mut file = self.open_any(relative).map_err(|errno| match errno {
            // With NOFOLLOW a link says LOOP as the last component and NOTDIR before it.
            Errno::LOOP | Errno::ACCESS | Errno::MLINK | Errno::PERM => FileFault::Forbidden,
            _ => FileFault::NotFound,
        })?;
        let metadata = file.metadata().map_err(|_| FileFault::NotFound)?;
        if metadata.is_dir() {
            return Err(FileFault::Directory);
        }
        if !metadata.is_file() {
            return Err(FileFault::Forbidden); // a pipe or a device would never end
        }
        let (size, modified) = (metadata.len(), modified(&metadata));
        let version = self.version_of(relative, &mut file, size, modified);
        let version = version.map_err(|_| FileFault::NotFound)?;
        Ok(StaticFile { file, size, modified, version })
    }

    fn open_any(&self, relative: &str) -> Result<File, Errno> {
        // NONBLOCK, because opening a pipe would wait for somebody to write into it.
        let read = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        if self.symlinks == Symlinks::Follow || relative.is_empty() {
            return Ok(open(self.path.join(relative), read, Mode::empty())?.into());
        }
        let directory = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let mut at: OwnedFd = open(&*self.path, directory, Mode::empty())?;
        let mut components = relative.split('/').peekable();
        while let Some(component) = components.next() {
            let last = components.peek().is_none();
            let flags = if last { read } else { directory } | OFlags::NOFOLLOW;
            at = openat(&at, component, flags, Mode::empty())
                .map_err(|errno| blame_the_link(errno, &at, component))?;
        }
        Ok(at.into())
    }

    /// Hashes every file of moderate size, so that `static_url` need not read one while the loop waits.
    /// Blocks: for the start of a program.
    pub fn learn_versions(&self) -> io::Result<()> {
        self.learn_below("")
    }

    fn learn_below(&self, directory: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(self.path.join(directory))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let relative = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.learn_below(&relative)?;
            } else if kind.is_file() && entry.metadata()?.len() <= LEARNED_BYTES_MAX {
                let _ = self.open(&relative); // one that cannot be read is not served either
            }
        }
        Ok(())
    }

    /// The version for `static_url`: from the table, or else from the disk (blocks).
    pub fn version(&self, relative: &str) -> Option<String> {
        if self.cache {
            let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = versions.get(relative) {
                return Some(known.version.clone());
            }
        }
        self.open(relative).ok().map(|file| file.version)
    }

    fn version_of(
        &self,
        relative: &str,
        file: &mut File,
        size: u64,
        modified: Duration,
    ) -> io::Result<String> {
        let lock = || self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(relative).cloned();
        if let Some(known) = known.filter(|known| known.size == size && known.modified == modified)
        {
            return Ok(known.version);
        }
        let mut hash = Sha512::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => hash.update(&piece[..read]),
            }
        }
        let version = hex(&hash.finalize());
        let known = KnownVersion { size, modified, version: version.clone() };
        lock().insert(relative.to_owned(), known);
        Ok(version)
    }
}

/// A link in the middle of a path fails as "not a directory"; it is forbidden, not missing.
fn blame_the_link(errno: Errno, directory: &OwnedFd, component: &str) -> Errno {
    use rustix::fs::{AtFlags, FileType, statat};
    let is_link = errno == Errno::NOTDIR
        && statat(directory, component, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    if is_link { Errno::LOOP } else { errno }
}

fn modified(metadata: &Metadata) -> Duration {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
