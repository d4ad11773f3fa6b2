//! XSRF tokens: proof that a form was ours before it was posted.
//!
//! Owns Tornado's token formats. A token is 16 random bytes kept in a cookie; the page carries the same
//! bytes under a fresh mask each time, so that a compressed page does not give them away (BREACH, SEC06).
//! Chance and time are arguments. Read next: `exchange.rs`, which knows where the tokens travel.

use std::time::Duration;

use super::faults::XsrfError;
use super::signed::{constant_time_eq, hex, unhex};

/// A token without its mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XsrfToken {
    bytes: Vec<u8>,
    created: Duration,
}

impl XsrfToken {
    /// A new token made of 16 random bytes.
    pub fn new(random: [u8; 16], wall_time: Duration) -> Self {
        Self { bytes: random.to_vec(), created: Duration::from_secs(wall_time.as_secs()) }
    }

    /// Reads a token from a cookie, a form field or a header. `None` for what is malformed (SEC08).
    ///
    /// Text without a version number is a token of the first format: plain hexadecimal, or any other
    /// text taken literally.
    pub fn decode(text: &str, wall_time: Duration) -> Option<Self> {
        match text.split_once('|') {
            Some((version, rest)) if is_version(version) => {
                if version != "2" {
                    return None;
                }
                let mut fields = rest.split('|');
                let mask = unhex(fields.next()?)?.try_into().ok()?;
                let bytes = masked(mask, &unhex(fields.next()?)?);
                let created = Duration::from_secs(fields.next()?.parse().ok()?);
                fields.next().is_none().then_some(Self { bytes, created })
            }
            _ => {
                let bytes = unhex(text).unwrap_or_else(|| text.as_bytes().to_vec());
                Some(Self { bytes, created: Duration::from_secs(wall_time.as_secs()) })
            }
        }
        .filter(|token| !token.bytes.is_empty())
    }

    /// The token as it is written into a page or a cookie, under `mask`.
    pub fn encode(&self, mask: [u8; 4]) -> String {
        let token = hex(&masked(mask, &self.bytes));
        format!("2|{}|{token}|{}", hex(&mask), self.created.as_secs())
    }

    /// What a POST must show: `given` came with the form, `cookie` with the browser.
    pub fn check(
        given: Option<&str>,
        cookie: Option<&str>,
        wall_time: Duration,
    ) -> Result<(), XsrfError> {
        let given = given.filter(|given| !given.is_empty()).ok_or(XsrfError::Missing)?;
        let given = Self::decode(given, wall_time).ok_or(XsrfError::Malformed)?;
        // Without a cookie nothing can match: a token is never made up for the comparison.
        let expected = cookie.and_then(|cookie| Self::decode(cookie, wall_time));
        match expected {
            Some(expected) if constant_time_eq(&given.bytes, &expected.bytes) => Ok(()),
            _ => Err(XsrfError::Mismatch),
        }
    }
}

/// `^[1-9][0-9]*$`: what stands before the first pipe if it is a version.
fn is_version(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && matches!(text.as_bytes().first(), Some(b'1'..=b'9'))
}

fn masked(mask: [u8; 4], bytes: &[u8]) -> Vec<u8> {
    bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}
