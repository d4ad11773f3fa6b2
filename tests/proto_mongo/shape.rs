//! SEC40 and SEC43: documents whose lengths lie, and documents nested without end.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, JavaScriptCodeWithScope, RawDocument, Regex, Timestamp, doc};
use squall::proto::mongo::decode::{Decoder, decode, decode_field};
use squall::proto::mongo::encode::{DocumentWriter, EncodeDocument};
use squall::proto::mongo::shape::{DEPTH_MAX, Fault, check};

/// One of every kind of element.
fn everything() -> Document {
    doc! {
        "double": 1.5, "string": "text", "document": { "a": 1, "b": {} }, "array": [1, "two", [3]],
        "binary": Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2, 3] }),
        "undefined": Bson::Undefined, "id": ObjectId::from_bytes([7; 12]), "true": true,
        "date": bson::DateTime::from_millis(1), "null": Bson::Null,
        "regex": Bson::RegularExpression(Regex {
            pattern: "a.*".try_into().unwrap(), options: "i".try_into().unwrap(),
        }),
        "code": Bson::JavaScriptCode("f()".to_owned()), "symbol": Bson::Symbol("s".to_owned()),
        "scope": Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
            code: "g()".to_owned(), scope: doc! { "x": { "y": 1 } },
        }),
        "int": 1_i32, "stamp": Bson::Timestamp(Timestamp { time: 1, increment: 2 }), "long": 2_i64,
        "decimal": "1.25".parse::<bson::Decimal128>().unwrap(),
        "min": Bson::MinKey, "max": Bson::MaxKey,
    }
}

/// `levels` documents within each other, by hand: the library's own encoder would recurse.
fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for level in 0..levels {
        let inside = (levels - level - 1) * 8 + 5;
        bytes.extend_from_slice(&(inside as i32).to_le_bytes());
        if level + 1 < levels {
            bytes.extend_from_slice(b"\x03a\0");
        }
    }
    bytes.extend(std::iter::repeat_n(0, levels));
    bytes
}

#[test]
fn sec40_every_element_is_understood() {
    let bytes = everything().to_vec().unwrap();
    check(&bytes).unwrap();
    let decoded = decode(RawDocument::from_bytes(&bytes).unwrap()).unwrap();
    assert_eq!(decoded, everything());
}

/// One pass writes what the library writes, byte for byte, nested and behind other bytes too.
#[test]
fn encoding_is_the_librarys_own() {
    let mut document = everything();
    let old = Binary { subtype: BinarySubtype::BinaryOld, bytes: vec![1, 2, 3] };
    document.insert("old", Bson::Binary(old));
    document.insert("", "empty key");
    let many: Vec<Bson> = (0..120).map(|_| Bson::Document(document.clone())).collect();
    document.insert("many", many);
    let mut out = b"before".to_vec();
    document.encode(&mut out).unwrap();
    assert_eq!(out, [b"before".to_vec(), document.to_vec().unwrap()].concat());

    let id = ObjectId::from_bytes([9; 12]);
    let raw = bson::RawDocumentBuf::try_from(&document).unwrap();
    let mut out = b"before".to_vec();
    for form in [&document as &dyn EncodeDocument, &raw] {
        out.truncate(6);
        assert_eq!(form.encode_with_id(&mut out, id).unwrap(), Bson::ObjectId(id));
        let mut without = Vec::new();
        form.encode(&mut without).unwrap();
        let without = decode(RawDocument::from_bytes(&without).unwrap()).unwrap();
        let expected = [doc! { "_id": id }, without].into_iter().flatten().collect::<Document>();
        assert_eq!(&out[6..], expected.to_vec().unwrap());
    }
    // One that has an `_id` keeps it, wherever it stands.
    let own = doc! { "a": 1, "_id": { "b": [1, 2] }, "c": 3 };
    let raw = bson::RawDocumentBuf::try_from(&own).unwrap();
    for form in [&own as &dyn EncodeDocument, &raw] {
        out.truncate(6);
        assert_eq!(&form.encode_with_id(&mut out, id).unwrap(), own.get("_id").unwrap());
        assert_eq!(&out[6..], raw.as_bytes());
    }
    let bad = RawDocument::from_bytes(b"\x0a\0\0\0\x02a\0\xff\xff\0").unwrap();
    assert!(bad.encode_with_id(&mut out, id).is_err(), "a length that lies");
}

