//! Every target: a function from bytes to nothing that panics when its invariant is broken.
//!
//! Owns the list. A target opens with its invariant as a sentence and is at most twenty lines; to
//! add one, write the function and name it here with a few seeds and the words of its language.

mod http1;

/// One target.
pub struct Target {
    /// What `--target` calls it, and where its corpus is.
    pub name: &'static str,
    /// Panics when the invariant is broken.
    pub run: fn(&[u8]),
    /// Where mutation begins.
    pub seeds: &'static [&'static str],
    /// What chance alone would take long to spell.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "http1_request", run: http1::request, seeds: http1::SEEDS, words: http1::WORDS },
    Target { name: "http1_lenient", run: http1::lenient, seeds: http1::SEEDS, words: http1::WORDS },
    Target {
        name: "http1_chunked",
        run: http1::chunked,
        seeds: &["abc", "\r\n0\r\n\r\n"],
        words: &[],
    },
    Target {
        name: "http1_headers",
        run: http1::headers,
        seeds: http1::HEADERS,
        words: http1::WORDS,
    },
    Target { name: "http1_answer", run: http1::answer, seeds: http1::HEADERS, words: http1::WORDS },
];
