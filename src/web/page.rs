//! Rendering: a template, what the handler gives it, and what every page may ask for.
//!
//! Owns the names a template finds (`current_user`, `xsrf_form_html()`, `get_flashed_messages()`, ...) and
//! the bookkeeping that they were used: a token that was read needs its cookie, a message that was shown
//! is gone. Read next: `template.rs`, the engine; `flash.rs`, the cookie.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::{Value, context};

use super::error::Error;
use super::exchange::Exchange;
use super::flash::{self, Category, FLASH_COOKIE, FlashMessage};
use super::handler::HandlerResult;
use super::incoming::xsrf_field;
use super::reply::{Core, Phase};
use crate::ioloop::IoLoop;

/// A single message takes at most so much of the cookie.
const FLASH_TEXT_BYTES_MAX: usize = 1500;

impl Exchange {
    /// Renders a template and finishes the response with it.
    ///
    /// ```
    /// # use squall::web::{Exchange, HandlerResult, context};
    /// # async fn get(req: Exchange) -> HandlerResult {
    /// req.render("profile.html", context! { name => "Ann" })
    /// # }
    /// ```
    #[doc(alias = "render_html")]
    #[track_caller]
    pub fn render(self, name: &str, context: Value) -> HandlerResult {
        let page = self.render_string(name, context)?;
        Ok(self.finish(page))
    }

    /// Renders a template.
    #[track_caller]
    pub fn render_string(&self, name: &str, context: Value) -> Result<String, Error> {
        let asked = Arc::new(Asked::default());
        let (namespace, token) = self.namespace(&asked);
        let page = self.core.site.templates.render(name, context! { ..context, ..namespace })?;
        if asked.token.load(Ordering::Relaxed) {
            self.core.remember_xsrf_token(&token);
        }
        if asked.messages.load(Ordering::Relaxed) {
            self.core.reply.borrow_mut().flash = Some(Vec::new());
        }
        Ok(page)
    }

    /// What every template finds, and the XSRF token that is in it.
    fn namespace(&self, asked: &Arc<Asked>) -> (Value, String) {
        let token = self.core.masked_xsrf_token();
        let (field, asked_token) = (xsrf_field(&token), Arc::clone(asked));
        let xsrf_form_html = Value::from_function(move || {
            asked_token.token.store(true, Ordering::Relaxed);
            Value::from_safe_string(field.clone())
        });
        let (text, asked_token) = (token.clone(), Arc::clone(asked));
        let xsrf_token = Value::from_function(move || {
            asked_token.token.store(true, Ordering::Relaxed);
            text.clone()
        });
        let messages: Vec<Value> =
            self.flashed_messages().iter().map(FlashMessage::value).collect();
        let (messages, asked_messages) = (Value::from(messages), Arc::clone(asked));
        let get_flashed_messages = Value::from_function(move || {
            asked_messages.messages.store(true, Ordering::Relaxed);
            messages.clone()
        });
        let request = context! {
            method => self.method(), uri => self.uri(), path => self.path(),
            remote_ip => self.remote_ip(), protocol => self.protocol(),
        };
        // Nobody is undefined rather than null, so that `{{ current_user }}` prints nothing.
        let current_user = self.current_user().map_or(Value::UNDEFINED, Value::from);
        let namespace = context! {
            request, current_user, xsrf_token, xsrf_form_html, get_flashed_messages,
        };
        (namespace, token)
    }

    /// Leaves a message for the next page that shows them. It travels in a signed cookie; without a
    /// `cookie_secret` the signature holds until this process ends.
    pub fn flash(&mut self, text: impl Into<String>, category: Category) {
        let mut text = text.into();
        if text.len() > FLASH_TEXT_BYTES_MAX {
            let end = (0..=FLASH_TEXT_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at));
            text.truncate(end.unwrap_or_default());
            text.push('…');
        }
        let mut messages = self.flashed_messages();
        messages.push(FlashMessage { category, text });
        self.core.reply.borrow_mut().flash = Some(messages);
    }

    /// Takes the messages, for a response that is no template. They will not be shown again.
    pub fn take_flashed_messages(&mut self) -> Vec<FlashMessage> {
        let messages = self.flashed_messages();
        self.core.reply.borrow_mut().flash = Some(Vec::new());
        messages
    }

    fn flashed_messages(&self) -> Vec<FlashMessage> {
        if let Some(messages) = &self.core.reply.borrow().flash {
            return messages.clone();
        }
        let now = IoLoop::current().wall_time();
        let cookie = self.cookies().get(FLASH_COOKIE);
        let read = |cookie| flash::from_cookie(self.core.site.flash_secret(), cookie, now);
        cookie.map(read).unwrap_or_default()
    }
}

/// What a template has called. Atomic only because the engine wants it: nothing here leaves the thread.
#[derive(Default)]
struct Asked {
    token: AtomicBool,
    messages: AtomicBool,
}

impl FlashMessage {
    fn value(&self) -> Value {
        context! { category => self.category.as_str(), text => &self.text }
    }
}

impl Core {
    /// Just before the head leaves: the cookie for the next page, if the messages changed.
    pub(super) fn flush_flash(&self) {
        let messages = match &mut *self.reply.borrow_mut() {
            reply if reply.phase == Phase::Open => reply.flash.take(),
            _ => None,
        };
        let Some(messages) = messages else { return };
        if messages.is_empty() && self.cookies().get(FLASH_COOKIE).is_none() {
            return;
        }
        let now = IoLoop::current().wall_time();
        let cookie = flash::to_cookie(self.site.flash_secret(), &messages, now);
        self.set_cookie(&cookie).expect("our own cookie has a good name and value");
    }
}
