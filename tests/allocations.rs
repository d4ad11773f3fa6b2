//! Memory, counted: what asks the heap once must not ask it again for the next request, timer or crowd.
//!
//! Every figure is counted on this thread, in this process, after a warm-up; nothing is timed. Each
//! test has a thread and a loop of its own.
#![allow(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use squall::coroutine::{sleep, yield_now};
use squall::future::Future;
use squall::http::{Headers, HttpServer, Request, Responder, Service, Status};
use squall::ioloop::IoLoop;
use squall::iostream::IoStream;
use squall::net::{TcpTransport, Transport};
use squall::reactor::Interest;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler, Settings};

const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: test\r\n\
    Accept: text/plain\r\n\r\n";
const BODY: &str = "Hello, World!";
/// Requests in a measurement: more than any buffer or table could hide by growing late.
const REQUESTS: usize = 1_000;

// ---- requests ------------------------------------------------------------------------------------

#[test]
fn a_keep_alive_request_to_the_http_server_allocates_nothing() {
    let counted = in_many_requests(plain());
    assert_eq!(counted.count_total, 0, "in {REQUESTS} requests: {counted:?}");
}

#[test]
fn a_keep_alive_request_to_the_web_layer_allocates_nothing() {
    let counted = in_many_requests(application(false));
    assert_eq!(counted.count_total, 0, "in {REQUESTS} requests: {counted:?}");
}

/// A hash of the body is for those who want one, and its text is memory.
#[test]
fn the_etag_of_a_page_is_one_allocation() {
    let counted = in_many_requests(application(true));
    assert_eq!(counted.count_total, REQUESTS as u64, "in {REQUESTS} requests: {counted:?}");
    assert_eq!(counted.count_current, 0, "what a request took it has given back: {counted:?}");
}

/// The method under test must be able to see an allocation.
#[test]
fn a_service_that_allocates_is_found_out() {
    let counted = in_many_requests(|_: Request, responder: Responder| {
        let body = BODY.to_owned();
        responder.send(Status::OK, "OK", &Headers::new(), body.as_bytes());
    });
    assert_eq!(counted.count_total, REQUESTS as u64, "{counted:?}");
}

fn plain() -> impl Service {
    let mut headers = Headers::new();
    headers.set("Content-Type", "text/plain").unwrap();
    move |_: Request, responder: Responder| {
        responder.send(Status::OK, "OK", &headers, BODY.as_bytes());
    }
}

fn application(with_etag: bool) -> impl Service {
    struct Hello {
        with_etag: bool,
    }
    struct Tagged;
    impl RequestHandler for Tagged {}
    impl RequestHandler for Hello {
        async fn get(&self, mut req: Exchange) -> HandlerResult {
            req.set_header("Content-Type", "text/plain")?;
            Ok(req.finish(BODY))
        }
        fn compute_etag(&self, body: &[u8]) -> Option<String> {
            if self.with_etag { Tagged.compute_etag(body) } else { None }
        }
    }
    let settings = Settings { access_log: false, ..Settings::default() };
    Application::new().route("/plaintext", Hello { with_etag }).settings(settings).build().unwrap()
}

/// What a thousand requests on one connection allocate, once a hundred have gone before.
fn in_many_requests(service: impl Service + 'static) -> AllocationInfo {
    let io_loop = IoLoop::new().unwrap();
    let (near, far) = connected();
    serve(&io_loop, service, far);
    let near = Rc::new(near);
    ask(&io_loop, &near, 100);
    let counted = measure(|| ask(&io_loop, &near, REQUESTS));
    io_loop.close();
    counted
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    (near, listener.accept().unwrap().0)
}

fn serve(io_loop: &IoLoop, service: impl Service + 'static, far: TcpStream) {
    let serving = async move {
        let far: Box<dyn Transport> = Box::new(TcpTransport::try_from(far).unwrap());
        HttpServer::new(service).add_stream(&IoStream::new(far));
    };
    io_loop.run_sync(serving).unwrap();
}

/// Asks so many times, one after the other. What it allocates for itself is not counted.
fn ask(io_loop: &IoLoop, near: &Rc<TcpStream>, times: usize) {
    let (mut left, mut buffer) = (times, [0; 4096]);
    let stop = io_loop.clone();
    let heard = move |mut near: &TcpStream, _| {
        let count = near.read(&mut buffer).unwrap();
        assert!(buffer[..count].ends_with(BODY.as_bytes()), "an answer comes in one piece");
        left -= 1;
        if left == 0 { stop.stop() } else { near.write_all(REQUEST).unwrap() }
    };
    let mut handler = None;
    allocation_counter::opt_out(|| {
        handler = io_loop.add_handler(Rc::clone(near), Interest::READABLE, heard).ok();
    });
    (&**near).write_all(REQUEST).unwrap();
    io_loop.start().unwrap();
    allocation_counter::opt_out(|| io_loop.remove_handler(&handler.unwrap()));
}

