//! Waking a reactor from another thread, for the price of one atomic swap when it is awake.
//!
//! Owns the agreement between one sleeper and any number of wakers: three states in one atomic,
//! and a bell that is rung only when somebody sleeps. Knows no system call: every backend brings
//! its own [`Bell`]. Read next: `sleep.rs`, the sleeper's side.
//!
//! ```text
//!              wake              fall_asleep
//!   Woken <------------- Awake --------------> Asleep
//!     ^                    ^                      | |
//!     |   rise: true       |    rise: false       | |
//!     +--------------------+----------------------+ |
//!     |                  wake: rings the bell       |
//!     +---------------------------------------------+
//! ```

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How one backend interrupts its own wait: an eventfd, a user event, a `mio::Waker`.
pub trait Bell: Send + Sync {
    /// Makes the present or the next wait in the kernel return.
    fn ring(&self) -> io::Result<()>;
}

/// Ends a reactor's wait, from any thread.
///
/// A wake is never lost: it ends the wait in progress, or else the next one. Wakes that arrive
/// before the sleeper has looked count as one.
///
/// ```
/// let mut reactor = reactor::Backend::native().build()?;
/// let waker = reactor.waker();
/// std::thread::spawn(move || waker.wake());
///
/// let mut events = reactor::Events::with_capacity(16);
/// reactor.wait(&mut events, None)?; // no deadline: only the other thread ends this
/// assert!(events.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Waker(Arc<Shared<dyn Bell>>);

struct Shared<B: ?Sized> {
    state: AtomicU8,
    bell: B,
}

/// Not waiting: it will look at its queues by itself before it sleeps.
const AWAKE: u8 = 0;
/// In the kernel, or about to be: only the bell reaches it.
const ASLEEP: u8 = 1;
/// Somebody called; nobody else needs to.
const WOKEN: u8 = 2;

impl Waker {
    /// The agreement around `bell`; for those who write a reactor.
    pub fn new(bell: impl Bell + 'static) -> Self {
        Self(Arc::new(Shared { state: AtomicU8::new(AWAKE), bell }))
    }

    /// Ends the present wait, or else the next one.
    ///
    /// What was written before this call is seen by the woken thread after its wait.
    pub fn wake(&self) -> io::Result<()> {
        if self.0.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            self.0.bell.ring()
        } else {
            Ok(())
        }
    }

    /// The sleeper, before it blocks: false if somebody has called already, so do not block.
    /// Every `fall_asleep` is followed by [`rise`](Self::rise).
    pub fn fall_asleep(&self) -> bool {
        let change =
            self.0.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        change.is_ok()
    }

    /// The sleeper, after its wait: true if somebody called since the last time it rose.
    ///
    /// The bell itself says less: it may ring late, for a call that was answered long ago.
    pub fn rise(&self) -> bool {
        self.0.state.swap(AWAKE, Ordering::AcqRel) == WOKEN
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.state.load(Ordering::Relaxed) {
            AWAKE => "Waker(awake)",
            ASLEEP => "Waker(asleep)",
            _ => "Waker(woken)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Clone, Default)]
    struct Counter(Arc<AtomicUsize>);

    impl Counter {
        fn rings(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Bell for Counter {
        fn ring(&self) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn the_bell_rings_once_and_only_for_a_sleeper() -> io::Result<()> {
        let bell = Counter::default();
        let waker = Waker::new(bell.clone());

        waker.wake()?;
        assert_eq!(bell.rings(), 0, "it is awake and will look by itself");
        assert!(!waker.fall_asleep(), "somebody called: do not block");
        assert!(waker.rise());

        assert!(waker.fall_asleep());
        for _ in 0..100 {
            waker.wake()?;
        }
        assert_eq!(bell.rings(), 1, "a hundred calls, one system call");
        assert!(waker.rise());
        assert!(!waker.rise(), "a call is answered once");
        Ok(())
    }

    #[test]
    fn a_sleeper_who_was_not_called_rises_by_itself() {
        let waker = Waker::new(Counter::default());
        assert!(waker.fall_asleep());
        assert_eq!(format!("{waker:?}"), "Waker(asleep)");
        assert!(!waker.rise());
        assert_eq!(format!("{waker:?}"), "Waker(awake)");
    }
}
