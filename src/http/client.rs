//! The HTTP client: one request, one connection, one answer, on the same loop as the server.
//!
//! Owns the request's bytes and the two time limits. Each fetch opens a connection and closes it,
//! as Tornado's simple client does. Redirects are given back as they came, and TLS is not spoken.
//! Read next: `proto/http1/response.rs`, which knows where an answer ends.

use std::fmt;
use std::time::Duration;

use crate::coroutine::with_timeout;
use crate::iostream::{ConnectError, ConnectOptions, IoStream, StreamError, TcpClient};
use crate::proto::http1::{Answer, Headers, InvalidHeader, Limits, RemoteError, ResponseReader};

/// Fetches pages. Cloning it is cheap.
///
/// ```no_run
/// use squall::{http::HttpClient, ioloop::IoLoop};
///
/// IoLoop::new()?.run_sync(async {
///     let page = HttpClient::new().fetch("http://127.0.0.1:8888/").await?;
///     assert_eq!(page.status(), 200);
///     Ok::<_, squall::http::FetchError>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HttpClient {
    tcp: TcpClient,
    limits: Limits,
}

/// What to fetch. A text is a `GET` of that URL (T262).
///
/// ```
/// use squall::http::FetchRequest;
///
/// let request = FetchRequest::post("http://127.0.0.1:8888/form", "a=1")
///     .header("Content-Type", "application/x-www-form-urlencoded")?;
/// # Ok::<(), squall::http::FetchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FetchRequest {
    method: String,
    url: String,
    headers: Headers,
    body: Option<Vec<u8>>,
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl FetchRequest {
    /// A request with any method.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Headers::default(),
            body: None,
            connect_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(20),
        }
    }

    /// A `GET`.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of `body`.
    pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).body(body)
    }

    /// Adds a header; one with control characters is refused before anything is sent (SEC16).
    /// `Content-Length`, `Transfer-Encoding` and `Connection` are the client's own affair, and
    /// not sent.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        self.headers.add(name, value)?;
        Ok(self)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The limit for resolving and connecting; 20 s without this call.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// The limit from the connection to the last byte; 20 s without this call.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// The request on the wire.
    fn encode(&self, place: &Place<'_>) -> Result<Vec<u8>, FetchError> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return Err(FetchError::BadMethod(self.method.clone()));
        }
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, place.target).into_bytes();
        if self.headers.get("Host").is_none() {
            out.extend_from_slice(format!("Host: {}\r\n", place.authority).as_bytes());
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_framing(name)) {
            out.extend_from_slice(format!("{name}: ").as_bytes());
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        let body = self.body.as_deref();
        if body.is_some() || matches!(&*self.method, "POST" | "PUT" | "PATCH") {
            let length = body.map_or(0, <[u8]>::len);
            out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"Connection: close\r\n\r\n");
        out.extend_from_slice(body.unwrap_or_default());
        Ok(out)
    }
}

