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
        let compiled = RegexBuilder::new(&translate(pattern))
            .case_insensitive(has('i'))
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

    /// The first match and its groups, for the `$regexMatch` family.
    pub(in super::super) fn compiled(&self) -> &Regex {
        &self.compiled
    }
}

fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    if text.contains("unclosed group") {
        return "missing )".to_owned();
    }
    text.lines().last().unwrap_or("unknown").trim_start_matches("error: ").to_owned()
}

/// PCRE's spelling where it differs: ASCII classes, and `\Z`, `\h`, possessive forms left alone.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut in_class = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                escape(&mut out, escaped, in_class);
            }
            // A bracket inside a class is itself, unless it begins a POSIX class.
            '[' if in_class && chars.peek() != Some(&':') => out.push_str("\\["),
            '[' if in_class => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Set operations of the regex crate that PCRE does not have.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

fn escape(out: &mut String, escaped: char, in_class: bool) {
    let (open, close) = if in_class { ("", "") } else { ("[", "]") };
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
        'Z' => out.push_str(r"\n?\z"),
        'e' => out.push_str(r"\x1B"),
        c if c.is_ascii_alphanumeric() || c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
        }
        other => out.push(other),
    }
}
