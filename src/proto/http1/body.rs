//! Where a body ends, and its pieces on the way there: RFC 9112 parts 6 and 7.
//!
//! Owns both framings, by length and in chunks; extensions and trailers are refused, since two
//! programs in a row seldom agree about them. Copies nothing: pieces are slices of what came in.
//! Read next: `connection.rs`, which turns pieces into events.

use super::connection::Input;
use super::error::Reason;
use super::head::BodyLength;
use super::limits::Limits;
use crate::buffer;

/// What is still to come of the body being read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BodyReader {
    part: Part,
    /// How much more the limit allows; a plan may change it before the first piece (F157).
    pub(super) allowed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    End,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    LastEnd,
}

/// One step through a body.
pub(super) enum Piece<'a> {
    Data(&'a [u8]),
    End,
    NeedData,
}

impl BodyReader {
    pub(super) fn new(length: BodyLength, allowed: u64) -> Self {
        let part = match length {
            BodyLength::None => Part::End,
            BodyLength::Known(length) => Part::Length(length),
            BodyLength::Chunked => Part::ChunkSize,
        };
        Self { part, allowed }
    }

    /// There is none, and not even a length that says so.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.part, Part::End)
    }

    /// The next piece, at most `piece_max` long.
    pub(super) fn next_piece<'a>(
        &mut self,
        input: &mut Input<'a>,
        piece_max: usize,
    ) -> Result<Piece<'a>, Reason> {
        loop {
            match self.part {
                Part::End | Part::Length(0) => return Ok(Piece::End),
                Part::Length(left) if left > self.allowed => return Err(Reason::BodyTooLarge),
                Part::Length(left) => {
                    let piece = take(input, left, piece_max);
                    self.allowed -= piece.len() as u64;
                    self.part = Part::Length(left - piece.len() as u64);
                    return Ok(data(piece));
                }
                Part::ChunkSize => match chunk_size(input)? {
                    None => return Ok(Piece::NeedData),
                    Some(0) => self.part = Part::LastEnd,
                    Some(size) if size > self.allowed => return Err(Reason::BodyTooLarge),
                    Some(size) => {
                        self.allowed -= size; // the total is checked before a byte is read (T118)
                        self.part = Part::ChunkData(size);
                    }
                },
                Part::ChunkData(0) => self.part = Part::ChunkEnd,
                Part::ChunkData(left) => {
                    let piece = take(input, left, piece_max);
                    self.part = Part::ChunkData(left - piece.len() as u64);
                    return Ok(data(piece));
                }
                Part::ChunkEnd if crlf(input, Reason::ChunkEnd)? => self.part = Part::ChunkSize,
                Part::LastEnd if crlf(input, Reason::Trailer)? => self.part = Part::End,
                Part::ChunkEnd | Part::LastEnd => return Ok(Piece::NeedData),
            }
        }
    }
}

fn data(piece: &[u8]) -> Piece<'_> {
    if piece.is_empty() { Piece::NeedData } else { Piece::Data(piece) }
}

fn take<'a>(input: &mut Input<'a>, left: u64, piece_max: usize) -> &'a [u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    input.take(input.rest().len().min(left).min(piece_max))
}

/// T118: hex digits, CR LF, and nothing else, within 64 bytes.
fn chunk_size(input: &mut Input<'_>) -> Result<Option<u64>, Reason> {
    let rest = input.rest();
    let window = &rest[..rest.len().min(Limits::CHUNK_LINE_MAX)];
    let Some(length) = buffer::find_byte(window, b'\n') else {
        return if window.len() < Limits::CHUNK_LINE_MAX {
            Ok(None)
        } else {
            Err(Reason::ChunkSize)
        };
    };
    let digits = window[..length].strip_suffix(b"\r").ok_or(Reason::ChunkSize)?;
    let size = buffer::parse_hex(digits).ok_or(Reason::ChunkSize)?;
    input.take(length + 1);
    Ok(Some(size))
}

/// True when CR LF was there, false when it may still come.
fn crlf(input: &mut Input<'_>, reason: Reason) -> Result<bool, Reason> {
    match input.rest() {
        [b'\r', b'\n', ..] => {
            input.take(2);
            Ok(true)
        }
        [] | [b'\r'] => Ok(false),
        _ => Err(reason),
    }
}
