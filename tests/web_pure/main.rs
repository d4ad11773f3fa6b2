//! The web layer without a loop or a socket: tables of input and output for everything that is pure.
//!
//! Values said to be Tornado's were made by Tornado 6.6.1 itself. Row ids name the rows of the feature
//! ledger. Where a row says "linear", the input is so large that a quadratic step would never end.

#[path = "../web/folder.rs"]
mod folder;

mod cookies;
mod escapes;
mod files;
mod forms;
mod pages;
mod routes;
