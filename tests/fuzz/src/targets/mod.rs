//! Every target: a function from bytes to nothing that panics when its invariant is broken.
//!
//! Owns the list. A target opens with its invariant as a sentence and is at most twenty lines; to
//! add one, write the function and name it here with a few seeds and the words of its language.

mod http1;
#[path = "../../../proto_mongo/fuzz.rs"]
mod mongo;
mod web;

/// One target.
pub struct Target {
    /// What `--target` calls it, and where its corpus is.
    pub name: &'static str,
    /// Panics when the invariant is broken.
    pub run: fn(&[u8]),
    /// Where mutation begins.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What chance alone would take long to spell.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "http1_request", run: http1::request, seeds: http1::seeds, words: http1::WORDS },
    Target { name: "http1_lenient", run: http1::lenient, seeds: http1::seeds, words: http1::WORDS },
    Target {
        name: "http1_chunked",
        run: http1::chunked,
        seeds: || vec![b"abc".to_vec(), b"\r\n0\r\n\r\n".to_vec()],
        words: &[],
    },
    Target {
        name: "http1_headers",
        run: http1::headers,
        seeds: http1::header_seeds,
        words: http1::WORDS,
    },
    Target {
        name: "http1_answer",
        run: http1::answer,
        seeds: http1::header_seeds,
        words: http1::WORDS,
    },
    Target { name: "mongo_wire", run: mongo::mongo_wire, seeds: mongo::seeds, words: &[] },
    Target { name: "mongo_shape", run: mongo::mongo_shape, seeds: mongo::seeds, words: &[] },
    Target {
        name: "mongo_connection",
        run: mongo::mongo_connection,
        seeds: mongo::seeds,
        words: &[],
    },
    Target { name: "mongo_uri", run: mongo::mongo_uri, seeds: mongo::seeds, words: web::URI_WORDS },
    Target { name: "mongo_scram", run: mongo::mongo_scram, seeds: mongo::seeds, words: &[] },
    Target { name: "web_cookies", run: web::cookies, seeds: web::seeds, words: web::WORDS },
    Target { name: "web_signed", run: web::signed, seeds: web::seeds, words: web::WORDS },
    Target { name: "web_arguments", run: web::arguments, seeds: web::seeds, words: web::WORDS },
    Target { name: "web_multipart", run: web::multipart, seeds: web::seeds, words: web::WORDS },
];
