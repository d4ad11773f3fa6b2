//! `saslStart` and `saslContinue`: SCRAM's messages as `MongoDB` commands.
//!
//! Owns which mechanism is used, the first step that rides along with the hello, and the empty
//! last step that some servers ask for. What is inside the payloads belongs to `scram/`; who sends
//! the commands, and when, to `connection.rs`.

use bson::raw::{RawBsonRef, cstr};
use bson::{RawDocument, RawDocumentBuf};

use super::connection::ConnectionError;
use super::error::{CommandError, number};
use super::hello::HelloReply;
use super::scram::{self, KeyRequest, Keys, Mechanism, payload, to_payload};
use super::uri::Credential;

/// What authentication needs next.
#[derive(Debug)]
pub(super) enum Need {
    /// Send what [`Sasl::command`] answers.
    Say,
    /// Derive these keys and hand them to [`Sasl::keys`].
    Keys(KeyRequest),
    /// Nothing: both sides have proved themselves.
    Done,
}

#[derive(Debug)]
enum Step {
    Start,
    Challenge,
    Proof(Vec<u8>),
    Verify,
    Farewell,
}

/// One authentication.
#[derive(Debug)]
pub(super) struct Sasl {
    credential: Credential,
    nonce: String,
    /// Chosen by the credential; otherwise by what the server lists.
    fixed: bool,
    client: scram::Client,
    conversation: i32,
    step: Step,
}

impl Sasl {
    pub(super) fn new(credential: &Credential, nonce: &str) -> Self {
        let named = credential.mechanism.as_deref().and_then(Mechanism::from_name);
        let mechanism = named.unwrap_or(Mechanism::Sha256);
        let user = credential.username.as_deref().unwrap_or_default();
        Self {
            credential: credential.clone(),
            nonce: nonce.to_owned(),
            fixed: named.is_some(),
            client: scram::Client::new(mechanism, user, nonce.to_owned()),
            conversation: 0,
            step: Step::Start,
        }
    }

    /// `database.user`, for a hello that asks which mechanisms the user has.
    pub(super) fn supported_mechs_of(&self) -> Option<String> {
        let user = self.credential.username.as_deref().unwrap_or_default();
        (!self.fixed).then(|| format!("{}.{user}", self.credential.source))
    }

    /// The `saslStart` that rides along with the hello.
    pub(super) fn speculative(&self) -> RawDocumentBuf {
        let mut start = self.start();
        start.append(cstr!("db"), self.credential.source.as_str());
        start
    }

    fn start(&self) -> RawDocumentBuf {
        let mut options = RawDocumentBuf::new();
        options.append(cstr!("skipEmptyExchange"), true);
        let mut start = RawDocumentBuf::new();
        start.append(cstr!("saslStart"), 1);
        start.append(cstr!("mechanism"), self.client.mechanism().as_str());
        start.append(cstr!("payload"), to_payload(self.client.first()));
        start.append(cstr!("options"), options);
        start
    }

    /// The server greeted us back, and may have answered the speculative start.
    pub(super) fn greeted(&mut self, hello: &HelloReply) -> Result<Need, ConnectionError> {
        if let Some(reply) = &hello.speculative {
            self.step = Step::Challenge;
            return self.answered(reply);
        }
        if !self.fixed {
            let mechanism = Mechanism::choose(hello.mechanisms.iter().map(String::as_str));
            let user = self.credential.username.as_deref().unwrap_or_default();
            self.client = scram::Client::new(mechanism, user, self.nonce.clone());
        }
        Ok(Need::Say)
    }

    /// The server answered our last command.
    pub(super) fn answered(&mut self, reply: &RawDocument) -> Result<Need, ConnectionError> {
        if let Some(error) = CommandError::in_reply(reply).filter(|_| reply_has_ok(reply)) {
            return Err(ConnectionError::Authentication(error));
        }
        let payload = payload(reply).unwrap_or_default();
        let done = matches!(reply.get("done"), Ok(Some(RawBsonRef::Boolean(true))));
        match self.step {
            Step::Challenge => {
                self.conversation = number(reply, "conversationId").unwrap_or(0) as i32;
                let password = self.credential.password.as_deref().unwrap_or_default();
                Ok(Need::Keys(self.client.challenge(payload, password)?))
            }
            Step::Verify => {
                self.client.verify(payload)?;
                self.step = Step::Farewell;
                Ok(if done { Need::Done } else { Need::Say })
            }
            Step::Farewell if done => Ok(Need::Done),
            Step::Start | Step::Proof(_) | Step::Farewell => Err(ConnectionError::OutOfTurn),
        }
    }

    /// Takes the keys that were asked for.
    pub(super) fn keys(&mut self, keys: &Keys) -> Result<(), ConnectionError> {
        self.step = Step::Proof(self.client.proof(keys)?);
        Ok(())
    }

    /// The next command; it counts as sent.
    pub(super) fn command(&mut self) -> Result<RawDocumentBuf, ConnectionError> {
        let (mut command, next) = match &mut self.step {
            Step::Start => (self.start(), Step::Challenge),
            Step::Proof(proof) => {
                let proof = std::mem::take(proof);
                (self.go_on(proof), Step::Verify)
            }
            Step::Farewell => (self.go_on(Vec::new()), Step::Farewell),
            Step::Challenge | Step::Verify => return Err(ConnectionError::OutOfTurn),
        };
        self.step = next;
        command.append(cstr!("$db"), self.credential.source.as_str());
        Ok(command)
    }

    fn go_on(&self, payload: Vec<u8>) -> RawDocumentBuf {
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("saslContinue"), 1);
        command.append(cstr!("conversationId"), self.conversation);
        command.append(cstr!("payload"), to_payload(payload));
        command
    }
}

/// The speculative reply inside a hello has no `ok` of its own: its presence is the answer.
fn reply_has_ok(reply: &RawDocument) -> bool {
    matches!(reply.get("ok"), Ok(Some(_)))
}
