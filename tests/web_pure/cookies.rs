//! Cookies, signed values, XSRF tokens and flash messages. Values come from Tornado where marked.

use std::time::Duration;

use squall::web::flash::{FLASH_COOKIE, from_cookie, to_cookie};
use squall::web::signed::{
    DEFAULT_MAX_AGE, create_signed_value, decode_signed_value, signature_key_version,
};
use squall::web::{
    Category, Cookie, CookieSecret, Cookies, FlashMessage, SameSite, XsrfError, XsrfToken, quote,
    unquote,
};

const NOW: Duration = Duration::from_secs(1_300_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn secret() -> CookieSecret {
    CookieSecret::from("It's a secret to everybody")
}

fn versioned(current: u32) -> CookieSecret {
    CookieSecret::versioned([(0, "zero"), (1, "one"), (12, "dozen")], current)
}

fn decode(secret: &CookieSecret, name: &str, signed: &str) -> Option<Vec<u8>> {
    decode_signed_value(secret, name, signed, DEFAULT_MAX_AGE, NOW)
}

// B.9.1, T167, F200: byte for byte what Tornado makes.
#[test]
fn signed_values_are_tornados() {
    let k1 = CookieSecret::from("k1");
    let bytes: Vec<u8> = (0..=255).step_by(17).collect();
    for (secret, name, value, signed) in [
        (
            secret(),
            "key",
            b"value".as_slice(),
            "2|1:0|10:1300000000|3:key|8:dmFsdWU=|3d4e60b996ff9c5d5788e333a0cba6f238a22c6c0f94788870e1a9ecd482e152",
        ),
        (
            k1.clone(),
            "user",
            b"ann",
            "2|1:0|10:1300000000|4:user|4:YW5u|7de76d7be57e5f9df089b77e6a3ea37bf4ab1502b83aacb6f17adfc638c56cb6",
        ),
        (
            k1.clone(),
            "user",
            "邓小丽".as_bytes(),
            "2|1:0|10:1300000000|4:user|12:6YKT5bCP5Li9|42cc9ba7706617475e77016c17a297ea82a185f12fe7be377104a67ae7ec3c15",
        ),
        (
            k1.clone(),
            "bin",
            &bytes,
            "2|1:0|10:1300000000|3:bin|24:ABEiM0RVZneImaq7zN3u/w==|9cfdeeb2fed82810ed917e7cfc88869737045a442590a92f7d87f70675c9ad63",
        ),
        (
            k1,
            "",
            b"",
            "2|1:0|10:1300000000|0:|0:|9f415ee729dc2f0a5c70ee11b3d4d22118646bb69061a23e1009711f37f48661",
        ),
        (
            versioned(1),
            "user",
            b"ann",
            "2|1:1|10:1300000000|4:user|4:YW5u|ab325bd817691c03d4c2c0501f78918bc2c4b95071594911a141e7a769dcae8d",
        ),
        (
            versioned(12),
            "user",
            b"ann",
            "2|2:12|10:1300000000|4:user|4:YW5u|ef0f7e559962720cd9792dc1102462198e51513b93a8095248a771fe3ac352ba",
        ),
    ] {
        assert_eq!(create_signed_value(&secret, name, value, NOW), signed);
        assert_eq!(decode(&secret, name, signed).as_deref(), Some(value), "{signed}");
    }
}

// F202: old versions still read, unknown ones do not, and the version can be read out.
#[test]
fn keys_rotate() {
    let old = create_signed_value(&versioned(0), "user", b"ann", NOW);
    let new = create_signed_value(&versioned(1), "user", b"ann", NOW);
    assert_eq!(signature_key_version(&old), Some(0));
    assert_eq!(signature_key_version(&new), Some(1));
    assert_eq!(decode(&versioned(1), "user", &old).as_deref(), Some(&b"ann"[..]));
    let only_new = CookieSecret::versioned([(1, "one")], 1);
    assert_eq!(decode(&only_new, "user", &old), None);
    assert_eq!(decode(&only_new, "user", &new).as_deref(), Some(&b"ann"[..]));
}

// F201, SEC01, SEC05: whatever is wrong, the answer is none.
#[test]
fn tampered_values_are_nothing() {
    let good = create_signed_value(&secret(), "key", b"value", NOW);
    let (fields, signature) = good.rsplit_once('|').expect("a signature");
    let none = |what: &str, name: &str, signed: &str| {
        assert_eq!(decode(&secret(), name, signed), None, "{what}: {signed}");
    };
    none("empty", "key", "");
    none("not ours", "key", "user=ann");
    none("version 1, SHA-1", "key", "dmFsdWU=|1300000000|31c934969f53e48164c50768b40cbd7e2daaaa4f");
    none("another version", "key", &good.replacen("2|", "3|", 1));
    none("name is a prefix", "ke", &good);
    none("name is longer", "key2", &good);
    none("key version changed", "key", &good.replacen("1:0", "1:1", 1));
    none("short length", "key", &good.replacen("8:dmFsdWU=", "7:dmFsdWU=", 1));
    none("long length", "key", &good.replacen("8:dmFsdWU=", "80:dmFsdWU=", 1));
    none("signed length", "key", &good.replacen("8:dmFsdWU=", "+8:dmFsdWU=", 1));
    none("huge length", "key", &good.replacen("8:", "99999999999999999999999:", 1));
    none("value altered", "key", &good.replacen("dmFsdWU=", "dmFsdWV=", 1));
    none("signature gone", "key", &format!("{fields}|"));
    none("signature short", "key", &good[..good.len() - 1]);
    none("signature long", "key", &format!("{good}0"));
    none("signature zero", "key", &format!("{fields}|{}", "0".repeat(64)));
    none("signature in capitals", "key", &format!("{fields}|{}", signature.to_uppercase()));
    none("not on a character boundary", "key", "2|1:é|10:1300000000|3:key|8:dmFsdWU=|0");
    assert_eq!(decode(&CookieSecret::from("another"), "key", &good), None);
}

// F201: 31 days by default.
#[test]
fn old_values_are_nothing() {
    let days_old = |days: f64| {
        let signed_at = NOW.saturating_sub(DAY.mul_f64(days));
        create_signed_value(&secret(), "key", b"v", signed_at)
    };
    assert!(decode(&secret(), "key", &days_old(31.0)).is_some());
    assert_eq!(decode(&secret(), "key", &days_old(31.1)), None);
    let short = decode_signed_value(&secret(), "key", &days_old(1.0), DAY / 2, NOW);
    assert_eq!(short, None);
}

// T149, F192, SEC10: the table is Tornado's answer to the same headers.
#[test]
fn cookie_headers() {
    for (header, pairs) in [
        ("chips=ahoy; vienna=finger", &[("chips", "ahoy"), ("vienna", "finger")][..]),
        (
            r#"keebler="E=mc2; L=\"Loves\"; fudge=\012;""#,
            &[("keebler", "\"E=mc2"), ("L", "\\\"Loves\\\""), ("fudge", "\\012"), ("", "\"")],
        ),
        ("keebler=E=mc2", &[("keebler", "E=mc2")]),
        ("foo:bar=1; [x]=2", &[("foo:bar", "1"), ("[x]", "2")]),
        ("a=b; novalue; c", &[("a", "b"), ("", "novalue"), ("", "c")]),
        ("  x =  y ;; =z", &[("x", "y"), ("", "z")]),
        ("=", &[]),
        ("a=Ünï", &[("a", "Ünï")]),
        (
            r#"a=b; keebler="E=mc2; L=\"Loves\"; _xsrf=evil""#,
            &[("a", "b"), ("keebler", "\"E=mc2"), ("L", "\\\"Loves\\\""), ("_xsrf", "evil\"")],
        ),
    ] {
        let cookies = Cookies::parse(header.as_bytes());
        assert_eq!(cookies.iter().collect::<Vec<_>>(), pairs, "{header}");
    }
    let repeated = Cookies::parse(b"a=1; a=2; =x");
    assert_eq!(repeated.get("a"), Some("2"));
    assert_eq!(repeated.get(""), Some("x"));
    assert_eq!(repeated.get("b"), None);
    assert_eq!(Cookies::parse(b"a=\xff\xfe").get("a"), Some("\u{fffd}\u{fffd}"));
}

// F193: again Tornado's answers.
#[test]
fn unquoting() {
    for (quoted, plain) in [
        (r#""b=\"""#, r#"b=""#),
        (r#""b=\\""#, r"b=\"),
        (r#""b=\=""#, "b=="),
        (r#""b=\n""#, "b=n"),
        (r#""b=\042""#, r#"b=""#),
        (r#""b=\134""#, r"b=\"),
        (r#""b=\377""#, "b=ÿ"),
        (r#""b=\400""#, "b=400"),
        (r#""b=\42""#, "b=42"),
        (r#""b=\\042""#, r"b=\042"),
        (r#""b=\\\"""#, r#"b=\""#),
        (r#""b=\\\042""#, r#"b=\""#),
        (r#""b=\134\"""#, r#"b=\""#),
        (r"plain\042", r"plain\042"),
        (r#"""#, r#"""#),
        (r#""""#, ""),
        (r#""\""#, r"\"),
        (r#""\é""#, "é"),
    ] {
        assert_eq!(unquote(quoted), plain, "{quoted}");
    }
}

// F205: as Python's library quotes; and what one side quotes the other unquotes.
#[test]
fn quoting() {
    for (plain, quoted) in [
        ("value", "value"),
        ("a=b", r#""a=b""#),
        ("a;b", r#""a\073b""#),
        (r#"a"b"#, r#""a\"b""#),
        (r"a\b", r#""a\\b""#),
        ("é", r#""\351""#),
        ("邓", r#""邓""#),
        ("a,b", r#""a\054b""#),
        ("", r#""""#),
        ("a/b?c@d", r#""a/b?c@d""#),
        ("\x7f", r#""\177""#),
    ] {
        assert_eq!(quote(plain), quoted);
        assert_eq!(unquote(quoted), plain);
    }
}

// SEC17, F194: a million escapes.
#[test]
fn unquoting_is_linear() {
    let value = format!("\"{}\"", "\\\"".repeat(1_000_000));
    assert_eq!(unquote(&value).len(), 1_000_000);
    let header = "a=b;".repeat(500_000);
    assert_eq!(Cookies::parse(header.as_bytes()).iter().count(), 500_000);
}

// T165, F204: attributes in alphabetical order, flags only when asked for.
#[test]
fn set_cookie_headers() {
    let everything = Cookie::new("n", "v")
        .domain("example.com")
        .path("/foo")
        .expires(Duration::from_secs(1_359_312_200))
        .max_age(Duration::from_secs(60))
        .http_only()
        .secure()
        .same_site(SameSite::Strict);
    for (cookie, header) in [
        (Cookie::new("foo", "bar"), "foo=bar; Path=/"),
        (Cookie::new("foo", "a b=").path(""), ""),
        (Cookie::new("foo", "a=b").path(""), "foo=\"a=b\""),
        (
            everything,
            "n=v; Domain=example.com; expires=Sun, 27 Jan 2013 18:43:20 GMT; HttpOnly; Max-Age=60; Path=/foo; SameSite=Strict; Secure",
        ),
    ] {
        assert_eq!(cookie.to_header().unwrap_or_default(), header);
    }
}

// SEC28, F205: nothing breaks out of its place.
#[test]
fn attributes_that_break_out_are_refused() {
    let part = |cookie: Cookie| cookie.to_header().map_err(|error| error.part);
    for bad in ["\r", "\n", "\0", " ", ";", "\x7f", "\t", "\x1f"] {
        let text = format!("a{bad}b");
        assert_eq!(part(Cookie::new(&*text, "v")), Err("name"), "{bad:?}");
        assert_eq!(part(Cookie::new("n", "v").domain(&*text)), Err("domain"), "{bad:?}");
        assert_eq!(part(Cookie::new("n", "v").path(&*text)), Err("path"), "{bad:?}");
    }
    for bad in ["\r", "\n", "\0", " ", "\t"] {
        assert_eq!(part(Cookie::new("n", format!("a{bad}b"))), Err("value"), "{bad:?}");
    }
    assert_eq!(part(Cookie::new("", "v")), Err("name"));
    assert_eq!(part(Cookie::new("näme", "v")), Err("name"));
    assert_eq!(part(Cookie::new("n", "v").path("/; HttpOnly")), Err("path"));
    assert_eq!(part(Cookie::new("n", "v").expires(Duration::MAX / 2)), Err("expires"));
}

const TOKEN: &str = "2|2a6cb1dc|fb90c5754896da9d974c7de4c951c815|1795235631";

// B.9.2, F253: three pages of one visitor, rendered by Tornado; each has the same token.
#[test]
fn xsrf_tokens_are_tornados() {
    for page in [
        "2|538e1027|8272648e31747b66eeaedc1fb0b369ee|1795235631",
        "2|b7942d87|6668592ed56e46c60ab4e1bf54a9544e|1795235631",
        "d1fc74a962fa6b41bd20cc38e33d79c9", // format 1
    ] {
        assert_eq!(XsrfToken::check(Some(page), Some(TOKEN), NOW), Ok(()));
        assert_eq!(XsrfToken::check(Some(TOKEN), Some(page), NOW), Ok(()));
    }
    let token = XsrfToken::decode(TOKEN, NOW).expect("a token");
    assert_eq!(token.encode([0x2a, 0x6c, 0xb1, 0xdc]), TOKEN);
}

// F252, SEC06: ten pages, ten texts, one token.
#[test]
fn every_page_masks_anew() {
    let token = XsrfToken::new([7; 16], NOW);
    let pages: std::collections::BTreeSet<String> =
        (0..10).map(|n: u8| token.encode([n, 1, 2, n])).collect();
    assert_eq!(pages.len(), 10);
    for page in &pages {
        assert_eq!(XsrfToken::decode(page, NOW).as_ref(), Some(&token));
    }
}

// F250, F251, SEC08
#[test]
fn xsrf_checks() {
    let other = XsrfToken::new([7; 16], NOW).encode([1, 2, 3, 4]);
    for (given, cookie, answer) in [
        (None, Some(TOKEN), Err(XsrfError::Missing)),
        (Some(""), Some(TOKEN), Err(XsrfError::Missing)),
        (Some("2|zz"), Some(TOKEN), Err(XsrfError::Malformed)),
        (Some("2|00|00"), Some(TOKEN), Err(XsrfError::Malformed)),
        (Some("2|00000000||5"), Some("2|00000000||5"), Err(XsrfError::Malformed)),
        (Some("3|00000000|00|5"), Some(TOKEN), Err(XsrfError::Malformed)),
        (Some(TOKEN), None, Err(XsrfError::Mismatch)),
        (Some(TOKEN), Some("2|zz"), Err(XsrfError::Mismatch)),
        (Some(TOKEN), Some(other.as_str()), Err(XsrfError::Mismatch)),
        (Some("deadbeef"), Some("deadbeef"), Ok(())),
        (Some("DEADBEEF"), Some("deadbeef"), Ok(())),
        (Some("not hex"), Some("not hex"), Ok(())),
    ] {
        assert_eq!(XsrfToken::check(given, cookie, NOW), answer, "{given:?} {cookie:?}");
    }
}

fn message(category: Category, text: &str) -> FlashMessage {
    FlashMessage { category, text: text.to_owned() }
}

/// What the browser sends back after it got `cookie`.
fn sent_back(cookie: &Cookie) -> String {
    let header = cookie.to_header().expect("a cookie");
    let pair = header.split(';').next().expect("a pair");
    Cookies::parse(pair.as_bytes()).get(FLASH_COOKIE).expect("the flash cookie").to_owned()
}

// S029, S030: in order, several, both categories, any language.
#[test]
fn flash_messages_travel() {
    let messages = [
        message(Category::Error, "验证码错误"),
        message(Category::Info, "<b>\"quotes\"</b>; and = signs"),
        message(Category::Error, "验证码错误"),
    ];
    let cookie = to_cookie(&secret(), &messages, NOW);
    assert_eq!(from_cookie(&secret(), &sent_back(&cookie), NOW), messages);
    assert_eq!(from_cookie(&secret(), &sent_back(&cookie), NOW + DAY), []);
    assert_eq!(from_cookie(&CookieSecret::from("x"), &sent_back(&cookie), NOW), []);
    let gone = to_cookie(&secret(), &[], NOW).to_header().expect("a cookie");
    assert!(gone.contains("expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{gone}");
}

#[test]
fn the_oldest_flash_messages_make_room() {
    let messages: Vec<_> =
        (0..500).map(|n| message(Category::Info, &format!("message {n}"))).collect();
    let value = sent_back(&to_cookie(&secret(), &messages, NOW));
    assert!(value.len() < 3900, "{}", value.len());
    let kept = from_cookie(&secret(), &value, NOW);
    assert!(kept.len() > 50 && messages.ends_with(&kept), "{}", kept.len());
}
