//! Where a coroutine's variables live: a pinned box, which outlives the coroutine if it has a home.
//!
//! Owns [`Frame`], what the runner drives, and [`Frames`], the boxes that coroutines of one kind (the
//! handlers of one route, say) use one after the other, so that starting the next one allocates
//! nothing. Knows no slots and no wakers. Read next: `runner.rs`.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// So many boxes wait for the next coroutine of their kind; more are in use only in a burst.
const SPARES: usize = 64;

/// A box with a coroutine in it, or without.
pub(super) trait Frame {
    fn step(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;

    /// Drops the coroutine and puts the box to the others of `home`.
    fn go_home(self: Pin<Box<Self>>, home: &Home);
}

/// A frame whose coroutine is somebody else's business.
pub(super) type BoxedFrame = Pin<Box<dyn Frame>>;

/// The empty boxes of one kind, which has no name here.
pub(super) type Home = Rc<dyn Any>;

impl<F: Future<Output = ()> + 'static> Frame for Option<F> {
    fn step(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.as_pin_mut().map_or(Poll::Ready(()), |coroutine| coroutine.poll(context))
    }

    fn go_home(mut self: Pin<Box<Self>>, home: &Home) {
        self.as_mut().set(None); // somebody's destructors: nothing is borrowed
        let Some(home) = home.downcast_ref::<Spares<F>>() else { return };
        let mut spares = home.borrow_mut();
        if spares.len() < SPARES {
            spares.push(self);
        }
    }
}

/// What a [`Home`] is to those who know the kind.
type Spares<F> = RefCell<Vec<Pin<Box<Option<F>>>>>;

/// The boxes of coroutines that are all made by the same expression.
#[derive(Default)]
pub(crate) struct Frames {
    /// Made by the first coroutine, which decides the kind.
    home: OnceCell<Home>,
}

impl Frames {
    /// Puts what `make` makes into a box that another coroutine has left, or into a new one. It is
    /// made here, because a coroutine is large and each move a copy.
    #[inline]
    pub(super) fn fill<F: Future<Output = ()> + 'static>(
        &self,
        make: impl FnOnce() -> F,
    ) -> (BoxedFrame, Home) {
        let home = self.home.get_or_init(|| Rc::new(Spares::<F>::default()));
        let spare = home.downcast_ref::<Spares<F>>().and_then(|spares| spares.borrow_mut().pop());
        let frame = match spare {
            Some(mut spare) => {
                spare.as_mut().set(Some(make()));
                spare
            }
            None => Box::pin(Some(make())),
        };
        (frame, Rc::clone(home))
    }
}
