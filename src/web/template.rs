//! Templates: Jinja files below one directory, escaped by default.
//!
//! Owns the engine and its rules: `.html` and `.xml` files are escaped, `include` and `extends` are
//! relative to the file that says them and cannot leave the directory, and what is missing prints as
//! nothing. Without `debug` every page is compiled at start, so a mistake in one stops the program there.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, Value, path_loader};

use super::error::Error;
use super::faults::BuildError;

/// The pages of an application.
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Opens `directory`. With `debug` a changed file is read again at the next render (S004).
    pub fn new(directory: Option<&Path>, debug: bool) -> Result<Self, BuildError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_path_join_callback(|name, parent| join(name, parent).into());
        environment.set_auto_reload(debug);
        environment.set_debug(true); // names file and line in errors
        if let Some(directory) = directory {
            let directory = checked_directory("template_path", directory)?;
            environment.set_loader(path_loader(&directory));
            let mut names = Vec::new();
            collect_pages(&directory, "", &mut names)
                .map_err(|cause| BuildError::Unreadable { path: directory, cause })?;
            for name in names.iter().filter(|_| !debug) {
                environment.get_template(name).map_err(|cause| BuildError::Template { cause })?;
            }
        }
        Ok(Self { environment })
    }

    /// Makes a function available in every page.
    pub fn add_function<F, R, A>(&mut self, name: &'static str, function: F)
    where
        F: minijinja::functions::Function<R, A>,
        R: minijinja::value::FunctionResult,
        A: for<'a> minijinja::value::FunctionArgs<'a>,
    {
        self.environment.add_function(name, function);
    }

    /// Renders the page `name`.
    pub fn render(&self, name: &str, context: Value) -> Result<String, Error> {
        let page = self.environment.get_template(name)?;
        Ok(page.render(context)?)
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.environment.templates().map(|(name, _)| name)).finish()
    }
}

/// S005: a wrong path is reported at start and by name, not at the first request.
pub(super) fn checked_directory(setting: &'static str, path: &Path) -> Result<PathBuf, BuildError> {
    let wrong = |cause| BuildError::Directory { setting, path: path.to_owned(), cause };
    let found = fs::canonicalize(path).map_err(wrong)?;
    if found.is_dir() { Ok(found) } else { Err(wrong(io::ErrorKind::NotADirectory.into())) }
}

/// The pages below `directory`, by the names under which they are rendered.
fn collect_pages(directory: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_pages(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "html") {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// `include "row.html"` in `user/list.html` means `user/row.html`; `"/row.html"` means the root (F300).
fn join(name: &str, parent: &str) -> String {
    let directory = match parent.rsplit_once('/') {
        Some((directory, _)) if !name.starts_with('/') => directory,
        _ => "",
    };
    let mut components: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            // HAZ16: above the root there is nothing; the loader refuses a name with dots.
            ".." if components.pop().is_none() => return name.to_owned(),
            ".." => {}
            part => components.push(part),
        }
    }
    components.join("/")
}

#[cfg(test)]
mod tests {
    use super::join;

    // F300, HAZ16
    #[test]
    fn names_are_relative_to_the_including_file() {
        for (name, parent, joined) in [
            ("base.html", "page.html", "base.html"),
            ("row.html", "user/list.html", "user/row.html"),
            ("../base.html", "user/list.html", "base.html"),
            ("/base.html", "user/list.html", "base.html"),
            ("../../etc/passwd", "user/list.html", "../../etc/passwd"),
            ("./a//b.html", "page.html", "a/b.html"),
        ] {
            assert_eq!(join(name, parent), joined, "{name} from {parent}");
        }
    }
}
