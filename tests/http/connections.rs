//! Connections: how they end, and what is left of them.
//!
//! Owns the tests of closing in all its forms: by the client, by the server, by half, by mistake.
//! What takes time is in `timeouts.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{Headers, HttpServer, Limits, Request, Responder, Status};
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::log;

use super::client::{Client, GET, Kept, ask, echo, listen, slow, until};
use super::support::{on_each_backend, run, run_on_each_backend, run_virtually};

const REFUSAL: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn t121_f127_f128_f129_bad_requests_are_refused_and_logged_as_information() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo));
        for (request, reason) in [
            ("asdf\r\n\r\n", "malformed request line"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "malformed header name"),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "missing, repeated or malformed Host"),
            ("GET / HTTP/1.1\nHost: a\n\n", "line does not end in CR LF"),
            (
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n1",
                "malformed or repeated Content-Length",
            ),
        ] {
            let log = log::capture();
            assert_eq!(ask(&server, request).await, REFUSAL, "{request:?}");
            let records = log.records();
            assert_eq!(records.len(), 1, "{records:?}");
            assert_eq!(records[0].level, log::Level::Info);
            assert!(
                records[0].message.starts_with("refused a request from 127.0.0.1:"),
                "{records:?}"
            );
            assert!(records[0].message.ends_with(reason), "{records:?}");
        }
        let answers = ask(&server, format!("{GET}asdf\r\n\r\n{GET}")).await;
        assert_eq!(answers, format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nGET /a{REFUSAL}"));
    });
}

#[test]
fn f121_t142_lenient_servers_take_bare_line_feeds() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo).lenient());
        assert!(ask(&server, "GET / HTTP/1.0\nA: b\n c\n\n").await.ends_with("GET /"));
    });
}

#[test]
fn f154_s167_heads_that_are_too_large() {
    run_on_each_backend(async || {
        let limits = Limits { head_bytes_max: 1024, ..Limits::default() };
        let server = listen(HttpServer::new(echo).limits(limits));
        let get = |size: usize| format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "x".repeat(size));
        assert!(ask(&server, get(900)).await.starts_with("HTTP/1.1 200 "));
        assert!(ask(&server, get(1002)).await.starts_with("HTTP/1.1 431 "));
        assert!(ask(&server, get(1_000_000)).await.starts_with("HTTP/1.1 431 "));
        let default = listen(HttpServer::new(echo));
        assert!(ask(&default, get(65 * 1024)).await.starts_with("HTTP/1.1 431 "));
        assert!(ask(&default, get(60 * 1024)).await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn f126_a_connection_without_a_request_leaves_no_trace() {
    run_on_each_backend(async || {
        let log = log::capture();
        let server = listen(HttpServer::new(echo));
        let client = Client::connect(&server).await;
        until(|| server.connection_count() == 1).await;
        client.stream.close();
        until(|| server.connection_count() == 0).await;
        assert!(log.messages().is_empty(), "{:?}", log.messages());
    });
}

#[test]
fn t130_s183_f147_a_client_that_leaves_is_noticed_while_the_handler_waits() {
    run_on_each_backend(async || {
        let log = log::capture();
        let kept = Kept::default();
        let server = listen(HttpServer::new(kept.service()));
        let client = Client::connect(&server).await;
        client.send(GET);
        let responder = kept.next().await;
        let told = Rc::new(Cell::new(false));
        let (tell, finish) = (Rc::clone(&told), responder.clone());
        responder.on_close(move || {
            finish.send(Status::OK, "", &Headers::new(), b"too late"); // F147
            tell.set(true);
        });
        client.stream.close();
        until(|| told.get() && server.connection_count() == 0).await;
        until(|| responder.is_closed()).await;
        assert!(log.messages().is_empty(), "{:?}", log.messages());
        // Whoever asks afterwards hears of it as well.
        let late = Rc::new(Cell::new(false));
        let tell = Rc::clone(&late);
        responder.on_close(move || tell.set(true));
        until(|| late.get()).await;
    });
}

#[test]
fn t183_a_reset_is_noticed_although_the_next_request_waits() {
    run_on_each_backend(async || {
        let kept = Kept::default();
        let server = listen(HttpServer::new(kept.service()));
        let client = Client::connect(&server).await;
        client.send(GET.repeat(3));
        let first = kept.next().await;
        first.send(Status::OK, "", &Headers::new(), b"never read, so that closing is a reset");
        let responder = kept.next().await;
        let told = Rc::new(Cell::new(false));
        let tell = Rc::clone(&told);
        responder.on_close(move || tell.set(true));
        client.stream.close();
        until(|| told.get() && server.connection_count() == 0).await;
    });
}

#[test]
fn t130_the_callback_is_forgotten_with_the_answer() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(|_: Request, responder: Responder| {
            responder.on_close(|| panic!("the answer is out"));
            responder.send(Status::OK, "", &Headers::new(), b"");
        }));
        let client = Client::connect(&server).await;
        client.send(GET);
        assert_eq!(client.brief().await, "200 ");
        client.stream.close();
        until(|| server.connection_count() == 0).await;
    });
}

