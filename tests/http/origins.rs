//! Where a request comes from, and whom to believe about it.
//!
//! Owns the tables of proxy headers, for trusted peers and for strangers. Unix sockets, which have
//! no address, are here too.

use std::net::IpAddr;
use std::rc::Rc;

use squall::http::{Headers, HttpServer, Protocol, Request, Responder, Status, Trusted};
use squall::iostream::IoStream;
use squall::net::{Address, Listen, bind_unix_socket};

use super::client::{Client, listen};
use super::support::run_on_each_backend;

/// Answers with what the server believes.
fn origin(request: Request, responder: Responder) {
    let text = format!("{} {}", request.remote_ip(), request.protocol());
    responder.send(Status::OK, "", &Headers::new(), text.as_bytes());
}

/// What the server believes of a request with these header lines.
async fn believed(client: &Client, lines: &str) -> String {
    client.send(format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
    client.answer().await.1
}

#[test]
fn t102_f135_f137_s108_headers_of_a_trusted_proxy() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(origin).xheaders(Trusted::loopback()));
        let client = Client::connect(&server).await;
        for (lines, expected) in [
            ("", "127.0.0.1 http"),
            ("X-Real-Ip: 4.4.4.4\r\n", "4.4.4.4 http"),
            ("X-Real-Ip: 2620:0:1cfe:face:b00c::3\r\n", "2620:0:1cfe:face:b00c::3 http"),
            ("X-Forwarded-For: 127.0.0.1, 4.4.4.4\r\n", "4.4.4.4 http"),
            ("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 4.4.4.4\r\n", "4.4.4.4 http"),
            ("X-Forwarded-For: ::1, 2620:0:1cfe:face:b00c::3\r\n", "2620:0:1cfe:face:b00c::3 http"),
            ("X-Real-Ip: 4.4.4.4<script>\r\n", "127.0.0.1 http"),
            ("X-Forwarded-For: 4.4.4.4, 5.5.5.5<script>\r\n", "127.0.0.1 http"),
            ("X-Real-Ip: www.google.com\r\n", "127.0.0.1 http"),
            ("X-Real-Ip: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n", "1.1.1.1 http"),
            ("X-Scheme: https\r\n", "127.0.0.1 https"),
            ("X-Forwarded-Proto: https\r\n", "127.0.0.1 https"),
            ("X-Forwarded-Proto: https , http\r\n", "127.0.0.1 http"),
            ("X-Forwarded-Proto: http,https\r\n", "127.0.0.1 https"),
            ("X-Forwarded-Proto: unknown\r\n", "127.0.0.1 http"),
            ("", "127.0.0.1 http"), // S108: nothing is left of the requests before
        ] {
            assert_eq!(believed(&client, lines).await, expected, "{lines:?}");
        }
    });
}

#[test]
fn s107_f136_further_proxies_are_skipped() {
    run_on_each_backend(async || {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = Trusted::loopback().downstream([ip("5.5.5.5"), ip("6.6.6.6")]);
        let server = listen(HttpServer::new(origin).xheaders(trusted));
        let client = Client::connect(&server).await;
        for (list, expected) in [
            ("127.0.0.1, 4.4.4.4, 5.5.5.5", "4.4.4.4 http"),
            ("127.0.0.1, 4.4.4.4, 5.5.5.5, 6.6.6.6", "4.4.4.4 http"),
            ("4.4.4.4, 5.5.5.5, 7.7.7.7", "7.7.7.7 http"),
            ("6.6.6.6, 5.5.5.5", "6.6.6.6 http"), // all ours: the leftmost
        ] {
            assert_eq!(believed(&client, &format!("X-Forwarded-For: {list}\r\n")).await, expected);
        }
    });
}

#[test]
fn s178_haz08_s177_strangers_are_not_believed() {
    run_on_each_backend(async || {
        let lines = "X-Real-Ip: 4.4.4.4\r\nX-Scheme: https\r\n";
        let elsewhere = Trusted::peers(["10.0.0.1".parse().unwrap()]);
        for (server, expected) in [
            (HttpServer::new(origin), "127.0.0.1 http"),
            (HttpServer::new(origin).xheaders(elsewhere), "127.0.0.1 http"),
            (HttpServer::new(origin).xheaders(Trusted::everyone()), "4.4.4.4 https"),
        ] {
            let server = listen(server);
            let client = Client::connect(&server).await;
            assert_eq!(believed(&client, lines).await, expected);
        }
    });
}

#[test]
fn s109_f139_the_protocol_may_be_known_otherwise() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(origin).protocol(Protocol::Https));
        let client = Client::connect(&server).await;
        assert_eq!(believed(&client, "").await, "127.0.0.1 https");
    });
}

#[test]
fn t103_f140_unix_sockets() {
    run_on_each_backend(async || {
        let path = std::env::temp_dir().join(format!("squall-http-{}.socket", std::process::id()));
        let listener = Rc::new(bind_unix_socket(&path, 0o600, 8).unwrap());
        let server = HttpServer::new(origin).name("").xheaders(Trusted::loopback());
        server.add_listener(listener as Rc<dyn Listen>).unwrap();
        assert_eq!(server.addresses(), [Address::from(path.as_path())]);
        let connect = async || Client { stream: IoStream::connect(path.as_path()).await.unwrap() };
        let client = connect().await;
        assert_eq!(believed(&client, "").await, "0.0.0.0 http");
        assert_eq!(believed(&client, "X-Real-Ip: 4.4.4.4\r\n").await, "4.4.4.4 http");
        let garbage = connect().await;
        garbage.send("garbage\r\n\r\n");
        let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(garbage.rest().await, refusal);
        server.stop();
        let _ = std::fs::remove_file(&path);
    });
}
