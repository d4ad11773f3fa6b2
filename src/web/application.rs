//! `Application`: which handler answers which path, and what all of them share.
//!
//! Owns the routes, tried in order, the settings, and the templates; checks all of them when it is built,
//! so that a mistake is found at start. It is a `http::Service`, so a server can be made of it. Read
//! next: `endpoint.rs`, which runs the handler that was found.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Rest;

use super::compress;
use super::cookies::Cookie;
use super::default_handlers::ErrorHandler;
use super::endpoint::{Endpoint, Registered};
use super::error::Error;
use super::exchange::Exchange;
use super::faults::{ArgumentError, BuildError, MissingSetting, PatternError, ReverseError};
use super::handler::RequestHandler;
use super::pattern::{PathArguments, Pattern};
use super::reply::Core;
use super::settings::Settings;
use super::signed::CookieSecret;
use super::static_files::{FileRoot, StaticFileHandler, normalize};
use super::template::{Templates, checked_directory};
use crate::http::{Headers, HttpServer, Request, Responder, Service};
use crate::ioloop::IoLoop;

/// A table of routes with everything the handlers share. Clones are handles to the same application.
#[derive(Clone)]
pub struct Application {
    site: Rc<Site>,
}

/// What an application is made of.
pub(super) struct Site {
    pub(super) settings: Settings,
    pub(super) templates: Templates,
    /// What every response begins with.
    pub(super) headers: Headers,
    urls: Arc<Urls>,
    /// Signs flash messages when there is no `cookie_secret`: good until the process ends.
    flash_secret: OnceCell<CookieSecret>,
    hosts: Vec<(Pattern, Vec<Route>)>,
    routes: Vec<Route>,
    not_found: Rc<dyn Endpoint>,
}

/// How URLs are made; the template engine wants it shareable between threads.
struct Urls {
    named: BTreeMap<String, Pattern>,
    files: Option<FileRoot>,
    static_prefix: String,
}

struct Route {
    pattern: Pattern,
    endpoint: Rc<dyn Endpoint>,
}

/// One line of the table of routes, for a server that says at start what it serves.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// The pattern as it was written.
    pub pattern: String,
    /// The name of the handler's type, without its module.
    pub handler: &'static str,
    /// The line that added the route.
    pub place: &'static Location<'static>,
}

impl std::fmt::Display for RouteInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pattern, handler, place } = self;
        write!(f, "{pattern:<24} {handler:<20} {}:{}", place.file(), place.line())
    }
}

/// Gathers routes and settings; see [`Application::new`].
#[must_use = "an application exists only when it is built"]
pub struct ApplicationBuilder {
    settings: Settings,
    routes: Vec<Result<Route, PatternError>>,
    hosts: Vec<(Result<Pattern, PatternError>, usize)>,
    names: BTreeMap<String, Pattern>,
    not_found: Rc<dyn Endpoint>,
}

impl Application {
    /// An application without routes.
    ///
    /// ```
    /// use squall::web::{Application, Exchange, HandlerResult, RequestHandler};
    ///
    /// struct Hello;
    ///
    /// impl RequestHandler for Hello {
    ///     async fn get(&self, req: Exchange) -> HandlerResult {
    ///         Ok(req.finish("Hello, world"))
    ///     }
    /// }
    ///
    /// let app = Application::new().route("/", Hello).build()?;
    /// # Ok::<(), squall::web::BuildError>(())
    /// ```
    #[expect(clippy::new_ret_no_self, reason = "the builder is an application in the making")]
    #[track_caller]
    pub fn new() -> ApplicationBuilder {
        let not_found = Registered { handler: ErrorHandler::new(404), place: Location::caller() };
        ApplicationBuilder {
            settings: Settings::default(),
            routes: Vec::new(),
            hosts: Vec::new(),
            names: BTreeMap::new(),
            not_found: Rc::new(not_found),
        }
    }

