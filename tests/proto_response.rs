//! Where an answer ends, for a client: tables of bytes and what they mean, fed whole and byte by
//! byte (T125, F371, F372, F380, SEC31).

use squall::proto::http1::{Answer, Limits, ResponseReader};

/// Feeds `bytes` in pieces of at most `step`, then the end, and tells the story.
fn story(method: &str, bytes: &[u8], step: usize, limits: &Limits) -> String {
    let mut reader = ResponseReader::new(method, limits.clone());
    let (mut unused, mut head, mut body) = (Vec::new(), String::new(), Vec::new());
    let mut pieces = bytes.chunks(step);
    loop {
        match pieces.next() {
            Some(piece) => unused.extend_from_slice(piece),
            None => reader.receive_eof(),
        }
        let mut input = reader.receive(&unused);
        loop {
            match reader.next_event(&mut input) {
                Ok(Answer::Head) => head = format!("{} {}", reader.status(), reader.reason()),
                Ok(Answer::Data(data)) => body.extend_from_slice(data),
                Ok(Answer::NeedData) => break,
                Ok(Answer::End) => return format!("{head} [{}]", String::from_utf8_lossy(&body)),
                Err(error) => return format!("{head} [{}] {}", body.len(), error.reason),
            }
        }
        let used = input.used();
        unused.drain(..used);
    }
}

#[track_caller]
fn check(method: &str, bytes: &str, expected: &str) {
    let limits = Limits { body_bytes_max: 100, ..Limits::default() };
    let whole = story(method, bytes.as_bytes(), usize::MAX, &limits);
    assert_eq!(whole, expected);
    assert_eq!(story(method, bytes.as_bytes(), 1, &limits), whole, "byte by byte");
}

#[test]
fn t125_an_answer_ends_by_length_by_chunks_or_with_the_connection() {
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX", "200 OK [hello]");
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    check("GET", chunks, "200 OK [hello]");
    check("GET", "HTTP/1.0 200 OK\r\n\r\nhello", "200 OK [hello]"); // F380
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK []");
    check("GET", "HTTP/1.1 599\r\nContent-Length: 1\r\n\r\nx", "599  [x]"); // T152
}

#[test]
fn f371_head_304_and_204_have_no_body_whatever_they_announce() {
    check("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 OK []");
    check("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304 Not Modified []");
    check("GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content []");
}

#[test]
fn t125_interim_answers_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    check(
        "POST",
        &format!("{interim}HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"),
        "201 Created [ok]",
    );
}

#[test]
fn f372_equal_lengths_are_one_different_ones_are_a_lie() {
    let twice =
        |a, b| format!("HTTP/1.1 200 OK\r\nContent-Length: {a}\r\nContent-Length: {b}\r\n\r\nhi");
    check("GET", &twice(2, 2), "200 OK [hi]");
    check("GET", &twice(2, 3), " [0] malformed or repeated Content-Length");
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi";
    check("GET", both, " [0] both Content-Length and Transfer-Encoding");
}

#[test]
fn a_truncated_answer_and_one_over_the_limit_are_errors() {
    check(
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Le",
        " [0] connection closed in the middle of a message",
    );
    check(
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "200 OK [3] connection closed in the middle of a message",
    );
    check("GET", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "200 OK [0] body too large");
    let long = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(101));
    let told =
        story("GET", long.as_bytes(), 1, &Limits { body_bytes_max: 100, ..Limits::default() });
    assert!(told.ends_with("body too large"), "{told}");
}
