//! Users, profiles, sessions and captchas, as documents.
//!
//! Owns the four collections and the rule that the unique indexes decide who wins a race (S028):
//! nobody looks first and inserts then. Knows nothing of HTTP. Read next: `password.rs`.

use std::fmt;
use std::time::Duration;

use squall::executor::Executor;
use squall::ioloop::IoLoop;
use squall::mongo::bson::{Bson, Document, doc, oid::ObjectId};
use squall::mongo::{self, Collection, FindOneAndOptions, Index};

use super::captcha;
use super::password;

/// A drawing is good for one answer within so long.
const CAPTCHA_LIFE: Duration = Duration::from_secs(600);

/// The profile's fields, in the tutorial's order (S038).
pub(crate) const PROFILE_FIELDS: [&str; 6] =
    ["headimg", "site", "job", "signature", "github", "description"];

/// The documents of the demo.
#[derive(Clone)]
pub(crate) struct Accounts {
    user: Collection,
    profile: Collection,
    session: Collection,
    captcha: Collection,
    hashing: Executor,
}

/// Why somebody was not registered.
#[derive(Debug)]
pub(crate) enum NotRegistered {
    /// Somebody else has this `username` or `email`.
    Taken(&'static str),
    /// The database failed; nothing of the user was left behind.
    Failed(mongo::Error),
    /// The password could not be hashed.
    Hash(password::Failed),
}

impl Accounts {
    pub(crate) fn new(database: &mongo::Database, hashing: Executor) -> Self {
        Self {
            user: database.collection("user"),
            profile: database.collection("profile"),
            session: database.collection("session"),
            captcha: database.collection("captcha"),
            hashing,
        }
    }

    /// Makes the indexes that the rest relies on.
    pub(crate) async fn prepare(database: &mongo::Database) -> Result<(), mongo::Error> {
        for field in ["username", "email"] {
            let index = Index::new(doc! { field: 1 }).unique();
            database.collection("user").create_index(index).await?;
        }
        Ok(())
    }

    /// Registers a user with an empty profile. There is no transaction: if the second insert
    /// fails, the first is taken back (S040).
    pub(crate) async fn register(
        &self,
        username: &str,
        email: &str,
        password: String,
    ) -> Result<(), NotRegistered> {
        let hash = password::hash(&self.hashing, password).await.map_err(NotRegistered::Hash)?;
        let empty = PROFILE_FIELDS.iter().map(|field| ((*field).to_owned(), Bson::from("")));
        let profile = self.profile.insert_one(empty.collect::<Document>()).await?.inserted_id;
        let user = doc! {
            "username": username,
            "email": email,
            "password": hash,
            "timestamp": milliseconds(), // a double, as time.time() * 1000 is (S014)
            "profile_id": hex_of(&profile), // 24 hex digits (S039)
        };
        match self.user.insert_one(user).await {
            Ok(_) => Ok(()),
            Err(error) => {
                // If this fails too, an orphan stays: it belongs to nobody and shows nowhere.
                let _ = self.profile.delete_one(doc! { "_id": profile }).await;
                Err(error.into())
            }
        }
    }

    /// The user, if this is the password.
    pub(crate) async fn authenticate(
        &self,
        username: &str,
        password: String,
    ) -> Result<Option<Document>, LoginFailed> {
        let user = self.find(username).await?;
        let stored = user.as_ref().and_then(|user| user.get_str("password").ok());
        let right = password::verify(&self.hashing, password, stored).await?;
        Ok(user.filter(|_| right))
    }

    /// The user of this name (S019).
    pub(crate) async fn find(&self, username: &str) -> Result<Option<Document>, mongo::Error> {
        self.user.find_one(doc! { "username": username }).await
    }

    /// The profile of a user.
    pub(crate) async fn profile(&self, user: &Document) -> Result<Option<Document>, mongo::Error> {
        let Some(id) = profile_id(user) else { return Ok(None) };
        self.profile.find_one(doc! { "_id": id }).await
    }

