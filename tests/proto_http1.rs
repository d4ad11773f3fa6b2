//! The HTTP/1 machine from outside, as tables: what is accepted, what is refused, what is answered.
//!
//! Owns one `check` that feeds every input whole, byte by byte and cut in two at every place, and
//! demands the same events each time. No sockets, no clock. Row ids are those of the ledger.

#![expect(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]

use std::fmt::Write as _;
use std::time::Duration;

use reactor::Instant;
use squall::proto::http1::{
    Connection, Event, Headers, InvalidHeader, Limits, Misuse, Outgoing, RequestHead, ResponseHead,
    Stamp, Status, Timeout, Version, Writing,
};

/// A server that answers 200 to everything at once, and writes down what it saw.
struct Server {
    conn: Connection,
    /// Asks for the end of a body that is not there, and for more, without bytes to look at.
    shortcuts: bool,
    head: RequestHead,
    unused: Vec<u8>,
    seen: String,
    pieces: Vec<usize>,
    out: Vec<u8>,
}

impl Server {
    fn new(limits: &Limits) -> Self {
        Self {
            conn: Connection::server(limits.clone(), Instant::ZERO),
            shortcuts: false,
            head: RequestHead::default(),
            unused: Vec::new(),
            seen: String::new(),
            pieces: Vec::new(),
            out: Vec::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.unused.extend_from_slice(bytes);
        let shown = std::mem::take(&mut self.unused);
        let mut input = self.conn.receive(Instant::ZERO, &shown);
        while self.step(&mut input) {}
        self.unused = input.rest().to_vec();
    }

    fn step(&mut self, input: &mut squall::proto::http1::Input<'_>) -> bool {
        if self.shortcuts && input.rest().is_empty() && self.conn.await_request() {
            return false;
        }
        match self.conn.next_event(input, &mut self.head) {
            Ok(Event::Request) => {
                self.note(&describe(&self.head));
                if self.shortcuts && self.conn.end_without_body() {
                    self.answer();
                }
            }
            Ok(Event::Data(data)) => {
                self.pieces.push(data.len());
                self.seen.push_str(&String::from_utf8_lossy(data));
            }
            Ok(Event::EndOfMessage) => self.answer(),
            Ok(Event::NeedData | Event::Closed) => return false,
            Ok(Event::Paused) => {
                assert!(self.conn.must_close());
                self.note("close");
                return false;
            }
            Err(error) => {
                self.note(&format!("{} {}", error.status.code(), error.reason));
                return false;
            }
        }
        true
    }

    fn answer(&mut self) {
        self.seen.push('.');
        self.conn.send(Outgoing::Whole(Status::OK.into(), b"ok"), &mut self.out).unwrap();
    }

    fn note(&mut self, what: &str) {
        if !self.seen.is_empty() {
            self.seen.push_str(" | ");
        }
        self.seen.push_str(what);
        self.seen.push(' ');
    }
}

/// `GET /a [Host: h]`, without the host when it is the `h` that most tests have.
fn describe(head: &RequestHead) -> String {
    let mut text = format!("{} {}", head.method(), head.target());
    for (name, value) in head.headers().filter(|header| *header != ("Host", b"h")) {
        write!(text, " [{name}: {}]", String::from_utf8_lossy(value)).unwrap();
    }
    text
}

fn run<'a>(
    limits: &Limits,
    lenient: bool,
    parts: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
) -> String {
    let parts = parts.into_iter();
    let [step_by_step, with_shortcuts] = [false, true].map(|shortcuts| {
        let mut server = Server::new(limits);
        server.conn = server.conn.lenient(lenient);
        server.shortcuts = shortcuts;
        parts.clone().for_each(|part| server.feed(part));
        (server.seen.trim_end().to_owned(), server.out, server.conn.deadline())
    });
    assert_eq!(step_by_step, with_shortcuts);
    step_by_step.0
}

fn check_with(limits: &Limits, lenient: bool, input: impl AsRef<[u8]>, expected: &str) {
    let input = input.as_ref();
    let shown = String::from_utf8_lossy(&input[..input.len().min(300)]).into_owned();
    assert_eq!(run(limits, lenient, [input]), expected, "whole: {shown:?}");
    assert_eq!(run(limits, lenient, input.chunks(1)), expected, "byte by byte: {shown:?}");
    for at in 1..input.len().min(500) {
        let (one, two) = input.split_at(at);
        assert_eq!(run(limits, lenient, [one, two]), expected, "cut at {at}: {shown:?}");
    }
}

fn check(input: impl AsRef<[u8]>, expected: &str) {
    check_with(&Limits::default(), false, input, expected);
}

fn check_lenient(input: impl AsRef<[u8]>, expected: &str) {
    check_with(&Limits::default(), true, input, expected);
}

/// A GET with these further header lines.
fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n")
}

/// A POST with these further header lines, and what follows the blank one.
fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked", body)
}

// ---- heads -------------------------------------------------------------------------------------

