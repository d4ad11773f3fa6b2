//! Patterns of routes: what they match, what their groups catch, and the way back.
//!
//! Tables over paths; which handler is chosen is in `tests/web`. Read next: `forms.rs`.

use squall::web::{ArgumentError, PathArguments, Pattern, PatternError, ReverseError};

fn matched(pattern: &str, path: &str) -> Option<Result<PathArguments, ArgumentError>> {
    Pattern::new(pattern).expect("a pattern").matches(path)
}

/// The groups, `-` for one that took no part; `none` if the pattern does not match.
fn groups(pattern: &str, path: &str) -> String {
    match matched(pattern, path) {
        None => "none".to_owned(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(arguments)) => {
            arguments.iter().map(|group| group.unwrap_or("-")).collect::<Vec<_>>().join("|")
        }
    }
}

// S003, T209: anchored at both ends, whether it says so or not.
#[test]
fn anchors() {
    for pattern in ["/auth/register", "^/auth/register$", "^/auth/register", "/auth/(?:register)$"]
    {
        assert_eq!(groups(pattern, "/auth/register"), "", "{pattern}");
        assert_eq!(groups(pattern, "/auth/registerx"), "none", "{pattern}");
        assert_eq!(groups(pattern, "/x/auth/register"), "none", "{pattern}");
        assert_eq!(groups(pattern, "/auth/register\n"), "none", "{pattern}");
    }
    assert_eq!(groups("/a|/b", "/bx"), "none");
    assert_eq!(groups("/a|/b", "/b"), "");
    assert_eq!(groups(r"/price\$", "/price$"), "");
    assert_eq!(groups(r"/a\.b", "/a.b"), "");
    assert_eq!(groups(r"/a\.b", "/axb"), "none");
    assert_eq!(groups("/a.b", "/axb"), "");
}

/// Nothing that would fit is ruled out by how it begins.
#[test]
fn beginnings() {
    let paths =
        ["/", "/a", "/ab", "/abc", "/abb", "/ac", "/a.b", "/a(b", "/b", "a", "", "/é", "/éé", "/A"];
    let patterns = [
        "",
        "^$",
        "/a.*",
        "/ab?",
        "/ab*c?",
        "/ab+",
        "/ab{0}",
        "/ab{2}",
        "/(ab)",
        "/(ab)?",
        "/(ab){0,1}c?",
        "/(ab)(c)",
        "/(a)(b)?",
        "/(a)b*",
        "/(a(b))",
        "/(a)|/(b)",
        "/(?:a)b",
        "/(?i-u:A)",
        "(?i-u)/A(b)",
        "(?x) /a b",
        "/(?P<x>a)(?P<y>b?)",
        r"/a\.(b)",
        r"/a\(b(.*)",
        r"/\w(b)",
        "/[ab](b)",
        "/é*(.*)",
        r"/a\b(.*)",
        r"\<?/a(.*)",
        "(/a)(.*)",
        "(/a.*)",
        "(.*)",
        r"(\/a)b??",
        "^/a(b)$",
        "/a(.)?b",
    ];
    for pattern in patterns {
        let whole = regex::Regex::new(&format!("^(?:{})$", pattern.trim_matches(['^', '$'])));
        let whole = whole.expect("a pattern");
        for path in paths {
            let found = matched(pattern, path).is_some();
            assert_eq!(found, whole.is_match(path), "{pattern} on {path}");
        }
    }
}

// T162, F209, F211, F212: decoded after matching; a plus is a plus; an absent group is none.
#[test]
fn groups_are_decoded_after_matching() {
    for (pattern, path, caught) in [
        ("/group/(.*)", "/group/%3F%2F", "?/"),
        ("/([^/]+)/([^/]+)", "/a%2Fb/c", "a/b|c"),
        ("/(.*)", "/caf%C3%A9", "café"),
        ("/(.*)", "/a+b%20c", "a+b c"),
        ("/(.*)", "/%e9", "invalid unicode in argument in the path"),
        ("/optional/(.+)?", "/optional/", "-"),
        ("/optional/(.+)?", "/optional/x", "x"),
        ("/(a)|/(b)", "/b", "-|b"),
        ("/(.*)", "/", ""),
    ] {
        assert_eq!(groups(pattern, path), caught, "{pattern} {path}");
    }
}

// F231, T162
#[test]
fn named_groups() {
    let caught =
        matched(r"/(?P<year>\d+)/(?<month>\d+)", "/2024/05").expect("fits").expect("UTF-8");
    assert_eq!(caught.named("month"), Some("05"));
    assert_eq!(caught.named("year"), caught.get(0));
    assert_eq!(caught.named("day"), None);
    let mixed = Pattern::new(r"/(?P<year>\d+)/(\d+)");
    assert!(
        matches!(mixed, Err(PatternError::MixedGroups { pattern }) if pattern.contains("year"))
    );
    assert!(matches!(Pattern::new("/("), Err(PatternError::Syntax { .. })));
}

// F259, T208
#[test]
fn reverse() {
    for (pattern, arguments, url) in [
        ("/favicon.ico$", &[][..], Err(ReverseError::NotReversible)),
        (r"^/favicon\.ico$", &[], Ok("/favicon.ico")),
        ("/user/([0-9]+)", &["42"], Ok("/user/42")),
        (r"^/(\d+)/([a-z-]+)/$", &["2024", "a b/é"], Ok("/2024/a%20b/%C3%A9/")),
        (r"/(?P<name>[^()]+)\.html", &["x"], Ok("/x.html")),
        ("/user/([0-9]+)", &[], Err(ReverseError::WrongCount { expected: 1, given: 0 })),
        ("/user/", &["1"], Err(ReverseError::WrongCount { expected: 0, given: 1 })),
        ("/(?:x)/y", &[], Err(ReverseError::NotReversible)),
        ("/a(b(c))", &["1", "2"], Err(ReverseError::NotReversible)),
        ("/a(b)?", &["1"], Err(ReverseError::NotReversible)),
        (r"/\d", &[], Err(ReverseError::NotReversible)),
        ("/a|/b", &[], Err(ReverseError::NotReversible)),
    ] {
        let pattern = Pattern::new(pattern).expect("a pattern");
        assert_eq!(pattern.reverse(arguments), url.map(str::to_owned), "{}", pattern.as_str());
    }
}

// HAZ17, T210: nested quantifiers over a long path.
#[test]
fn matching_is_linear() {
    let path = format!("/{}!", "a".repeat(100_000));
    assert_eq!(groups("/((a+)+)+", &path), "none");
}