// ---- timers --------------------------------------------------------------------------------------

#[test]
fn a_timer_asks_for_no_more_memory_when_a_million_wait() {
    let io_loop = IoLoop::new().unwrap();
    let mut waiting = 0;
    for pending in [1_000, 100_000, 1_000_000] {
        insert(&io_loop, pending - waiting);
        let counted = measure(|| insert(&io_loop, 1_000));
        waiting = pending + 1_000;
        assert_eq!(io_loop.timers_pending(), waiting);
        // A table may grow once, and so may the heap; a timer's own closure takes no memory here.
        assert!(counted.count_total <= 2, "with {pending} pending: {counted:?}");
    }
    io_loop.close();
}

/// Closures of no size, in an order that is not the order of their deadlines.
fn insert(io_loop: &IoLoop, count: usize) {
    for number in 0..count {
        let seconds = 60 + number as u64 * 7_919 % 3_600;
        io_loop.call_later(Duration::from_secs(seconds), || ());
    }
}

// ---- crowds --------------------------------------------------------------------------------------

#[test]
fn a_second_crowd_of_timers_moves_into_the_places_of_the_first() {
    let io_loop = IoLoop::new().unwrap();
    let crowd = || {
        let timers: Vec<_> = (0..10_000)
            .map(|number| io_loop.call_later(Duration::from_secs(60 + number), || ()))
            .collect();
        for timer in timers {
            io_loop.remove_timeout(timer);
        }
    };
    crowd();
    let counted = measure(crowd);
    assert!(counted.count_total < 100, "tables may grow again, timers are moved in: {counted:?}");
    assert_eq!(counted.count_current, 0, "{counted:?}");
    io_loop.close();
}

#[test]
fn a_second_crowd_of_connections_leaves_nothing_behind() {
    let io_loop = IoLoop::new().unwrap();
    let server = Rc::new(HttpServer::new(plain()));
    let crowd = || {
        let guests: Vec<_> = (0..100).map(|_| sit_down(&io_loop, &server)).collect();
        assert_eq!(server.connection_count(), 100);
        drop(guests);
        let server = Rc::clone(&server);
        let empty = async move {
            while server.connection_count() > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        io_loop.run_sync(empty).unwrap();
    };
    crowd();
    crowd(); // tables may have grown while the first was leaving
    let counted = measure(crowd);
    assert_eq!(counted.count_current, 0, "{counted:?}");
    io_loop.close();
}

/// A guest who asks once and stays.
fn sit_down(io_loop: &IoLoop, server: &Rc<HttpServer>) -> Rc<TcpStream> {
    let (near, far) = connected();
    let server = Rc::clone(server);
    let serving = async move {
        let far: Box<dyn Transport> = Box::new(TcpTransport::try_from(far).unwrap());
        server.add_stream(&IoStream::new(far));
    };
    io_loop.run_sync(serving).unwrap();
    let near = Rc::new(near);
    ask(io_loop, &near, 1);
    near
}

#[test]
fn a_second_crowd_of_coroutines_leaves_as_much_as_it_brought() {
    let io_loop = IoLoop::new().unwrap();
    let crowd = || {
        let waiting: Vec<_> = (0..1_000).map(|_| io_loop.spawn(sleep_a_little())).collect();
        for future in waiting {
            io_loop.run_sync(future).unwrap().unwrap();
        }
    };
    crowd();
    let counted = measure(crowd);
    assert_eq!(counted.count_current, 0, "{counted:?}");
    assert!(io_loop.coroutines().is_empty());
    io_loop.close();
}

#[test]
fn a_crowd_of_coroutines_takes_its_places_along() {
    let io_loop = IoLoop::new().unwrap();
    let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
    assert!(io_loop.spawn(async {}).done());
    let counted = measure(|| {
        let wait_for_ever = || {
            let kept = Rc::clone(&kept);
            poll_fn(move |context| {
                if kept.borrow().is_empty() {
                    kept.borrow_mut().push(context.waker().clone());
                }
                Poll::<()>::Pending
            })
        };
        let crowd: Vec<_> = (0..20_000).map(|_| io_loop.spawn(wait_for_ever())).collect();
        assert_eq!(io_loop.coroutines().len(), 20_000);
        assert!(crowd.iter().all(Future::cancel));
    });
    assert!(io_loop.coroutines().is_empty());
    assert!(counted.bytes_current < 10_000, "{counted:?}");
    // Who wakes a place that is gone wakes nobody, and the next ones get places again.
    kept.borrow().iter().for_each(Waker::wake_by_ref);
    let next = io_loop.run_sync(async {
        yield_now().await;
        7
    });
    assert_eq!(next.unwrap(), 7);
    io_loop.close();
}

async fn sleep_a_little() {
    sleep(Duration::from_millis(1)).await;
}
