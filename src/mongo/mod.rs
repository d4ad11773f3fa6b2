//! The MongoDB client. To be written.
#[cfg(feature = "embedded")]
pub mod embedded;