/// A key with NUL would end early: it is refused, however deep it lies.
#[test]
fn encoding_refuses_nul_in_a_key() {
    for document in [doc! { "a\0b": 1 }, doc! { "a": [{ "b": { "c\0": 1 } }] }] {
        assert!(document.encode(&mut Vec::new()).is_err());
        assert!(document.to_vec().is_err());
    }
}

/// SEC40: no byte changed, and no byte cut off, makes the check panic; what it lets through, the
/// decoder can walk.
#[test]
fn sec40_any_byte_may_lie() {
    let good = everything().to_vec().unwrap();
    for at in 0..good.len() {
        for value in [0, 1, 4, 5, 0x7f, 0x80, 0xff, good[at].wrapping_add(1), good[at] ^ 0x40] {
            let mut bytes = good.clone();
            bytes[at] = value;
            if check(&bytes).is_ok() {
                let _ = decode(RawDocument::from_bytes(&bytes).unwrap());
            }
        }
        assert!(check(&good[..at]).is_err(), "cut after {at} bytes");
    }
}

#[test]
fn sec40_lengths_that_lie() {
    let fault = |bytes: &[u8]| check(bytes).map_err(|error| error.fault);
    let one = |kind: u8, value: &[u8]| {
        let length = (4 + 3 + value.len() + 1) as i32;
        [&length.to_le_bytes()[..], &[kind, b'k', 0], value, &[0]].concat()
    };
    assert_eq!(fault(&[5, 0, 0, 0, 0]), Ok(()));
    for wrong in [&[][..], &[5, 0, 0, 0], &[4, 0, 0, 0], &[6, 0, 0, 0, 0], &[0xff; 5]] {
        assert_eq!(fault(wrong), Err(Fault::Length), "{wrong:?}");
    }
    assert_eq!(fault(&[5, 0, 0, 0, 1]), Err(Fault::NoNul));
    assert_eq!(fault(&one(2, b"\x02\0\0\0a\0")), Ok(()));
    assert_eq!(fault(&one(2, b"\x02\0\0\0ab")), Err(Fault::NoNul));
    for length in [-1_i32, 0, 3, 7, i32::MAX, i32::MIN] {
        let text = one(2, &[&length.to_le_bytes()[..], b"a\0"].concat());
        assert!(matches!(fault(&text), Err(Fault::Length | Fault::NoNul)), "string {length}");
    }
    for length in [-1_i32, 3, i32::MAX, i32::MIN] {
        let binary = one(5, &[&length.to_le_bytes()[..], b"\0ab"].concat());
        assert_eq!(fault(&binary), Err(Fault::Length), "binary {length}");
    }
    for length in [-1_i32, 0, 4, 6, 7, i32::MAX, i32::MIN] {
        let inner = one(3, &[&length.to_le_bytes()[..], b"\0"].concat());
        assert_eq!(fault(&inner), Err(Fault::Length), "document {length}");
    }
    assert_eq!(fault(&one(0x20, b"")), Err(Fault::ElementType(0x20)));
    assert_eq!(fault(&one(1, b"1234567")), Err(Fault::Length));
    assert_eq!(fault(&one(0x0b, b"no end")), Err(Fault::NoNul));
}

/// SEC43: a hundred levels pass, one more does not, and a hundred thousand are no danger.
#[test]
fn sec43_depth() {
    check(&nested(DEPTH_MAX)).unwrap();
    decode(RawDocument::from_bytes(&nested(DEPTH_MAX)).unwrap()).unwrap();
    for levels in [DEPTH_MAX + 1, 1000, 100_000] {
        assert_eq!(check(&nested(levels)).unwrap_err().fault, Fault::TooDeep, "{levels} levels");
        assert!(decode(RawDocument::from_bytes(&nested(levels)).unwrap()).is_err());
    }
}

