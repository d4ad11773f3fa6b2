//! What every test of squall says: the words of `squall::testing`, and some of our own.
//!
//! Knows the public API only. A test that hangs fails after `PATIENCE`.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::print_stderr,
    reason = "each test uses its own part of the vocabulary, and says where it was when it failed"
)]

pub mod browser;
pub mod hostile;
pub mod streams;

use std::time::Duration;

pub use squall::testing::{
    PATIENCE, on_each_backend, run, run_on_each_backend, run_virtually, virtual_loop,
};

/// Lets the loop ask the kernel once more: what has happened by now is known afterwards. A timer
/// is only due in a turn after a wait.
pub async fn kernel_has_spoken() {
    squall::coroutine::sleep(Duration::from_millis(1)).await;
}
