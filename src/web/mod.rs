//! The web layer: Tornado's `web` module in Rust, where a handler is a type with async methods.
//!
//! Owns everything between a parsed request and the bytes of its response: routes, arguments, cookies,
//! templates, static files. Knows nothing of sockets (that is `http`) nor of any database: a handler is
//! given its database as a field. Read next: `handler.rs`, what you implement; `exchange.rs`, what you get.
//!
//! ```no_run
//! use squall::ioloop::IoLoop;
//! use squall::web::{Application, Exchange, HandlerResult, RequestHandler};
//!
//! struct Hello;
//!
//! impl RequestHandler for Hello {
//!     async fn get(&self, req: Exchange) -> HandlerResult {
//!         Ok(req.finish("Hello, world"))
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let app = Application::new().route("/", Hello).build()?;
//!     app.listen(8888)?;
//!     Ok(IoLoop::current().start()?)
//! }
//! ```

mod application;
pub mod arguments;
mod builder;
mod chunk;
#[cfg(feature = "gzip")]
mod compress;
#[cfg(not(feature = "gzip"))]
#[path = "compress_absent.rs"]
mod compress;
mod cookies;
mod default_handlers;
mod endpoint;
mod error;
pub mod escape;
mod exchange;
mod faults;
pub mod flash;
mod handler;
mod incoming;
mod location;
pub mod multipart;
mod page;
mod pattern;
mod reply;
mod responder;
mod settings;
pub mod signed;
mod site;
pub mod static_files;
mod template;
mod xsrf;

pub use application::{Application, RouteInfo};
pub use arguments::Arguments;
pub use builder::ApplicationBuilder;
pub use chunk::Chunk;
pub use cookies::{Cookie, Cookies, SameSite, quote, unquote};
pub use default_handlers::{ErrorHandler, RedirectHandler};
pub use error::{Error, HttpError, MissingArgument, reason_phrase};
pub use exchange::Exchange;
pub use faults::{
    AlreadyFinished, ArgumentError, BuildError, CookieError, HandlerPanicked, HeadersSent,
    InvalidLocation, MissingSetting, MultipartError, PatternError, ReverseError, TopLevelList,
    XsrfError,
};
pub use flash::{Category, FlashMessage};
pub use handler::{
    Finished, HandlerResult, Prepared, RequestHandler, addslash, authenticated, removeslash,
};
pub use location::{local_path, location};
pub use minijinja::{Value, context};
pub use pattern::{PathArguments, Pattern};
pub use responder::Responder;
pub use settings::Settings;
pub use signed::CookieSecret;
pub use template::Templates;
pub use xsrf::XsrfToken;
