//! A browser in a page of code: it keeps its connection and its cookies, and follows nothing by itself.
//!
//! Owns the reading of responses. Knows HTTP/1.1 with a length or in chunks, and only what the tests need.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use squall::http::HttpServer;
use squall::iostream::IoStream;
use squall::log::Capture;
use squall::web::{Application, ApplicationBuilder};

use crate::support::run_virtually;

/// An application that is served, and one visitor of it.
pub(crate) struct Browser {
    pub(crate) server: HttpServer,
    pub(crate) app: Application,
    address: SocketAddr,
    stream: RefCell<Option<IoStream>>,
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
    pub(crate) log: Capture,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The body as it came, and as text.
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: String,
}

impl Answer {
    /// The only value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map_or("", |(_, value)| value);
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    #[cfg(feature = "gzip")]
    /// All values of a header, with commas.
    pub(crate) fn headers_joined(&self, name: &str) -> String {
        let values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",")
    }

    /// `302 /login`
    pub(crate) fn redirect(&self) -> String {
        format!("{} {}", self.status, self.header("Location"))
    }
}

/// Serves `app` in virtual time while `test` visits it.
pub(crate) fn visit<F: Future<Output = ()> + 'static>(
    app: ApplicationBuilder,
    test: impl FnOnce(Browser) -> F + 'static,
) {
    run_virtually(|_| async move {
        let app = app.build().expect("a good application");
        test(Browser::new(app)).await;
    });
}

impl Browser {
    pub(crate) fn new(app: Application) -> Self {
        let server = app.listen(0).expect("a free port");
        Self::to(app, server)
    }

    /// A visitor of a server of the test's own.
    pub(crate) fn to(app: Application, server: HttpServer) -> Self {
        let port = server.addresses()[0].socket_addr().expect("TCP").port();
        Self {
            server,
            app,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            stream: RefCell::default(),
            cookies: RefCell::default(),
            log: squall::log::capture(),
        }
    }

    /// Another visitor of the same application.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.app.clone())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.fetch("GET", path, &[], "").await
    }

    /// Posts a form.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.fetch("POST", path, &headers, form).await
    }

    pub(crate) async fn fetch(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.send(method, path, headers, body).await;
        self.receive(method).await
    }

    /// Sends a request, and does not wait for the answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str("Host: app.example\r\n");
        }
        request.push_str(&self.cookie_line());
        request.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        if !body.is_empty() {
            request.extend(["Content-Length: ".to_owned(), body.len().to_string(), "\r\n".into()]);
        }
        request.extend(["\r\n", body]);
        let stream = self.stream().await;
        stream.write(request).await.expect("the server reads");
    }

    /// Sends a part of a body.
    pub(crate) async fn send_bytes(&self, bytes: &str) {
        let stream = self.stream().await;
        stream.write(bytes).await.expect("the server reads");
    }

    fn cookie_line(&self) -> String {
        let cookies = self.cookies.borrow();
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// Reads the next answer of this connection.
    pub(crate) async fn receive(&self, method: &str) -> Answer {
        let stream = self.stream().await;
        let head = stream.read_until(b"\r\n\r\n", 100_000).await.expect("a head");
        let head = String::from_utf8(head).expect("UTF-8");
        let mut lines = head.trim_end().split("\r\n");
        let start = lines.next().expect("a status line");
        let (status, reason) = start["HTTP/1.1 ".len()..].split_once(' ').expect("a reason");
        let headers = lines.map(|line| line.split_once(": ").expect("a header"));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let status = status.parse().expect("a number");
        let mut answer = Answer {
            status,
            reason: reason.to_owned(),
            headers,
            bytes: Vec::new(),
            body: String::new(),
        };
        if method != "HEAD" && status != 304 && status != 204 {
            answer.bytes = read_body(&stream, &answer).await;
            answer.body = String::from_utf8_lossy(&answer.bytes).into_owned();
        }
        self.remember(&answer);
        if answer.header("Connection") == "close" {
            self.hang_up();
        }
        answer
    }

    fn remember(&self, answer: &Answer) {
        let mut cookies = self.cookies.borrow_mut();
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "Set-Cookie") {
            let pair = cookie.split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a value");
            if cookie.contains("expires=Thu, 01 Jan 1970") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Ends the connection; the next request opens another.
    pub(crate) fn hang_up(&self) {
        if let Some(stream) = self.stream.take() {
            stream.close();
        }
    }

    async fn stream(&self) -> IoStream {
        if let Some(stream) = &*self.stream.borrow() {
            return stream.clone();
        }
        let stream = IoStream::connect(self.address).await.expect("a connection");
        // The kernel would hold a second small packet back for real milliseconds, and virtual time
        // would not wait for it.
        stream.set_nodelay(true).expect("a TCP socket");
        *self.stream.borrow_mut() = Some(stream.clone());
        stream
    }
}

async fn read_body(stream: &IoStream, answer: &Answer) -> Vec<u8> {
    match answer.header("Content-Length") {
        "" => read_chunks(stream).await,
        length => {
            let length = length.parse().expect("a length");
            stream.read_bytes(length).await.expect("the whole body")
        }
    }
}

async fn read_chunks(stream: &IoStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = stream.read_until(b"\r\n", 100).await.expect("a chunk");
        let line = String::from_utf8(line).expect("ASCII");
        let size = usize::from_str_radix(line.trim(), 16).expect("a size");
        let chunk = stream.read_bytes(size + 2).await.expect("a whole chunk");
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return body;
        }
    }
}
