//! SCRAM: proving that one knows a password without sending it, and asking the same in return.
//!
//! Owns RFC 5802 and RFC 7677 as `MongoDB` uses them, both sides: `client.rs` and `server.rs` hold
//! the steps, this file what they share. The slow part, deriving keys from a password, is a plain
//! function on a plain value (`KeyRequest::derive`), so that it can run on another thread and be
//! remembered. Nonces come in as arguments: no chance is taken here.

mod client;
mod server;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bson::spec::BinarySubtype;
use bson::{Binary, RawDocument};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub use client::Client;
pub use server::{ClientFirst, Server, Verifier};

/// Fewer rounds than this make guessing too cheap; the specification refuses them.
pub const ITERATIONS_MIN: u32 = 4096;

/// More rounds than this would only serve to keep us busy: about a second of one core.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// The hash a conversation is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// `SCRAM-SHA-1`: the only one before `MongoDB` 4.0.
    Sha1,
    /// `SCRAM-SHA-256`: preferred.
    Sha256,
}

impl Mechanism {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// The mechanism with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256].into_iter().find(|mechanism| mechanism.as_str() == name)
    }

    /// The better one of those a server listed for a user; SHA-1 when it listed none.
    pub fn choose<'a>(mut listed: impl Iterator<Item = &'a str>) -> Self {
        if listed.any(|name| name == Self::Sha256.as_str()) { Self::Sha256 } else { Self::Sha1 }
    }

    fn hash(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any length is a key");
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }

    fn pbkdf2(self, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, rounds).to_vec(),
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, rounds).to_vec()
            }
        }
    }
}

/// A nonce made of fresh random bytes, in characters that SCRAM allows.
pub fn nonce(random: &[u8; 24]) -> String {
    BASE64.encode(random)
}

/// What is derived from a password: everything a client needs later, and all of it secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(<redacted>)")
    }
}

/// One key derivation: what to compute, and under what name to remember the answer.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRequest {
    mechanism: Mechanism,
    /// Already prepared: hashed with the user's name for SHA-1, normalised for SHA-256.
    password: String,
    salt: Vec<u8>,
    iterations: u32,
}

impl KeyRequest {
    /// Asks for the keys of `username` under these parameters.
    ///
    /// # Errors
    /// The password holds a character that no password may hold.
    pub fn new(
        mechanism: Mechanism,
        username: &str,
        password: &str,
        salt: Vec<u8>,
        iterations: u32,
    ) -> Result<Self, ScramError> {
        let password = prepare_password(mechanism, username, password)?;
        Ok(Self { mechanism, password, salt, iterations })
    }

    /// Computes the keys. This takes milliseconds on purpose: do it off the loop, and once.
    pub fn derive(&self) -> Keys {
        let salted = self.mechanism.pbkdf2(self.password.as_bytes(), &self.salt, self.iterations);
        Keys {
            client: self.mechanism.hmac(&salted, b"Client Key"),
            server: self.mechanism.hmac(&salted, b"Server Key"),
        }
    }
}

impl fmt::Debug for KeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRequest({}, {} iterations)", self.mechanism.as_str(), self.iterations)
    }
}

/// SHA-1 hashes name and password with MD5 first, a habit from before SCRAM; SHA-256 normalises.
fn prepare_password(
    mechanism: Mechanism,
    username: &str,
    password: &str,
) -> Result<String, ScramError> {
    match mechanism {
        Mechanism::Sha1 => {
            let digest = Md5::digest(format!("{username}:mongo:{password}").as_bytes());
            Ok(digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
        }
        Mechanism::Sha256 => {
            let prepared = stringprep::saslprep(password).map_err(|_| ScramError::Password)?;
            Ok(prepared.into_owned())
        }
    }
}

/// The attribute `letter=` of a comma-separated SCRAM message must come next.
fn attribute<'a>(
    parts: &mut impl Iterator<Item = &'a str>,
    letter: char,
) -> Result<&'a str, ScramError> {
    let part = parts.next().ok_or(ScramError::Syntax)?;
    part.strip_prefix(letter).and_then(|part| part.strip_prefix('=')).ok_or(ScramError::Syntax)
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    std::str::from_utf8(message).map_err(|_| ScramError::Syntax)
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// The `payload` of a `saslStart` or `saslContinue`, request or reply; some servers send text.
pub fn payload(document: &RawDocument) -> Option<&[u8]> {
    match document.get("payload").ok()?? {
        bson::RawBsonRef::Binary(binary) => Some(binary.bytes),
        bson::RawBsonRef::String(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// A SCRAM message as the value of a `payload` field.
pub fn to_payload(message: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: message }
}

/// The conversation failed; the peer is to blame unless the variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScramError {
    /// The message is not what the RFC prescribes at this step.
    Syntax,
    /// The nonce does not continue ours: somebody replays another conversation.
    Nonce,
    /// The number of rounds is outside [`ITERATIONS_MIN`] to [`ITERATIONS_MAX`].
    Iterations,
    /// Our own password holds a character that no password may hold.
    Password,
    /// The server does not know our password either: it is not the server it claims to be.
    ServerSignature,
    /// The client does not know the password.
    ClientProof,
    /// The server reported an error of its own.
    Refused,
    /// The steps were taken out of order; our own bug.
    State,
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "the SCRAM message is malformed",
            Self::Nonce => "the server's nonce does not continue the client's",
            Self::Iterations => "the iteration count is out of bounds",
            Self::Password => "the password holds a character that is not allowed",
            Self::ServerSignature => "the server could not prove that it knows the password",
            Self::ClientProof => "the proof does not match the password",
            Self::Refused => "the server refused the authentication",
            Self::State => "authentication steps were taken out of order",
        })
    }
}

impl std::error::Error for ScramError {}
