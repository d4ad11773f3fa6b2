//! Regular expressions: PCRE as clients write it, run by the `regex` crate.
//!
//! Owns the translation. `\d`, `\w`, `\s` and `\b` are ASCII in PCRE; look-around and back references
//! have no linear-time match and are refused. Read next: `matches.rs`.

use bson::Bson;
use regex::{Regex, RegexBuilder};

use super::super::compare;
use super::super::error::{Result, ServerError, fail};

/// A compiled pattern, with the value it was made from (a stored regex equal to it matches too).
#[derive(Clone, Debug)]
pub(in super::super) struct Pattern {
    source: Bson,
    compiled: Regex,
}

impl Pattern {
    /// `options` are the letters of `$options`: `i`, `m`, `s`, `x` and `u`.
    pub(in super::super) fn new(pattern: &str, options: &str) -> Result<Self> {
        if let Some(flag) = options.chars().find(|flag| !"imsxu".contains(*flag)) {
            fail!(51108, " invalid flag in regex options: {flag}");
        }
        let has = |flag| options.contains(flag);
        let invalid = |reason: &str| {
            ServerError::new(51091, format!("Regular expression is invalid: {reason}"))
        };
        let (source, fold) = match pattern.strip_prefix("(?i)") {
            Some(rest) => (rest, true),
            None => (pattern, has('i')),
        };
        let compiled = RegexBuilder::new(&Translation::of(source, fold, has('m')))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .ignore_whitespace(has('x'))
            .size_limit(1 << 20)
            .build()
            .map_err(|error| invalid(&reason(&error)))?;
        let mut letters: Vec<char> = options.chars().collect();
        letters.sort_unstable();
        let source = Bson::RegularExpression(bson::Regex {
            pattern: pattern.try_into().map_err(|_| invalid("pattern contains a null byte"))?,
            options: String::from_iter(letters).try_into().expect("checked above"),
        });
        Ok(Self { source, compiled })
    }

    /// Strings are searched; a stored regular expression matches if it is the same one.
    pub(in super::super) fn matches(&self, value: &Bson) -> bool {
        match value {
            Bson::String(text) | Bson::Symbol(text) => self.compiled.is_match(text),
            Bson::RegularExpression(_) => compare::equal(value, &self.source),
            _ => false,
        }
    }
}

fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    if text.contains("unclosed group") {
        return "missing )".to_owned();
    }
    text.lines().last().unwrap_or("unknown").trim_start_matches("error: ").to_owned()
}

/// A pattern on its way from PCRE's spelling to that of the `regex` crate.
///
/// Classes such as `\d` become ASCII ones, `$` may stand before a last newline, and letters are
/// spelled in both cases when case does not count (the crate's own tables for that are left out).
struct Translation {
    out: String,
    fold: bool,
    multi_line: bool,
}

impl Translation {
    fn of(pattern: &str, fold: bool, multi_line: bool) -> String {
        let mut translation =
            Self { out: String::with_capacity(2 * pattern.len()), fold, multi_line };
        translation.run(pattern);
        translation.out
    }

    fn run(&mut self, pattern: &str) {
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some(escaped) => self.escape(escaped, false),
                    None => self.out.push('\\'),
                },
                '[' => self.class(&mut chars),
                '$' if !self.multi_line => self.out.push_str(r"(?:\n?\z)"),
                // Flags and names of groups are not text.
                '(' if chars.peek() == Some(&'?') => {
                    self.out.push('(');
                    while let Some(c) = chars.next_if(|c| !matches!(c, ':' | '>' | ')')) {
                        self.out.push(c);
                    }
                }
                letter if self.fold && letter.is_alphabetic() => {
                    self.out.push('[');
                    self.both_cases(letter);
                    self.out.push(']');
                }
                other => self.out.push(other),
            }
        }
    }

    fn class(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        self.out.push('[');
        if chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if chars.next_if_eq(&']').is_some() {
            self.out.push_str("\\]");
        }
        while let Some(c) = chars.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return;
                }
                '\\' => match chars.next() {
                    Some(escaped) => self.escape(escaped, true),
                    None => self.out.push('\\'),
                },
                '[' if chars.peek() == Some(&':') => {
                    self.out.push('[');
                    for c in chars.by_ref() {
                        self.out.push(c);
                        if c == ']' {
                            break;
                        }
                    }
                }
                // Inside a class these are themselves, not the crate's set operations.
                '[' | '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                first if chars.peek() == Some(&'-') => {
                    chars.next();
                    if let Some(last) = chars.next_if(|c| !matches!(c, ']' | '\\' | '[')) {
                        self.range(first, last);
                    } else {
                        self.both_cases(first);
                        self.out.push_str("\\-");
                    }
                }
                other => self.both_cases(other),
            }
        }
    }

    /// `a-f`, and `A-F` if case does not count.
    fn range(&mut self, first: char, last: char) {
        let mut push = |first: char, last: char| {
            if first <= last {
                // Escaped for the sake of punctuation, which may mean something to the crate.
                self.out.push_str(&regex::escape(&first.to_string()));
                self.out.push('-');
                self.out.push_str(&regex::escape(&last.to_string()));
            }
        };
        push(first, last);
        if self.fold {
            let (low, high) = (first.max('a'), last.min('z'));
            if low <= high {
                push(low.to_ascii_uppercase(), high.to_ascii_uppercase());
            }
            let (low, high) = (first.max('A'), last.min('Z'));
            if low <= high {
                push(low.to_ascii_lowercase(), high.to_ascii_lowercase());
            }
        }
    }

    fn both_cases(&mut self, c: char) {
        self.out.push(c);
        if self.fold {
            let single = |mut several: Box<dyn Iterator<Item = char>>| match several.next() {
                Some(other) if several.next().is_none() && other != c => Some(other),
                _ => None,
            };
            self.out.extend(single(Box::new(c.to_lowercase())));
            self.out.extend(single(Box::new(c.to_uppercase())));
        }
    }

    fn escape(&mut self, escaped: char, in_class: bool) {
        let (open, close) = if in_class { ("", "") } else { ("[", "]") };
        let out = &mut self.out;
        let mut class = |inside: &str| {
            out.push_str(open);
            out.push_str(inside);
            out.push_str(close);
        };
        match escaped {
            'd' => class("0-9"),
            'w' => class("0-9A-Za-z_"),
            's' => class(r"\t\n\x0B\x0C\r "),
            'h' => class(r"\t "),
            'D' => out.push_str("[^0-9]"),
            'W' => out.push_str("[^0-9A-Za-z_]"),
            'S' => out.push_str(r"[^\t\n\x0B\x0C\r ]"),
            'b' if !in_class => out.push_str(r"(?-u:\b)"),
            'B' if !in_class => out.push_str(r"(?-u:\B)"),
            'Z' => out.push_str(r"(?:\n?\z)"),
            'e' => out.push_str(r"\x1B"),
            '<' | '>' => out.push(escaped),
            c if c.is_ascii_alphanumeric() || c.is_ascii_punctuation() => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
}