/// What is wrong with a value is what the library says is wrong with it, whatever the decoder
/// has seen before.
#[test]
fn decoding_is_the_librarys_own() {
    let good = everything().to_vec().unwrap();
    let mut warm = Decoder::default();
    let raw = RawDocument::from_bytes(&good).unwrap();
    for _ in 0..3 {
        assert_eq!(warm.decode(raw).unwrap(), everything());
    }
    for at in 4..good.len() {
        for value in [0, 1, 2, 0x80, 0xff, good[at] ^ 0x40] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let Ok(document) = RawDocument::from_bytes(&bytes) else { continue };
            let decoded = decode(document);
            if check(&bytes).is_err() {
                assert!(decoded.is_err(), "byte {at}");
            } else {
                let ours = decoded.map(|document| format!("{document:?}"));
                let theirs = Document::try_from(document).map(|document| format!("{document:?}"));
                assert_eq!(ours.ok(), theirs.ok(), "byte {at}");
            }
            let (first, second) = (decode(document), warm.decode(document));
            assert_eq!(format!("{first:?}"), format!("{second:?}"), "byte {at}");
            assert_eq!(warm.decode(raw).unwrap(), everything());
        }
    }
}

/// Documents that look alike, that do not, and that do for a while: a decoder that remembers names
/// gives what one without memory gives, in the same order, with nothing left of those before.
#[test]
fn decoding_many_remembers_names_only() {
    let shapes = [
        doc! { "_id": 1, "name": "ada", "at": { "x": 1, "y": { "z": [1, { "q": 2 }] } } },
        doc! { "_id": 1, "name": "ada", "at": { "x": 1 } },
        doc! { "_id": 1, "name": "ada", "at": "home" },
        doc! { "_id": 1, "name": { "first": "ada" }, "at": [] },
        doc! { "name": "ada", "_id": 1 },
        doc! { "_id": 1, "nam": 2, "name": "ada" },
        doc! { "_id": 1 },
        doc! {},
        doc! { "_id": 1, "name": "ada", "at": { "x": 1, "y": { "z": [] }, "w": null }, "more": 1 },
    ];
    let mut decoder = Decoder::default();
    for step in 0..400 {
        // Runs of equals of every length from one to seven, and then a new order.
        let shape = &shapes[(step / (1 + step / 57)) % shapes.len()];
        let bytes = shape.to_vec().unwrap();
        let decoded = decoder.decode(RawDocument::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(decoded.to_vec().unwrap(), bytes, "step {step}");
        assert_eq!(&decoded, shape, "step {step}");
    }
    // The same name twice: the last value counts, as in the library.
    let twice = b"\x13\0\0\0\x10a\0\x01\0\0\0\x10a\0\x02\0\0\0\0";
    let twice = RawDocument::from_bytes(twice).unwrap();
    let mut decoder = Decoder::default();
    for _ in 0..4 {
        assert_eq!(decoder.decode(twice).unwrap(), doc! { "a": 2 });
        assert_eq!(decoder.decode(&bson::rawdoc! { "a": 3 }).unwrap(), doc! { "a": 3 });
    }
}

/// SEC43: depth is counted in the decoder too, through arrays and the scope of code.
#[test]
fn sec43_depth_of_every_kind_of_nesting() {
    let wrap = |levels: usize, mut document: Document| {
        for level in 0..levels {
            document = match level % 3 {
                0 => doc! { "a": document },
                1 => doc! { "a": [document] },
                _ => doc! { "a": Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
                    code: String::new(), scope: document,
                })},
            };
        }
        document
    };
    for levels in 60..90 {
        let bytes = wrap(levels, Document::new()).to_vec().unwrap();
        let decoded = decode(RawDocument::from_bytes(&bytes).unwrap());
        assert_eq!(decoded.is_ok(), check(&bytes).is_ok(), "{levels} levels");
    }
}