/// What the client says itself: where a request ends must not be said twice.
fn is_framing(name: &str) -> bool {
    ["Content-Length", "Transfer-Encoding", "Connection"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
}

impl From<&str> for FetchRequest {
    fn from(url: &str) -> Self {
        Self::get(url)
    }
}

impl From<String> for FetchRequest {
    fn from(url: String) -> Self {
        Self::get(&url)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct FetchResponse {
    status: u16,
    reason: String,
    headers: Headers,
    body: Vec<u8>,
}

impl FetchResponse {
    /// The status code, whatever it is: an answer of 404 is an answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// One header, in any case; several of the same name are joined by commas.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get_joined(name).map(|value| String::from_utf8_lossy(&value).into_owned())
    }

    /// All headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl HttpClient {
    /// A client with default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same over another network or resolver.
    pub fn with_tcp(tcp: TcpClient) -> Self {
        Self { tcp, limits: Limits::default() }
    }

    /// Other limits for what a server may send.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends the request and waits for the whole answer (T261).
    ///
    /// Cancel-safe: dropping it closes the connection.
    pub async fn fetch(
        &self,
        request: impl Into<FetchRequest>,
    ) -> Result<FetchResponse, FetchError> {
        let request = request.into();
        let place = Place::parse(&request.url)?;
        let bytes = request.encode(&place)?;
        let options =
            ConnectOptions { timeout: Some(request.connect_timeout), ..ConnectOptions::default() };
        let stream = self.tcp.connect(&place.host, place.port, options).await?;
        drop(stream.write(bytes)); // a failed write shows in the read that follows
        let reader = ResponseReader::new(&request.method, self.limits.clone());
        let answer = with_timeout(request.request_timeout, read_answer(&stream, reader)).await;
        stream.close();
        answer.map_err(|_| FetchError::TimedOut { phase: "during request" })?
    }
}

/// Feeds the machine until the answer is complete.
async fn read_answer(
    stream: &IoStream,
    mut reader: ResponseReader,
) -> Result<FetchResponse, FetchError> {
    let (mut unused, mut body) = (Vec::new(), Vec::new());
    loop {
        match stream.read_partial(64 * 1024).await {
            Ok(bytes) => unused.extend_from_slice(&bytes),
            Err(StreamError::Closed(None)) => reader.receive_eof(),
            Err(error) => return Err(error.into()),
        }
        let mut input = reader.receive(&unused);
        loop {
            match reader.next_event(&mut input)? {
                Answer::Head => {}
                Answer::Data(data) => body.extend_from_slice(data),
                Answer::NeedData => break,
                Answer::End => {
                    let (status, reason) = (reader.status(), reader.reason().to_owned());
                    let headers = reader.headers().clone();
                    return Ok(FetchResponse { status, reason, headers, body });
                }
            }
        }
        let used = input.used();
        unused.drain(..used);
    }
}

/// Where a URL leads.
struct Place<'a> {
    authority: &'a str,
    host: String,
    port: u16,
    target: String,
}

impl<'a> Place<'a> {
    fn parse(url: &'a str) -> Result<Self, FetchError> {
        let bad = || FetchError::BadUrl(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(bad)?;
        let rest = rest.split('#').next().unwrap_or_default();
        if rest.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(bad());
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, 80),
        };
        if host.is_empty() || host.contains('@') {
            return Err(bad()); // credentials in a URL end up in logs: use a header
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { authority, host, port, target: format!("{slash}{target}") })
    }
}

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL is not `http://host[:port]/path`: our own fault.
    BadUrl(String),
    /// The method is no token: our own fault.
    BadMethod(String),
    /// A header has control characters: our own fault.
    BadHeader(InvalidHeader),
    /// Nobody answered at that address.
    Connect(ConnectError),
    /// The connection broke: the network's fault, or the server's.
    Stream(StreamError),
    /// The server broke the protocol.
    Protocol(RemoteError),
    /// It took too long.
    TimedOut {
        /// What was going on.
        phase: &'static str,
    },
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl(url) => write!(f, "not an http:// URL: {url:?}"),
            Self::BadMethod(method) => write!(f, "not an HTTP method: {method:?}"),
            Self::BadHeader(error) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Stream(error) => error.fmt(f),
            Self::Protocol(error) => write!(f, "the server broke the protocol: {error}"),
            Self::TimedOut { phase } => write!(f, "timeout {phase}"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BadHeader(error) => Some(error),
            Self::Connect(error) => Some(error),
            Self::Stream(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::BadUrl(_) | Self::BadMethod(_) | Self::TimedOut { .. } => None,
        }
    }
}

impl From<InvalidHeader> for FetchError {
    fn from(error: InvalidHeader) -> Self {
        Self::BadHeader(error)
    }
}

impl From<ConnectError> for FetchError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::TimedOut => Self::TimedOut { phase: "while connecting" },
            other => Self::Connect(other),
        }
    }
}

impl From<StreamError> for FetchError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl From<RemoteError> for FetchError {
    fn from(error: RemoteError) -> Self {
        Self::Protocol(error)
    }
}