#[test]
fn a_client_that_closes_its_own_half_still_gets_its_answers() {
    run_on_each_backend(async || {
        for (service, request) in
            [(false, GET.repeat(3)), (true, "GET /20 HTTP/1.1\r\nHost: h\r\n\r\n".repeat(3))]
        {
            let server =
                listen(if service { HttpServer::new(slow) } else { HttpServer::new(echo) });
            let client = Client::connect(&server).await;
            client.send(request);
            client.stream.finish_writing();
            assert_eq!(client.rest().await.matches("200 OK").count(), 3);
            until(|| server.connection_count() == 0).await;
        }
    });
}

#[test]
fn f146_a_client_that_leaves_in_the_middle_of_a_download() {
    run_on_each_backend(async || {
        let log = log::capture();
        let done = Rc::new(Cell::new(0));
        let count = Rc::clone(&done);
        let server = listen(HttpServer::new(move |_: Request, responder: Responder| {
            let count = Rc::clone(&count);
            drop(IoLoop::current().spawn(async move {
                responder.start(Status::OK, "", &Headers::new());
                while !responder.is_closed() {
                    responder.write(&vec![b'x'; 65_536]);
                    responder.flush().await;
                    count.set(count.get() + 1);
                }
            }));
        }));
        let client = Client::connect(&server).await;
        client.send(GET);
        client.stream.read_bytes(500_000).await.unwrap();
        client.stream.close();
        until(|| server.connection_count() == 0).await;
        assert!((1..1_000).contains(&done.get()), "{} pieces: nobody waited", done.get());
        assert!(log.messages().is_empty(), "{:?}", log.messages());
    });
}

#[test]
fn t104_t106_s102_stopping_and_closing() {
    run_virtually(async |_| {
        let server = listen(HttpServer::new(slow));
        let (idle, busy) = (Client::connect(&server).await, Client::connect(&server).await);
        busy.send("GET /300 HTTP/1.1\r\nHost: h\r\n\r\n");
        until(|| server.connection_count() == 2).await;
        let address = server.addresses()[0].clone();
        server.stop();
        server.stop();
        IoStream::connect(address).await.unwrap_err();
        let closed = server.close_all_connections();
        assert_eq!(idle.rest().await, "");
        assert!(!closed.done());
        assert!(busy.rest().await.ends_with("Connection: close\r\n\r\n/300"));
        closed.await.unwrap();
        assert_eq!(server.connection_count(), 0);
        server.close_all_connections().await.unwrap();
    });
}

#[test]
fn haz06_connections_have_a_cap() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(echo).connections_max(2));
        let (one, two) = (Client::connect(&server).await, Client::connect(&server).await);
        until(|| server.connection_count() == 2).await;
        assert_eq!(ask(&server, GET).await, "");
        one.stream.close();
        until(|| server.connection_count() == 1).await;
        assert!(ask(&server, "GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        two.send(GET);
        assert_eq!(two.brief().await, "200 GET /a");
    });
}

#[test]
fn s174_two_servers_on_one_loop() {
    run_on_each_backend(async || {
        let one = listen(HttpServer::new(|_: Request, responder: Responder| {
            responder.send(Status::OK, "", &Headers::new(), b"one");
        }));
        let two = listen(HttpServer::new(echo));
        assert!(ask(&one, "GET / HTTP/1.0\r\n\r\n").await.ends_with("one"));
        assert!(ask(&two, "GET / HTTP/1.0\r\n\r\n").await.ends_with("GET /"));
    });
}

#[test]
fn nothing_is_left_when_the_loop_is_dropped() {
    on_each_backend(|io_loop| {
        let witness = Rc::new(());
        let held = Rc::clone(&witness);
        let clients = run(io_loop, async move {
            let server = listen(HttpServer::new(move |request: Request, responder: Responder| {
                let held = Rc::clone(&held);
                match request.path() {
                    "/wait" => drop(IoLoop::current().spawn(async move {
                        sleep(Duration::from_secs(3600)).await;
                        drop((held, request, responder));
                    })),
                    _ => echo(request, responder),
                }
            }));
            let mut clients = Vec::new();
            for index in 0..20 {
                let client = Client::connect(&server).await;
                for _ in 0..50 {
                    client.send(GET);
                    client.brief().await;
                }
                if index % 2 == 0 {
                    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"); // pending for ever
                }
                clients.push(client);
            }
            until(|| server.connection_count() == 20).await;
            sleep(Duration::from_millis(5)).await;
            server.stop();
            clients
        });
        io_loop.close();
        drop(clients);
        assert_eq!(Rc::strong_count(&witness), 1);
    });
}
