//! A request's head: one copy of its bytes, and where in them everything is.
//!
//! Owns that copy, in buffers that are reused from request to request, so that a head outlives the
//! receive buffer without an allocation. Does not judge: whatever is here has passed `parse.rs`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::authority::split_host_and_port;
use super::headers;
use crate::buffer;

/// The two versions that are spoken here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Closes after each answer, unless asked otherwise.
    Http10,
    /// Stays open, unless asked otherwise.
    #[default]
    Http11,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Http10 { "HTTP/1.0" } else { "HTTP/1.1" })
    }
}

/// How the end of a body is recognised (RFC 9112 part 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    #[default]
    None,
    /// After so many bytes.
    Known(u64),
    /// After the chunk of length zero.
    Chunked,
}

/// The head of a request. Made once, filled for each request by `Connection::next_event`.
#[derive(Clone, Default)]
pub struct RequestHead {
    pub(super) line: String, // the method, then the target, nothing between
    pub(super) method_len: usize,
    pub(super) path: Range<usize>,          // in `line`
    pub(super) query: Option<Range<usize>>, // in `line`
    pub(super) version: Version,
    pub(super) host: String,
    pub(super) block: Vec<u8>, // the header lines as they came
    pub(super) fields: Vec<Field>,
    pub(super) body: BodyLength,
    pub(super) expects_continue: bool,
    pub(super) keep_alive: bool,
}

/// Where one header is in the block.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
}

#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}

impl RequestHead {
    /// The method as it was sent; methods are case-sensitive.
    pub fn method(&self) -> &str {
        &self.line[..self.method_len]
    }

    /// The target as it was sent, not decoded.
    pub fn target(&self) -> &str {
        &self.line[self.method_len..]
    }

    /// The target's path, not decoded; two leading slashes are just that (F124).
    pub fn path(&self) -> &str {
        match &self.line[self.path.clone()] {
            "" => "/", // `GET http://host`
            path => path,
        }
    }

    /// What follows the `?`, not decoded; empty without one.
    pub fn query(&self) -> &str {
        self.query.clone().map_or("", |query| &self.line[query])
    }

    /// The protocol version of the request.
    pub fn version(&self) -> Version {
        self.version
    }

    /// `Host` as it was sent; a request of version 1.0 without one gets `127.0.0.1`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host in lower case and without its port.
    pub fn host_name(&self) -> Cow<'_, str> {
        let (name, _) = split_host_and_port(&self.host);
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        }
    }

    /// The first value of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.header_list(name).next()
    }

    /// All values of this name, in order.
    pub fn header_list(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter_map(move |field| {
            let found = field.name.len as usize == name.len()
                && buffer::same_word(field.name.of(&self.block), name.as_bytes());
            found.then(|| field.value.of(&self.block))
        })
    }

    /// All values of this name with a comma between them (Tornado's `headers[name]`).
    pub fn header_joined(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        headers::join(self.header_list(name))
    }

    /// Names, as they were sent, and values, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| {
            let name = std::str::from_utf8(field.name.of(&self.block)).expect("a token is ASCII");
            (name, field.value.of(&self.block))
        })
    }

    /// How long the body is.
    pub fn body_length(&self) -> BodyLength {
        self.body
    }

    /// T114: the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// T111, T112: the client would like to go on using the connection.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// T126: tells who looks that the body was decoded: `Content-Encoding` goes by the name of
    /// `X-Consumed-Content-Encoding` from now on.
    pub fn consume_content_encoding(&mut self) {
        let name = Span { start: self.block.len() as u32, len: 27 };
        self.block.extend_from_slice(b"X-Consumed-Content-Encoding");
        for field in &mut self.fields {
            if field.name.of(&self.block).eq_ignore_ascii_case(b"content-encoding") {
                field.name = name;
            }
        }
    }

    /// How much memory this head occupies, for those who keep heads in a pool.
    pub fn capacity(&self) -> usize {
        self.line.capacity() + self.block.capacity() + self.fields.capacity() * size_of::<Field>()
    }
}

/// Without headers, which may be secrets (T145).
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHead({} {} {})", self.method(), self.target(), self.version)
    }
}