    /// Serves on this port of every address of the machine; in debug mode, of `127.0.0.1` only.
    pub fn listen(&self, port: u16) -> io::Result<HttpServer> {
        let settings = &self.site.settings;
        let private = settings.debug && !settings.debug_everywhere;
        let address = if private { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let server = HttpServer::new(self.clone());
        server.listen(SocketAddr::from((address, port)))?;
        Ok(server)
    }

    /// The routes in the order in which they are tried, those of single hosts first.
    pub fn routes(&self) -> impl Iterator<Item = RouteInfo> {
        let of_hosts = self.site.hosts.iter().flat_map(|(_, routes)| routes);
        of_hosts.chain(&self.site.routes).map(|route| {
            let (name, place) = route.endpoint.origin();
            // `demo::pages::Register<demo::Db>` is `Register`.
            let name = name.split('<').next().unwrap_or(name);
            let handler = name.rsplit("::").next().unwrap_or(name);
            RouteInfo { pattern: route.pattern.as_str().to_owned(), handler, place }
        })
    }

    /// The settings it was built with.
    pub fn settings(&self) -> &Settings {
        &self.site.settings
    }

    /// The path of the route called `name`, with `arguments` in its groups.
    pub fn reverse_url(&self, name: &str, arguments: &[&str]) -> Result<String, ReverseError> {
        self.site.reverse_url(name, arguments)
    }

    /// The URL of a static file with its version.
    pub fn static_url(&self, path: &str) -> String {
        self.site.static_url(path)
    }
}

impl Service for Application {
    fn call(&self, request: Request, responder: Responder) {
        let (endpoint, arguments) = self.site.find(&request);
        let (arguments, fault) = match arguments {
            Ok(arguments) => (arguments, None),
            Err(fault) => (PathArguments::default(), Some(fault)),
        };
        let site = Rc::clone(&self.site);
        let core = Core::new(site, Rc::clone(&endpoint), arguments, request, responder);
        match fault {
            None => endpoint.start(Exchange { core }),
            Some(fault) => core.fail(&Error::from(fault)),
        }
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.routes().map(|route| route.pattern)).finish()
    }
}

impl ApplicationBuilder {
    /// Gives a handler the paths that fit all of `pattern`, a regular expression. The slow-callback
    /// detector and the listing of coroutines name the line of this call.
    #[track_caller]
    pub fn route(mut self, pattern: &str, handler: impl RequestHandler) -> Self {
        let endpoint = Rc::new(Registered { handler, place: Location::caller() });
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
        self.not_found = Rc::new(Registered { handler, place: Location::caller() });
        self
    }

    /// Replaces the settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks everything: patterns, directories, templates.
    pub fn build(self) -> Result<Application, BuildError> {
        let Self { settings, routes, hosts, names, not_found } = self;
        Cookie::new(&settings.xsrf_cookie_name, "token").to_header().map_err(BuildError::Cookie)?;
        if settings.compress_response && !compress::AVAILABLE {
            return Err(BuildError::Feature { setting: "compress_response", feature: "gzip" });
        }
        let mut routes = routes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut groups = Vec::new();
        for (pattern, first) in hosts.into_iter().rev() {
            groups.insert(0, (pattern?, routes.split_off(first)));
        }
        let files = match &settings.static_path {
            Some(path) => {
                let path = checked_directory("static_path", path)?;
                Some(FileRoot::new(path, settings.static_symlinks, !settings.debug))
            }
            None => None,
        };
        if let Some(files) = &files {
            routes.splice(0..0, static_routes(files, &settings)?); // these come first
        }
        let static_prefix = settings.static_url_prefix.clone();
        let urls = Arc::new(Urls { named: names, files, static_prefix });
        let mut templates = Templates::new(settings.template_path.as_deref(), settings.debug)?;
        urls.add_functions(&mut templates);
        let flash_secret = OnceCell::new();
        let mut headers = Headers::new();
        headers.set("Content-Type", "text/html; charset=UTF-8").expect("a good header");
        let hosts = groups;
        let site =
            Site { settings, templates, headers, urls, flash_secret, hosts, routes, not_found };
        Ok(Application { site: Rc::new(site) })
    }
}

impl std::fmt::Debug for ApplicationBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApplicationBuilder({} routes)", self.routes.len())
    }
}

