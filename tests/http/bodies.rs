//! Bodies: gathered, streamed, too large, compressed.
//!
//! Owns a service that reads its bodies in pieces and tells their sizes. Where a body ends is a
//! table in `tests/proto_http1.rs`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::sleep;
use squall::http::{BodyPlan, Headers, HttpServer, Limits, Request, RequestHead, Responder};
use squall::http::{Service, Status};
use squall::ioloop::IoLoop;
use squall::log;

use super::client::{Client, GET, ask, chunked, echo, listen, post, until};
use super::support::run_on_each_backend;

/// Reads a body as a stream and answers with the sizes of its pieces.
struct Pieces {
    /// What is read is noted here as well.
    read: Rc<RefCell<Vec<String>>>,
    /// How long to wait between two pieces.
    pause: Duration,
}

impl Service for Pieces {
    fn plan(&self, head: &RequestHead) -> BodyPlan {
        match head.path() {
            "/large" => BodyPlan::streamed().limit(20_000),
            _ => BodyPlan::streamed(),
        }
    }

    fn call(&self, mut request: Request, responder: Responder) {
        let (read, pause) = (Rc::clone(&self.read), self.pause);
        drop(IoLoop::current().spawn(async move {
            let mut body = request.body_stream().unwrap();
            let mut sizes = Vec::new();
            while let Some(piece) = body.next_piece().await {
                let note =
                    piece.map_or_else(|error| error.to_string(), |piece| piece.len().to_string());
                read.borrow_mut().push(note.clone());
                sizes.push(note);
                if sizes.last().unwrap().parse::<usize>().is_err() {
                    return;
                }
                sleep(pause).await;
            }
            responder.send(Status::OK, "", &Headers::new(), sizes.join(",").as_bytes());
        }));
    }
}

fn streaming(limits: Limits, pause: Duration) -> (Rc<HttpServer>, Rc<RefCell<Vec<String>>>) {
    let read = Rc::new(RefCell::default());
    let service = Pieces { read: Rc::clone(&read), pause };
    (listen(HttpServer::new(service).limits(limits)), read)
}

#[test]
fn f130_haz01_chunks_are_assembled() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(|request: Request, responder: Responder| {
            let length = request.body().len().to_string();
            responder.send(Status::OK, "", &Headers::new(), length.as_bytes());
        }));
        let client = Client::connect(&server).await;
        client.send(chunked(&[3, 20_000, 1]));
        assert_eq!(client.brief().await, "200 20004");
        client.send(chunked(&vec![1; 250_000]));
        assert_eq!(client.brief().await, "200 250000");
    });
}

#[test]
fn f151_s166_t153_streamed_pieces_have_a_largest_size() {
    run_on_each_backend(async || {
        let limits = Limits { piece_bytes_max: 16, ..Limits::default() };
        let (server, _) = streaming(limits, Duration::ZERO);
        let client = Client::connect(&server).await;
        client.send(post(&"x".repeat(50)));
        assert_eq!(client.brief().await, "200 16,16,16,2");
        client.send(chunked(&[20, 30]));
        let (_, sizes) = client.answer().await;
        let sizes: Vec<usize> = sizes.split(',').map(|size| size.parse().unwrap()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 50);
        assert!(sizes.iter().all(|size| (1..=16).contains(size)), "{sizes:?}");
    });
}

/// T153, T184: the handler sleeps between pieces, so most of forty megabytes has to stay with the
/// client, whatever the kernel's own buffers take.
#[test]
fn t153_a_slow_reader_slows_the_client() {
    run_on_each_backend(async || {
        let limits = Limits { piece_bytes_max: 1024, body_bytes_max: 1 << 30, ..Limits::default() };
        let (server, read) = streaming(limits, Duration::from_secs(3600));
        let client = Client::connect(&server).await;
        client.send(post(&"x".repeat(40_000_000)));
        until(|| read.borrow().len() == 1).await;
        sleep(Duration::from_millis(50)).await;
        assert!(client.stream.unsent() > 0);
        assert_eq!(*read.borrow(), ["1024"]);
        client.stream.close();
    });
}

