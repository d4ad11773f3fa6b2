//! The web layer: Tornado's `web` module in Rust, where a handler is a type with async methods.
//!
//! Owns everything between a parsed request and the bytes of its response: routes, arguments, cookies,
//! templates, static files. Knows nothing of sockets (that is `http`) nor of any database: a handler is
//! given its database as a field. Read next: `handler.rs`, what you implement; `exchange.rs`, what you get.

pub mod arguments;
mod cookies;
mod error;
pub mod escape;
mod faults;
pub mod flash;
mod location;
pub mod multipart;
mod pattern;
mod settings;
pub mod signed;
pub mod static_files;
mod template;
mod xsrf;

pub use arguments::Arguments;
pub use cookies::{Cookie, Cookies, SameSite, quote, unquote};
pub use error::{Error, HttpError, MissingArgument, reason_phrase};
pub use faults::{
    AlreadyFinished, ArgumentError, BuildError, CookieError, InvalidLocation, MissingSetting,
    MultipartError, PatternError, ReverseError, TopLevelList, XsrfError,
};
pub use flash::{Category, FlashMessage};
pub use location::{local_path, location};
pub use minijinja::{Value, context};
pub use pattern::{PathArguments, Pattern};
pub use settings::Settings;
pub use signed::CookieSecret;
pub use template::Templates;
pub use xsrf::XsrfToken;
