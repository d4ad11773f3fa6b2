//! The floor of the MongoDB operations: messages that are ready made, over epoll.
//!
//! Owns the least a client can do: send bytes, read a length, step over the documents of a batch.
//! It decodes nothing and waits for nothing but the server. Read next: `mongo.rs`, the clients.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustix::event::epoll;
use squall::mongo::bson::{RawDocumentBuf, rawdoc};
use squall::proto::mongo::wire::{Flags, MessageWriter};

use super::{DATABASE, Meter, raw_record};

/// Messages that are ready made, sent and received over epoll; of a reply only its length is
/// read, and of a batch the lengths of its documents.
pub(super) struct Floor {
    streams: Vec<TcpStream>,
    request: Vec<u8>,
    /// Where the request has an `_id` that must be another each time.
    ids: Vec<usize>,
    more: Option<Vec<u8>>,
    next_id: i64,
}

/// Stands where a number is filled in later.
const MARK: i64 = -0x0102_0304_0506_0708;

impl Floor {
    pub(super) fn new(uri: &str, operation: &str, lanes: usize) -> io::Result<Self> {
        let address = uri.trim_start_matches("mongodb://").split(['/', '?']).next();
        let connect = |_| {
            let stream = TcpStream::connect(address.unwrap_or_default())?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let streams = (0..lanes).map(connect).collect::<io::Result<Vec<_>>>()?;
        let (request, more) = match operation {
            "find_one_c1" | "find_one_c64" => {
                let (filter, limit) = (rawdoc! { "_id": 7 }, 1);
                let find = rawdoc! { "find": "small", "filter": filter, "limit": limit,
                "singleBatch": true, "$db": DATABASE };
                (message(&find, &[]), None)
            }
            "find_1000" => {
                let more = rawdoc! { "getMore": MARK, "collection": "thousand", "$db": DATABASE };
                let find = rawdoc! { "find": "thousand", "$db": DATABASE };
                (message(&find, &[]), Some(message(&more, &[])))
            }
            _ => {
                let one = |n| {
                    let mut record = rawdoc! { "_id": MARK };
                    let fields = if operation == "insert_many_10k" {
                        raw_record(n)
                    } else {
                        rawdoc! { "name": "hello", "n": 1 }
                    };
                    for (key, value) in fields.iter().flatten() {
                        record.append(key, value);
                    }
                    record
                };
                let count = if operation == "insert_many_10k" { 10_000 } else { 1 };
                let records: Vec<_> = (0..count).map(one).collect();
                let insert = rawdoc! { "insert": "inserted", "ordered": true, "$db": DATABASE };
                (message(&insert, &records), None)
            }
        };
        let ids = marks(&request);
        // Ids of another run must not be met again.
        let next_id = i64::from(std::process::id()) << 40;
        Ok(Self { streams, request, ids, more, next_id })
    }

    fn send(&mut self, lane: usize) -> io::Result<()> {
        for at in &self.ids {
            self.next_id += 1;
            self.request[*at..*at + 8].copy_from_slice(&self.next_id.to_le_bytes());
        }
        (&self.streams[lane]).write_all(&self.request)
    }

    pub(super) fn run(mut self, meter: &Meter) -> io::Result<()> {
        let readiness = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        for (lane, stream) in self.streams.iter().enumerate() {
            epoll::add(&readiness, stream, epoll::EventData::new_u64(lane as u64), flags)?;
        }
        let mut buffers = vec![(vec![0; 1 << 18], 0_usize); self.streams.len()];
        let mut live = self.streams.len();
        for lane in 0..live {
            self.send(lane)?;
        }
        let mut events = Vec::with_capacity(128);
        while live > 0 {
            events.clear();
            epoll::wait(&readiness, rustix::buffer::spare_capacity(&mut events), None)?;
            for event in &events {
                let lane = event.data.u64() as usize;
                let (buffer, have) = &mut buffers[lane];
                if !receive(&self.streams[lane], buffer, have)? {
                    continue;
                }
                if let Some(more) = &mut self.more {
                    let id = walk(&buffer[..*have])?;
                    *have = 0;
                    if id != 0 {
                        let at = 21 + 4 + 1 + "getMore".len() + 1;
                        more[at..at + 8].copy_from_slice(&id.to_le_bytes());
                        (&self.streams[lane]).write_all(more)?;
                        continue;
                    }
                }
                *have = 0;
                if meter.goes_on() { self.send(lane)? } else { live -= 1 }
            }
        }
        Ok(())
    }
}

/// Reads once, or until what there was is read; true when the message is whole.
fn receive(mut stream: &TcpStream, buffer: &mut Vec<u8>, have: &mut usize) -> io::Result<bool> {
    loop {
        if buffer.len() - *have < 1 << 16 {
            buffer.resize(buffer.len() * 2, 0);
        }
        let room = buffer.len() - *have;
        let count = stream.read(&mut buffer[*have..])?;
        *have += count;
        let whole = *have >= 4 && *have >= number(buffer, 0)?;
        if whole || count < room {
            return if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(whole) };
        }
    }
}

fn message(body: &RawDocumentBuf, documents: &[RawDocumentBuf]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = MessageWriter::new(&mut out, 1, 0, Flags::NONE).body(body);
    if !documents.is_empty() {
        writer = writer.sequence("documents", |out| {
            for document in documents {
                out.extend_from_slice(document.as_bytes());
            }
        });
    }
    writer.finish();
    out
}

fn marks(message: &[u8]) -> Vec<usize> {
    let mark = MARK.to_le_bytes();
    memchr::memmem::find_iter(message, &mark).collect()
}

fn number(bytes: &[u8], at: usize) -> io::Result<usize> {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
    let bytes = bytes.ok_or(io::ErrorKind::InvalidData)?;
    Ok(i32::from_le_bytes(*bytes) as usize)
}

fn after_key(bytes: &[u8], at: usize) -> io::Result<usize> {
    let nul = memchr::memchr(0, bytes.get(at..).unwrap_or_default());
    Ok(at + nul.ok_or(io::ErrorKind::InvalidData)? + 1)
}

/// Steps over the documents of a batch and answers with the cursor's id.
fn walk(reply: &[u8]) -> io::Result<i64> {
    let mut at = after_key(reply, 21 + 4 + 1)? + 4; // into the document `cursor`
    while reply[at] != 0 {
        let value = after_key(reply, at + 1)?;
        at = match reply[at] {
            4 => {
                let mut element = value + 4;
                while reply[element] != 0 {
                    element = after_key(reply, element + 1)?;
                    element += number(reply, element)?;
                }
                value + number(reply, value)?
            }
            0x12 => {
                let id = reply[value..].first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                return Ok(i64::from_le_bytes(*id));
            }
            2 => value + 4 + number(reply, value)?,
            _ => value + 1,
        };
    }
    Err(io::ErrorKind::InvalidData.into())
}
