//! The client's end of one reader: what comes back for one request (T125).
//!
//! Owns the rules of where an answer ends, which differ from a request's: an answer may have no
//! length and end with the connection, and an answer to `HEAD` has a length and no body. Knows no
//! sockets; `http/client.rs` carries the bytes. Read next: `body.rs`.

use super::body::{BodyReader, Piece};
use super::connection::Input;
use super::error::{Reason, RemoteError};
use super::head::BodyLength;
use super::headers::Headers;
use super::limits::Limits;
use crate::buffer;

/// What the server did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// A head is complete, see [`ResponseReader::status`] and [`ResponseReader::headers`]. Interim answers
    /// (1xx) are skipped.
    Head,
    /// A piece of the body, never empty.
    Data(&'a [u8]),
    /// The answer is complete.
    End,
    /// Nothing more can be said until more bytes come, or the end of them.
    NeedData,
}

/// One request on its way to its answer.
#[derive(Debug)]
pub struct ResponseReader {
    limits: Limits,
    is_head: bool,
    part: Part,
    status: u16,
    reason: String,
    headers: Headers,
    ended: bool,
}

#[derive(Debug)]
enum Part {
    Head,
    Body(BodyReader),
    /// The end of the connection is the end of the body; so many bytes are still allowed.
    UntilClose(u64),
    Done,
}

impl ResponseReader {
    /// For a request with this method.
    pub fn new(method: &str, limits: Limits) -> Self {
        Self {
            limits,
            is_head: method == "HEAD",
            part: Part::Head,
            status: 0,
            reason: String::new(),
            headers: Headers::default(),
            ended: false,
        }
    }

    /// Bytes came, beginning with those that were not used the last time.
    pub fn receive<'a>(&mut self, bytes: &'a [u8]) -> Input<'a> {
        Input::new(bytes)
    }

    /// The server will send nothing after the bytes of the next `receive`.
    pub fn receive_eof(&mut self) {
        self.ended = true;
    }

    /// What the bytes mean, one event at a time, until `NeedData` or `End`.
    pub fn next_event<'a>(&mut self, input: &mut Input<'a>) -> Result<Answer<'a>, RemoteError> {
        let truncated = self.ended;
        match &mut self.part {
            Part::Head => {
                let answer = self.next_head(input)?;
                if truncated && answer == Answer::NeedData {
                    return Err(Reason::Truncated.error());
                }
                Ok(answer)
            }
            Part::Body(body) => {
                match body.next_piece(input, self.limits.piece_bytes_max).map_err(Reason::error)? {
                    Piece::Data(data) => Ok(Answer::Data(data)),
                    Piece::NeedData if truncated => Err(Reason::Truncated.error()),
                    Piece::NeedData => Ok(Answer::NeedData),
                    Piece::End => {
                        self.part = Part::Done;
                        Ok(Answer::End)
                    }
                }
            }
            Part::UntilClose(allowed) => {
                let length = input.rest().len().min(self.limits.piece_bytes_max);
                *allowed = allowed
                    .checked_sub(length as u64)
                    .ok_or_else(|| Reason::BodyTooLarge.error())?;
                match input.take(length) {
                    [] if truncated => {
                        self.part = Part::Done;
                        Ok(Answer::End)
                    }
                    [] => Ok(Answer::NeedData),
                    data => Ok(Answer::Data(data)),
                }
            }
            Part::Done => Ok(Answer::End),
        }
    }

    /// The status of the answer; 0 before its head.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty (T152).
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The answer's headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    fn next_head<'a>(&mut self, input: &mut Input<'a>) -> Result<Answer<'a>, RemoteError> {
        loop {
            let rest = input.rest();
            let window = &rest[..rest.len().min(self.limits.head_bytes_max)];
            let mut slots = vec![httparse::EMPTY_HEADER; self.limits.header_count_max];
            let mut response = httparse::Response::new(&mut slots);
            let length = match response.parse(window) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if rest.len() >= self.limits.head_bytes_max => {
                    return Err(Reason::HeadTooLarge.error());
                }
                Ok(httparse::Status::Partial) => return Ok(Answer::NeedData),
                Err(_) => return Err(Reason::RequestLine.error()),
            };
            self.status = response.code.unwrap_or(0);
            response.reason.unwrap_or("").clone_into(&mut self.reason);
            self.headers.clear();
            for header in response.headers.iter() {
                self.headers
                    .add(header.name, header.value)
                    .map_err(|_| Reason::HeaderValue.error())?;
            }
            input.take(length);
            if (100..200).contains(&self.status) && self.status != 101 {
                continue; // several interim answers may come before the real one
            }
            self.part = self.framing().map_err(Reason::error)?;
            return Ok(Answer::Head);
        }
    }

    /// RFC 9112 part 6.3.
    fn framing(&self) -> Result<Part, Reason> {
        let chunked = self.headers.get_list("Transfer-Encoding").collect::<Vec<_>>();
        let lengths = self.headers.get_list("Content-Length").collect::<Vec<_>>();
        let allowed = self.limits.body_bytes_max;
        if self.is_head || matches!(self.status, 101 | 204 | 304) {
            return Ok(Part::Body(BodyReader::new(BodyLength::None, allowed)));
        }
        match (&chunked[..], &lengths[..]) {
            ([], []) => Ok(Part::UntilClose(allowed)),
            ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Part::Body(BodyReader::new(BodyLength::Chunked, allowed)))
            }
            ([], [first, others @ ..]) if others.iter().all(|other| other == first) => {
                let length = buffer::parse_decimal(first).ok_or(Reason::ContentLength)?;
                Ok(Part::Body(BodyReader::new(BodyLength::Known(length), allowed)))
            }
            ([], _) => Err(Reason::ContentLength),
            (_, []) => Err(Reason::TransferEncoding),
            _ => Err(Reason::BothFramings),
        }
    }
}
