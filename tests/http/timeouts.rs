//! Deadlines, in virtual time: an hour passes while nobody waits.
//!
//! Owns the tests of every time limit a server has. The sockets are real, only the clock is not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{HttpServer, Limits};
use squall::ioloop::IoLoop;

use super::client::{Client, GET, echo, listen, post, slow, until};
use super::support::run_virtually;

/// How many seconds pass before the server closes; what it says is expected to be `said`.
async fn closes_after(io_loop: &IoLoop, client: &Client, said: &str) -> u64 {
    let start = io_loop.time();
    assert_eq!(client.rest().await, said);
    (io_loop.time() - start).as_secs()
}

fn limits() -> Limits {
    Limits {
        idle_time_max: Duration::from_secs(10),
        head_time_max: Duration::from_secs(20),
        body_time_max: Duration::from_secs(30),
        ..Limits::default()
    }
}

#[test]
fn f155_s168_idle_connections_are_closed() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(echo).limits(limits()));
        let unused = Client::connect(&server).await;
        assert_eq!(closes_after(&io_loop, &unused, "").await, 10);
        let used = Client::connect(&server).await;
        for _ in 0..4 {
            used.send(GET);
            assert_eq!(used.brief().await, "200 GET /a");
            sleep(Duration::from_secs(9)).await; // each request begins a new ten seconds
        }
        assert_eq!(closes_after(&io_loop, &used, "").await, 1);
    });
}

#[test]
fn t127_haz06_slow_heads_are_cut_off_without_an_answer() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(echo).limits(limits()));
        let client = Client::connect(&server).await;
        let start = io_loop.time();
        for byte in GET.bytes().take(18) {
            client.send([byte]); // every second another byte keeps nothing alive
            sleep(Duration::from_secs(1)).await;
        }
        let fast = Client::connect(&server).await;
        fast.send(GET);
        assert_eq!(fast.brief().await, "200 GET /a");
        client.rest().await;
        assert_eq!((io_loop.time() - start).as_secs(), 20);
    });
}

#[test]
fn f158_s170_slow_bodies_are_cut_off_without_an_answer() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(echo).limits(limits()));
        let client = Client::connect(&server).await;
        let request = post("0123456789");
        client.send(&request[..request.len() - 1]);
        assert_eq!(closes_after(&io_loop, &client, "").await, 30);
        // A deadline that is shorter than the timer which waits for the idle one.
        let hurried = Limits { body_time_max: Duration::from_secs(1), ..limits() };
        let server = listen(HttpServer::new(echo).limits(hurried));
        let client = Client::connect(&server).await;
        client.send(&request[..request.len() - 1]);
        assert_eq!(closes_after(&io_loop, &client, "").await, 1);
    });
}

#[test]
fn handlers_have_all_the_time_they_want() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(slow).limits(limits()));
        let client = Client::connect(&server).await;
        client.send("GET /3600000 HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.brief().await, "200 /3600000");
        assert_eq!(closes_after(&io_loop, &client, "").await, 10);
    });
}

/// A refused client that goes on sending is listened to for two seconds, so that it can read why.
#[test]
fn t115_lingering_ends() {
    run_virtually(async |io_loop: IoLoop| {
        let server = listen(HttpServer::new(echo));
        let address = server.addresses()[0].socket_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap(); // our own streams would close politely
        client.write_all(b"asdf\r\n\r\n").unwrap();
        until(|| server.connection_count() == 1).await;
        let start = io_loop.time();
        while server.connection_count() > 0 {
            client.write_all(b"still here").unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap_or_default(); // the answer, or a reset after it
        assert_eq!((io_loop.time() - start).as_secs(), 2);
    });
}