impl Site {
    /// The handler for a request and what its pattern caught: routes of its host first, then routes of
    /// every host, then those of the default host (unless a proxy named the client).
    fn find(&self, request: &Request) -> (Rc<dyn Endpoint>, Result<PathArguments, ArgumentError>) {
        let path = request.path();
        let of_host = |name: &str| {
            let fits = |pattern: &Pattern| pattern.matches(name).is_some();
            let groups = self.hosts.iter().filter(move |(pattern, _)| fits(pattern));
            groups.flat_map(|(_, routes)| routes).find_map(|route| route.matches(path))
        };
        let by_name = || (!self.hosts.is_empty()).then(|| of_host(&request.host_name())).flatten();
        let by_default = || {
            let default = self.settings.default_host.as_deref();
            default.filter(|_| request.header("X-Real-Ip").is_none()).and_then(of_host)
        };
        by_name()
            .or_else(|| self.routes.iter().find_map(|route| route.matches(path)))
            .or_else(by_default)
            .unwrap_or_else(|| (Rc::clone(&self.not_found), Ok(PathArguments::default())))
    }

    pub(super) fn cookie_secret(&self) -> Result<&CookieSecret, MissingSetting> {
        self.settings.cookie_secret.as_ref().ok_or(MissingSetting("cookie_secret"))
    }

    pub(super) fn flash_secret(&self) -> &CookieSecret {
        let made_up = || {
            let mut secret = [0; 32];
            IoLoop::current().random(&mut secret);
            CookieSecret::from(secret)
        };
        let settings = &self.settings;
        settings.cookie_secret.as_ref().unwrap_or_else(|| self.flash_secret.get_or_init(made_up))
    }

    pub(super) fn reverse_url(&self, name: &str, args: &[&str]) -> Result<String, ReverseError> {
        self.urls.reverse(name, args)
    }

    pub(super) fn static_url(&self, path: &str) -> String {
        self.urls.of_file(path)
    }
}

impl Route {
    fn matches(
        &self,
        path: &str,
    ) -> Option<(Rc<dyn Endpoint>, Result<PathArguments, ArgumentError>)> {
        self.pattern.matches(path).map(|arguments| (Rc::clone(&self.endpoint), arguments))
    }
}

impl Urls {
    fn reverse(&self, name: &str, arguments: &[&str]) -> Result<String, ReverseError> {
        match self.named.get(name) {
            Some(pattern) => pattern.reverse(arguments),
            None => Err(ReverseError::UnknownName { name: name.to_owned() }),
        }
    }

    /// Tornado's `static_url`: the version is the hash of the content, so the URL changes with it.
    fn of_file(&self, path: &str) -> String {
        let url = format!("{}{}", self.static_prefix, super::escape::url_escape(path, false));
        let relative = normalize(path);
        let version = self.files.as_ref().zip(relative).and_then(|(files, at)| files.version(&at));
        version.map_or(url.clone(), |version| format!("{url}?v={version}"))
    }

    /// `static_url('site.css')` and `reverse_url('name', argument, ...)` in templates.
    fn add_functions(self: &Arc<Self>, templates: &mut Templates) {
        let urls = Arc::clone(self);
        templates.add_function("static_url", move |path: String| {
            Value::from_safe_string(urls.of_file(&path))
        });
        let urls = Arc::clone(self);
        templates.add_function("reverse_url", move |name: String, arguments: Rest<String>| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            urls.reverse(&name, &arguments).map(Value::from_safe_string).map_err(|error| {
                let kind = minijinja::ErrorKind::InvalidOperation;
                minijinja::Error::new(kind, format!("reverse_url({name:?}): {error}"))
            })
        });
    }
}

fn static_routes(files: &FileRoot, settings: &Settings) -> Result<Vec<Route>, PatternError> {
    let prefix = regex::escape(&settings.static_url_prefix);
    let patterns = [format!("{prefix}(.*)"), r"/(favicon\.ico)".into(), r"/(robots\.txt)".into()];
    let route = |pattern: &String| {
        let handler = StaticFileHandler::new(files.clone());
        let endpoint = Rc::new(Registered { handler, place: Location::caller() });
        Ok(Route { pattern: Pattern::new(pattern)?, endpoint })
    };
    patterns.iter().map(route).collect()
}
