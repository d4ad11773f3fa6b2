//! Clients that ask faster than they read: their answers arrive whole, and cost bounded memory.
//!
//! Owns the tests of everything that may happen while an answer is only partly sent. Time is
//! virtual, and the answers are larger than what the kernel keeps for a connection.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{BodyPlan, Headers, HttpServer, Limits, Request, RequestHead, Responder};
use squall::http::{Service, Status};
use squall::ioloop::IoLoop;

use super::client::{Client, GET, Kept, listen, until};
use super::support::run_virtually;

const LARGE: usize = 32 * 1024 * 1024;

/// Answers with `length` bytes, and counts.
struct Large {
    length: usize,
    calls: Rc<Cell<usize>>,
    streamed: bool,
}

impl Large {
    fn new(length: usize) -> (Self, Rc<Cell<usize>>) {
        let calls = Rc::new(Cell::new(0));
        (Self { length, calls: Rc::clone(&calls), streamed: false }, calls)
    }
}

impl Service for Large {
    fn plan(&self, _: &RequestHead) -> BodyPlan {
        if self.streamed { BodyPlan::streamed() } else { BodyPlan::buffered() }
    }

    fn call(&self, _: Request, responder: Responder) {
        self.calls.set(self.calls.get() + 1);
        responder.send(Status::OK, "", &Headers::new(), &vec![b'x'; self.length]);
    }
}

/// How many bytes of bodies come until the server closes.
async fn body_bytes(client: &Client) -> usize {
    client.rest().await.bytes().filter(|byte| *byte == b'x').count()
}

#[test]
fn a_client_that_closes_its_half_gets_the_whole_answer() {
    run_virtually(async |_| {
        let server = listen(HttpServer::new(Large::new(LARGE).0));
        let client = Client::connect(&server).await;
        client.send(GET);
        client.stream.finish_writing();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(body_bytes(&client).await, LARGE);
        until(|| server.connection_count() == 0).await;
    });
}

#[test]
fn an_answer_in_a_close_callback_arrives_whole() {
    run_virtually(async |_| {
        let kept = Kept::default();
        let server = listen(HttpServer::new(kept.service()));
        let client = Client::connect(&server).await;
        client.send(GET);
        let responder = kept.next().await;
        let late = responder.clone();
        responder.on_close(move || {
            late.send(Status::OK, "", &Headers::new(), &vec![b'x'; LARGE]);
        });
        client.stream.finish_writing();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(body_bytes(&client).await, LARGE);
    });
}

#[test]
fn the_idle_time_does_not_cut_an_answer_short() {
    run_virtually(async |_| {
        let limits = Limits { idle_time_max: Duration::from_secs(10), ..Limits::default() };
        let server = listen(HttpServer::new(Large::new(LARGE).0).limits(limits));
        let client = Client::connect(&server).await;
        client.send(GET);
        sleep(Duration::from_secs(15)).await;
        assert_eq!(body_bytes(&client).await, LARGE);
        until(|| server.connection_count() == 0).await;
    });
}

#[test]
fn an_early_answer_is_not_cut_short() {
    run_virtually(async |_| {
        let service = Large { streamed: true, ..Large::new(LARGE).0 };
        let server = listen(HttpServer::new(service));
        let client = Client::connect(&server).await;
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
        sleep(Duration::from_secs(5)).await;
        assert_eq!(body_bytes(&client).await, LARGE);
        until(|| server.connection_count() == 0).await;
    });
}

#[test]
fn t104_closing_all_connections_does_not_cut_an_answer_short() {
    run_virtually(async |_| {
        let (service, calls) = Large::new(LARGE);
        let server = listen(HttpServer::new(service));
        let client = Client::connect(&server).await;
        client.send(GET);
        until(|| calls.get() == 1).await;
        let closed = server.close_all_connections();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(body_bytes(&client).await, LARGE);
        closed.await.unwrap();
    });
}

#[test]
fn t129_who_does_not_read_is_not_answered_any_further() {
    run_virtually(async |_| {
        let (service, calls) = Large::new(1024 * 1024);
        let server = listen(HttpServer::new(service));
        let client = Client::connect(&server).await;
        client.send(GET.repeat(100));
        sleep(Duration::from_secs(1)).await;
        let answered = calls.get();
        assert!(answered < 50, "{answered} answers are in memory");
        for _ in 0..100 {
            assert_eq!(client.answer().await.1.len(), 1024 * 1024);
        }
        assert_eq!(calls.get(), 100);
    });
}

#[test]
fn who_never_reads_is_given_up() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(Large::new(1024 * 1024).0));
        let client = Client::connect(&server).await;
        client.send(GET.repeat(100));
        let start = io_loop.time();
        until(|| server.connection_count() == 1).await;
        while server.connection_count() == 1 {
            sleep(Duration::from_secs(1)).await;
        }
        let seconds = (io_loop.time() - start).as_secs();
        assert!((60..=130).contains(&seconds), "{seconds} s");
    });
}
