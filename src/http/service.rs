//! What answers requests: a [`Service`], which a closure can be, and its plan for a body.
//!
//! Owns the contract and nothing else. Who calls it, and when, is `pump.rs`.

use super::{Request, RequestHead, Responder};

/// Something that answers requests.
///
/// `call` gets the request and the right to answer it. It may answer at once, or keep the
/// [`Responder`] and answer later; the connection's next request waits for that, other
/// connections do not. A `Service` that panics has answered 500.
pub trait Service {
    /// What to do with the body of this request, asked when its head is known.
    fn plan(&self, head: &RequestHead) -> BodyPlan {
        let _ = head;
        BodyPlan::buffered()
    }

    /// Answers a request.
    fn call(&self, request: Request, responder: Responder);
}

impl<F: Fn(Request, Responder)> Service for F {
    fn call(&self, request: Request, responder: Responder) {
        self(request, responder);
    }
}

/// How a service wants the body of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPlan {
    pub(super) streamed: bool,
    pub(super) bytes_max: Option<u64>,
}

impl BodyPlan {
    /// All of it at once: the service is called when the body is complete.
    pub const fn buffered() -> Self {
        Self { streamed: false, bytes_max: None }
    }

    /// Piece by piece: the service is called at once, and reads
    /// [`Request::body_stream`](super::Request::body_stream) at its own pace (T153).
    pub const fn streamed() -> Self {
        Self { streamed: true, bytes_max: None }
    }

    /// Another limit than [`Limits::body_bytes_max`](super::Limits), for this request only (F157).
    pub const fn limit(mut self, bytes_max: u64) -> Self {
        self.bytes_max = Some(bytes_max);
        self
    }
}
