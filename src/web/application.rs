//! `Application`: what a server serves, and the handle by which it is asked about itself.
//!
//! Owns the way from a request to the handler's coroutine. It is a `http::Service`, so a server can be
//! made of it. Read next: `builder.rs`, how it is made; `site.rs`, how a handler is found.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::rc::Rc;

use super::builder::ApplicationBuilder;
use super::error::Error;
use super::exchange::Exchange;
use super::faults::ReverseError;
use super::pattern::PathArguments;
use super::reply::{Core, Tenant};
use super::settings::Settings;
use super::site::Site;
use crate::http::{BodyPlan, HttpServer, Request, RequestHead, Responder, Service};

/// A table of routes with everything the handlers share. Clones are handles to the same application.
#[derive(Clone)]
pub struct Application {
    pub(super) site: Rc<Site>,
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
        ApplicationBuilder::new(Location::caller())
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
    fn plan(&self, head: &RequestHead) -> BodyPlan {
        let plan = self.site.has_plans.then(|| self.site.find(head).0.body_plan()).flatten();
        plan.unwrap_or(BodyPlan::buffered())
    }

    fn call(&self, request: Request, responder: Responder) {
        let (endpoint, arguments) = self.site.find(&request);
        let (site, answering) = (Rc::clone(&self.site), Rc::clone(endpoint));
        let begin = |path_arguments| {
            Core::begin(Tenant { site, endpoint: answering, path_arguments, request, responder })
        };
        match arguments {
            Ok(arguments) => Rc::clone(endpoint).start(Exchange { core: begin(arguments) }),
            Err(fault) => begin(PathArguments::default()).fail(&Error::from(fault)),
        }
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.routes().map(|route| route.pattern)).finish()
    }
}
