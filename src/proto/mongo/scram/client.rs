//! The client's side of SCRAM: two messages out, two messages in, each step once.
//!
//! Owns the order of the steps and everything that must be remembered between them. It does not
//! derive keys: `challenge` says which are needed, `proof` takes them from whoever has them.
//! Read next: `server.rs`, which answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ctutils::CtEq;

use super::{
    ITERATIONS_MAX, ITERATIONS_MIN, KeyRequest, Keys, Mechanism, ScramError, attribute, text, xor,
};

/// `n,,` in base64: no channel binding, said again under the proof.
const NO_BINDING: &str = "biws";

/// One conversation.
#[derive(Debug)]
pub struct Client {
    mechanism: Mechanism,
    username: String,
    nonce: String,
    /// `client-first-message-bare`, part of what is signed.
    first_bare: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    First,
    Challenged { server_first: String, nonce: String },
    Proved { server_signature: Vec<u8> },
    Verified,
}

impl Client {
    /// Begins a conversation for `username`; make a fresh `nonce` with [`super::nonce`].
    pub fn new(mechanism: Mechanism, username: &str, nonce: String) -> Self {
        let escaped = username.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={escaped},r={nonce}");
        let username = username.to_owned();
        Self { mechanism, username, nonce, first_bare, step: Step::First }
    }

    /// The hash this conversation is built on.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The first message.
    pub fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first_bare).into_bytes()
    }

    /// Takes the server's first message; answers which keys are needed for the second one.
    ///
    /// # Errors
    /// The message is malformed, answers somebody else's nonce, or asks for too few or too many
    /// rounds; or our password cannot be prepared.
    pub fn challenge(
        &mut self,
        server_first: &[u8],
        password: &str,
    ) -> Result<KeyRequest, ScramError> {
        if !matches!(self.step, Step::First) {
            return Err(ScramError::State);
        }
        let server_first = text(server_first)?;
        let mut parts = server_first.split(',');
        let nonce = attribute(&mut parts, 'r')?;
        let salt = attribute(&mut parts, 's')?;
        let iterations: u32 =
            attribute(&mut parts, 'i')?.parse().map_err(|_| ScramError::Iterations)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ScramError::Iterations);
        }
        let salt = BASE64.decode(salt).map_err(|_| ScramError::Syntax)?;
        let request = KeyRequest::new(self.mechanism, &self.username, password, salt, iterations)?;
        let (server_first, nonce) = (server_first.to_owned(), nonce.to_owned());
        self.step = Step::Challenged { server_first, nonce };
        Ok(request)
    }

    /// The second message: proof that we have the keys.
    ///
    /// # Errors
    /// There was no challenge.
    pub fn proof(&mut self, keys: &Keys) -> Result<Vec<u8>, ScramError> {
        let Step::Challenged { server_first, nonce } = &self.step else {
            return Err(ScramError::State);
        };
        let without_proof = format!("c={NO_BINDING},r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let stored_key = self.mechanism.hash(&keys.client);
        let signature = self.mechanism.hmac(&stored_key, signed.as_bytes());
        let proof = BASE64.encode(xor(&keys.client, &signature));
        let server_signature = self.mechanism.hmac(&keys.server, signed.as_bytes());
        self.step = Step::Proved { server_signature };
        Ok(format!("{without_proof},p={proof}").into_bytes())
    }

    /// Takes the server's last message and checks, in constant time, that it has the keys too.
    ///
    /// # Errors
    /// It does not, or says that we do not.
    pub fn verify(&mut self, server_final: &[u8]) -> Result<(), ScramError> {
        let Step::Proved { server_signature } = &self.step else {
            return Err(ScramError::State);
        };
        let server_final = text(server_final)?;
        if server_final.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let signature = attribute(&mut server_final.split(','), 'v')?;
        let signature = BASE64.decode(signature).map_err(|_| ScramError::Syntax)?;
        if !server_signature.as_slice().ct_eq(signature.as_slice()).to_bool() {
            return Err(ScramError::ServerSignature);
        }
        self.step = Step::Verified;
        Ok(())
    }

    /// True once the server has proved itself: nothing less may count as authenticated.
    pub fn is_verified(&self) -> bool {
        matches!(self.step, Step::Verified)
    }
}
