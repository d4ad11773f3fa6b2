//! Arguments and multipart bodies, with the file names that once broke Tornado.
//!
//! Tables of what is sent and what a handler gets. Read next: `cookies.rs`.

use squall::web::arguments::ARGUMENTS_MAX;
use squall::web::multipart::{self, Form, MultipartLimits};
use squall::web::{ArgumentError, Arguments, MultipartError};

fn parsed(encoded: &str) -> Arguments {
    Arguments::parse(encoded.as_bytes()).expect("few arguments")
}

// T163, S013, F211, F217: keep blanks, `+`, last value wins, strip, controls become spaces.
#[test]
fn urlencoded() {
    for (encoded, name, value) in [
        ("a=1", "a", Some("1")),
        ("a=1&a=2", "a", Some("2")),
        ("a=%20x%0b", "a", Some("x")),
        ("a=x%00y%1fz", "a", Some("x y z")),
        ("a=x%09y%0az", "a", Some("x\ty\nz")),
        ("a=", "a", Some("")),
        ("a", "a", Some("")),
        ("a=+++", "a", Some("")),
        ("a=b+c%2Bd", "a", Some("b c+d")),
        ("a=b=c&&&d=1", "a", Some("b=c")),
        ("%C3%A9=%E9%82%93", "é", Some("邓")),
        ("a=%zz%4", "a", Some("%zz%4")),
        ("a=1;b=2", "b", None),
        ("", "a", None),
        ("=x", "", Some("x")),
    ] {
        assert_eq!(parsed(encoded).get(name), Ok(value.map(str::to_owned)), "{encoded}");
    }
    assert_eq!(parsed("a=1&b=&a=2").get_all("a"), Ok(vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!(parsed("a=%20x").raw("a"), Some(&b" x"[..]));
}

// F210: bad UTF-8 is the client's fault, but only if somebody asks for it.
#[test]
fn invalid_utf8() {
    let arguments = parsed("a=%e9&b=ok");
    assert_eq!(arguments.get("b"), Ok(Some("ok".to_owned())));
    assert_eq!(arguments.get("a"), Err(ArgumentError::InvalidUnicode { name: "a".into() }));
    assert_eq!(arguments.raw("a"), Some(&b"\xe9"[..]));
}

#[test]
fn a_thousand_arguments_are_enough() {
    assert_eq!(parsed(&"a&".repeat(ARGUMENTS_MAX)).len(), ARGUMENTS_MAX);
    let more = "a&".repeat(ARGUMENTS_MAX + 1);
    assert_eq!(Arguments::parse(more.as_bytes()), Err(ArgumentError::TooMany));
}

// S018: the tutorial asks for `useranme`.
#[test]
fn did_you_mean() {
    let arguments = parsed("username=ann&email=a%40b&n=1&captcha=x");
    for (wanted, sent) in [
        ("useranme", Some("username")),
        ("usernam", Some("username")),
        ("Username", Some("username")),
        ("emial", Some("email")),
        ("captchas", Some("captcha")),
        ("password", None),
        ("m", None),
        ("", None),
    ] {
        assert_eq!(arguments.near_miss(wanted), sent, "{wanted}");
    }
    let long = "x".repeat(100_000);
    assert_eq!(parsed(&format!("{long}=1")).near_miss(&long[1..]), None);
}

fn form(body: &str) -> Result<Form, MultipartError> {
    multipart::parse("1234", body.replace('\n', "\r\n").as_bytes(), MultipartLimits::default())
}

fn upload(disposition: &str) -> Result<Form, MultipartError> {
    form(&format!("--1234\nContent-Disposition: {disposition}\n\nFoo\n--1234--"))
}

// T147, T148, F172
#[test]
fn fields_and_files() {
    let body = "--1234\nContent-Disposition: form-data; name=\"a\"\n\nvalue\n--1234\n\
        content-disposition: form-data; name=files; filename=ab.txt\nContent-Type: text/x\n\n\
        Foo\n--1234 not a boundary\n\n--1234\nContent-Disposition: form-data; name=a\n\n\n--1234--\nafter";
    let form = form(body).expect("a form");
    assert_eq!(form.arguments.iter().collect::<Vec<_>>(), [("a", &b"value"[..]), ("a", b"")]);
    let [file] = form.files.as_slice() else { panic!("{:?}", form.files) };
    assert_eq!((&*file.name, &*file.filename, &*file.content_type), ("files", "ab.txt", "text/x"));
    assert_eq!(file.body, b"Foo\r\n--1234 not a boundary\r\n");
}

// F173, F175, SEC20
#[test]
fn file_names() {
    for name in [
        "ab.txt",
        "a;b.txt",
        "a\"b.txt",
        "a\";b.txt",
        "a;\"b.txt",
        "a\";\";.txt",
        "a\\\"b.txt",
        "a\\b.txt",
        "a b.txt",
        "a\tb.txt",
        "测试.txt",
        "ÿ.txt",
    ] {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        let form =
            upload(&format!("form-data; name=\"files\"; filename=\"{escaped}\"")).expect(name);
        assert_eq!(form.files[0].filename, name);
        assert_eq!(form.files[0].content_type, "application/unknown");
        assert_eq!(form.files[0].body, b"Foo");
    }
    for (parameters, name) in [
        ("filename=\"ab.txt\"; filename*=UTF-8''%C3%A1b.txt", "áb.txt"),
        ("filename*=iso-8859-1'en'%E1b.txt; filename=\"ab.txt\"", "áb.txt"),
        ("filename=\"ab.txt\"; filename*=UTF-8''%FF", "ab.txt"),
        ("filename=\"ab.txt\"; filename*=UTF-8''a%0Db", "ab.txt"),
        ("filename=\"ab.txt\"; filename*=koi8-r''a", "ab.txt"),
        ("filename=\"C:\\dir\\file.txt\"", "C:\\dir\\file.txt"),
        ("filename = spaced out.txt ", "spaced out.txt"),
    ] {
        let form = upload(&format!("form-data; name=files; {parameters}")).expect(parameters);
        assert_eq!(form.files[0].filename, name, "{parameters}");
    }
}

// F174, F177, SEC18, SEC29: the first fault ends it, and there is no file.
#[test]
fn malformed_bodies() {
    use MultipartError as E;
    for (body, error) in [
        ("", E::MissingFinalBoundary),
        ("--1234", E::MissingFinalBoundary),
        ("--1234\n", E::MissingFinalBoundary),
        ("--1234x--", E::MissingFinalBoundary),
        ("preamble\n--1234--", E::MissingFinalBoundary),
        ("--1234\nContent-Disposition: form-data; name=a\n\nFoo\n", E::MissingFinalBoundary),
        ("--1234\nContent-Disposition: form-data; name=a\n\nFoo--1234--", E::MissingFinalBoundary),
        ("--1234\n\nFoo\n--1234--", E::MissingHeaders),
        ("--1234\nno colon\n\nFoo\n--1234--", E::BadHeader),
        ("--1234\nX: y\n\nFoo\n--1234--", E::BadDisposition),
    ] {
        assert_eq!(form(body).err(), Some(error), "{body:?}");
    }
    for (disposition, error) in [
        ("invalid; name=\"files\"; filename=\"ab.txt\"", E::BadDisposition),
        ("form-data; filename=\"ab.txt\"", E::MissingName),
        ("form-data; name=\"\"; filename=\"ab.txt\"", E::MissingName),
        ("form-data; name=a; filename=\"a\rb.txt\"", E::BadHeader),
        ("form-data; name=a; filename=\"a\0b.txt\"", E::BadHeader),
        ("form-data; name=a; filename=\"a\x08b.txt\"", E::BadHeader),
    ] {
        assert_eq!(upload(disposition).err(), Some(error), "{disposition:?}");
    }
    let bad_utf8 = b"--1234\r\nContent-Disposition: form-data; name=\xff\r\n\r\nFoo\r\n--1234--";
    assert_eq!(multipart::parse("1234", bad_utf8, MultipartLimits::default()), Err(E::BadHeader));
    assert!(form("--1234--").expect("empty").files.is_empty());
}

// F180, SEC27
#[test]
fn limits() {
    let part = "--1234\nContent-Disposition: form-data; name=a\n\nx\n".replace('\n', "\r\n");
    let body = |parts| format!("{}--1234--", part.repeat(parts)).into_bytes();
    let parse = |parts, limits| multipart::parse("1234", &body(parts), limits).map(|_| ());
    let normal = MultipartLimits::default();
    assert_eq!(parse(100, normal), Ok(()));
    assert_eq!(parse(101, normal), Err(MultipartError::TooManyParts));
    assert_eq!(parse(101, MultipartLimits { parts_max: 101, ..normal }), Ok(()));
    assert_eq!(
        parse(1, MultipartLimits { parts_max: 0, ..normal }),
        Err(MultipartError::TooManyParts)
    );
    let small = MultipartLimits { part_head_bytes_max: 10, ..normal };
    assert_eq!(parse(1, small), Err(MultipartError::HeadTooLarge));
    let disabled = MultipartLimits { enabled: false, ..normal };
    assert_eq!(parse(1, disabled), Err(MultipartError::Disabled));
}

// SEC21, F179: a million semicolons in quotes, a million almost-boundaries.
#[test]
fn forms_are_linear() {
    let semicolons = format!("form-data; name=\"{}\"", ";".repeat(1_000_000));
    let (_, parameters) = multipart::header_parameters(&semicolons);
    assert_eq!(parameters[0].1.len(), 1_000_000);
    let open = format!("form-data{}", ";\"".repeat(500_000));
    assert_eq!(multipart::header_parameters(&open).1, []);
    let near = "\r\n--123".repeat(1_000_000);
    let body =
        format!("--1234\r\nContent-Disposition: form-data; name=a\r\n\r\n{near}\r\n--1234--");
    let form = multipart::parse("1234", body.as_bytes(), MultipartLimits::default());
    assert_eq!(form.expect("a form").arguments.raw("a").map(<[u8]>::len), Some(near.len()));
}

// F176
#[test]
fn boundaries() {
    let long = "b".repeat(71);
    for (content_type, answer) in [
        ("multipart/form-data; boundary=1234", Some(Ok("1234"))),
        ("Multipart/Form-Data; charset=x; Boundary=\"12 34\"", Some(Ok("12 34"))),
        ("multipart/form-data", Some(Err(MultipartError::NoBoundary))),
        ("multipart/form-data; boundary=", Some(Err(MultipartError::NoBoundary))),
        (&format!("multipart/form-data; boundary={long}"), Some(Err(MultipartError::NoBoundary))),
        ("application/x-www-form-urlencoded", None),
        ("multipart/mixed; boundary=1234", None),
    ] {
        let answer = answer.map(|answer| answer.map(str::to_owned));
        assert_eq!(multipart::boundary(content_type), answer, "{content_type}");
    }
}
