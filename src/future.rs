//! Future and Promise. To be written.
