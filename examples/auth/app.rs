//! The application: which page answers which path, and what the pages share.
//!
//! Owns the table of routes and the settings. The tests build the same application on a loop of
//! their own. Read next: `pages.rs`.

use std::path::PathBuf;

use squall::executor::Executor;
use squall::ioloop::IoLoop;
use squall::web::{Application, BuildError, Settings};

use super::accounts::Accounts;
use super::database::Database;
use super::pages::{
    Base, Block, CaptchaImage, Index, Login, Logout, Nowhere, Ping, Profile, Register, Shared,
    Sleep,
};

/// The settings of the demo: its files, and a secret that is new at each start.
pub(crate) fn settings(debug: bool) -> Settings {
    let here = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/auth"));
    let mut secret = [0; 32];
    IoLoop::current().random(&mut secret);
    Settings {
        debug,
        template_path: Some(here.join("templates")),
        static_path: Some(here.join("static")),
        cookie_secret: Some(secret.as_slice().into()),
        login_url: Some("/auth/login".to_owned()),
        xsrf_cookies: true,
        access_log: debug,
        ..Settings::default()
    }
}

/// Puts the pages on their paths.
pub(crate) fn build(database: &Database, settings: Settings) -> Result<Application, BuildError> {
    // Each hash holds 19 MiB while it runs, so no more than two run at once.
    let hashing = Executor::new(2);
    let shared = Shared { accounts: Accounts::new(&database.users(), hashing) };
    Application::new()
        .settings(settings)
        .route("/", Base(Index, shared.clone()))
        .route("/auth/register", Base(Register, shared.clone()))
        .route("/auth/login", Base(Login, shared.clone()))
        .route("/auth/logout", Base(Logout, shared.clone()))
        .route("/auth/profile", Base(Profile, shared.clone()))
        .route("/auth/captcha", Base(CaptchaImage, shared.clone()))
        .route("/demo/ping", Base(Ping, shared.clone()))
        .route("/demo/sleep/([0-9]+)", Base(Sleep, shared.clone()))
        .route("/demo/block/([0-9]+)", Base(Block, shared.clone()))
        .default_handler(Base(Nowhere, shared))
        .build()
}
