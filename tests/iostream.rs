//! Streams from outside: what a read gets, what a write promises, what a close leaves, and what a
//! protocol pump sees. Each test runs on every backend, over TCP, over Unix sockets and over a
//! transport that does everything its contract allows (F080-F112, T060-T077).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[path = "iostream/closing.rs"]
mod closing;
#[path = "iostream/leaving.rs"]
mod leaving;
#[path = "iostream/pushing.rs"]
mod pushing;
#[path = "iostream/reading.rs"]
mod reading;
#[path = "iostream/writing.rs"]
mod writing;
