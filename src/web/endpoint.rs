//! A handler as the application keeps it: any type, behind one pointer, with the line of its route.
//!
//! Owns the order of a request (XSRF check, `prepare`, the method) and what becomes of its failures: an
//! error or a panic is answered with a page and the loop goes on. Each request is one coroutine, in
//! memory that the one before it has left. Read next: `reply.rs`.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;

use super::error::{Error, HttpError};
use super::exchange::Exchange;
use super::handler::{Finished, HandlerResult, RequestHandler};
use crate::coroutine::Frames;
use crate::http::{BodyPlan, Headers};
use crate::ioloop::{self, IoLoop};

/// [`RequestHandler`] without its type.
pub(super) trait Endpoint {
    /// Starts the coroutine that answers.
    fn start(self: Rc<Self>, exchange: Exchange);
    fn set_default_headers(&self, headers: &mut Headers);
    fn write_error(&self, req: Exchange, error: &Error) -> Finished;
    fn log_exception(&self, req: &Exchange, error: &Error);
    fn current_user(&self, req: &Exchange) -> Option<String>;
    fn on_finish(&self, req: &Exchange);
    fn compute_etag(&self, body: &[u8]) -> Option<String>;
    /// How the body of a request shall come, if it shall not come as usual.
    fn body_plan(&self) -> Option<BodyPlan>;
    /// The handler's type, and the line that gave it its route.
    fn origin(&self) -> (&'static str, &'static Location<'static>);
}

/// A handler and the line that gave it a route.
pub(super) struct Registered<H> {
    pub(super) handler: H,
    pub(super) place: &'static Location<'static>,
    /// Where its coroutines live, one after the other.
    frames: Frames,
}

impl<H: RequestHandler> Registered<H> {
    pub(super) fn new(handler: H, place: &'static Location<'static>) -> Rc<Self> {
        Rc::new(Self { handler, place, frames: Frames::default() })
    }
}

impl<H: RequestHandler> Endpoint for Registered<H> {
    fn start(self: Rc<Self>, exchange: Exchange) {
        // Nobody waits for the coroutine: it answers for itself, also when it fails.
        let keeper = Rc::clone(&exchange.core);
        let answer = || Rc::clone(&self).answer(exchange);
        IoLoop::current().run_coroutine(self.place, &self.frames, keeper, answer);
    }

    fn set_default_headers(&self, headers: &mut Headers) {
        self.handler.set_default_headers(headers);
    }

    fn write_error(&self, req: Exchange, error: &Error) -> Finished {
        self.handler.write_error(req, error)
    }

    fn log_exception(&self, req: &Exchange, error: &Error) {
        self.handler.log_exception(req, error);
    }

    fn current_user(&self, req: &Exchange) -> Option<String> {
        self.handler.current_user(req)
    }

    fn on_finish(&self, req: &Exchange) {
        self.handler.on_finish(req);
    }

    fn compute_etag(&self, body: &[u8]) -> Option<String> {
        self.handler.compute_etag(body)
    }

    fn body_plan(&self) -> Option<BodyPlan> {
        let plan = if H::STREAM_REQUEST_BODY { BodyPlan::streamed() } else { BodyPlan::buffered() };
        match H::BODY_BYTES_MAX {
            Some(limit) => Some(plan.limit(limit)),
            None => H::STREAM_REQUEST_BODY.then_some(plan),
        }
    }

    fn origin(&self) -> (&'static str, &'static Location<'static>) {
        (std::any::type_name::<H>(), self.place)
    }
}

impl<H: RequestHandler> Registered<H> {
    async fn answer(self: Rc<Self>, exchange: Exchange) {
        let core = Rc::clone(&exchange.core);
        let mut steps = pin!(self.run(exchange));
        let outcome = poll_fn(|context| {
            // For the slow-callback detector: which request, and the line of its route (S025).
            ioloop::describe(self.place, || core.request_line());
            steps.as_mut().poll(context)
        })
        .await;
        if let Err(error) = outcome {
            core.fail(&error);
        }
    }

    async fn run(&self, exchange: Exchange) -> HandlerResult {
        let method = Method::of(exchange.method()).ok_or_else(|| HttpError::new(405))?;
        let is_a_look = matches!(method, Method::Get | Method::Head | Method::Options);
        if exchange.settings().xsrf_cookies && !is_a_look {
            self.handler.check_xsrf_cookie(&exchange)?; // SEC02: whatever other headers say
        }
        let exchange = match self.handler.prepare(exchange).await? {
            ControlFlow::Continue(exchange) => exchange,
            ControlFlow::Break(finished) => return Ok(finished),
        };
        match method {
            Method::Get => self.handler.get(exchange).await,
            Method::Head => self.handler.head(exchange).await,
            Method::Post => self.handler.post(exchange).await,
            Method::Delete => self.handler.delete(exchange).await,
            Method::Patch => self.handler.patch(exchange).await,
            Method::Put => self.handler.put(exchange).await,
            Method::Options => self.handler.options(exchange).await,
        }
    }
}

/// The methods that a handler can have.
#[derive(Clone, Copy)]
enum Method {
    Get,
    Head,
    Post,
    Delete,
    Patch,
    Put,
    Options,
}

impl Method {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            "PATCH" => Self::Patch,
            "PUT" => Self::Put,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }
}
