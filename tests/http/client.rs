//! A client that says exactly what it is told, and the services it talks to.
//!
//! Owns the vocabulary of `tests/http`. It parses no more than `Content-Length`: the tests compare
//! what is on the wire.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{Headers, HttpServer, Request, Responder, Status};
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;

/// What most tests send.
pub(crate) const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// A POST with this body.
pub(crate) fn post(body: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A POST in chunks of these sizes.
pub(crate) fn chunked(sizes: &[usize]) -> String {
    let mut text = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n".to_owned();
    for size in sizes {
        write!(text, "{size:x}\r\n{}\r\n", "x".repeat(*size)).unwrap();
    }
    text + "0\r\n\r\n"
}

/// Listens on a free port of this machine.
pub(crate) fn listen(server: HttpServer) -> Rc<HttpServer> {
    server.name("").listen_here()
}

trait ListenHere {
    fn listen_here(self) -> Rc<HttpServer>;
}

impl ListenHere for HttpServer {
    fn listen_here(self) -> Rc<HttpServer> {
        self.listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Rc::new(self)
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: IoStream,
}

impl Client {
    pub(crate) async fn connect(server: &HttpServer) -> Self {
        Self { stream: IoStream::connect(server.addresses()[0].clone()).await.unwrap() }
    }

    pub(crate) fn send(&self, bytes: impl Into<Vec<u8>>) {
        drop(self.stream.write(bytes));
    }

    /// One answer with `Content-Length`, without its `Date`: head and body.
    pub(crate) async fn answer(&self) -> (String, String) {
        let head = self.stream.read_until(b"\r\n\r\n", None).await.unwrap();
        let head = without_date(&String::from_utf8(head).unwrap());
        let length = head
            .split("Content-Length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().parse::<usize>().unwrap());
        let body = self.stream.read_bytes(length).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// The status and the body of one answer: `200 hello`.
    pub(crate) async fn brief(&self) -> String {
        let (head, body) = self.answer().await;
        format!("{} {body}", &head["HTTP/1.1 ".len()..][..3])
    }

    /// Everything until the server closes, without the date.
    pub(crate) async fn rest(&self) -> String {
        let bytes = self.stream.read_until_close().await.unwrap();
        without_date(&String::from_utf8_lossy(&bytes))
    }
}

/// Sends `bytes` on a new connection and gives everything until the server closes.
pub(crate) async fn ask(server: &HttpServer, bytes: impl Into<Vec<u8>>) -> String {
    let client = Client::connect(server).await;
    client.send(bytes);
    client.rest().await
}

fn without_date(head: &str) -> String {
    head.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

/// Answers with method, target and body.
pub(crate) fn echo(request: Request, responder: Responder) {
    let body = String::from_utf8_lossy(request.body());
    let text = format!("{} {} {body}", request.method(), request.target());
    responder.send(Status::OK, "", &Headers::new(), text.trim_end().as_bytes());
}

/// Answers with the target, after as many milliseconds as its path says.
pub(crate) fn slow(request: Request, responder: Responder) {
    let delay = Duration::from_millis(request.path()[1..].parse().unwrap());
    drop(IoLoop::current().spawn(async move {
        sleep(delay).await;
        responder.send(Status::OK, "", &Headers::new(), request.target().as_bytes());
    }));
}

/// Keeps every responder; the test answers.
#[derive(Clone, Default)]
pub(crate) struct Kept(pub(crate) Rc<RefCell<Vec<Responder>>>);

impl Kept {
    pub(crate) fn service(&self) -> impl Fn(Request, Responder) + use<> {
        let kept = Rc::clone(&self.0);
        move |_, responder| kept.borrow_mut().push(responder)
    }

    /// The next responder, as soon as there is one.
    pub(crate) async fn next(&self) -> Responder {
        loop {
            let next = self.0.borrow_mut().pop();
            match next {
                Some(responder) => return responder,
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(1)).await;
    }
}