/// Field by field or whole, borrowed or owned: the same bytes.
#[test]
fn documents_written_field_by_field() {
    use bson::raw::cstr;
    let inner = everything();
    let raw = bson::RawDocumentBuf::try_from(&inner).unwrap();
    let time = bson::Timestamp { time: 1, increment: 2 };
    let mut writer = DocumentWriter::new(b"before".to_vec());
    writer.append(cstr!("text"), "ada");
    writer.append(cstr!("int"), 1_i32);
    writer.append(cstr!("long"), 2_i64);
    writer.append(cstr!("true"), true);
    writer.append(cstr!("raw"), &raw);
    writer.append(cstr!("rare"), time);
    writer.append_document(cstr!("owned"), &inner).unwrap();
    writer.append_documents(cstr!("several"), &vec![inner.clone(); 11]).unwrap();
    writer.append_documents(cstr!("none"), &[] as &[Document]).unwrap();
    writer.append_fields(&doc! { "last": 1.5 }).unwrap();
    let expected = doc! {
        "text": "ada", "int": 1_i32, "long": 2_i64, "true": true, "raw": inner.clone(),
        "rare": Bson::Timestamp(time), "owned": inner.clone(),
        "several": vec![Bson::Document(inner.clone()); 11], "none": [], "last": 1.5,
    };
    assert_eq!(&writer.finish()[6..], expected.to_vec().unwrap());
    let mut refusing = DocumentWriter::new(Vec::new());
    assert!(refusing.append_document(cstr!("a"), &doc! { "b\0": 1 }).is_err());
}

/// A type of the caller's may borrow from the bytes; what does not fit is an error that says so.
#[cfg(feature = "serde")]
#[test]
fn documents_as_types_of_the_callers() {
    use squall::proto::mongo::decode::{DecodeError, decode_as};
    use squall::proto::mongo::encode::Typed;
    use std::collections::BTreeMap;
    let bytes = doc! { "name": "ada", "city": "london" }.to_vec().unwrap();
    let document = RawDocument::from_bytes(&bytes).unwrap();
    let typed: BTreeMap<&str, &str> = decode_as(document).unwrap();
    assert!(bytes.as_ptr_range().contains(&typed["name"].as_ptr()), "it is borrowed");
    let mut out = Vec::new();
    Typed(&typed).encode(&mut out).unwrap();
    assert_eq!(out, doc! { "city": "london", "name": "ada" }.to_vec().unwrap());
    let wrong = decode_as::<BTreeMap<&str, i32>>(document);
    assert!(matches!(wrong, Err(DecodeError::Value(_))), "{wrong:?}");
    assert!(Typed(5).encode(&mut out).is_err(), "a number is no document");
    let deep = nested(DEPTH_MAX + 1);
    let deep = decode_as::<bson::Document>(RawDocument::from_bytes(&deep).unwrap());
    assert!(matches!(deep, Err(DecodeError::Shape(_))), "{deep:?}");

    let mut out = Vec::new();
    let fresh = ObjectId::from_bytes([9; 12]);
    assert_eq!(Typed(&typed).encode_with_id(&mut out, fresh).unwrap(), Bson::ObjectId(fresh));
    assert_eq!(out, doc! { "_id": fresh, "city": "london", "name": "ada" }.to_vec().unwrap());
}

/// One field can be had without the others.
#[test]
fn one_field_of_a_document() {
    let bytes = doc! { "name": "ada", "city": "london" }.to_vec().unwrap();
    assert_eq!(decode_field(&bytes, "city").unwrap(), Some(Bson::String("london".to_owned())));
    assert_eq!(decode_field(&bytes, "cit").unwrap(), None);
    let all = everything();
    let bytes = all.to_vec().unwrap();
    for (name, value) in &all {
        assert_eq!(decode_field(&bytes, name).unwrap().as_ref(), Some(value), "{name}");
    }
    assert!(decode_field(&bytes[..bytes.len() - 1], "max").is_err());
}
