//! What every test of squall says: "on each backend", "in virtual time", "within a deadline".
//!
//! Knows the public API only. A test that hangs fails after `PATIENCE` with the place it hung.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stderr,
    reason = "each test uses its own part of the vocabulary, and says where it was when it failed"
)]

pub mod hostile;
pub mod streams;

use std::future::Future;
use std::time::Duration;

use squall::ioloop::IoLoop;
use squall::reactor::{Backend, TimeControl, VirtualTime};

/// How long a test may take before it counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `test` once on every backend of this machine, each time with a fresh loop.
pub fn on_each_backend(test: impl Fn(&IoLoop)) {
    for backend in Backend::available() {
        let io_loop = IoLoop::builder().backend(backend).build().expect("a loop");
        eprintln!("on {backend}");
        test(&io_loop);
        io_loop.close();
    }
}

/// Runs a coroutine on every backend, to its end.
pub fn run_on_each_backend<F: Future<Output = ()> + 'static>(test: impl Fn() -> F) {
    on_each_backend(|io_loop| run(io_loop, test()));
}

/// Runs a coroutine to its end on `io_loop`.
pub fn run<T: 'static>(io_loop: &IoLoop, test: impl Future<Output = T> + 'static) -> T {
    io_loop.run_sync_timeout(PATIENCE, test).expect("the test ends")
}

/// A loop on this machine's own backend whose clock is virtual: an hour of sleep takes no time.
pub fn virtual_loop() -> (IoLoop, TimeControl) {
    let (reactor, control) = VirtualTime::new(Backend::native()).expect("a virtual clock");
    let io_loop = IoLoop::builder().reactor(Box::new(reactor)).build().expect("a loop");
    (io_loop, control)
}

/// Runs a coroutine in virtual time. Patience is virtual too, so it is an hour.
pub fn run_virtually<T: 'static, F: Future<Output = T> + 'static>(
    test: impl FnOnce(IoLoop) -> F,
) -> T {
    let (io_loop, _control) = virtual_loop();
    let limit = Duration::from_secs(24 * 3600);
    let outcome = io_loop.run_sync_timeout(limit, test(io_loop.clone())).expect("the test ends");
    io_loop.close();
    outcome
}

/// Lets the loop ask the kernel once more: what has happened by now is known afterwards. A timer
/// is only due in a turn after a wait.
pub async fn kernel_has_spoken() {
    squall::coroutine::sleep(Duration::from_millis(1)).await;
}