#[test]
fn f195_request_lines() {
    check("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a .");
    check("PATCH /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "PATCH /a?b=c .");
    check("FOO / HTTP/1.1\r\nHost: h\r\n\r\n", "FOO / ."); // F134: 405 is the web layer's
    check("GET //a HTTP/1.1\r\nHost: h\r\n\r\n", "GET //a ."); // F124
    check("GET /caf\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", "GET /caf\u{e9} ."); // T143
    check("GET /a HTTP/1.1\r\n", "");
    check("GET /a", "");
    check("", "");
}

#[test]
fn t143_sec19_f127_malformed_request_lines() {
    let refused = "400 malformed request line";
    check("asdf\r\n\r\n", refused);
    check("asdf\r\n", refused); // at its line end: nobody has to wait for a blank line
    check("FOO,BAR / HTTP/1.1\r\nHost: h\r\n\r\n", refused);
    check("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", refused);
    check(" GET / HTTP/1.1\r\nHost: h\r\n\r\n", refused);
    check("GET /\r\nHost: h\r\n\r\n", refused); // HTTP/0.9
    check("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "400 unknown protocol version");
    check("GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400 unknown protocol version");
    check("GET / HTTP/1.2\r\n", "400 unknown protocol version");
    check("GET / http/1.1\r\n", "400 unknown protocol version");
    check("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400 line does not end in CR LF");
    for byte in (0..0x20).chain([0x7f]) {
        let line = [b"GET /", &[byte][..], b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
        assert!(run(&Limits::default(), false, [&line[..]]).starts_with("400 "), "{byte:#x}");
    }
    check(b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", refused); // raw bytes that are not UTF-8
}

#[test]
fn haz18_targets() {
    let line = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    check(line("http://h/x"), "GET http://h/x .");
    check(line("HTTPS://H?y"), "GET HTTPS://H?y .");
    let host = "400 missing, repeated or malformed Host";
    check(line("http://other/"), host);
    check(line("http://h:80/"), host);
    check(line("http://a@h/"), host);
    let form = "400 request target of no known form";
    check(line("x"), form);
    check(line("ftp://h/"), form);
    check(line("*"), form);
    check(line("?x"), form);
    check("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * .");
    check("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:443 .");
    check("CONNECT /h HTTP/1.1\r\nHost: h\r\n\r\n", form);
}

#[test]
fn t145_path_and_query() {
    for (target, path, query) in [
        ("/", "/", ""),
        ("/a/b?c=d?e", "/a/b", "c=d?e"),
        ("/a%2fb?", "/a%2fb", ""),
        ("http://h", "/", ""),
        ("http://h/a?b", "/a", "b"),
        ("http://h?b", "/", "b"),
    ] {
        let mut server = Server::new(&Limits::default());
        server.feed(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        assert_eq!((server.head.path(), server.head.query()), (path, query), "{target}");
    }
}

#[test]
fn t144_f129_hosts() {
    let refused = "400 missing, repeated or malformed Host";
    check("GET / HTTP/1.1\r\n\r\n", refused);
    check("GET / HTTP/1.0\r\n\r\n", "GET / . | close");
    check(get("Host: h"), refused);
    check("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", refused);
    for host in [
        "a b",
        "a,b",
        "a/b",
        "a:b",
        "a:1:2",
        "[::1",
        "[x]",
        "[::1]x",
        "a:99999",
        "u@h",
        "caf\u{e9}",
    ] {
        check(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), refused);
    }
    for host in
        ["", "example.org", "a:8080", "a:", "127.0.0.1:1", "[::1]", "[2001:db8::1]:80", "a_b-c~%20"]
    {
        let mut server = Server::new(&Limits::default());
        server.feed(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!(server.head.host(), host, "{}", server.seen);
    }
    let mut server = Server::new(&Limits::default());
    server.feed(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((server.head.host(), server.head.version()), ("127.0.0.1", Version::Http10));
    server = Server::new(&Limits::default());
    server.feed(b"GET / HTTP/1.1\r\nHost: Example.ORG:80\r\n\r\n");
    assert_eq!(server.head.host_name(), "example.org");
}

#[test]
fn t110_f144_empty_lines_before_a_request() {
    check(format!("\r\n\r\n{}", get("A: b")), "GET / [A: b] .");
    check(format!("{}\r\n{}", get("A: 1"), get("A: 2")), "GET / [A: 1] . | GET / [A: 2] .");
    check(format!("\n{}", get("A: b")), "400 line does not end in CR LF");
    check(format!("\r{}", get("A: b")), "400 line does not end in CR LF");
    check_lenient(format!("\n\r\n{}", get("A: b")), "GET / [A: b] .");
    // A stream of them is read and forgotten.
    let mut server = Server::new(&Limits::default());
    server.feed(&b"\r\n".repeat(100_000));
    assert_eq!((server.unused.len(), &*server.seen), (0, ""));
}

#[test]
fn f128_f188_header_names() {
    let refused = "400 malformed header name";
    for line in [
        "no colon",
        ": empty",
        "a b: c",
        "a : c",
        " a: c",
        "a\t: c",
        "\u{e9}: c",
        "a\0: c",
        "a(: c",
    ] {
        check(get(line), refused);
    }
    check(get("~!#$%&'*+-.^_`|09azAZ: x"), "GET / [~!#$%&'*+-.^_`|09azAZ: x] .");
}

#[test]
fn t141_f182_f184_header_values() {
    check(get("A:b"), "GET / [A: b] .");
    check(get("A: \t b c\td \t"), "GET / [A: b c\td] .");
    check(get("A:"), "GET / [A: ] .");
    check(get("A: \t"), "GET / [A: ] .");
    check(get("A: \u{a0}b\u{85}"), "GET / [A: \u{a0}b\u{85}] ."); // F184: only space and tab
    check(get("A: b\u{2028}c\u{85}d"), "GET / [A: b\u{2028}c\u{85}d] ."); // F183
    for byte in (0..0x20).chain([0x7f]).filter(|byte| *byte != b'\t') {
        let line = [b"GET / HTTP/1.1\r\nHost: h\r\nA: b", &[byte][..], b"c\r\n\r\n"].concat();
        assert!(run(&Limits::default(), false, [&line[..]]).starts_with("400 "), "{byte:#x}");
    }
    for byte in (0x20..0x7f).chain(0x80..=0xff) {
        let line = [b"GET / HTTP/1.1\r\nHost: h\r\nA: b", &[byte][..], b"c\r\n\r\n"].concat();
        assert!(run(&Limits::default(), false, [&line[..]]).ends_with("c] ."), "{byte:#x}");
    }
}

#[test]
fn haz09_t142_f121_line_ends() {
    let refused = "400 line does not end in CR LF";
    check("GET / HTTP/1.1\nHost: h\r\n\r\n", refused);
    check("GET / HTTP/1.1\r\nHost: h\n\r\n", refused);
    check("GET / HTTP/1.1\r\nHost: h\r\nA: b\n\r\n", refused);
    check("GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", refused);
    check("GET / HTTP/1.1\r\nHost: h\r\n\n", refused);
    check("GET / HTTP/1.1\nHost: h\n\n", refused);
    check(get("A: b\r"), "400 control character in a header value"); // bare CR
    check("GET / HTTP/1.1\rHost: h\r\n\r\n", refused);
    check_lenient("GET / HTTP/1.1\nHost: h\nA: b\n\n", "GET / [A: b] .");
    check_lenient("GET / HTTP/1.1\r\nHost: h\nA: b\r\n\n", "GET / [A: b] ."); // F185
    check_lenient(get("A: b\rc"), "400 control character in a header value");
}

#[test]
fn t142_f181_folding() {
    check(get("A: b\r\n c"), "400 malformed header name");
    check("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 malformed header name");
    check_lenient(get("A: b \r\n \t c\r\n\td\r\nE: f"), "GET / [A: b c d] [E: f] .");
    check_lenient("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400 line does not end in CR LF");
    check_lenient(get("A: b\r\n\x0cc"), "400 malformed header name");
}

#[test]
fn sec22_limits_of_a_head() {
    let limits = Limits { head_bytes_max: 1024, header_count_max: 4, ..Limits::default() };
    let long = |length: usize| {
        let head = get("A: ");
        head.replace("A: ", &format!("A: {}", "x".repeat(length - head.len())))
    };
    let too_large = "431 head too large";
    assert!(run(&limits, false, [long(1024).as_bytes()]).starts_with("GET / [A: xxx"));
    check_with(&limits, false, long(1025), too_large);
    check_with(&limits, false, &long(2000)[..1024], too_large);
    check_with(&limits, false, &long(2000)[..1023], "");
    check_with(&limits, false, "x".repeat(2000), "414 request line too long");
    check_with(
        &limits,
        false,
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000)),
        "414 request line too long",
    );
    check_with(&limits, false, get("A: 1\r\nA: 2\r\nA: 3"), "GET / [A: 1] [A: 2] [A: 3] .");
    check_with(&limits, false, get("A: 1\r\nA: 2\r\nA: 3\r\nA: 4"), "431 too many headers");
}

#[test]
fn sec22_f189_many_headers_when_they_are_allowed() {
    let limits = Limits { head_bytes_max: 1 << 20, header_count_max: 100_001, ..Limits::default() };
    let mut server = Server::new(&limits);
    server.feed(get("A: b\r\n".repeat(100_000).trim_end()).as_bytes());
    assert_eq!(server.head.header_list("a").count(), 100_000);
    assert_eq!(server.head.header_joined("A").map(|joined| joined.len()), Some(199_999));
}

#[test]
fn t145_f191_debug_shows_no_secrets() {
    let mut server = Server::new(&Limits::default());
    server.feed(get("Cookie: secret").as_bytes());
    assert_eq!(format!("{:?}", server.head), "RequestHead(GET / HTTP/1.1)");
}

// ---- framing -----------------------------------------------------------------------------------

#[test]
fn t116_sec13_f133_content_length() {
    check(post("Content-Length: 3", "abc"), "POST / [Content-Length: 3] abc.");
    check(post("content-length: 003", "abc"), "POST / [content-length: 003] abc.");
    check(post("Content-Length: 0", ""), "POST / [Content-Length: 0] .");
    check(post("Content-Length: 3", "ab"), "POST / [Content-Length: 3] ab");
    check(post("A: b", ""), "POST / [A: b] ."); // T122: no length, no body
    check(get("Content-Length: 1") + "x", "GET / [Content-Length: 1] x.");
    let refused = "400 malformed or repeated Content-Length";
    for value in ["foo", "+10", "-1", "1_0", "0x1", "1 0", "1,1", "1, 1", "", "\u{a0}1", "1\u{660}"]
    {
        check(post(&format!("Content-Length: {value}"), "0123456789"), refused);
    }
    check(post("Content-Length: 99999999999999999999", ""), "413 body too large");
}

#[test]
fn haz10_repeated_content_length() {
    let refused = "400 malformed or repeated Content-Length";
    let (same, other) =
        ("Content-Length: 1\r\nContent-Length: 1", "Content-Length: 1\r\nContent-Length: 2");
    check(post(same, "a"), refused);
    check(post(other, "ab"), refused);
    check_lenient(post(same, "a"), "POST / [Content-Length: 1] [Content-Length: 1] a.");
    check_lenient(post(other, "ab"), refused);
}

#[test]
fn t117_sec14_sec15_f130_f132_transfer_encoding() {
    for value in ["chunked", "Chunked", "CHUNKED"] {
        let seen = format!("POST / [Transfer-Encoding: {value}] abcd.");
        check(
            post(&format!("Transfer-Encoding: {value}"), "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"),
            &seen,
        );
    }
    let refused = "400 unsupported Transfer-Encoding";
    for value in [
        "gzip, chunked",
        "chunked, chunked",
        "chunked, gzip",
        "identity",
        "",
        "\u{a0}chunked",
        "\u{b}chunked",
    ] {
        let expected = if value.starts_with('\u{b}') {
            "400 control character in a header value"
        } else {
            refused
        };
        check(post(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n"), expected);
    }
    check(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), refused);
    let both = "400 both Content-Length and Transfer-Encoding";
    check(post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), both);
    check(post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), both);
}

#[test]
fn t118_f131_chunk_sizes() {
    let seen = "POST / [Transfer-Encoding: chunked]";
    let refused = format!("{seen}  | 400 malformed chunk size");
    check(chunked("A\r\n0123456789\r\n000\r\n\r\n"), &format!("{seen} 0123456789."));
    check(chunked("a\r\n0123456789\r\n0\r\n\r\n"), &format!("{seen} 0123456789."));
    for line in ["1_a", "0x1", " 1", "1 ", "+1", "-1", "", "1;a=b", "1;", "g", "1\t"] {
        check(chunked(&format!("{line}\r\na\r\n0\r\n\r\n")), &refused);
    }
    check(chunked("1\na\r\n"), &refused);
    check(chunked("\r\n"), &refused);
    check(chunked(&format!("{}\r\n", "0".repeat(62))), seen);
    check(chunked(&format!("{}\r\n", "0".repeat(63))), &refused);
    check(chunked(&"0".repeat(64)), &refused);
    check(chunked("10000000000000000\r\n"), &refused); // more than u64
    check(chunked("ffffffffffffffff\r\n"), &format!("{seen}  | 413 body too large"));
}

#[test]
fn t119_t120_haz02_chunk_ends_and_trailers() {
    let seen = "POST / [Transfer-Encoding: chunked]";
    check(chunked("3\r\nabcX"), &format!("{seen} abc | 400 chunk data not followed by CR LF"));
    check(chunked("3\r\nabc\n"), &format!("{seen} abc | 400 chunk data not followed by CR LF"));
    check(chunked("3\r\nabc\r\r"), &format!("{seen} abc | 400 chunk data not followed by CR LF"));
    check(chunked("0\r\nA: b\r\n\r\n"), &format!("{seen}  | 400 trailers are not accepted"));
    check(chunked("0\r\n\n"), &format!("{seen}  | 400 trailers are not accepted"));
    check(chunked("0\r\n"), seen);
}

#[test]
fn t129_f145_pipelining() {
    let two = format!("{}{}", post("Content-Length: 3", "abc"), get("A: b"));
    check(two, "POST / [Content-Length: 3] abc. | GET / [A: b] .");
    check(
        chunked("1\r\na\r\n0\r\n\r\n").repeat(2),
        "POST / [Transfer-Encoding: chunked] a. | POST / [Transfer-Encoding: chunked] a.",
    );
    // What follows a length is the next request, and must be one.
    check(
        post("Content-Length: 3", "abcd\r\n"),
        "POST / [Content-Length: 3] abc. | 400 malformed request line",
    );
}

#[test]
fn f151_s166_pieces() {
    let limits = Limits { piece_bytes_max: 16, ..Limits::default() };
    let mut server = Server::new(&limits);
    server.feed(post("Content-Length: 50", &"x".repeat(50)).as_bytes());
    assert_eq!(server.pieces, [16, 16, 16, 2]);
    server = Server::new(&limits);
    let (twenty, thirty) = ("x".repeat(20), "x".repeat(30));
    server.feed(chunked(&format!("14\r\n{twenty}\r\n1e\r\n{thirty}\r\n0\r\n\r\n")).as_bytes());
    assert_eq!(server.pieces, [16, 4, 16, 14]);
}

#[test]
fn f156_limits_of_a_body() {
    let limits = Limits { body_bytes_max: 4, ..Limits::default() };
    let (length, chunks) = ("POST / [Content-Length: ", "POST / [Transfer-Encoding: chunked]");
    check_with(&limits, false, post("Content-Length: 4", "abcd"), &format!("{length}4] abcd."));
    check_with(
        &limits,
        false,
        post("Content-Length: 5", "abcde"),
        &format!("{length}5]  | 413 body too large"),
    );
    check_with(
        &limits,
        false,
        chunked("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"),
        &format!("{chunks} abcd."),
    );
    check_with(
        &limits,
        false,
        chunked("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        &format!("{chunks} ab | 413 body too large"),
    );
}

#[test]
fn f157_a_plan_may_change_the_limit_for_one_request() {
    let limits = Limits { body_bytes_max: 4, ..Limits::default() };
    let (mut conn, mut head) = (Connection::server(limits, Instant::ZERO), RequestHead::default());
    let bytes = post("Content-Length: 5", "abcde").repeat(2);
    let mut input = conn.receive(Instant::ZERO, bytes.as_bytes());
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::Request));
    conn.set_body_limit(5);
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::Data(b"abcde")));
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::EndOfMessage));
    conn.send(Outgoing::Whole(Status::OK.into(), b""), &mut Vec::new()).unwrap();
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::Request));
    let error = conn.next_event(&mut input, &mut head).unwrap_err();
    assert_eq!(error.status, Status::CONTENT_TOO_LARGE);
}

