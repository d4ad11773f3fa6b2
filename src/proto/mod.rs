//! Pure protocol state machines: bytes and time come in as arguments, events and bytes come out.
//!
//! Every machine has the same five verbs: `receive` what the peer sent, ask for the `next_event`,
//! `send` one of ours, and for time `deadline` and `expire`. A machine owns no socket and no clock
//! and keeps no input, so it can be fed byte by byte, fuzzed, and run under virtual time.
//! Read next: `proto/http1/connection.rs`.

pub mod http1;
#[cfg(feature = "mongo")]
pub mod mongo;
