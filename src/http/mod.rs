//! HTTP over streams. To be written.