    /// Changes the profile of a user.
    pub(crate) async fn update_profile(
        &self,
        user: &Document,
        fields: Document,
    ) -> Result<(), mongo::Error> {
        let Some(id) = profile_id(user) else { return Ok(()) };
        self.profile.update_one(doc! { "_id": id }, doc! { "$set": fields }).await?;
        Ok(())
    }

    /// Begins a session; its name goes into a cookie, and can be taken back here (HAZ11).
    pub(crate) async fn begin_session(&self, username: &str) -> Result<String, mongo::Error> {
        let name = random_name();
        let session = doc! { "_id": &name, "username": username, "timestamp": milliseconds() };
        self.session.insert_one(session).await?;
        Ok(name)
    }

    /// True while nobody has ended the session.
    pub(crate) async fn session_of(&self, name: &str) -> Result<Option<String>, mongo::Error> {
        let session = self.session.find_one(doc! { "_id": name }).await?;
        Ok(session.and_then(|session| session.get_str("username").ok().map(str::to_owned)))
    }

    /// Ends a session: the cookie is worth nothing from now on.
    pub(crate) async fn end_session(&self, name: &str) -> Result<(), mongo::Error> {
        self.session.delete_one(doc! { "_id": name }).await?;
        Ok(())
    }

    /// A new drawing, and the name under which its answer is kept. The answer never leaves the
    /// server (S033).
    pub(crate) async fn draw_captcha(&self) -> Result<(String, String), mongo::Error> {
        let mut seed = [0; captcha::SEED_LENGTH];
        IoLoop::current().random(&mut seed);
        let drawn = captcha::draw(seed);
        let name = random_name();
        let now = milliseconds();
        let expired = doc! { "$lt": now - CAPTCHA_LIFE.as_millis() as f64 };
        self.captcha.delete_many(doc! { "timestamp": expired }).await?;
        let kept = doc! { "_id": &name, "answer": drawn.answer, "timestamp": now };
        self.captcha.insert_one(kept).await?;
        Ok((name, drawn.svg))
    }

    /// Whether `answer` is right. Whatever it is, the question is gone afterwards (S034, HAZ24).
    pub(crate) async fn answer_captcha(
        &self,
        name: &str,
        answer: &str,
    ) -> Result<bool, mongo::Error> {
        let question = doc! { "_id": name };
        let kept = self.captcha.find_one_and_delete(question, FindOneAndOptions::default()).await?;
        let Some(kept) = kept else { return Ok(false) };
        let age = milliseconds() - kept.get_f64("timestamp").unwrap_or(0.0);
        let expected = kept.get_str("answer").unwrap_or_default();
        let fresh = age <= CAPTCHA_LIFE.as_millis() as f64;
        Ok(fresh && captcha::normalize(answer) == expected)
    }
}

/// `time.time() * 1000`.
fn milliseconds() -> f64 {
    IoLoop::current().wall_time().as_secs_f64() * 1000.0
}

/// 128 random bits as text.
fn random_name() -> String {
    let mut bytes = [0; 16];
    IoLoop::current().random(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn hex_of(id: &Bson) -> String {
    id.as_object_id().map(ObjectId::to_hex).unwrap_or_default()
}

fn profile_id(user: &Document) -> Option<ObjectId> {
    user.get_str("profile_id").ok().and_then(|hex| ObjectId::parse_str(hex).ok())
}

impl From<mongo::Error> for NotRegistered {
    fn from(error: mongo::Error) -> Self {
        // The server's message names the index: `... index: email_1 dup key: ...`
        let about = |field: &str| error.to_string().contains(&format!("{field}_1"));
        if !error.is_duplicate_key() {
            Self::Failed(error)
        } else if about("email") {
            Self::Taken("email")
        } else {
            Self::Taken("username")
        }
    }
}

/// Why a password could not be checked.
#[derive(Debug)]
pub(crate) enum LoginFailed {
    Database(mongo::Error),
    Hash(password::Failed),
}

impl From<mongo::Error> for LoginFailed {
    fn from(error: mongo::Error) -> Self {
        Self::Database(error)
    }
}

impl From<password::Failed> for LoginFailed {
    fn from(error: password::Failed) -> Self {
        Self::Hash(error)
    }
}

impl fmt::Display for LoginFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Hash(error) => error.fmt(f),
        }
    }
}
