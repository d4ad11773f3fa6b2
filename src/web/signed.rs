//! Signed values: text that a visitor can read and carry, but not alter, rename or keep for ever.
//!
//! Owns Tornado's format 2, byte for byte, and the secrets that sign it. Signed is not secret: the
//! value is only base64 (HAZ12). Format 1 is refused, because its fields could be moved (SEC01).
//! The time is an argument: nothing here looks at a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctutils::CtEq as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How long a signed cookie is believed unless somebody says otherwise.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(31 * 24 * 3600);

/// The keys that sign: one that writes, and older ones that still read.
#[derive(Clone)]
pub struct CookieSecret {
    keys: BTreeMap<u32, Vec<u8>>,
    current: u32,
    versioned: bool,
}

impl CookieSecret {
    /// Several keys by version; `current` signs, the others are still believed (key rotation).
    pub fn versioned(
        keys: impl IntoIterator<Item = (u32, impl Into<Vec<u8>>)>,
        current: u32,
    ) -> Self {
        let keys = keys.into_iter().map(|(version, key)| (version, key.into())).collect();
        Self { keys, current, versioned: true }
    }

    /// A single key believes every key version, as Tornado does.
    fn key(&self, version: u32) -> Option<&[u8]> {
        let version = if self.versioned { version } else { self.current };
        self.keys.get(&version).map(Vec::as_slice)
    }
}

impl<S: Into<Vec<u8>>> From<S> for CookieSecret {
    fn from(secret: S) -> Self {
        Self { keys: BTreeMap::from([(0, secret.into())]), current: 0, versioned: false }
    }
}

impl std::fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CookieSecret {{ {} keys, version {} signs }}", self.keys.len(), self.current)
    }
}

/// Signs `value` under `name` at the wall time `now`.
///
/// ```
/// use std::time::Duration;
/// use squall::web::signed::{create_signed_value, decode_signed_value};
///
/// let (secret, now) = ("a long random text".into(), Duration::from_secs(1_300_000_000));
/// let value = create_signed_value(&secret, "user", b"ann", now);
/// let read = decode_signed_value(&secret, "user", &value, Duration::from_secs(60), now);
/// assert_eq!(read.as_deref(), Some(&b"ann"[..]));
/// ```
///
/// # Panics
/// When the secret has no key for its own current version.
pub fn create_signed_value(
    secret: &CookieSecret,
    name: &str,
    value: &[u8],
    now: Duration,
) -> String {
    let field = |text: &str| format!("{}:{text}", text.len());
    let to_sign = format!(
        "2|{}|{}|{}|{}|",
        field(&secret.current.to_string()),
        field(&now.as_secs().to_string()),
        field(name),
        field(&BASE64.encode(value)),
    );
    let key = secret.key(secret.current).expect("the current version of the secret has a key");
    let signature = mac(key, to_sign.as_bytes()).finalize().into_bytes();
    to_sign + &hex(&signature)
}

/// The value that was signed under `name`, if the signature is ours and at most `max_age` old.
/// Whatever is wrong with it, the answer is `None`: a visitor's old cookie is not an error.
pub fn decode_signed_value(
    secret: &CookieSecret,
    name: &str,
    signed: &str,
    max_age: Duration,
    now: Duration,
) -> Option<Vec<u8>> {
    let fields = Fields::parse(signed)?;
    let key = secret.key(fields.key_version)?;
    // The signature first, in constant time: a field says nothing before it is known to be ours.
    let expected = hex(&mac(key, fields.signed_part.as_bytes()).finalize().into_bytes());
    if !constant_time_eq(expected.as_bytes(), fields.signature.as_bytes()) {
        return None;
    }
    if fields.name != name {
        return None; // SEC05: no cookie can be taken for another
    }
    let signed_at = Duration::from_secs(fields.timestamp.parse().ok()?);
    if signed_at < now.saturating_sub(max_age) {
        return None;
    }
    BASE64.decode(fields.value).ok()
}

/// Which version of the secret signed this value, without checking that it did.
pub fn signature_key_version(signed: &str) -> Option<u32> {
    Fields::parse(signed).map(|fields| fields.key_version)
}

/// Compares secrets without saying, by the time it takes, how far they agree.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// `2|1:0|10:1300000000|3:key|8:dmFsdWU=|signature`, taken apart.
struct Fields<'a> {
    key_version: u32,
    timestamp: &'a str,
    name: &'a str,
    value: &'a str,
    signed_part: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(signed: &'a str) -> Option<Self> {
        let rest = signed.strip_prefix("2|")?;
        let (key_version, rest) = take_field(rest)?;
        let (timestamp, rest) = take_field(rest)?;
        let (name, rest) = take_field(rest)?;
        let (value, signature) = take_field(rest)?;
        Some(Self {
            key_version: key_version.parse().ok()?,
            timestamp,
            name,
            value,
            signed_part: &signed[..signed.len() - signature.len()],
            signature,
        })
    }
}

/// Takes `length:text|` off the front: the text, and what follows the pipe.
fn take_field(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    if !length.bytes().all(|b| b.is_ascii_digit()) {
        return None; // `parse` would take a sign
    }
    let length = length.parse().ok()?;
    let field = rest.get(..length)?;
    Some((field, rest[length..].strip_prefix('|')?))
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 * bytes.len()];
    write_hex(bytes, &mut text);
    String::from_utf8(text).expect("digits are ASCII")
}

/// The same into `text`, which has two places for each byte.
pub(super) fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
}

/// Undoes [`hex`]; takes capital letters too, as Python does.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let bytes = pairs.iter().map(|&[a, b]| Some(digit(a)? * 16 + digit(b)?));
    if rest.is_empty() { bytes.collect() } else { None }
}
