//! Ranges and URLs: small functions, tables.
//!
//! Owns the rows of F.6 that `squall::http::util` answers for. No sockets here.

use squall::http::util::{Range, content_range, parse_request_range, url_concat};

#[test]
fn f170_t151_url_concat() {
    for (url, parameters, expected) in [
        ("/path", &[("y", "y"), ("z", "z")][..], "/path?y=y&z=z"),
        ("/path", &[("y", "/y"), ("z", "z z")], "/path?y=%2Fy&z=z+z"),
        ("/path?", &[("y", "y")], "/path?y=y"),
        ("/path?x", &[("y", "y")], "/path?x=&y=y"),
        ("/path?x=1&", &[("y", "y")], "/path?x=1&y=y"),
        ("/path?a=1&b=2", &[("y", "y")], "/path?a=1&b=2&y=y"),
        ("/path?r=1&t=2", &[("r", "3"), ("r", "4")], "/path?r=1&t=2&r=3&r=4"),
        ("/path?r=1&t=2", &[], "/path?r=1&t=2"),
        ("/path?r=1#end", &[("y", "#")], "/path?r=1&y=%23#end"),
        ("/path#end", &[("\u{e9}", "&=")], "/path?%C3%A9=%26%3D#end"),
    ] {
        assert_eq!(url_concat(url, parameters), expected, "{url} {parameters:?}");
    }
}

#[test]
fn t150_ranges() {
    for (header, expected) in [
        ("bytes=0-0", Some(Range::Between(0, 1))),
        ("bytes=1-2", Some(Range::Between(1, 3))),
        ("bytes = 3 - 4 ", Some(Range::Between(3, 5))),
        ("bytes=6-", Some(Range::From(6))),
        ("bytes=-6", Some(Range::Last(6))),
        ("bytes=", None),
        ("bytes=-", None),
        ("foo=42", None),
        ("bytes=1-2,6-10", None),
        ("bytes=+1-2", None),
        ("bytes=0-18446744073709551615", None),
        ("bytes", None),
    ] {
        assert_eq!(parse_request_range(header), expected, "{header:?}");
    }
    for (range, expected) in [
        (Range::Between(0, 1), Some((0, 1))),
        (Range::Between(5, 3), None),
        (Range::Between(8, 100), Some((8, 10))),
        (Range::From(9), Some((9, 10))),
        (Range::From(10), None),
        (Range::Last(0), None),
        (Range::Last(3), Some((7, 10))),
        (Range::Last(30), Some((0, 10))),
    ] {
        assert_eq!(range.within(10), expected, "{range:?}");
    }
    assert_eq!(content_range(7, 10, 10), "bytes 7-9/10");
}
