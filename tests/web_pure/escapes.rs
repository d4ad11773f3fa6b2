//! Escaping and redirect targets. The URL forms are what Tornado writes for the same text.

use serde_json::json;
use squall::web::escape::{
    json_encode, squeeze, url_escape, url_unescape, xhtml_escape, xhtml_unescape,
};
use squall::web::{local_path, location};

// F312
#[test]
fn xhtml() {
    for (plain, escaped) in [
        ("<>&\"'", "&lt;&gt;&amp;&quot;&#x27;"),
        ("&amp;", "&amp;amp;"),
        ("<é邓>", "&lt;é邓&gt;"),
        ("nothing to do", "nothing to do"),
    ] {
        assert_eq!(xhtml_escape(plain), escaped);
        assert_eq!(xhtml_unescape(escaped), plain);
    }
    for (text, plain) in [
        ("foo&#32;bar", "foo bar"),
        ("foo&#x20;bar&#X20;", "foo bar "),
        ("foo&#xyz;bar", "foo&#xyz;bar"),
        ("foo&#;bar&;", "foo&#;bar&;"),
        ("&#xd800;&#x110000;", "&#xd800;&#x110000;"),
        ("a & b &nbsp; &", "a & b &nbsp; &"),
    ] {
        assert_eq!(xhtml_unescape(text), plain);
    }
    assert_eq!(xhtml_unescape(&"&".repeat(1_000_000)).len(), 1_000_000);
}

// F313
#[test]
fn urls_json_and_spaces() {
    for (plain, query, path) in [
        ("a b/c", "a+b%2Fc", "a%20b/c"),
        ("é?&=", "%C3%A9%3F%26%3D", "%C3%A9%3F%26%3D"),
        ("~-_.!*'()", "~-_.%21%2A%27%28%29", "~-_.%21%2A%27%28%29"),
    ] {
        assert_eq!(url_escape(plain, true), query);
        assert_eq!(url_escape(plain, false), path);
        assert_eq!(*url_unescape(query.as_bytes(), true), *plain.as_bytes());
        assert_eq!(*url_unescape(path.as_bytes(), false), *plain.as_bytes());
    }
    assert_eq!(*url_unescape(b"a+b%zz%4", true), *b"a b%zz%4");
    assert_eq!(json_encode(&json!({"é": "</script>"})), r#"{"é":"<\/script>"}"#);
    assert_eq!(squeeze("  a \n\t b  "), "a b");
}

// HAZ14
#[test]
fn redirect_targets() {
    for (target, sent) in [
        ("/", Some("/")),
        ("/auth/register", Some("/auth/register")),
        ("//evil.com", Some("/evil.com")),
        ("////evil.com/x", Some("/evil.com/x")),
        ("https://elsewhere.org/?a=b", Some("https://elsewhere.org/?a=b")),
        ("relative?a=1#b", Some("relative?a=1#b")),
        ("/邓 x", Some("/%E9%82%93%20x")),
        ("/\\evil.com", None),
        ("\\\\evil.com", None),
        ("/a\r\nX-Injected: 1", None),
        ("/a\tb", None),
        ("/a\x7f", None),
    ] {
        assert_eq!(location(target).as_deref(), sent, "{target:?}");
    }
}

// SEC24
#[test]
fn next_parameters() {
    for good in ["/", "/profile", "/a?next=//b", "/邓"] {
        assert_eq!(local_path(good), Some(good));
    }
    for evil in ["", "//evil", "https://evil", "\\\\evil", "/\\evil", "javascript:x", "/\n/evil"] {
        assert_eq!(local_path(evil), None, "{evil:?}");
    }
}