#[test]
fn the_end_of_the_connection() {
    for (bytes, expected) in [
        ("", "closed"),
        ("\r", "closed"),
        ("GET", "connection closed in the middle of a message"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na",
            "connection closed in the middle of a message",
        ),
    ] {
        let mut server = Server::new(&Limits::default());
        server.feed(bytes.as_bytes());
        server.conn.receive_eof();
        let mut input = server.conn.receive(Instant::ZERO, &server.unused);
        let event = match server.conn.next_event(&mut input, &mut server.head) {
            Ok(Event::Closed) => "closed".to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.reason.to_string(),
        };
        assert_eq!(event, expected, "{bytes:?}");
    }
}

// ---- keeping the connection --------------------------------------------------------------------

/// What the request says, and what a plain 200 then says: `keep`, `keep!` or `close`, `close!`,
/// where the mark means that it is said in a header.
fn keeps(request: &str) -> &'static str {
    let mut server = Server::new(&Limits::default());
    server.feed(request.as_bytes());
    let answer = String::from_utf8(server.out).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request:?}: {answer:?}");
    match (
        server.conn.must_close(),
        answer.contains("Connection: close"),
        answer.contains("Connection: Keep-Alive"),
    ) {
        (false, false, false) => "keep",
        (false, false, true) => "keep!",
        (true, false, false) => "close",
        (true, true, false) => "close!",
        other => panic!("{request:?}: {other:?}"),
    }
}

