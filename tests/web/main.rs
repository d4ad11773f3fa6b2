//! The web layer over real sockets: applications as a tutorial writes them, and a small browser.
//!
//! Time is virtual, so ten seconds of waiting take none. Row ids name the rows of the feature ledger.
//! Read first: `browser.rs`, the vocabulary of all other files here.

#[path = "../support/mod.rs"]
mod support;

mod browser;
#[cfg(feature = "gzip")]
mod compressed;
mod errors;
mod files;
mod flow;
mod folder;
mod forms;
mod routing;
mod uploads;
mod visitors;
