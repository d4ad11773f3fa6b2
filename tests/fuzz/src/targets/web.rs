//! Targets for the pure half of `squall::web`: cookies, signed values, forms.
//!
//! Each reads what a stranger may send and says what must be true whatever it was. Nothing here
//! may panic, and nothing may be believed that was not signed.

use std::time::Duration;

use squall::web::multipart::{self, MultipartLimits};
use squall::web::{Arguments, CookieSecret, Cookies, quote, signed, unquote};

/// What forms and cookies are made of.
pub const WORDS: &[&str] = &[
    "; ",
    "=",
    "\"",
    "\\",
    "%41",
    "%",
    "+",
    "&",
    "|",
    "2|1:0|",
    "--b",
    "--b--",
    "\r\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; ",
    "name=",
    "filename=\"",
    "filename*=utf-8''",
];

/// What connection strings are made of.
pub const URI_WORDS: &[&str] =
    &["mongodb://", "@", ":", ",", "/", "?", "&", "%40", "[::1]", "=true"];

/// Where mutation begins.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "a=b; keebler=\"E=mc2; L=\\\"Loves\\\"\"; x=\\042",
        "a=1&b=%C3%A9&b=+x+&c",
        "2|1:0|10:1300000000|3:key|8:dmFsdWU=|3d4e60b996ff9c5d5788e333a0cba6f238a22c6c0f94788870e1a9ecd482e152",
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;b.txt\"\r\nContent-Type: x\r\n\r\nhi\r\n--b--\r\n",
    ]
    .map(|seed| seed.as_bytes().to_vec())
    .to_vec()
}

/// Any header is some cookies, and quoting is undone by unquoting.
pub fn cookies(data: &[u8]) {
    for (name, value) in Cookies::parse(data).iter() {
        assert!(!name.contains(';') && value.len() <= 4 * data.len());
    }
    let text = String::from_utf8_lossy(data);
    assert_eq!(unquote(&quote(&text)), text);
}

/// A value is believed only if it was signed with the secret, under its name.
pub fn signed(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (secret, other) = (CookieSecret::from("s"), CookieSecret::from("t"));
    let (now, age) = (Duration::from_secs(1_300_000_000), Duration::from_secs(86_400));
    assert!(signed::decode_signed_value(&secret, "key", &text, age, now).is_none());
    let value = signed::create_signed_value(&secret, "key", data, now);
    let decode = |secret, name| signed::decode_signed_value(secret, name, &value, age, now);
    assert_eq!(decode(&secret, "key").as_deref(), Some(data));
    assert!(decode(&other, "key").is_none() && decode(&secret, "kez").is_none());
}

/// Any body is arguments, or an error that names none of them.
pub fn arguments(data: &[u8]) {
    let Ok(arguments) = Arguments::parse(data) else { return };
    for (name, _) in arguments.iter() {
        let _ = (arguments.get(name), arguments.get_all(name), arguments.near_miss(name));
    }
}

/// A form never holds more than was sent.
pub fn multipart(data: &[u8]) {
    if let Ok(form) = multipart::parse("b", data, MultipartLimits::default()) {
        let bytes: usize = form.files.iter().map(|file| file.body.len()).sum();
        assert!(bytes <= data.len());
    }
    multipart::header_parameters(&String::from_utf8_lossy(data));
}
