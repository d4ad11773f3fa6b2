//! A visitor with cookies, for tests: fetches pages on the same loop, remembers what it is given,
//! and sends forms with their XSRF token, as a browser would.

use std::cell::RefCell;
use std::collections::BTreeMap;

use squall::http::{FetchRequest, FetchResponse, HttpClient};

/// One visitor of one site.
pub struct Browser {
    client: HttpClient,
    origin: String,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl Browser {
    /// A visitor without cookies; `origin` is `http://127.0.0.1:PORT`.
    pub fn new(origin: &str) -> Self {
        let (client, cookies) = (HttpClient::new(), RefCell::default());
        Self { client, origin: origin.trim_end_matches('/').to_owned(), cookies }
    }

    /// Another visitor, with a copy of this one's cookies.
    pub fn twin(&self) -> Self {
        let twin = Self::new(&self.origin);
        twin.cookies.replace(self.cookies.borrow().clone());
        twin
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    pub fn forget_cookie(&self, name: &str) {
        self.cookies.borrow_mut().remove(name);
    }

    pub async fn get(&self, path: &str) -> FetchResponse {
        self.fetch(FetchRequest::get(&format!("{}{path}", self.origin))).await
    }

    /// Posts a form with the token from the cookie; looks at a page first if there is none.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> FetchResponse {
        if self.cookie("_xsrf").is_none() {
            self.get(path).await;
        }
        let token = self.cookie("_xsrf").unwrap_or_default();
        let fields = fields.iter().copied().chain([("_xsrf", token.as_str())]);
        let form: Vec<String> = fields.map(|(k, v)| format!("{k}={}", percent(v))).collect();
        let request = FetchRequest::post(&format!("{}{path}", self.origin), form.join("&"));
        let kind = "application/x-www-form-urlencoded";
        self.fetch(request.header("Content-Type", kind).expect("a fine header")).await
    }

    /// Posts bytes as they are.
    pub async fn post_raw(&self, path: &str, body: &str) -> FetchResponse {
        let request = FetchRequest::post(&format!("{}{path}", self.origin), body);
        let kind = "application/x-www-form-urlencoded";
        self.fetch(request.header("Content-Type", kind).expect("a fine header")).await
    }

    /// Follows one redirect, as a browser does after a form.
    pub async fn follow(&self, response: &FetchResponse) -> FetchResponse {
        let target = response.header("Location").expect("a redirect");
        self.get(&target).await
    }

    async fn fetch(&self, request: FetchRequest) -> FetchResponse {
        let pairs: Vec<String> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if pairs.is_empty() {
            request
        } else {
            request.header("Cookie", &pairs.join("; ")).expect("fine cookies")
        };
        let response = self.client.fetch(request).await.expect("an answer");
        for line in response.headers().get_list("Set-Cookie") {
            self.remember(&String::from_utf8_lossy(line));
        }
        response
    }

    fn remember(&self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let pair = parts.next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        let mut gone = value.is_empty() || value == "\"\"";
        for part in parts {
            gone |= part.eq_ignore_ascii_case("max-age=0");
        }
        if gone {
            self.forget_cookie(name);
        } else {
            self.set_cookie(name, value);
        }
    }
}

/// Form encoding: everything but the plainest characters.
pub fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The value inside one of Tornado's signed cookies, without checking the signature.
pub fn signed_payload(cookie: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let cookie = cookie.trim_matches('"');
    let field = cookie.split('|').nth(4)?;
    let (_, value) = field.split_once(':')?;
    base64::engine::general_purpose::STANDARD.decode(value).ok()
}
