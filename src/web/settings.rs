//! Settings of an application: where its files are, what signs its cookies, how strict it is.
//!
//! Owns the defaults and their reasons. A setting is a field, so a misspelt one does not compile.

use std::path::PathBuf;

use super::multipart::MultipartLimits;
use super::signed::CookieSecret;
use super::static_files::Symlinks;

/// What an application can be told.
///
/// ```
/// use squall::web::Settings;
/// let settings = Settings { debug: true, cookie_secret: Some("a secret".into()), ..Settings::default() };
/// assert_eq!(settings.static_url_prefix, "/static/");
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// Templates and static files are looked at again for each request, and error pages say what went
    /// wrong. Because of the latter the server then listens on this machine only (HAZ13).
    pub debug: bool,
    /// Lets a server in `debug` mode listen for everybody. Think twice.
    pub debug_everywhere: bool,
    /// Where the templates are.
    pub template_path: Option<PathBuf>,
    /// Where the static files are; also `/favicon.ico` and `/robots.txt` are served from there.
    pub static_path: Option<PathBuf>,
    /// Under which path they are served, with a slash at both ends.
    pub static_url_prefix: String,
    /// Whether links in `static_path` may lead elsewhere.
    pub static_symlinks: Symlinks,
    /// Signs cookies and flash messages: long, random, and the same in every process of the site.
    pub cookie_secret: Option<CookieSecret>,
    /// Where [`authenticated`](super::authenticated) sends visitors who are nobody yet.
    pub login_url: Option<String>,
    /// Whether every POST, PUT, PATCH and DELETE needs an XSRF token.
    pub xsrf_cookies: bool,
    /// The name of the cookie with the token; the form field is always `_xsrf`.
    pub xsrf_cookie_name: String,
    /// The cookie is sent over TLS only.
    pub xsrf_cookie_secure: bool,
    /// Whether each request is a line in the access log.
    pub access_log: bool,
    /// Whether responses are compressed for clients that can read it. Needs the feature `gzip`.
    pub compress_response: bool,
    /// For host-based routes: the host of a request that came to a bare IP address (S162).
    pub default_host: Option<String>,
    /// What an upload form may cost.
    pub multipart: MultipartLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            debug: false,
            debug_everywhere: false,
            template_path: None,
            static_path: None,
            static_url_prefix: "/static/".to_owned(),
            static_symlinks: Symlinks::default(),
            cookie_secret: None,
            login_url: None,
            xsrf_cookies: false,
            xsrf_cookie_name: "_xsrf".to_owned(),
            xsrf_cookie_secure: false,
            access_log: true,
            compress_response: false,
            default_host: None,
            multipart: MultipartLimits::default(),
        }
    }
}
