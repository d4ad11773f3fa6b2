//! Where the body of the request that is being read goes.
//!
//! Owns the choice between gathering it for the service and passing it on to a service that is
//! running already, and the decoding before either. Read next: `pump.rs`, who feeds it.

use std::rc::Rc;

use super::body::{BodyError, Pipe};
use super::gzip::Decoder;
use super::request::Parts;
use crate::proto::http1::{Reason, RemoteError};

/// A body on its way in.
pub(super) struct Intake {
    target: Target,
    decoder: Option<Box<Decoder>>,
}

enum Target {
    /// The service is called with all of it.
    Gather(Box<Parts>),
    /// The service was called and reads it there.
    Pass(Rc<Pipe>),
}

impl Intake {
    pub(super) fn gather(parts: Box<Parts>, decoder: Option<Box<Decoder>>) -> Self {
        Self { target: Target::Gather(parts), decoder }
    }

    pub(super) fn pass(pipe: Rc<Pipe>, decoder: Option<Box<Decoder>>) -> Self {
        Self { target: Target::Pass(pipe), decoder }
    }

    /// The handler is behind with its reading.
    pub(super) fn is_full(&self) -> bool {
        matches!(&self.target, Target::Pass(pipe) if pipe.is_full())
    }

    /// A piece of the body as it was sent.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), BodyError> {
        let Some(decoder) = &mut self.decoder else {
            self.target.push(data);
            return Ok(());
        };
        let decoded = decoder.decode(data)?;
        self.target.push(&decoded);
        Ok(())
    }

    /// The body is complete. Gives the request, if the service has not been called with it.
    pub(super) fn finish(mut self) -> Result<Option<Box<Parts>>, BodyError> {
        if let Some(decoder) = &mut self.decoder {
            let decoded = match decoder.finish() {
                Ok(decoded) => decoded,
                Err(error) => {
                    self.fail(error);
                    return Err(error);
                }
            };
            self.target.push(&decoded);
        }
        Ok(match self.target {
            Target::Gather(parts) => Some(parts),
            Target::Pass(pipe) => {
                pipe.end(Ok(()));
                None
            }
        })
    }

    /// The body will not be complete.
    pub(super) fn fail(self, error: BodyError) {
        if let Target::Pass(pipe) = self.target {
            pipe.end(Err(error));
        }
    }
}

impl Target {
    fn push(&mut self, data: &[u8]) {
        match self {
            Self::Gather(parts) => parts.body.extend_from_slice(data),
            Self::Pass(pipe) => pipe.push(data),
        }
    }
}

/// How the client is told about it.
pub(super) fn refusal(error: BodyError) -> RemoteError {
    match error {
        BodyError::Refused(error) => error,
        BodyError::Closed => Reason::Truncated.into(),
        BodyError::Encoding => Reason::Encoding.into(),
    }
}
