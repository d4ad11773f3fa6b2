//! How an application is made: routes one by one, then settings, then a check of everything.
//!
//! Owns what is only known while building, such as patterns that may be wrong; a mistake is reported by
//! `build`, before the first request. Read next: `site.rs`, which is what comes out.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::application::Application;
use super::compress;
use super::cookies::Cookie;
use super::default_handlers::ErrorHandler;
use super::endpoint::{Endpoint, Registered};
use super::faults::{BuildError, PatternError};
use super::handler::RequestHandler;
use super::pattern::Pattern;
use super::settings::Settings;
use super::site::{Route, Site, Urls};
use super::static_files::{FileRoot, StaticFileHandler};
use super::template::{Templates, checked_directory};
use crate::http::Headers;

/// Gathers routes and settings; see [`Application::new`].
#[must_use = "an application exists only when it is built"]
pub struct ApplicationBuilder {
    settings: Settings,
    routes: Vec<Result<Route, PatternError>>,
    hosts: Vec<(Result<Pattern, PatternError>, usize)>,
    names: BTreeMap<String, Pattern>,
    not_found: Rc<dyn Endpoint>,
}

impl ApplicationBuilder {
    /// Nothing yet but the plain 404, which belongs to the line that began to build.
    pub(super) fn new(place: &'static Location<'static>) -> Self {
        Self {
            settings: Settings::default(),
            routes: Vec::new(),
            hosts: Vec::new(),
            names: BTreeMap::new(),
            not_found: Registered::new(ErrorHandler::new(404), place),
        }
    }

    /// Gives a handler the paths that fit all of `pattern`, a regular expression. The slow-callback
    /// detector and the listing of coroutines name the line of this call.
    #[track_caller]
    pub fn route(mut self, pattern: &str, handler: impl RequestHandler) -> Self {
        let endpoint = Registered::new(handler, Location::caller());
        let compiled = Pattern::new(pattern);
        self.routes.push(compiled.map(|pattern| Route { pattern, endpoint }));
        self
    }

    /// The same with a name for [`reverse_url`](Application::reverse_url).
    #[track_caller]
    pub fn named_route(self, name: &str, pattern: &str, handler: impl RequestHandler) -> Self {
        let mut builder = self.route(pattern, handler);
        if let Some(Ok(route)) = builder.routes.last() {
            builder.names.insert(name.to_owned(), route.pattern.clone());
        }
        builder
    }

    /// The routes added from here on are for hosts that fit `pattern` (T206). They are tried before those
    /// that were added before the first call and are for every host.
    pub fn host(mut self, pattern: &str) -> Self {
        self.hosts.push((Pattern::new(pattern), self.routes.len()));
        self
    }

    /// Answers the paths that no route fits, instead of the plain 404.
    #[track_caller]
    pub fn default_handler(mut self, handler: impl RequestHandler) -> Self {
        self.not_found = Registered::new(handler, Location::caller());
        self
    }

    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks everything: patterns, directories, templates.
    #[track_caller]
    pub fn build(self) -> Result<Application, BuildError> {
        let Self { settings, routes, hosts, names, not_found } = self;
        Cookie::new(&settings.xsrf_cookie_name, "token").to_header().map_err(BuildError::Cookie)?;
        if settings.compress_response && !compress::AVAILABLE {
            return Err(BuildError::Feature { setting: "compress_response", feature: "gzip" });
        }
        let mut routes = routes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut of_hosts = Vec::new();
        for (pattern, first) in hosts.into_iter().rev() {
            of_hosts.insert(0, (pattern?, routes.split_off(first)));
        }
        let files = open_files(&settings)?;
        if let Some(files) = &files {
            routes.splice(0..0, static_routes(files, &settings)?); // these come first
        }
        let static_prefix = settings.static_url_prefix.clone();
        let urls = Arc::new(Urls { named: names, files, static_prefix });
        let mut templates = Templates::new(settings.template_path.as_deref(), settings.debug)?;
        urls.add_functions(&mut templates);
        let mut headers = Headers::new();
        headers.set("Content-Type", "text/html; charset=UTF-8").expect("a good header");
        let mut site = Site {
            settings,
            templates,
            headers,
            spare_cores: RefCell::default(),
            urls,
            flash_secret: OnceCell::new(),
            hosts: of_hosts,
            routes,
            not_found,
            has_plans: false,
        };
        let has_plans = site.endpoints().any(|endpoint| endpoint.body_plan().is_some());
        site.has_plans = has_plans;
        Ok(Application { site: Rc::new(site) })
    }
}

impl std::fmt::Debug for ApplicationBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApplicationBuilder({} routes)", self.routes.len())
    }
}

/// The root of the static files, if there is one.
fn open_files(settings: &Settings) -> Result<Option<FileRoot>, BuildError> {
    let Some(path) = &settings.static_path else { return Ok(None) };
    let path = checked_directory("static_path", path)?;
    let files = FileRoot::new(path.clone(), settings.static_symlinks, !settings.debug);
    if !settings.debug {
        files.learn_versions().map_err(|cause| BuildError::Unreadable { path, cause })?;
    }
    Ok(Some(files))
}

#[track_caller]
fn static_routes(files: &FileRoot, settings: &Settings) -> Result<Vec<Route>, PatternError> {
    let prefix = regex::escape(&settings.static_url_prefix);
    let patterns = [format!("{prefix}(.*)"), r"/(favicon\.ico)".into(), r"/(robots\.txt)".into()];
    let place = Location::caller();
    let route = |pattern: &String| {
        let handler = StaticFileHandler::new(files.clone());
        let endpoint = Registered::new(handler, place);
        Ok(Route { pattern: Pattern::new(pattern)?, endpoint })
    };
    patterns.iter().map(route).collect()
}