#[test]
fn t111_t112_t113_f142_f143_f148_keep_alive() {
    let with =
        |version: &str, lines: &str| format!("GET / HTTP/{version}\r\nHost: h\r\n{lines}\r\n");
    assert_eq!(keeps(&with("1.1", "")), "keep");
    assert_eq!(keeps(&with("1.1", "Connection: close\r\n")), "close!");
    assert_eq!(keeps(&with("1.1", "Connection: CLOSE\r\n")), "close!");
    assert_eq!(keeps(&with("1.1", "Connection: te, close\r\n")), "close!");
    assert_eq!(keeps(&with("1.1", "Connection: te\r\nConnection: close\r\n")), "close!");
    assert_eq!(keeps(&with("1.1", "Connection: closed\r\n")), "keep");
    assert_eq!(keeps(&with("1.1", "Connection: keep-alive\r\n")), "keep");
    assert_eq!(keeps(&with("1.0", "")), "close");
    assert_eq!(keeps(&with("1.0", "Connection: Keep-Alive\r\n")), "keep!");
    assert_eq!(keeps(&with("1.0", "Connection: keep-alive, close\r\n")), "close");
    let post = |lines: &str| format!("POST / HTTP/1.0\r\nConnection: keep-alive\r\n{lines}");
    assert_eq!(keeps(&post("\r\n")), "close");
    assert_eq!(keeps(&post("Content-Length: 1\r\n\r\nx")), "keep!");
    assert_eq!(keeps(&post("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")), "close");
}

