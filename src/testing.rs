//! Tests of applications: a loop of one's own, a deadline, and a clock that jumps.
//!
//! Tornado's `tornado.testing`, public for the same reason: whoever builds on the loop wants to
//! test on it. Owns no assertions and knows nothing of any test harness. Sockets are real, time is
//! not: a test of ten seconds takes a millisecond.
//!
//! ```
//! use std::time::Duration;
//! use squall::{coroutine::sleep, testing};
//!
//! testing::run_virtually(|io_loop| async move {
//!     let started = io_loop.time();
//!     sleep(Duration::from_secs(3600)).await; // takes no time at all
//!     assert_eq!(io_loop.time() - started, Duration::from_secs(3600));
//! });
//! ```

use std::future::Future;
use std::time::Duration;

use reactor::{Backend, TimeControl, VirtualTime};

use crate::ioloop::IoLoop;
use crate::log;

/// How long a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The same in virtual time, where patience costs nothing.
pub const PATIENCE_VIRTUAL: Duration = Duration::from_secs(24 * 3600);

/// Runs `test` once on every backend of this machine, each time with a fresh loop. When it
/// panics, the log says on which.
pub fn on_each_backend(test: impl Fn(&IoLoop)) {
    for backend in Backend::available() {
        let told = TellWhere(backend);
        let io_loop = IoLoop::builder().backend(backend).build().expect("a loop");
        test(&io_loop);
        io_loop.close();
        drop(told);
    }
}

/// Says on which backend a test panicked.
struct TellWhere(Backend);

impl Drop for TellWhere {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::application_error(&format!("the test failed on {}", self.0));
        }
    }
}

/// Runs a coroutine on every backend, to its end.
pub fn run_on_each_backend<F: Future<Output = ()> + 'static>(test: impl Fn() -> F) {
    on_each_backend(|io_loop| run(io_loop, test()));
}

/// Runs a coroutine to its end on `io_loop`.
///
/// # Panics
/// If it panics, or is not done within [`PATIENCE`].
#[track_caller]
pub fn run<T: 'static>(io_loop: &IoLoop, test: impl Future<Output = T> + 'static) -> T {
    match io_loop.run_sync_timeout(PATIENCE, test) {
        Ok(value) => value,
        Err(error) => panic!("the test did not end well: {error}"),
    }
}

/// A loop whose clock is virtual: it jumps to the next deadline when nothing else is left to do.
/// The backend under it is this machine's own, or the one `SQUALL_REACTOR` names.
///
/// # Panics
/// If `SQUALL_REACTOR` names no backend, or the process is out of descriptors.
pub fn virtual_loop() -> (IoLoop, TimeControl) {
    let backend = Backend::from_env().expect("a backend of this machine");
    let (reactor, control) = VirtualTime::new(backend).expect("a virtual clock");
    let io_loop = IoLoop::builder().reactor(Box::new(reactor)).build().expect("a loop");
    (io_loop, control)
}

/// Runs a coroutine in virtual time, to its end.
///
/// # Panics
/// If it panics, or is not done within [`PATIENCE_VIRTUAL`].
#[track_caller]
pub fn run_virtually<T: 'static, F: Future<Output = T> + 'static>(
    test: impl FnOnce(IoLoop) -> F,
) -> T {
    let (io_loop, _control) = virtual_loop();
    let outcome = io_loop.run_sync_timeout(PATIENCE_VIRTUAL, test(io_loop.clone()));
    io_loop.close();
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("the test did not end well: {error}"),
    }
}
