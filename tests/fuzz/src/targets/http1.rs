//! Targets for `squall::proto::http1`: requests as a stranger sends them, answers as a handler would.
//!
//! Owns a server without sockets that answers everything and writes down what it saw. The
//! invariants are those of `tests/proto_http1.rs`, here on bytes that nobody thought of.

use squall::proto::http1::{
    Connection, Event, Headers, Limits, Outgoing, RequestHead, ResponseHead, Status,
};
use squall::reactor::Instant;

const SEEDS: &[&str] = &[
    "GET /a?b=c HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\nHost: h:80\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc\r\nPUT / HTTP",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n",
    "OPTIONS * HTTP/1.1\nHost: [::1]:1\nA: b\n c\n\n",
];

const HEADERS: &[&str] =
    &["Content-Type: a", "Set-Cookie: b", "Content-Length: 4", "Connection: close"];

/// Where requests begin.
pub fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

/// Where headers begin.
pub fn header_seeds() -> Vec<Vec<u8>> {
    HEADERS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

pub const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\n\n",
    " ",
    "\t",
    ":",
    ": ",
    ",",
    "\r\n ",
    "0\r\n\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
    "GET ",
    "HEAD ",
    "CONNECT ",
    "http://h",
    "Host: h\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "ffffffffffffffff",
    "18446744073709551615",
    "\u{a0}",
];

/// Everything a server sees of these parts, and what is left over. Pieces of a body are joined.
fn transcript<'a>(
    lenient: bool,
    parts: impl Iterator<Item = &'a [u8]> + Clone,
) -> (String, Vec<u8>) {
    let step_by_step = transcript_with(false, lenient, parts.clone());
    assert_eq!(step_by_step, transcript_with(true, lenient, parts));
    step_by_step
}

/// The same; with `shortcuts` it looks at no bytes where there is nothing to see.
fn transcript_with<'a>(
    shortcuts: bool,
    lenient: bool,
    parts: impl Iterator<Item = &'a [u8]>,
) -> (String, Vec<u8>) {
    let limits = Limits {
        head_bytes_max: 512,
        header_count_max: 8,
        body_bytes_max: 64,
        ..Limits::default()
    };
    let mut conn = Connection::server(limits, Instant::ZERO).lenient(lenient);
    let (mut head, mut rest, mut seen) = (RequestHead::default(), Vec::new(), String::new());
    for part in parts {
        rest.extend_from_slice(part);
        let mut input = conn.receive(Instant::ZERO, &rest);
        loop {
            if shortcuts && input.rest().is_empty() && conn.await_request() {
                break;
            }
            match conn.next_event(&mut input, &mut head) {
                Ok(Event::Request) => {
                    seen += &format!("{head:?} {:?} ", head.headers().collect::<Vec<_>>());
                    if shortcuts && conn.end_without_body() {
                        answer_in_full(&mut conn);
                    }
                }
                Ok(Event::Data(data)) => seen.extend(data.iter().map(|byte| char::from(*byte))),
                Ok(Event::EndOfMessage) => answer_in_full(&mut conn),
                Ok(Event::NeedData | Event::Paused | Event::Closed) => break,
                Err(error) => seen += &format!("{error}"),
            }
        }
        let used = input.used();
        rest.drain(..used);
    }
    (seen, rest)
}

fn answer_in_full(conn: &mut Connection) {
    let answered = conn.send(Outgoing::Whole(Status::OK.into(), b"x"), &mut Vec::new());
    assert_eq!(answered, Ok(()));
}

/// However the bytes are cut, the server sees the same.
pub fn request(bytes: &[u8]) {
    let whole = transcript(false, [bytes].into_iter());
    assert_eq!(whole, transcript(false, bytes.chunks(1)));
    let (one, two) = bytes.split_at(bytes.len() / 2);
    assert_eq!(whole, transcript(false, [one, two].into_iter()));
}

/// The lenient are as indifferent to cuts as the strict, and accept at least as much: what the
/// strict take without an error means the same to them.
pub fn lenient(bytes: &[u8]) {
    let whole = transcript(true, [bytes].into_iter());
    assert_eq!(whole, transcript(true, bytes.chunks(1)));
    let strict = transcript(false, [bytes].into_iter());
    if !strict.0.contains("(4") {
        assert_eq!(whole, strict);
    }
}

/// What is written in chunks is read as it was, whatever the chunks.
pub fn chunked(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(60)];
    let mut conn = Connection::server(Limits::default(), Instant::ZERO);
    let mut input = conn.receive(Instant::ZERO, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    while conn.next_event(&mut input, &mut RequestHead::default()) != Ok(Event::Paused) {}
    conn.send(Outgoing::Head(Status::OK.into()), &mut Vec::new()).expect("a request was read");
    let mut out = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in bytes.chunks(1 + bytes.len() % 7) {
        conn.send(Outgoing::Data(piece), &mut out).expect("a head was sent");
    }
    conn.send(Outgoing::End, &mut out).expect("a head was sent");
    let (seen, rest) = transcript(false, out.chunks(5));
    let body: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    assert!(seen.ends_with(&format!("] {body}")) && rest.is_empty(), "{seen:?}");
}

/// A header that was accepted is one header when it is read again, with the same value.
pub fn headers(bytes: &[u8]) {
    let Some((name, value)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once(':'))
    else {
        return;
    };
    let mut headers = Headers::new();
    if headers.add(name, value).is_ok() {
        let block = [headers.as_bytes(), b"\r\n"].concat();
        assert_eq!(Headers::parse(&block, false).as_ref(), Ok(&headers));
        assert_eq!(headers.iter().count(), 1);
        assert!(
            headers
                .get(name)
                .is_some_and(|read| read == value.trim_matches([' ', '\t']).as_bytes())
        );
    }
}

/// An answer is refused without a byte, or is one head, one blank line and the body that was given.
pub fn answer(bytes: &[u8]) {
    let (line, body) = bytes.split_at(bytes.len() - bytes.len() % 16);
    let mut headers = Headers::new();
    if let Some((name, value)) =
        std::str::from_utf8(line).ok().and_then(|text| text.split_once(':'))
    {
        let _ = headers.add(name, value);
    }
    let mut conn = Connection::server(Limits::default(), Instant::ZERO);
    let mut input = conn.receive(Instant::ZERO, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    while conn.next_event(&mut input, &mut RequestHead::default()) != Ok(Event::Paused) {}
    let (head, mut out) = (ResponseHead { headers: &headers, ..Status::OK.into() }, Vec::new());
    match conn.send(Outgoing::Whole(head, body), &mut out) {
        Ok(()) => {
            let end =
                out.windows(4).position(|four| four == b"\r\n\r\n").expect("a blank line") + 4;
            assert_eq!(&out[end..], body);
        }
        Err(_) => assert!(out.is_empty()),
    }
}
