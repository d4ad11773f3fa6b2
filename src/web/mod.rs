//! The Tornado layer. To be written.
