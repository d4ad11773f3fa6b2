//! What all requests of an application share: its routes, its settings, its templates and its URLs.
//!
//! Owns the search for a handler and the making of URLs, which templates do too. Nothing here changes
//! after it was built. Read next: `endpoint.rs`, which runs the handler that was found.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Rest;

use super::endpoint::Endpoint;
use super::escape::url_escape;
use super::faults::{ArgumentError, MissingSetting, ReverseError};
use super::pattern::{PathArguments, Pattern};
use super::reply::Core;
use super::settings::Settings;
use super::signed::CookieSecret;
use super::static_files::{FileRoot, normalize};
use super::template::Templates;
use crate::http::{Headers, RequestHead};
use crate::ioloop::IoLoop;

/// So many places wait for the next request; more are in use only in a burst.
const SPARE_CORES: usize = 64;

/// What an application is made of.
pub(super) struct Site {
    pub(super) settings: Settings,
    pub(super) templates: Templates,
    /// What every response begins with.
    pub(super) headers: Headers,
    /// Places that requests have left, for the next ones.
    pub(super) spare_cores: RefCell<Vec<Rc<Core>>>,
    pub(super) urls: Arc<Urls>,
    /// Signs flash messages when there is no `cookie_secret`: good until the process ends.
    pub(super) flash_secret: OnceCell<CookieSecret>,
    pub(super) hosts: Vec<(Pattern, Vec<Route>)>,
    pub(super) routes: Vec<Route>,
    pub(super) not_found: Rc<dyn Endpoint>,
    /// Some handler has a plan of its own for bodies: then each head is routed before its body comes.
    pub(super) has_plans: bool,
}

/// How URLs are made; the template engine wants it shareable between threads.
pub(super) struct Urls {
    pub(super) named: BTreeMap<String, Pattern>,
    pub(super) files: Option<FileRoot>,
    pub(super) static_prefix: String,
}

/// A handler and what its pattern caught.
type Found<'a> = (&'a Rc<dyn Endpoint>, Result<PathArguments, ArgumentError>);

/// One pattern and the handler of its paths.
pub(super) struct Route {
    pub(super) pattern: Pattern,
    pub(super) endpoint: Rc<dyn Endpoint>,
}

impl Site {
    /// The handler for a request and what its pattern caught: routes of its host first, then routes of
    /// every host, then those of the default host (unless a proxy named the client).
    pub(super) fn find(&self, request: &RequestHead) -> Found<'_> {
        let path = request.path();
        if !self.hosts.is_empty()
            && let Some(found) = self.of_host(&request.host_name(), path)
        {
            return found;
        }
        for route in &self.routes {
            if let Some(found) = route.matches(path) {
                return found;
            }
        }
        let default = self.settings.default_host.as_deref();
        default
            .filter(|_| request.header("X-Real-Ip").is_none())
            .and_then(|default| self.of_host(default, path))
            .unwrap_or_else(|| (&self.not_found, Ok(PathArguments::default())))
    }

    fn of_host(&self, name: &str, path: &str) -> Option<Found<'_>> {
        let groups = self.hosts.iter().filter(|(pattern, _)| pattern.matches(name).is_some());
        groups.flat_map(|(_, routes)| routes).find_map(|route| route.matches(path))
    }

    /// Everything that may answer.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Rc<dyn Endpoint>> {
        let of_hosts = self.hosts.iter().flat_map(|(_, routes)| routes);
        let of_routes = of_hosts.chain(&self.routes).map(|route| &route.endpoint);
        of_routes.chain([&self.not_found])
    }

    /// A place for a request.
    pub(super) fn take_core(&self) -> Rc<Core> {
        self.spare_cores.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes it back, empty.
    pub(super) fn give_core(&self, core: Rc<Core>) {
        let mut spare = self.spare_cores.borrow_mut();
        if spare.len() < SPARE_CORES {
            spare.push(core);
        }
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
    #[inline]
    fn matches(&self, path: &str) -> Option<Found<'_>> {
        self.pattern.matches(path).map(|arguments| (&self.endpoint, arguments))
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
        let url = format!("{}{}", self.static_prefix, url_escape(path, false));
        let relative = normalize(path);
        let version = self.files.as_ref().zip(relative).and_then(|(files, at)| files.version(&at));
        version.map_or(url.clone(), |version| format!("{url}?v={version}"))
    }

    /// `static_url('site.css')` and `reverse_url('name', argument, ...)` in templates.
    pub(super) fn add_functions(self: &Arc<Self>, templates: &mut Templates) {
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
