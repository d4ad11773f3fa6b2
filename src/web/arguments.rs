//! Arguments: what a form or a query string says, as ordered pairs of name and bytes.
//!
//! Owns the urlencoded format, the cleaning of a value (control characters, white space) and the
//! guess what a misspelt name should have been. Values stay bytes until somebody asks for text,
//! because only then is bad UTF-8 somebody's mistake. Read next: `multipart.rs`, the other format.

use std::borrow::Cow;

use super::escape::url_unescape;
use super::faults::ArgumentError;

/// One `<input>` makes one argument, so real forms stay far below; a body of a few megabytes of
/// `a&a&a` would otherwise cost fifty times its size in memory. Tornado has the same number.
pub const ARGUMENTS_MAX: usize = 1000;

/// Longer names are not searched for a near miss: nobody mistypes them, and distance costs time.
const NEAR_NAME_BYTES_MAX: usize = 48;

/// Name and value pairs in the order in which they were sent; a name may occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pairs: Vec<(String, Vec<u8>)>,
}

impl Arguments {
    /// Parses `a=1&b=2`. Blank values are kept, `+` is a space, and `%XX` that is no valid escape
    /// stays as it is.
    pub fn parse(encoded: &[u8]) -> Result<Self, ArgumentError> {
        let mut arguments = Self::default();
        for pair in encoded.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = url_unescape(halves.next().unwrap_or_default(), true);
            let value = url_unescape(halves.next().unwrap_or_default(), true);
            arguments.add(String::from_utf8_lossy(&name), value.into_owned())?;
        }
        Ok(arguments)
    }

    /// Appends one pair.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Vec<u8>>,
    ) -> Result<(), ArgumentError> {
        if self.pairs.len() == ARGUMENTS_MAX {
            return Err(ArgumentError::TooMany);
        }
        self.pairs.push((name.into(), value.into()));
        Ok(())
    }

    /// The LAST value of `name` as cleaned text, or `None`.
    pub fn get(&self, name: &str) -> Result<Option<String>, ArgumentError> {
        self.raw(name).map(|value| clean_text(name, value)).transpose()
    }

    /// Every value of `name` as cleaned text, in order.
    pub fn get_all(&self, name: &str) -> Result<Vec<String>, ArgumentError> {
        self.pairs
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| clean_text(name, value))
            .collect()
    }

    /// The last value of `name`, exactly as sent.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        let found = self.pairs.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True when nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The name that was sent and is at most two slips of the finger away from `wanted`.
    pub fn near_miss(&self, wanted: &str) -> Option<&str> {
        let names = self.pairs.iter().map(|(name, _)| name.as_str());
        names
            .filter(|name| name.len() <= NEAR_NAME_BYTES_MAX && wanted.len() <= NEAR_NAME_BYTES_MAX)
            .map(|name| (slips(name, wanted), name))
            .filter(|(slips, _)| *slips <= 2 && slips * 2 < wanted.len())
            .min()
            .map(|(_, name)| name)
    }
}

/// UTF-8 or an error; control characters become spaces; no white space at either end.
pub(super) fn clean_text(name: &str, value: &[u8]) -> Result<String, ArgumentError> {
    let text = std::str::from_utf8(value)
        .map_err(|_| ArgumentError::InvalidUnicode { name: name.to_owned() })?;
    let text: Cow<'_, str> = if text.bytes().any(is_control) {
        text.chars().map(|c| if c.is_ascii() && is_control(c as u8) { ' ' } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    };
    // Python's `strip` also takes the four separators 0x1c-0x1f, which became spaces above.
    Ok(text.trim().to_owned())
}

/// Tornado's class `[\x00-\x08\x0e-\x1f]`: not tab, line feed, vertical tab, form feed, return.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0e..=0x1f)
}

/// How many characters were dropped, doubled, mistyped or swapped with their neighbour
/// (the optimal string alignment distance).
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let mistyped = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = mistyped.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