#[test]
fn a_body_whose_client_vanishes_ends_with_an_error() {
    run_on_each_backend(async || {
        let log = log::capture();
        let (server, read) = streaming(Limits::default(), Duration::ZERO);
        let client = Client::connect(&server).await;
        client.send(&post("0123456789")[..post("0123456789").len() - 5]);
        until(|| !read.borrow().is_empty()).await;
        client.stream.close();
        until(|| read.borrow().len() == 2).await;
        assert_eq!(*read.borrow(), ["5", "the client closed in the middle of a body"]);
        assert!(log.messages().is_empty(), "{:?}", log.messages());
    });
}

#[test]
fn t114_f122_100_continue() {
    run_on_each_backend(async || {
        let limits = Limits { body_bytes_max: 10, ..Limits::default() };
        let server = listen(HttpServer::new(echo).limits(limits));
        let head = |length: usize| {
            format!(
                "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        let client = Client::connect(&server).await;
        client.send(head(3));
        assert_eq!(client.answer().await.0, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("abc");
        assert_eq!(client.brief().await, "200 POST / abc");
        client.send(head(11)); // who is refused need not send anything
        assert_eq!(client.brief().await, "413 ");
    });
}

#[test]
fn t115_an_early_answer_reaches_a_client_that_is_still_sending() {
    run_on_each_backend(async || {
        struct Refuse;
        impl Service for Refuse {
            fn plan(&self, _: &RequestHead) -> BodyPlan {
                BodyPlan::streamed()
            }
            fn call(&self, _: Request, responder: Responder) {
                responder.send(Status::FORBIDDEN, "", &Headers::new(), b"no");
            }
        }
        let server = listen(HttpServer::new(Refuse));
        let answer = ask(&server, post(&"x".repeat(4_000_000))).await;
        assert_eq!(
            answer,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
        );
        // The whole body was there already: then the connection can be used again.
        let client = Client::connect(&server).await;
        client.send(post("x"));
        assert_eq!(client.brief().await, "403 no");
    });
}

#[test]
fn f156_s169_limits_of_bodies() {
    run_on_each_backend(async || {
        let limits = Limits { body_bytes_max: 4096, ..Limits::default() };
        let buffered = listen(HttpServer::new(echo).limits(limits.clone()));
        let (streamed, _) = streaming(limits, Duration::ZERO);
        let fits = 4096;
        for server in [&buffered, &streamed] {
            for request in [post(&"x".repeat(fits)), chunked(&[fits / 2, fits / 2])] {
                let client = Client::connect(server).await;
                client.send(request);
                assert_eq!(&client.brief().await[..3], "200");
            }
            for request in [post(&"x".repeat(10_240)), chunked(&[fits, 1])] {
                let answer = ask(server, request).await;
                assert_eq!(
                    answer,
                    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        }
    });
}

#[test]
fn f157_another_limit_for_one_request() {
    run_on_each_backend(async || {
        let limits = Limits { body_bytes_max: 4096, ..Limits::default() };
        let (server, _) = streaming(limits, Duration::ZERO);
        let client = Client::connect(&server).await;
        let large = post(&"x".repeat(10_240));
        client.send(large.replace("/a", "/large"));
        assert_eq!(&client.brief().await[..3], "200");
        client.send(large);
        assert_eq!(client.brief().await, "413 ");
    });
}

#[test]
fn t146_a_body_nobody_reads_is_forgotten() {
    run_on_each_backend(async || {
        struct Deaf;
        impl Service for Deaf {
            fn plan(&self, _: &RequestHead) -> BodyPlan {
                BodyPlan::streamed()
            }
            fn call(&self, request: Request, responder: Responder) {
                drop(request);
                drop(IoLoop::current().spawn(async move {
                    sleep(Duration::from_millis(20)).await;
                    responder.send(Status::OK, "", &Headers::new(), b"later");
                }));
            }
        }
        let limits = Limits { piece_bytes_max: 100, ..Limits::default() };
        let server = listen(HttpServer::new(Deaf).limits(limits));
        let client = Client::connect(&server).await;
        client.send(post(&"x".repeat(50_000)) + &post("y"));
        assert_eq!(client.brief().await, "200 later");
        assert_eq!(client.brief().await, "200 later");
        client.send(GET);
        assert_eq!(client.brief().await, "200 later");
    });
}

#[cfg(feature = "gzip")]
mod gzip {
    //! T126, S171, F150, F152.
    use super::*;

    fn compress(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn post(body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Encoding: GZIP\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn headers(request: Request, responder: Responder) {
        let consumed = request.header("X-Consumed-Content-Encoding").map(<[u8]>::len);
        let text = format!(
            "{} {consumed:?} {:?}",
            request.body().len(),
            request.header("content-encoding")
        );
        responder.send(Status::OK, "", &Headers::new(), text.as_bytes());
    }

    #[test]
    fn f150_s171_requests_are_decoded_if_the_server_wants() {
        run_on_each_backend(async || {
            let server = listen(HttpServer::new(headers).decompress_requests());
            let client = Client::connect(&server).await;
            client.send(post(&compress(&[b'x'; 5000])));
            assert_eq!(client.brief().await, "200 5000 Some(4) None");
            let plain = listen(HttpServer::new(headers));
            let client = Client::connect(&plain).await;
            client.send(post(b"12345"));
            assert_eq!(client.brief().await, "200 5 None Some([71, 90, 73, 80])");
        });
    }

    #[test]
    fn sec31_t126_bombs_and_broken_streams_are_refused() {
        run_on_each_backend(async || {
            let limits = Limits { body_bytes_max: 100_000, ..Limits::default() };
            let server = listen(HttpServer::new(headers).limits(limits).decompress_requests());
            assert!(
                ask(&server, post(&compress(&vec![0; 100_001]))).await.starts_with("HTTP/1.1 413 ")
            );
            let good = compress(b"hello");
            for bad in [&good[..good.len() - 1], b"hello", b"", &[&good[..], b"x"].concat()] {
                let answer = ask(&server, post(bad)).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
            }
        });
    }

    #[test]
    fn f152_decoded_pieces_have_a_largest_size() {
        run_on_each_backend(async || {
            let read = Rc::new(RefCell::default());
            let service = Pieces { read: Rc::clone(&read), pause: Duration::ZERO };
            let limits = Limits { piece_bytes_max: 16, ..Limits::default() };
            let server = listen(HttpServer::new(service).limits(limits).decompress_requests());
            let client = Client::connect(&server).await;
            client.send(post(&compress(&[b'x'; 50])));
            assert_eq!(client.brief().await, "200 16,16,16,2");
        });
    }
}

/// Answers before it has seen a byte of the body.
#[cfg(feature = "gzip")]
struct Early;

#[cfg(feature = "gzip")]
impl Service for Early {
    fn plan(&self, _: &RequestHead) -> BodyPlan {
        BodyPlan::streamed()
    }

    fn call(&self, _: Request, responder: Responder) {
        let mut headers = Headers::new();
        headers.set("Content-Length", "2").unwrap();
        responder.start(Status::OK, "", &headers);
        responder.write(b"ok");
        responder.finish();
    }
}

#[cfg(feature = "gzip")]
#[test]
fn t126_a_bad_end_of_an_encoded_body_is_not_answered_twice() {
    run_on_each_backend(async || {
        let server = listen(HttpServer::new(Early).decompress_requests());
        let client = Client::connect(&server).await;
        let mut bytes = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n".to_vec();
        bytes.extend_from_slice(b"Content-Length: 10\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03");
        bytes.extend_from_slice(GET.as_bytes());
        client.send(bytes);
        assert_eq!(client.brief().await, "200 ok");
        assert_eq!(client.brief().await, "200 ok");
    });
}
