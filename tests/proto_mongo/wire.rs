//! Messages: what is understood, what is refused, and that no prefix is ever mistaken for a whole.

use std::fmt::Write as _;

use bson::{RawDocumentBuf, rawdoc};
use squall::proto::mongo::legacy;
use squall::proto::mongo::wire::{
    Flags, Header, MESSAGE_BYTES_MAX, Message, MessageWriter, OpCode, WireError, split,
};

/// What one message says, in a line.
fn describe(bytes: &[u8]) -> Result<String, WireError> {
    let Some((header, message)) = split(bytes, MESSAGE_BYTES_MAX)? else {
        return Ok("need data".to_owned());
    };
    match header.op_code {
        OpCode::Msg => {
            let parsed = Message::parse(message)?;
            let mut text =
                format!("{}<-{} {:?}", header.request_id, header.response_to, parsed.body);
            for sequence in parsed.sequences() {
                let count = sequence.documents().count();
                write!(text, " {}*{count}", sequence.name).unwrap();
            }
            Ok(text)
        }
        OpCode::Query => {
            let query = legacy::Query::parse(message)?;
            Ok(format!("query {} {:?}", query.database, query.command))
        }
        OpCode::Reply => Ok(format!("reply {:?}", legacy::Reply::parse(message)?.document)),
        OpCode::Compressed => Ok("compressed".to_owned()),
    }
}

/// The bytes whole; every proper prefix must ask for more or give the very same fault.
fn check(bytes: &[u8], expected: &Result<String, WireError>) {
    assert_eq!(describe(bytes), *expected);
    for end in 0..bytes.len() {
        match describe(&bytes[..end]) {
            Ok(text) => assert_eq!(text, "need data", "prefix of {end} bytes"),
            Err(fault) => assert_eq!(Err(fault), *expected, "prefix of {end} bytes"),
        }
    }
}

fn ping() -> RawDocumentBuf {
    rawdoc! { "ping": 1, "$db": "admin" }
}

fn message(flags: Flags, write: impl FnOnce(MessageWriter<'_>) -> MessageWriter<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(MessageWriter::new(&mut out, 7, 3, flags)).finish();
    out
}

/// A message made by hand: flags and sections are whatever the test says.
fn raw(flags: u32, sections: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [20 + sections.len() as u32, 7, 0, 2013, flags] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(sections);
    out
}

fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], content].concat()
}

fn sequence(size: i32, content: &[u8]) -> Vec<u8> {
    [&[1], &size.to_le_bytes()[..], content].concat()
}

#[test]
fn a_body_alone() {
    let text = format!("7<-3 {:?}", &*ping());
    check(&message(Flags::NONE, |m| m.body(&ping())), &Ok(text));
}

/// M004: a batch is one sequence of any length, before or behind the body.
#[test]
fn m004_document_sequences() {
    let fill = |out: &mut Vec<u8>| (0..3).for_each(|_| out.extend_from_slice(ping().as_bytes()));
    let text = Ok(format!("7<-3 {:?} documents*3", &*ping()));
    check(&message(Flags::NONE, |m| m.body(&ping()).sequence("documents", fill)), &text);
    check(&message(Flags::NONE, |m| m.sequence("documents", fill).body(&ping())), &text);
    let none = Ok(format!("7<-3 {:?} a*0 b*3", &*ping()));
    let two = message(Flags::NONE, |m| m.body(&ping()).sequence("a", |_| {}).sequence("b", fill));
    check(&two, &none);
}

/// The checksum is compared and cut; M003: a wrong one is refused.
#[test]
fn m003_checksums() {
    let mut sum = message(Flags::CHECKSUM_PRESENT, |m| m.body(&ping()));
    assert_eq!(describe(&sum), Ok(format!("7<-3 {:?}", &*ping())));
    for at in 0..sum.len() {
        sum[at] ^= 1;
        assert_ne!(describe(&sum), Ok(format!("7<-3 {:?}", &*ping())), "byte {at} was changed");
        sum[at] ^= 1;
    }
    *sum.last_mut().unwrap() ^= 0x80;
    check(&sum, &Err(WireError::Checksum));
    check(&raw(1, &[]), &Err(WireError::Truncated));
    check(&raw(1, &[0, 0]), &Err(WireError::Truncated));
}

/// M003: required flags nobody told us about are refused, the others passed over.
#[test]
fn m003_flags() {
    let body = section(0, ping().as_bytes());
    for bit in 2..16 {
        check(&raw(1 << bit, &body), &Err(WireError::Flags(1 << bit)));
    }
    for bit in 16..32 {
        let text = format!("7<-0 {:?}", &*ping());
        check(&raw(1 << bit, &body), &Ok(text));
    }
    let more = raw(2, &body);
    let flags = Message::parse(&more).unwrap().flags;
    assert!(flags.contains(Flags::MORE_TO_COME) && !flags.contains(Flags::EXHAUST_ALLOWED));
}

