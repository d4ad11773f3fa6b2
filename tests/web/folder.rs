//! A directory for one test, with its files, removed at its end.
//!
//! Knows nothing of what is in them. Also used by `tests/web_pure`.

use std::fs;
use std::path::PathBuf;

/// A fresh directory.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Named after the test, with these files.
    pub(crate) fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("squall-web-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a fresh directory");
        let folder = Self(folder);
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    /// Writes one file, and the directories above it.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
