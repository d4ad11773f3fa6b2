//! The MongoDB wire protocol. To be written.
