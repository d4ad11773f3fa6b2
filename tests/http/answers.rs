//! Answers: their framing, their order, their mistakes.
//!
//! Knows the public API and `client.rs` only. How an answer is written byte by byte is a table in
//! `tests/proto_http1.rs`.

use squall::http::{Headers, HttpServer, Request, Responder, Status};
use squall::ioloop::IoLoop;
use squall::log;

use super::client::{Client, GET, Kept, ask, echo, listen, post, slow, until};
use super::support::{run_on_each_backend, run_virtually};

#[test]
fn f141_f144_f145_t129_requests_of_one_connection_are_answered_in_order() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo));
        let client = Client::connect(&server).await;
        client.send(GET);
        assert_eq!(
            client.answer().await,
            ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n".into(), "GET /a".into())
        );
        client.send(format!("{}\r\n{}{GET}", post("one"), post("two")));
        for expected in ["200 POST /a one", "200 POST /a two", "200 GET /a"] {
            assert_eq!(client.brief().await, expected);
        }
        for byte in post("drip").bytes() {
            client.stream.write([byte]).await.unwrap();
            squall::coroutine::yield_now().await;
        }
        assert_eq!(client.brief().await, "200 POST /a drip");
    });
}

#[test]
fn t129_a_slow_answer_holds_the_next_back() {
    run_virtually(async |_| {
        let server = listen(HttpServer::new(slow));
        let client = Client::connect(&server).await;
        let get = |path: &str| format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n");
        client.send([get("200"), get("0"), get("100"), get("0?last")].concat());
        for expected in ["200 /200", "200 /0", "200 /100", "200 /0?last"] {
            assert_eq!(client.brief().await, expected);
        }
    });
}

#[test]
fn t129_a_long_pipeline_leaves_others_their_turn() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo));
        let (greedy, modest) = (Client::connect(&server).await, Client::connect(&server).await);
        greedy.send(GET.repeat(1_000));
        modest.send(GET);
        assert_eq!(modest.brief().await, "200 GET /a");
        for _ in 0..1_000 {
            assert_eq!(greedy.brief().await, "200 GET /a");
        }
    });
}

#[test]
fn f145_a_client_may_vanish_between_pipelined_requests() {
    run_on_each_backend(async || {
        let log = log::capture();
        let server = listen(HttpServer::new(slow));
        let client = Client::connect(&server).await;
        client.send("GET /5 HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2));
        client.brief().await;
        client.stream.close();
        until(|| server.connection_count() == 0).await;
        assert!(log.messages().is_empty(), "{:?}", log.messages());
    });
}

#[test]
fn f142_f143_t113_s165_closing() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo));
        let close = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        assert_eq!(
            ask(&server, close).await,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nGET /"
        );
        assert_eq!(
            ask(&server, "GET / HTTP/1.0\r\n\r\n").await,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nGET /"
        );
        let client = Client::connect(&server).await;
        for _ in 0..2 {
            client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            assert!(client.answer().await.0.contains("\r\nConnection: Keep-Alive\r\n"));
        }
        let once = listen(HttpServer::new(echo).no_keep_alive());
        let answers = ask(&once, GET.repeat(2)).await;
        assert_eq!(
            answers,
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nGET /a"
        );
    });
}

/// Streams `a`, then `b` after a turn.
fn pieces(_: Request, responder: Responder) {
    responder.start(Status::OK, "", &Headers::new());
    responder.write(b"a");
    drop(IoLoop::current().spawn(async move {
        responder.flush().await;
        squall::coroutine::yield_now().await;
        responder.write(b"bc");
        responder.finish();
    }));
}

#[test]
fn f149_t123_streamed_answers() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(pieces));
        let client = Client::connect(&server).await;
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.answer().await.0, "HTTP/1.1 200 OK\r\n\r\n");
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        assert_eq!(client.rest().await, format!("{head}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"));
        assert_eq!(ask(&server, "GET / HTTP/1.0\r\n\r\n").await, "HTTP/1.1 200 OK\r\n\r\nabc"); // F160
    });
}

#[test]
fn server_and_date_are_of_this_second() {
    run_virtually(async |io_loop: IoLoop| {
        let server = HttpServer::new(echo);
        server.listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let client = Client::connect(&server).await;
        for _ in 0..3 {
            client.send(GET);
            let head = client.stream.read_until(b"\r\n\r\n", None).await.unwrap();
            client.stream.read_bytes(6).await.unwrap();
            let head = String::from_utf8(head).unwrap();
            let date = head.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
            assert_eq!(
                squall::http::parse_date(date).unwrap().as_secs(),
                io_loop.wall_time().as_secs()
            );
            assert!(head.contains("\r\nServer: squall/"));
            squall::coroutine::sleep(std::time::Duration::from_millis(700)).await;
        }
    });
}

