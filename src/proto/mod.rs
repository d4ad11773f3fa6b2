//! Pure protocol state machines. To be written.
pub mod http1;
#[cfg(feature = "mongo")]
pub mod mongo;
