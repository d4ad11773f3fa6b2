//! Programs that must not compile: the tutorials' bugs, and the promises of the types.
//!
//! Each file in `cases` is a small program with a comment that says why it is refused; the file beside it
//! is what the compiler says. The files in `passes` are their corrected twins. Read next:
//! `tests/compile_fail.rs`, which compiles them all.
