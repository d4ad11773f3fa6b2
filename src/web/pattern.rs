//! Patterns of routes: a regular expression that must fit the whole path, and its way back to a URL.
//!
//! Owns matching, the decoding of what the groups caught, and `reverse`. The engine is linear in the
//! path whatever the pattern (HAZ17). Read next: `application.rs`, which tries patterns in order.

use std::sync::Arc;

use regex::Regex;

use super::escape::{url_escape, url_unescape};
use super::faults::{ArgumentError, PatternError, ReverseError};

/// A compiled pattern. A leading `^` and a trailing `$` are allowed and change nothing.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    /// With what every path begins that fits. Most paths are those of other routes, and to see that
    /// takes no engine.
    start: String,
    /// Without group and wildcard, as most routes are, there is none: the start is all of it.
    regex: Option<Regex>,
    groups: usize,
    names: Option<Arc<[String]>>,
    pieces: Option<Vec<String>>,
}

impl Pattern {
    /// Compiles `source`. Named and unnamed groups may not be mixed: their order would be a riddle.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let bare = source.strip_prefix('^').unwrap_or(source);
        // `\$` is a dollar sign, not an anchor.
        let bare = match bare.strip_suffix('$') {
            Some(start) if !ends_in_escape(start) => start,
            _ => bare,
        };
        let regex = Regex::new(&format!("^(?:{bare})$"))
            .map_err(|cause| PatternError::Syntax { pattern: source.to_owned(), cause })?;
        let groups = regex.captures_len() - 1;
        let names: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
        if !names.is_empty() && names.len() < groups {
            return Err(PatternError::MixedGroups { pattern: source.to_owned() });
        }
        let names = (!names.is_empty()).then(|| names.into());
        let pieces = literal_pieces(bare, groups);
        let (start, regex) = match pieces.as_deref() {
            Some([whole]) => (whole.clone(), None),
            _ => (literal_start(bare), Some(regex)),
        };
        Ok(Self { source: source.to_owned(), start, regex, groups, names, pieces })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// What the groups caught, if the pattern fits all of `path`. Percent escapes are decoded after
    /// matching, so `%2F` stays inside its group; a plus sign is a plus sign.
    #[inline]
    pub fn matches(&self, path: &str) -> Option<Result<PathArguments, ArgumentError>> {
        match &self.regex {
            _ if !self.may_match(path) => None,
            None => Some(Ok(PathArguments::default())),
            Some(regex) => self.captured(regex, path),
        }
    }

    fn captured(&self, regex: &Regex, path: &str) -> Option<Result<PathArguments, ArgumentError>> {
        if self.groups == 0 {
            return regex.is_match(path).then(|| Ok(PathArguments::default()));
        }
        let captures = regex.captures(path)?;
        let decode = |group: Option<regex::Match<'_>>| {
            group.map(|group| decode_segment(group.as_str())).transpose()
        };
        let values = captures.iter().skip(1).map(decode).collect::<Result<Vec<_>, _>>();
        let names = self.names.clone();
        Some(
            values.map(|values| PathArguments { caught: Some(Box::new(Caught { values, names })) }),
        )
    }

    /// What can be said without the engine. Beginnings that differ mostly do so in their last
    /// character: to look there first is quicker than to compare from the front.
    #[inline]
    fn may_match(&self, path: &str) -> bool {
        let (path, start) = (path.as_bytes(), self.start.as_bytes());
        if self.regex.is_none() && path.len() != start.len() {
            return false;
        }
        let Some(last) = start.len().checked_sub(1) else { return true };
        path.get(last) == start.get(last) && path.starts_with(start)
    }

    /// The path that this pattern matches with `arguments` in its groups, percent-encoded.
    pub fn reverse(&self, arguments: &[&str]) -> Result<String, ReverseError> {
        let pieces = self.pieces.as_ref().ok_or(ReverseError::NotReversible)?;
        if arguments.len() != self.groups {
            return Err(ReverseError::WrongCount { expected: self.groups, given: arguments.len() });
        }
        let mut path = pieces[0].clone();
        for (argument, piece) in arguments.iter().zip(&pieces[1..]) {
            path.push_str(&url_escape(argument, false));
            path.push_str(piece);
        }
        Ok(path)
    }
}

/// Decodes one percent-encoded piece of a path.
fn decode_segment(segment: &str) -> Result<String, ArgumentError> {
    String::from_utf8(url_unescape(segment.as_bytes(), false).into_owned())
        .map_err(|_| ArgumentError::InvalidUnicode { name: "in the path".to_owned() })
}

fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1
}

/// The literal text around the groups, or `None` if the pattern is more than literals and simple groups
/// (a wildcard outside a group, groups within groups, alternatives: nobody could say what to write).
fn literal_pieces(bare: &str, groups: usize) -> Option<Vec<String>> {
    let mut pieces = vec![String::new()];
    let mut chars = bare.chars();
    let mut depth = 0;
    while let Some(c) = chars.next() {
        match c {
            '(' if depth == 0 => {
                depth = 1;
                pieces.push(String::new());
            }
            '(' => return None,
            ')' => depth -= 1,
            '[' if depth > 0 => skip_class(&mut chars)?,
            '\\' => {
                let escaped = chars.next()?;
                if depth == 0 {
                    if !stands_for_itself(escaped) {
                        return None;
                    }
                    pieces.last_mut()?.push(escaped);
                }
            }
            _ if depth > 0 => {}
            '.' | '*' | '+' | '?' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            c => pieces.last_mut()?.push(c),
        }
    }
    (depth == 0 && pieces.len() == groups + 1).then_some(pieces)
}

/// The literal text with which all begins that fits; nothing where that is not plain to see.
fn literal_start(bare: &str) -> String {
    if bare.contains('|') {
        return String::new();
    }
    let mut start = String::new();
    let mut rest = bare;
    loop {
        let (literal, after) = literals(rest);
        start.push_str(&literal);
        // A group is as good as its content, if that is literal and must be there, once.
        let group = after.strip_prefix('(').map(literals);
        let Some((inside, after)) = group else { return start };
        let Some(after) = after.strip_prefix(')') else { return start };
        if after.starts_with(QUANTIFIERS) {
            return start;
        }
        start.push_str(&inside);
        rest = after;
    }
}

/// After a backslash: `\d` is a class and `\<` the start of a word, but `\.` is a dot.
fn stands_for_itself(escaped: char) -> bool {
    !escaped.is_alphanumeric() && escaped != '<' && escaped != '>'
}

const QUANTIFIERS: [char; 4] = ['*', '+', '?', '{'];

/// The characters at the front that stand for themselves, and what follows them.
fn literals(pattern: &str) -> (String, &str) {
    let mut text = String::new();
    let mut rest = pattern;
    loop {
        let mut chars = rest.chars();
        let literal = match chars.next() {
            Some('\\') => chars.next().filter(|escaped| stands_for_itself(*escaped)),
            Some('(' | ')' | '.' | '[' | ']' | '}' | '|' | '^' | '$') => None,
            Some(c) => Some(c).filter(|c| !QUANTIFIERS.contains(c)),
            None => None,
        };
        // What is repeated may be there any number of times.
        match literal {
            Some(c) if !chars.as_str().starts_with(QUANTIFIERS) => text.push(c),
            _ => return (text, rest),
        }
        rest = chars.as_str();
    }
}

/// Passes over `[^)]*`, whose parentheses are only characters.
fn skip_class(chars: &mut std::str::Chars<'_>) -> Option<()> {
    let mut first = true;
    loop {
        match chars.next()? {
            '\\' => {
                chars.next()?;
            }
            ']' if !first => return Some(()),
            '^' if first => continue,
            _ => {}
        }
        first = false;
    }
}

/// What the groups of a pattern caught in one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathArguments {
    /// Most patterns have no groups.
    caught: Option<Box<Caught>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Caught {
    values: Vec<Option<String>>,
    names: Option<Arc<[String]>>,
}

impl PathArguments {
    fn values(&self) -> &[Option<String>] {
        self.caught.as_deref().map_or(&[], |caught| &caught.values)
    }

    /// The group at `index`, counted from 0; `None` if it took no part in the match.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.values().get(index)?.as_deref()
    }

    /// The group called `name`.
    pub fn named(&self, name: &str) -> Option<&str> {
        let names = self.caught.as_ref()?.names.as_ref()?;
        self.get(names.iter().position(|known| known == name)?)
    }

    /// All groups in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.values().iter().map(Option::as_deref)
    }

    /// How many groups the pattern has.
    pub fn len(&self) -> usize {
        self.values().len()
    }

    /// True for a pattern without groups.
    pub fn is_empty(&self) -> bool {
        self.values().is_empty()
    }
}
