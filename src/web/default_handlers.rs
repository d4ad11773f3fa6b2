//! Two handlers that applications often need: one that only fails, and one that only redirects.
//!
//! Own nothing but their status and target. They are written as any user would write them.

use super::error::{Error, HttpError};
use super::exchange::Exchange;
use super::handler::{HandlerResult, Prepared, RequestHandler};

/// Answers everything with one error; the handler of unknown paths.
#[derive(Clone, Copy, Debug)]
pub struct ErrorHandler {
    status: u16,
}

impl ErrorHandler {
    /// Fails with `status`.
    pub fn new(status: u16) -> Self {
        Self { status }
    }
}

impl RequestHandler for ErrorHandler {
    async fn prepare(&self, req: Exchange) -> Prepared {
        drop(req);
        Err(HttpError::new(self.status).into())
    }

    /// F237: an unknown path is unknown, whatever the form lacks.
    fn check_xsrf_cookie(&self, _req: &Exchange) -> Result<(), Error> {
        Ok(())
    }
}

/// Sends visitors on. `{0}` in the target is the first group of the pattern; the query goes along.
///
/// ```
/// use squall::web::{Application, RedirectHandler};
/// let app = Application::new().route("/old/(.*)", RedirectHandler::new("/new/{0}")).build()?;
/// # Ok::<(), squall::web::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedirectHandler {
    target: String,
    status: u16,
}

impl RedirectHandler {
    /// Redirects for good, with a 301.
    pub fn new(target: impl Into<String>) -> Self {
        Self { target: target.into(), status: 301 }
    }

    /// Redirects for now, with a 302.
    pub fn temporary(target: impl Into<String>) -> Self {
        Self { target: target.into(), status: 302 }
    }
}

impl RequestHandler for RedirectHandler {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let groups = req.path_arguments().iter().map(Option::unwrap_or_default);
        let fill = |target: String, (index, group): (usize, &str)| {
            target.replace(&format!("{{{index}}}"), group)
        };
        let mut target = groups.enumerate().fold(self.target.clone(), fill);
        if !req.query().is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(req.query());
        }
        Ok(req.redirect_with(self.status, &target))
    }
}
