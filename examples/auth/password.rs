//! Passwords: argon2id, a salt for each, on the executor.
//!
//! Owns the text form of a hash (the PHC string) and its parameters. One hash takes some twenty
//! milliseconds and 19 MiB, on purpose; on the loop it would stop every visitor (S037, S116).
//! Knows nothing of users. Read next: `pages.rs`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use squall::executor::Executor;
use squall::ioloop::IoLoop;

/// OWASP's floor for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes `password` with a fresh salt, off the loop.
pub(crate) async fn hash(executor: &Executor, password: String) -> Result<String, Failed> {
    let mut salt = [0; 16];
    IoLoop::current().random(&mut salt);
    let job = executor.submit(move || derive(&password, &salt));
    let derived = job.await.map_err(|_| Failed)??;
    let (salt, hash) = (BASE64.encode(salt), BASE64.encode(derived));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
}

/// Compares `password` with what was stored, off the loop. Without a stored hash it takes just as
/// long, so that the time tells nobody whether a name exists (HAZ21).
pub(crate) async fn verify(
    executor: &Executor,
    password: String,
    stored: Option<&str>,
) -> Result<bool, Failed> {
    let (salt, expected) = match stored {
        Some(stored) => split(stored).ok_or(Failed)?,
        None => (vec![0; 16], Vec::new()),
    };
    let job = executor.submit(move || derive(&password, &salt));
    let derived = job.await.map_err(|_| Failed)??;
    Ok(expected.len() == derived.len() && same(&expected, &derived))
}

/// Salt and hash of a PHC string with our parameters.
fn split(stored: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let prefix = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    let (salt, hash) = stored.strip_prefix(&prefix)?.split_once('$')?;
    Some((BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?))
}

fn derive(password: &str, salt: &[u8]) -> Result<[u8; 32], Failed> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| Failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; 32];
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash).map_err(|_| Failed)?;
    Ok(hash)
}

/// Compares without telling by its time where the first difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// The hash could not be made, or what was stored is none of ours.
#[derive(Debug)]
pub(crate) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the password hash failed")
    }
}

impl std::error::Error for Failed {}
