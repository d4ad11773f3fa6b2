//! Holding a connection, and waiting for one: both end by being dropped.
//!
//! Owns the rule that makes cancelling safe (M079, HAZ35): a connection goes back to the pool only
//! if its conversation is complete, whatever became of the operation that used it. Read next:
//! `mod.rs`.

use std::rc::Rc;

use super::link::Link;
use super::{Engine, Granted, Refused};
use crate::future::{Future, Promise};
use crate::mongo::Error;
use crate::proto::mongo::pool::WaiterId;

/// A connection of one's own.
#[derive(Debug)]
pub(in crate::mongo) struct Lease {
    engine: Rc<Engine>,
    link: Rc<Link>,
}

impl Lease {
    pub(super) fn new(engine: &Rc<Engine>, link: Rc<Link>) -> Self {
        Self { engine: Rc::clone(engine), link }
    }

    pub(in crate::mongo) fn link(&self) -> &Rc<Link> {
        &self.link
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.engine.give_back(&self.link);
    }
}

/// Somebody who waits for a connection.
pub(super) struct Waiting<'a> {
    engine: &'a Rc<Engine>,
    waiter: WaiterId,
    future: Option<Future<Granted>>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(engine: &'a Rc<Engine>) -> Self {
        let promise = Promise::new();
        let future = Some(promise.future());
        let now = engine.home.get().map_or(reactor::Instant::ZERO, crate::ioloop::IoLoop::now);
        let mut state = engine.state.borrow_mut();
        let waiter = state.pool.check_out(now);
        state.waiters.insert(waiter, promise);
        drop(state);
        engine.carry_out();
        Self { engine, waiter, future }
    }

    pub(super) async fn granted(mut self) -> Granted {
        match self.future.take() {
            Some(future) => future.await.unwrap_or(Err(Refused::Failed(Error::Closed))),
            None => Err(Refused::Cleared),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.engine.state.borrow_mut();
        state.pool.cancel(self.waiter);
        let promise = state.waiters.remove(&self.waiter);
        drop(state);
        drop(promise);
    }
}
