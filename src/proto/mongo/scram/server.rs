//! The server's side of SCRAM, for the embedded store and for tests that play a server.
//!
//! Owns what a server keeps of a password (`Verifier`: not the password) and its two answers.
//! It does not know where verifiers are stored. Read next: `client.rs`, which asks.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctutils::CtEq;

use super::{KeyRequest, Keys, Mechanism, ScramError, attribute, text, xor};

/// What a server keeps of a user's password: enough to check it, not enough to log in with.
#[derive(Clone)]
pub struct Verifier {
    mechanism: Mechanism,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Verifier {
    /// Keeps what `keys`, derived by `request`, allow to check.
    pub fn new(request: &KeyRequest, keys: &Keys) -> Self {
        Self {
            mechanism: request.mechanism,
            salt: request.salt.clone(),
            iterations: request.iterations,
            stored_key: request.mechanism.hash(&keys.client),
            server_key: keys.server.clone(),
        }
    }

    /// The hash it was made with.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({}, {} iterations)", self.mechanism.as_str(), self.iterations)
    }
}

/// A client's first message, understood: who is there, and with which nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    /// The user's name, unescaped.
    pub username: String,
    nonce: String,
    bare: String,
}

impl ClientFirst {
    /// Understands a client's first message.
    ///
    /// # Errors
    /// It is malformed, or asks for channel binding.
    pub fn parse(message: &[u8]) -> Result<Self, ScramError> {
        let bare = text(message)?.strip_prefix("n,,").ok_or(ScramError::Syntax)?;
        let mut parts = bare.split(',');
        let escaped = attribute(&mut parts, 'n')?;
        let nonce = attribute(&mut parts, 'r')?;
        if nonce.is_empty() {
            return Err(ScramError::Nonce);
        }
        let unescaped = escaped.replace("=2C", ",").replace("=3D", "=");
        Ok(Self { username: unescaped, nonce: nonce.to_owned(), bare: bare.to_owned() })
    }
}

/// One conversation.
#[derive(Debug)]
pub struct Server {
    verifier: Verifier,
    nonce: String,
    /// The first two messages, part of what is signed.
    signed: String,
}

impl Server {
    /// Answers a client's first message; make a fresh `nonce` with [`super::nonce`].
    pub fn start(verifier: Verifier, first: &ClientFirst, nonce: &str) -> (Self, Vec<u8>) {
        let nonce = format!("{}{nonce}", first.nonce);
        let salt = BASE64.encode(&verifier.salt);
        let answer = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let signed = format!("{},{answer}", first.bare);
        (Self { verifier, nonce, signed }, answer.into_bytes())
    }

    /// Checks a client's proof, in constant time, and answers with our own.
    ///
    /// # Errors
    /// The message is malformed, belongs to another conversation, or proves nothing.
    pub fn finish(&self, client_final: &[u8]) -> Result<Vec<u8>, ScramError> {
        let client_final = text(client_final)?;
        let (without_proof, proof) = client_final.rsplit_once(",p=").ok_or(ScramError::Syntax)?;
        let mut parts = without_proof.split(',');
        if attribute(&mut parts, 'c')? != "biws" {
            return Err(ScramError::Syntax);
        }
        if attribute(&mut parts, 'r')? != self.nonce {
            return Err(ScramError::Nonce);
        }
        let signed = format!("{},{without_proof}", self.signed);
        let Verifier { mechanism, stored_key, server_key, .. } = &self.verifier;
        let signature = mechanism.hmac(stored_key, signed.as_bytes());
        let proof = BASE64.decode(proof).map_err(|_| ScramError::Syntax)?;
        if proof.len() != signature.len() {
            return Err(ScramError::ClientProof);
        }
        let client_key = xor(&proof, &signature);
        if !mechanism.hash(&client_key).as_slice().ct_eq(stored_key.as_slice()).to_bool() {
            return Err(ScramError::ClientProof);
        }
        let answer = BASE64.encode(mechanism.hmac(server_key, signed.as_bytes()));
        Ok(format!("v={answer}").into_bytes())
    }
}