#[test]
fn a_request_without_an_answer_gets_500_and_so_does_a_panic() {
    run_on_each_backend(async || {
        let log = log::capture();
        let server = listen(HttpServer::new(|request: Request, responder: Responder| {
            match request.path() {
                "/panic" => panic!("on purpose"),
                "/half" => {
                    responder.start(Status::OK, "", &Headers::new());
                    responder.write(b"half");
                }
                _ => {} // dropped
            }
        }));
        let client = Client::connect(&server).await;
        client.send(GET);
        assert_eq!(client.brief().await, "500 ");
        client.send("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.brief().await, "500 ");
        assert!(
            !ask(&server, "GET /half HTTP/1.1\r\nHost: h\r\n\r\n").await.ends_with("0\r\n\r\n")
        );
        let messages = log.messages();
        assert_eq!(messages[0], "a request was dropped without an answer");
        assert!(
            messages[1].contains("on purpose") && messages[1].contains("answers.rs"),
            "{messages:?}"
        );
        assert_eq!(messages.len(), 3);
    });
}

#[test]
fn s043_f153_t124_mistakes_of_a_service_are_logged_and_do_no_harm() {
    run_on_each_backend(async || {
        let log = log::capture();
        let server = listen(HttpServer::new(|request: Request, responder: Responder| {
            let mut headers = Headers::new();
            match request.path() {
                "/twice" => {
                    responder.send(Status::OK, "", &headers, b"first");
                    responder.send(Status::OK, "", &headers, b"second");
                }
                "/length" => {
                    headers.set("Content-Length", "foo").unwrap();
                    responder.send(Status::OK, "", &headers, b"");
                }
                "/more" => {
                    headers.set("Content-Length", "2").unwrap();
                    responder.start(Status::OK, "", &headers);
                    responder.write(b"abc");
                }
                _ => {
                    headers.set("Content-Length", "2").unwrap();
                    responder.start(Status::OK, "", &headers);
                    responder.write(b"a");
                    responder.finish();
                }
            }
        }));
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let client = Client::connect(&server).await;
        client.send(get("/twice") + &get("/length"));
        assert_eq!(client.brief().await, "200 first");
        assert_eq!(client.brief().await, "500 ");
        assert_eq!(
            ask(&server, get("/more")).await,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        );
        assert_eq!(
            ask(&server, get("/less")).await,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"
        );
        let messages = log.messages();
        let starts = [
            "an answer after the response was finished",
            "content-length is not a number",
            "tried to write more data than content-length",
            "tried to write 1 bytes less than content-length",
        ];
        assert_eq!(messages.len(), starts.len(), "{messages:?}");
        assert!(
            messages.iter().zip(starts).all(|(text, start)| text.starts_with(start)),
            "{messages:?}"
        );
    });
}

#[test]
fn t128_an_upgraded_connection_is_somebody_elses() {
    run_on_each_backend(async || {
        let kept = Kept::default();
        let server = listen(HttpServer::new(kept.service()));
        let client = Client::connect(&server).await;
        client.send(format!("{GET}early"));
        let mut headers = Headers::new();
        headers.set("Connection", "Upgrade").unwrap();
        headers.set("Upgrade", "shout").unwrap();
        let stream = kept.next().await.upgrade(&headers).unwrap();
        assert_eq!(server.connection_count(), 0);
        assert_eq!(stream.read_bytes(5).await.unwrap(), b"early");
        stream.write("EARLY").await.unwrap();
        let head = client.answer().await.0;
        assert_eq!(
            head,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"
        );
        assert_eq!(client.stream.read_bytes(5).await.unwrap(), b"EARLY");
        client.send("late");
        assert_eq!(stream.read_bytes(4).await.unwrap(), b"late");
    });
}

#[test]
fn the_access_hook_hears_of_every_answer() {
    run_on_each_backend(async || {
        let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let hears = heard.clone();
        let server = listen(HttpServer::new(echo).on_access(move |access| {
            let status = access.status.unwrap().code();
            hears
                .borrow_mut()
                .push(format!("{} {status} {}", access.request_line, access.remote_ip));
        }));
        ask(&server, format!("{GET}GET /b HTTP/1.0\r\n\r\n")).await;
        ask(&server, "POST / HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n").await;
        let expected = ["GET /a 200 127.0.0.1", "GET /b 200 127.0.0.1", "POST / 413 127.0.0.1"];
        assert_eq!(*heard.borrow(), expected);
    });
}