/// M003, HAZ30: sections that are missing, doubled, unknown or cut.
#[test]
fn m003_haz30_sections() {
    let body = section(0, ping().as_bytes());
    check(&raw(0, &[]), &Err(WireError::NoBody));
    check(&raw(0, &[body.clone(), body.clone()].concat()), &Err(WireError::TwoBodies));
    check(&raw(0, &section(2, ping().as_bytes())), &Err(WireError::SectionKind(2)));
    check(&raw(0, &[body.clone(), vec![9]].concat()), &Err(WireError::SectionKind(9)));
    check(&raw(0, &[0]), &Err(WireError::Truncated));
    check(&raw(0, &[0, 5, 0, 0]), &Err(WireError::Truncated));
    for length in [-1, 0, 4, 6, i32::MAX, i32::MIN] {
        let wrong = section(0, &[&length.to_le_bytes()[..], &[0]].concat());
        check(&raw(0, &wrong), &Err(WireError::DocumentLength(length)));
    }
    check(&raw(0, &section(0, &[5, 0, 0, 0, 1])), &Err(WireError::DocumentLength(5)));
}

/// HAZ30: a sequence's own length, its name, and the documents in it.
#[test]
fn haz30_sequences() {
    for size in [-1, 0, 3, 4, 100, i32::MAX] {
        let fault = if size == 4 { WireError::SequenceName } else { WireError::Truncated };
        check(&raw(0, &sequence(size, b"d\0")), &Err(fault));
    }
    check(&raw(0, &sequence(8, b"docs")), &Err(WireError::SequenceName));
    check(&raw(0, &sequence(6, b"\xff\0")), &Err(WireError::SequenceName));
    let longer = [b"d\0", &[6, 0, 0, 0, 0][..]].concat();
    check(&raw(0, &sequence(11, &longer)), &Err(WireError::DocumentLength(6)));
    let odd = [b"d\0", ping().as_bytes(), b"x"].concat();
    check(&raw(0, &sequence(4 + odd.len() as i32, &odd)), &Err(WireError::Truncated));
}

/// M001: a length is judged from its four bytes alone, an operation once it is there.
#[test]
fn m001_headers() {
    let header = |length: i32, code: i32| {
        [length, 1, 2, code].into_iter().flat_map(i32::to_le_bytes).collect::<Vec<_>>()
    };
    for length in [i32::MIN, -1, 0, 15, 16, 48_000_001, i32::MAX] {
        let fault = WireError::MessageLength { length, max: MESSAGE_BYTES_MAX };
        check(&header(length, 2013), &Err(fault));
    }
    check(&header(17, 2013), &Ok("need data".to_owned()));
    for code in [0, 2, 1000, 2001, 2002, 2005, 2006, 2007, 2010, 2011, 2014, -1] {
        assert_eq!(describe(&header(100, code)), Err(WireError::OpCode(code)));
    }
    let small = Header::parse(&header(1000, 2013), 999);
    assert_eq!(small, Err(WireError::MessageLength { length: 1000, max: 999 }));
}

/// Node and mongosh say hello with an `OP_QUERY`.
#[test]
fn the_old_greeting() {
    let mut out = Vec::new();
    legacy::Query::write(&mut out, 5, "admin", &ping());
    check(&out, &Ok(format!("query admin {:?}", &*ping())));
    let mut out = Vec::new();
    legacy::Reply::write(&mut out, 6, 5, &ping());
    check(&out, &Ok(format!("reply {:?}", &*ping())));
    let at = 16 + 4 + "admin.".len();
    let mut other = Vec::new();
    legacy::Query::write(&mut other, 5, "admin", &ping());
    other[at] = b'x';
    check(&other, &Err(WireError::NotACommand));
}

/// Two messages in one buffer: the first says where the second begins.
#[test]
fn messages_back_to_back() {
    let mut bytes = message(Flags::NONE, |m| m.body(&ping()));
    let second = message(Flags::NONE, |m| m.body(&rawdoc! { "b": 2 }));
    bytes.extend_from_slice(&second);
    let (header, _) = split(&bytes, MESSAGE_BYTES_MAX).unwrap().unwrap();
    assert_eq!(&bytes[header.message_bytes..], second);
}

/// Property: no bytes at all make the parser panic, whatever they are.
#[test]
fn any_single_byte_may_be_wrong() {
    let fill = |out: &mut Vec<u8>| out.extend_from_slice(ping().as_bytes());
    let mut bytes = message(Flags::NONE, |m| m.body(&ping()).sequence("documents", fill));
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let old = std::mem::replace(&mut bytes[at], value);
            let _ = describe(&bytes);
            bytes[at] = old;
        }
    }
}
