//! Streams and servers over real loopback sockets, with a client of a few lines in the same loop.
//!
//! The client writes a constant, waits for as many bytes as the first answer had, and writes again;
//! what it costs is the same in every operation. The kernel's part is not counted, only timed.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use squall::http::{Headers, HttpServer, Request, Responder, Service, Status};
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::net::{TcpTransport, Transport};
use squall::reactor::Interest;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler, Settings};

use super::Prepared;
use super::runtime::Closing;

const BODY: &str = "Hello, World!";
/// What a browser would send, shortened.
const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8888\r\n\
    User-Agent: bench\r\nAccept: text/plain,text/html;q=0.9\r\nConnection: keep-alive\r\n\r\n";

/// 64 bytes to a coroutine that sends them back.
pub(super) fn echo_roundtrip(times: usize) -> Prepared {
    ask(times, &[b'x'; 64], 1, |stream| {
        drop(IoLoop::current().spawn(async move {
            while let Ok(bytes) = stream.read_partial(65_536).await {
                if stream.write(bytes).await.is_err() {
                    break;
                }
            }
        }));
    })
}

/// One request and its answer, on a connection that has seen others.
pub(super) fn http_keep_alive_request(times: usize) -> Prepared {
    ask(times, REQUEST.as_bytes(), 1, |stream| serve(&stream, closure()))
}

/// Sixteen requests in one packet, and their answers.
pub(super) fn http_pipelined_16(times: usize) -> Prepared {
    ask(times, REQUEST.as_bytes(), 16, |stream| serve(&stream, closure()))
}

/// The same through routes, handlers and exchanges.
pub(super) fn web_keep_alive_request(times: usize) -> Prepared {
    ask(times, REQUEST.as_bytes(), 1, |stream| {
        let application = Application::new()
            .route("/plaintext", Hello)
            .settings(Settings { access_log: false, ..Settings::default() })
            .build();
        serve(&stream, application.expect("a valid route"));
    })
}

struct Hello;

impl RequestHandler for Hello {
    async fn get(&self, mut req: Exchange) -> HandlerResult {
        req.set_header("Content-Type", "text/plain")?;
        Ok(req.finish(BODY))
    }
}

fn closure() -> impl Service {
    let mut headers = Headers::new();
    headers.set("Content-Type", "text/plain").expect("a valid header");
    move |_: Request, responder: Responder| {
        responder.send(Status::OK, "OK", &headers, BODY.as_bytes());
    }
}

fn serve(stream: &IoStream, service: impl Service + 'static) {
    HttpServer::new(service).add_stream(stream);
}

/// Does the first round at once, which also tells how long an answer is; `several` messages make one packet.
fn ask(times: usize, message: &[u8], several: usize, serve: fn(IoStream)) -> Prepared {
    let io_loop = Closing::new();
    let (near, far) = connected();
    io_loop
        .0
        .run_sync(async move {
            let far: Box<dyn Transport> = Box::new(TcpTransport::try_from(far).expect("a socket"));
            serve(IoStream::new(far));
        })
        .expect("the server starts");
    let client = Rc::new(Client::new(near, message.repeat(several)));
    let (stop, share) = (io_loop.0.clone(), Rc::clone(&client));
    let mut buffer = vec![0; 65_536];
    let heard = move |_: &TcpStream, _| share.read(&mut buffer, &stop);
    let stream = Rc::clone(&client.stream);
    io_loop.0.add_handler(stream, Interest::READABLE, heard).expect("the loop watches");
    client.learn(&io_loop.0, message, several);
    Box::new(move || client.rounds(&io_loop.0, times))
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    near.set_nonblocking(true).expect("a socket");
    near.set_nodelay(true).expect("a socket");
    (near, listener.accept().expect("a connection").0)
}

struct Client {
    stream: Rc<TcpStream>,
    packet: Vec<u8>,
    /// How long the answer to a whole packet is; zero until the first has been seen.
    answer: Cell<usize>,
    /// Bytes of this answer that are here.
    here: Cell<usize>,
    left: Cell<usize>,
}

impl Client {
    fn new(stream: TcpStream, packet: Vec<u8>) -> Self {
        let (answer, here, left) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { stream: Rc::new(stream), packet, answer, here, left }
    }

    fn write(&self, packet: &[u8]) {
        (&*self.stream).write_all(packet).expect("the socket has room");
    }

    /// Sends one message and takes whatever comes first for its whole answer.
    fn learn(&self, io_loop: &IoLoop, message: &[u8], several: usize) {
        self.write(message);
        self.left.set(1);
        io_loop.start().expect("the loop runs");
        self.answer.set(self.here.replace(0) * several);
    }

    fn rounds(&self, io_loop: &IoLoop, times: usize) {
        self.left.set(times);
        self.write(&self.packet);
        io_loop.start().expect("the loop runs");
        assert_eq!(self.left.get(), 0, "the server has closed");
    }

    /// Called when there is something to read.
    fn read(&self, buffer: &mut [u8], io_loop: &IoLoop) {
        let Ok(count @ 1..) = (&*self.stream).read(buffer) else { return io_loop.stop() };
        let here = self.here.get() + count;
        self.here.set(here);
        if here < self.answer.get() {
            return;
        }
        self.left.set(self.left.get() - 1);
        if self.answer.get() == 0 || self.left.get() == 0 {
            io_loop.stop();
        }
        if self.answer.get() != 0 {
            assert_eq!(here, self.answer.get(), "the server says something else");
            self.here.set(0);
            if self.left.get() > 0 {
                self.write(&self.packet);
            }
        }
    }
}