#[test]
fn s165_no_keep_alive() {
    let mut server = Server::new(&Limits::default());
    server.conn.no_keep_alive();
    server.feed(get("A: b").repeat(2).as_bytes());
    assert_eq!(server.seen.trim_end(), "GET / [A: b] . | close");
    assert_eq!(server.out, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

/// A connection that has read `request` up to the last event, and owes an answer.
fn owing(request: &str) -> Connection {
    let (mut conn, mut head) =
        (Connection::server(Limits::default(), Instant::ZERO), RequestHead::default());
    let mut input = conn.receive(Instant::ZERO, request.as_bytes());
    while !matches!(
        conn.next_event(&mut input, &mut head),
        Ok(Event::NeedData | Event::Paused) | Err(_)
    ) {}
    conn
}

/// What goes out, and whether the connection has to close after it.
fn answer(request: &str, events: &[Outgoing<'_>]) -> (String, bool) {
    let (mut conn, mut out) = (owing(request), Vec::new());
    for event in events {
        conn.send(*event, &mut out).unwrap();
    }
    (String::from_utf8(out).unwrap(), conn.must_close())
}

fn headers<const N: usize>(lines: [(&str, &str); N]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.add(name, value).unwrap();
    }
    headers
}

fn head(status: Status, headers: &Headers) -> ResponseHead<'_> {
    ResponseHead { headers, ..status.into() }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_1_0: &str = "GET / HTTP/1.0\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn t123_framing_of_answers() {
    use Outgoing::{Data, End, Head, Whole};
    let length = headers([("content-length", "4")]);
    let ok = Status::OK.into();
    for (request, events, expected, must_close) in [
        (GET, &[Whole(ok, b"abc")][..], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false),
        (GET, &[Whole(ok, b"")], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (GET_1_0, &[Whole(ok, b"abc")], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true),
        (HEAD, &[Whole(ok, b"abc")], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false),
        (
            GET,
            &[Head(head(Status::OK, &length)), Data(b"ab"), Data(b""), Data(b"cd"), End],
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
            false,
        ),
        (
            GET,
            &[Head(ok), Data(b"ab"), Data(b""), Data(&[b'x'; 16]), End],
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n10\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\n",
            false,
        ),
        (
            GET,
            &[Head(ok), End],
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            false,
        ),
        (GET_1_0, &[Head(ok), Data(b"ab"), End], "HTTP/1.1 200 OK\r\n\r\nab", true),
        (HEAD, &[Head(ok), Data(b"ab"), End], "HTTP/1.1 200 OK\r\n\r\n", false),
        (
            HEAD,
            &[Head(head(Status::OK, &length)), End],
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
            false,
        ),
        (GET, &[Whole(Status::NO_CONTENT.into(), b"")], "HTTP/1.1 204 No Content\r\n\r\n", false),
        (
            GET,
            &[Head(head(Status::NOT_MODIFIED, &length)), End],
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            &[Head(ok), Data(b"ab"), End],
            "HTTP/1.1 200 OK\r\n\r\nab",
            true, // without a length only the close ends the body
        ),
    ] {
        assert_eq!(
            answer(request, events),
            (expected.to_owned(), must_close),
            "{request:?} {events:?}"
        );
    }
}

#[test]
fn handlers_may_ask_for_the_close() {
    let close = headers([("Connection", "close")]);
    let (text, must_close) = answer(GET, &[Outgoing::Whole(head(Status::OK, &close), b"")]);
    assert_eq!((text.matches("Connection").count(), must_close), (1, true));
}

#[test]
fn t115_early_answers_close() {
    use Outgoing::{End, Head, Whole};
    let request = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123";
    let (text, must_close) = answer(request, &[Whole(Status::FORBIDDEN.into(), b"")]);
    assert_eq!(text, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(must_close);
    assert!(answer(request, &[Head(Status::OK.into()), End]).1);
}

#[test]
fn t115_an_answer_may_overtake_the_end_of_its_request_by_a_little() {
    let (mut conn, mut head) =
        (Connection::server(Limits::default(), Instant::ZERO), RequestHead::default());
    let mut input = conn.receive(Instant::ZERO, GET.as_bytes());
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::Request));
    conn.send(Outgoing::Head(Status::OK.into()), &mut Vec::new()).unwrap();
    conn.send(Outgoing::End, &mut Vec::new()).unwrap();
    assert_eq!(conn.next_event(&mut input, &mut head), Ok(Event::EndOfMessage));
    assert!(!conn.must_close());
}

#[test]
fn t114_interim_answers() {
    use Outgoing::{Interim, Whole};
    let request =
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx";
    let mut server = Server::new(&Limits::default());
    server.feed(&request.as_bytes()[..request.len() - 1]);
    assert!(server.head.expects_continue());
    let (text, _) = answer(request, &[Interim(Status::CONTINUE), Whole(Status::OK.into(), b"")]);
    assert_eq!(text, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    // Nobody waits for a body that is not coming, and version 1.0 knows nothing of it.
    server = Server::new(&Limits::default());
    server.feed(get("Expect: 100-continue").as_bytes());
    assert!(!server.head.expects_continue());
}

#[test]
fn t121_faults_are_answered_and_the_connection_closed() {
    let (text, must_close) =
        answer("asdf\r\n\r\n", &[Outgoing::Whole(Status::BAD_REQUEST.into(), b"")]);
    assert_eq!(text, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(must_close);
}

#[test]
fn t128_upgrades() {
    let upgrade = headers([("Connection", "Upgrade"), ("Upgrade", "websocket")]);
    let mut conn = owing(GET);
    let mut out = Vec::new();
    conn.send(Outgoing::Head(head(Status::SWITCHING_PROTOCOLS, &upgrade)), &mut out).unwrap();
    assert_eq!(
        out,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    assert_eq!((conn.writing(), conn.must_close()), (Writing::Upgraded, false));
    let mut input = conn.receive(Instant::ZERO, b"\x81\x05hello");
    assert_eq!(conn.next_event(&mut input, &mut RequestHead::default()), Ok(Event::Paused));
    assert_eq!(input.used(), 0);
}

#[test]
fn t124_f153_misuse_is_named_and_writes_nothing() {
    use Outgoing::{Data, End, Head, Interim, Whole};
    let ok = Status::OK.into();
    let not_a_number = headers([("Content-Length", "foo")]);
    let four = headers([("Content-Length", "4")]);
    let encoding = headers([("Transfer-Encoding", "chunked")]);
    let with = |headers| head(Status::OK, headers);
    for (before, event, misuse) in [
        (&[][..], Data(b"x"), Misuse::OutOfTurn),
        (&[], End, Misuse::OutOfTurn),
        (&[Head(ok)], Head(ok), Misuse::OutOfTurn),
        (&[Head(ok), End], Data(b"x"), Misuse::OutOfTurn),
        (&[Whole(ok, b"")], Whole(ok, b""), Misuse::OutOfTurn),
        (&[], Head(with(&not_a_number)), Misuse::ContentLength),
        (&[], Head(with(&encoding)), Misuse::TransferEncoding),
        (&[], Head(head(Status::NO_CONTENT, &four)), Misuse::ContentLength),
        (&[], Whole(with(&four), b"abcde"), Misuse::TooMuchData),
        (&[], Whole(with(&four), b"abc"), Misuse::TooLittleData(1)),
        (&[], Whole(Status::NO_CONTENT.into(), b"x"), Misuse::TooMuchData),
        (&[Head(with(&four))], Data(b"abcde"), Misuse::TooMuchData),
        (&[Head(with(&four)), Data(b"ab")], End, Misuse::TooLittleData(2)),
        (&[Head(Status::NOT_MODIFIED.into())], Data(b"x"), Misuse::TooMuchData),
        (&[], Interim(Status::OK), Misuse::Status),
        (&[], Interim(Status::SWITCHING_PROTOCOLS), Misuse::Status),
        (&[], Whole(Status::CONTINUE.into(), b""), Misuse::Status),
    ] {
        let (mut conn, mut out) =
            (owing("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), Vec::new());
        for event in before {
            conn.send(*event, &mut out).unwrap();
        }
        let (written, state) = (out.len(), conn.writing());
        let error = conn.send(event, &mut out).unwrap_err();
        assert_eq!((error.misuse, error.state), (misuse, state), "{before:?} {event:?}");
        assert_eq!(out.len(), written, "{before:?} {event:?}");
        // A head may be tried again, a slip in the order is forgotten; half a body is cut off.
        let cut_off = state == Writing::Body && misuse != Misuse::OutOfTurn;
        assert_eq!(conn.must_close(), cut_off || state == Writing::Done, "{before:?} {event:?}");
    }
}

#[test]
fn an_answer_without_a_request_is_refused() {
    let mut conn = Connection::server(Limits::default(), Instant::ZERO);
    let error = conn.send(Outgoing::Whole(Status::OK.into(), b""), &mut Vec::new()).unwrap_err();
    assert_eq!((error.misuse, error.state), (Misuse::OutOfTurn, Writing::Idle));
}

#[test]
fn sec23_reasons() {
    let line = |status, reason| {
        let head = ResponseHead { reason, ..Status::into(status) };
        let (text, _) = answer(GET, &[Outgoing::Whole(head, b"")]);
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(line(Status::OK, "Fine"), "HTTP/1.1 200 Fine");
    assert_eq!(line(Status::OK, "OK\r\nX-Injection: 1"), "HTTP/1.1 200 Unknown");
    assert_eq!(line(Status::new(299).unwrap(), ""), "HTTP/1.1 299 Unknown");
}

#[test]
fn server_and_date_unless_the_handler_has_its_own() {
    let mut stamp = Stamp::new("squall", Duration::from_secs(1_359_312_200));
    let date = "Date: Sun, 27 Jan 2013 18:43:20 GMT\r\n";
    let sent = |stamp: &Stamp, lines: &Headers| {
        let head = ResponseHead { stamp: Some(stamp), ..head(Status::NO_CONTENT, lines) };
        answer(GET, &[Outgoing::Whole(head, b"")]).0.replace("HTTP/1.1 204 No Content\r\n", "")
    };
    assert_eq!(sent(&stamp, &Headers::new()), format!("Server: squall\r\n{date}\r\n"));
    assert_eq!(sent(&stamp, &headers([("server", "x")])), format!("{date}Server: x\r\n\r\n"));
    assert_eq!(sent(&stamp, &headers([("date", "x")])), "Server: squall\r\nDate: x\r\n\r\n");
    stamp.refresh(Duration::from_secs(1_359_312_201));
    assert!(sent(&stamp, &Headers::new()).contains("18:43:21"));
}

// ---- time --------------------------------------------------------------------------------------

#[test]
fn t127_s168_s170_deadlines() {
    let limits = Limits {
        idle_time_max: Duration::from_secs(10),
        head_time_max: Duration::from_secs(20),
        body_time_max: Duration::from_secs(30),
        ..Limits::default()
    };
    let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
    let (mut conn, mut head) = (Connection::server(limits, at(0)), RequestHead::default());
    let mut feed = |conn: &mut Connection, now, bytes: &[u8]| {
        let mut input = conn.receive(at(now), bytes);
        let mut last = None;
        while !matches!(last, Some(Event::NeedData | Event::Paused)) {
            last = Some(conn.next_event(&mut input, &mut head).unwrap());
        }
        conn.deadline()
    };
    assert_eq!(conn.deadline(), Some(at(10)));
    assert_eq!(feed(&mut conn, 1, b""), Some(at(10)));
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(feed(&mut conn, 2, &request[..1]), Some(at(22)), "a head was begun");
    assert_eq!(feed(&mut conn, 3, &request[..9]), Some(at(22)), "and is not pushed on");
    assert_eq!(feed(&mut conn, 4, &request[..request.len() - 2]), Some(at(34)), "a body was begun");
    assert_eq!(feed(&mut conn, 5, b"b"), Some(at(34)));
    assert_eq!(feed(&mut conn, 6, b"c"), None, "the time of the handler is its own");
    conn.send(Outgoing::Whole(Status::OK.into(), b""), &mut Vec::new()).unwrap();
    assert_eq!(feed(&mut conn, 100, b""), Some(at(110)), "between two requests");
    assert_eq!(conn.expire(at(109)), None);
    assert_eq!(conn.expire(at(110)), Some(Timeout::Idle));
    assert_eq!(conn.expire(at(111)), None);
    let mut input = conn.receive(at(111), request);
    assert_eq!(conn.next_event(&mut input, &mut RequestHead::default()), Ok(Event::Closed));
}

#[test]
fn only_a_request_without_body_ends_without_one() {
    let conn = |request: &str| {
        let mut conn = Connection::server(Limits::default(), Instant::ZERO);
        let mut input = conn.receive(Instant::ZERO, request.as_bytes());
        assert_eq!(conn.next_event(&mut input, &mut RequestHead::default()), Ok(Event::Request));
        conn
    };
    let mut bodiless = conn(&get("A: b"));
    assert!(!bodiless.await_request(), "nobody waits for the next before this one has ended");
    assert!(bodiless.end_without_body());
    assert!(!bodiless.end_without_body(), "once");
    assert!(!bodiless.await_request(), "it is not answered");
    bodiless.send(Outgoing::Whole(Status::OK.into(), b""), &mut Vec::new()).unwrap();
    assert!(bodiless.await_request());
    for lines in ["Content-Length: 3", "Content-Length: 0", "Transfer-Encoding: chunked"] {
        assert!(!conn(&post(lines, "")).end_without_body(), "{lines}");
    }
    let mut ended = Connection::server(Limits::default(), Instant::ZERO);
    assert!(!ended.end_without_body(), "there is no request");
    ended.receive_eof();
    assert!(!ended.await_request(), "no more will come");
}

// ---- headers -----------------------------------------------------------------------------------

#[test]
fn t140_sec26_headers_of_answers() {
    let mut headers = headers([("content-TYPE", "a"), ("x-a", "1"), ("X-A", "2")]);
    assert_eq!(headers.as_bytes(), b"Content-Type: a\r\nX-A: 1\r\nX-A: 2\r\n");
    assert!(headers.contains("CONTENT-type"));
    assert_eq!(headers.get_list("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(headers.get_joined("X-A").as_deref(), Some(&b"1,2"[..]));
    headers.set("X-a", "3").unwrap();
    assert_eq!(headers.as_bytes(), b"Content-Type: a\r\nX-A: 3\r\n");
    let copy = headers.clone(); // F186
    headers.remove("x-A");
    headers.remove("absent");
    assert_eq!(headers.as_bytes(), b"Content-Type: a\r\n");
    assert_eq!(copy.get("x-a"), Some(&b"3"[..]));
    assert_eq!(format!("{copy:?}"), r#"["Content-Type", "X-A"]"#);
    headers.clear();
    assert!(headers.is_empty());
}

/// Whatever was done before, the headers are those of a list in which every name is looked for.
#[test]
fn headers_are_an_ordered_list() {
    // Two that are known, one in a spelling of its own, two that look alike to a table of bits.
    const NAMES: [&str; 5] = ["Content-Type", "Etag", "content-type", "X-A", "X-B"];
    let steps = NAMES.len() * 3;
    for number in 0..steps.pow(4) {
        let (mut headers, mut list) = (Headers::new(), Vec::new());
        for turn in 0..4 {
            let step = number / steps.pow(turn) % steps;
            let (name, value) = (NAMES[step / 3], turn.to_string());
            let is_named = |(other, _): &(&str, String)| other.eq_ignore_ascii_case(name);
            match step % 3 {
                0 => headers.set(name, &value).unwrap(),
                1 => headers.add(name, &value).unwrap(),
                _ => headers.remove(name),
            }
            if step % 3 != 1 {
                list.retain(|header| !is_named(header));
            }
            if step % 3 != 2 {
                list.push((name, value));
            }
            let first =
                list.iter().find(|header| is_named(header)).map(|(_, value)| value.as_bytes());
            assert_eq!(headers.get(name), first, "{number}");
        }
        let written = headers.iter().map(|(name, value)| (name, value.to_vec()));
        let listed = list.iter().map(|(name, value)| match *name {
            "content-type" => ("Content-Type", value.as_bytes().to_vec()),
            name => (name, value.as_bytes().to_vec()),
        });
        assert!(written.eq(listed), "{number}: {headers:?}");
    }
}

#[test]
fn sec04_every_byte_of_a_value_is_looked_at() {
    for length in 1..20 {
        for at in 0..length {
            for byte in 0..=u8::MAX {
                let mut value = vec![b'a'; length];
                value[at] = byte;
                let clean = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
                let set = Headers::new().set("A", &value);
                assert_eq!(set.is_ok(), clean, "{byte:#x} at {at} of {length}");
            }
        }
    }
    assert!(Headers::new().set("A", [b"\t\x80 \xff~\t\tz", &b"0"[..]].concat()).is_ok());
    assert!(Headers::new().set("A", b"\t\x80 \xff~\t\x1fz").is_err());
}

#[test]
fn sec04_sec16_t124_headers_cannot_end_their_line() {
    let mut headers = Headers::new();
    for value in ["a\r\nX: b", "a\rb", "a\nb", "a\0b", "a\x7fb", "\x0b"] {
        assert_eq!(headers.set("A", value), Err(InvalidHeader::Value), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "a\t", "\0", "\u{e9}", " a", "a "] {
        assert_eq!(headers.add(name, "b"), Err(InvalidHeader::Name), "{name:?}");
    }
    assert!(headers.is_empty());
    headers.set("A", "caf\u{e9}\t ").unwrap();
    assert_eq!(headers.get("a"), Some("caf\u{e9}".as_bytes()));
}

#[test]
fn f187_f181_f183_f185_headers_are_read_as_they_are_written() {
    let written = headers([("A", "1"), ("B-C", "x: y"), ("A", "")]);
    let block = [written.as_bytes(), b"\r\n"].concat();
    assert_eq!(Headers::parse(&block, false), Ok(written));
    for (block, strict, lenient) in [
        ("A: b\n\n", Err(InvalidHeader::Line), Ok("A: b\r\n")),
        ("A: b\r\n\n", Err(InvalidHeader::Line), Ok("A: b\r\n")),
        ("A: b\r\n  c\r\n\r\n", Err(InvalidHeader::Name), Ok("A: b c\r\n")),
        (" A: b\r\n\r\n", Err(InvalidHeader::Name), Err(InvalidHeader::Name)),
        ("A: b\rc\r\n\r\n", Err(InvalidHeader::Value), Err(InvalidHeader::Value)),
        (
            "A: b\u{85}c\u{2028}d\r\n\r\n",
            Ok("A: b\u{85}c\u{2028}d\r\n"),
            Ok("A: b\u{85}c\u{2028}d\r\n"),
        ),
        ("A: b\r\n", Err(InvalidHeader::Line), Err(InvalidHeader::Line)),
        ("A\r\n\r\n", Err(InvalidHeader::Name), Err(InvalidHeader::Name)),
        ("\r\n", Ok(""), Ok("")),
        ("", Err(InvalidHeader::Line), Err(InvalidHeader::Line)),
    ] {
        let read = |lenient| {
            let headers = Headers::parse(block.as_bytes(), lenient)?;
            Ok(String::from_utf8(headers.as_bytes().to_vec()).unwrap())
        };
        assert_eq!(read(false), strict.map(str::to_owned), "strict {block:?}");
        assert_eq!(read(true), lenient.map(str::to_owned), "lenient {block:?}");
    }
}

// ---- work --------------------------------------------------------------------------------------

/// SEC22, F189, HAZ01: half a megabyte, byte by byte. Linear work is over at once; work that grew
/// with the square would look at a hundred billion bytes and keep you waiting until you notice.
#[test]
fn sec22_haz01_work_does_not_grow_with_the_square() {
    let size = 500_000;
    let limits = Limits { head_bytes_max: 1 << 20, header_count_max: 100_000, ..Limits::default() };
    for input in [
        get("A: b\r\n".repeat(size / 6).trim_end()),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(size)),
        chunked(&format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(size / 6))),
    ] {
        let mut conn = Connection::server(limits.clone(), Instant::ZERO);
        let (mut head, mut from) = (RequestHead::default(), 0);
        for end in 1..=input.len() {
            let mut part = conn.receive(Instant::ZERO, &input.as_bytes()[from..end]);
            while !matches!(
                conn.next_event(&mut part, &mut head),
                Ok(Event::NeedData | Event::Paused)
            ) {}
            from += part.used();
        }
        assert_eq!(from, input.len());
    }
}

/// Headers against a list of lines: whatever is set, added, removed and copied, in any spelling,
/// both say the same.
#[test]
fn headers_are_a_list_of_lines() {
    let names =
        ["Content-Type", "content-type", "Server", "X-One", "x-one", "X-Two", "Y-One", "Vary"];
    let (mut headers, mut model) = (Headers::new(), Vec::<(String, String)>::new());
    let mut chance = 7_u32;
    for step in 0..4_000_u32 {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let name = names[(chance >> 8) as usize % names.len()];
        let same = |(other, _): &(String, String)| other.eq_ignore_ascii_case(name);
        let (line, action) = ((name.to_owned(), step.to_string()), (chance >> 16) % 8);
        if matches!(action, 0 | 3 | 4 | 6) {
            model.retain(|line| !same(line)); // removed, or about to be replaced
        }
        match action {
            0 | 3 => headers.remove(name),
            1 | 2 => headers.add(name, &line.1).expect("a good header"),
            4 | 6 => headers.set(name, &line.1).expect("a good header"),
            5 => {
                let mut copy = Headers::new();
                copy.copy_from(&headers);
                headers = copy;
            }
            _ => {}
        }
        if matches!(action, 1 | 2 | 4 | 6) {
            model.push(line);
        }
        let lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        let expected: Vec<_> =
            model.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        assert_eq!(lines, expected, "step {step}");
        for name in names {
            let found = headers.get(name).map(String::from_utf8_lossy);
            let known = model.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            assert_eq!(found.as_deref(), known.map(|(_, value)| value.as_str()), "{name} {step}");
        }
    }
}
