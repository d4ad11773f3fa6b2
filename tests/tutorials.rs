//! The tutorials' examples from outside: `/main` and `/index`, `/ping` good and bad, a handler that
//! fetches from its own process (S060-S081). The applications are those of `examples/`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test may panic, block, and say what it skips"
)]

#[path = "../examples/main_index.rs"]
#[allow(dead_code, unreachable_pub, reason = "its main is not called here")]
mod main_index;
#[path = "../examples/ping.rs"]
#[allow(dead_code, unreachable_pub, reason = "its main is not called here")]
mod ping;
mod support;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::{join_all, sleep, with_timeout, yield_now};
use squall::executor::Executor;
use squall::future::Future;
use squall::http::{FetchResponse, HttpClient, HttpServer, Service};
use squall::ioloop::{IoLoop, SlowCallbackDetector};
use squall::iostream::IoStream;
use squall::log;
use squall::web::{Application, Exchange, HandlerResult, RequestHandler};
use support::{on_each_backend, run, run_on_each_backend, run_virtually};

/// Serves on a free port; the address of a URL.
fn serve(service: impl Service + 'static) -> (HttpServer, String) {
    let server = HttpServer::new(service);
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    server.listen(here).expect("a free port");
    let origin = format!("http://{}", server.addresses()[0]);
    (server, origin)
}

fn fetch(url: String) -> Future<FetchResponse> {
    IoLoop::current().spawn_fallible(async move { HttpClient::new().fetch(url).await })
}

/// Waits until `/main` has left its promise where `/index` finds it.
async fn arrived(future: &Future<FetchResponse>) {
    sleep(Duration::from_millis(20)).await;
    assert!(!future.done(), "/main waits");
}

#[test]
fn s075_s076_s074_index_completes_the_future_that_main_waits_for() {
    run_on_each_backend(|| async {
        let log = log::capture();
        let (_server, origin) = serve(main_index::application().unwrap());
        let main = fetch(format!("{origin}/main"));
        arrived(&main).await;
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().text(), "Index");
        let answer = main.await.unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "Main"));
        let errors = log.records().into_iter().filter(|r| r.level > log::Level::Info);
        assert_eq!(errors.count(), 0, "{:?}", log.messages());
    });
}

#[test]
fn s077_index_before_main_is_a_500() {
    run_on_each_backend(|| async {
        let _log = log::capture();
        let (_server, origin) = serve(main_index::application().unwrap());
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().status(), 500);
    });
}

#[test]
fn s077_a_second_index_finds_the_result_set_already() {
    run_on_each_backend(|| async {
        let log = log::capture();
        let (_server, origin) = serve(main_index::application().unwrap());
        let main = fetch(format!("{origin}/main"));
        arrived(&main).await;
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().status(), 200);
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().status(), 500);
        assert_eq!(main.await.unwrap().text(), "Main");
        let lines = log.messages();
        assert!(lines.iter().any(|line| line.contains("result is set only once")), "{lines:?}");
    });
}

#[test]
fn s077_a_second_main_takes_the_place_of_the_first_who_is_told() {
    run_on_each_backend(|| async {
        let _log = log::capture();
        let (_server, origin) = serve(main_index::application().unwrap());
        let first = fetch(format!("{origin}/main"));
        arrived(&first).await;
        let second = fetch(format!("{origin}/main"));
        // In Tornado the first visitor waits for ever; here the overwritten promise tells them.
        assert_eq!(first.await.unwrap().status(), 503);
        arrived(&second).await;
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().text(), "Index");
        assert_eq!(second.await.unwrap().text(), "Main");
    });
}

#[test]
fn s077_the_client_of_main_may_leave_and_index_still_answers() {
    run_on_each_backend(|| async {
        let (server, origin) = serve(main_index::application().unwrap());
        let client = IoStream::connect(server.addresses()[0].clone()).await.unwrap();
        client.write("GET /main HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        sleep(Duration::from_millis(20)).await;
        client.close();
        sleep(Duration::from_millis(20)).await;
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().text(), "Index");
        yield_now().await;
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().status(), 500, "set already");
    });
}

#[test]
fn s079_s080_a_waiting_request_stays_open_for_a_minute_and_nobody_else_notices() {
    run_virtually(|io_loop| async move {
        let (_server, origin) = serve(main_index::application().unwrap());
        let request = squall::http::FetchRequest::get(&format!("{origin}/main"));
        let request = request.request_timeout(Duration::from_secs(3600));
        let main = io_loop.spawn_fallible(async move { HttpClient::new().fetch(request).await });
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            let asked = io_loop.time();
            assert_eq!(fetch(format!("{origin}/other")).await.unwrap().status(), 404);
            assert!(io_loop.time() - asked < Duration::from_millis(50));
        }
        assert!(!main.done(), "still pending after 60 s");
        assert_eq!(fetch(format!("{origin}/index")).await.unwrap().text(), "Index");
        assert_eq!(main.await.unwrap().text(), "Main");
    });
}

#[test]
fn s064_a_blocking_ping_delays_everybody_and_is_named() {
    let io_loop = IoLoop::new().unwrap();
    io_loop.add_observer(Rc::new(SlowCallbackDetector::new(Duration::from_millis(500))));
    let log = log::capture();
    run(&io_loop, async {
        let (_server, origin) = serve(ping::application().unwrap());
        let started = IoLoop::current().time();
        let bad = fetch(format!("{origin}/ping_bad"));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(fetch(format!("{origin}/hello")).await.unwrap().text(), "hello\n");
        assert!(IoLoop::current().time() - started >= Duration::from_secs(1));
        assert_eq!(bad.await.unwrap().text(), "returned 3; everybody waited\n");
    });
    let lines = log.messages();
    let blocked = lines.iter().find(|line| line.starts_with("loop blocked")).expect("a report");
    assert!(
        blocked.contains("GET /ping_bad") && blocked.contains("examples/ping.rs:"),
        "{blocked}"
    );
}

#[test]
fn s065_a_subprocess_delays_nobody_and_gives_its_status() {
    run_on_each_backend(|| async {
        let (_server, origin) = serve(ping::application().unwrap());
        let good = fetch(format!("{origin}/ping_good"));
        let mut hellos = 0;
        while !good.done() {
            assert_eq!(fetch(format!("{origin}/hello")).await.unwrap().text(), "hello\n");
            hellos += 1;
            sleep(Duration::from_millis(50)).await;
        }
        assert!(hellos > 10, "{hellos} pages in a second");
        assert_eq!(good.await.unwrap().text(), "returned 3; nobody waited but you\n");
    });
}

/// S061: server and client on the same loop, in the same thread.
struct Relay {
    origin: String,
}

impl RequestHandler for Relay {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let page = HttpClient::new().fetch(format!("{}/hello", self.origin)).await?;
        Ok(req.finish(format!("it says {}", page.text())))
    }
}

#[test]
fn s061_a_handler_fetches_from_its_own_process() {
    run_on_each_backend(|| async {
        let (_hello, origin) = serve(ping::application().unwrap());
        let app = Application::new().route("/relay", Relay { origin }).build().unwrap();
        let (_relay, origin) = serve(app);
        assert_eq!(fetch(format!("{origin}/relay")).await.unwrap().text(), "it says hello\n");
    });
}

#[test]
fn s103_two_slow_fetches_at_once_take_the_longer_time_not_the_sum() {
    run_virtually(|io_loop| async move {
        let slow = |_: squall::http::Request, responder: squall::http::Responder| {
            let _slept = IoLoop::current().spawn(async move {
                sleep(Duration::from_secs(3)).await;
                responder.send(squall::http::Status::OK, "", &squall::http::Headers::new(), b"ok");
            });
        };
        let (_server, origin) = serve(slow);
        let started = io_loop.time();
        let both = [1, 2].map(|n| fetch(format!("{origin}/{n}")));
        join_all(both).await.unwrap();
        let took = io_loop.time() - started;
        assert!(took < Duration::from_secs(4), "{took:?}");
    });
}

/// S067: the answer first, the work later.
struct Later {
    story: Rc<std::cell::RefCell<Vec<&'static str>>>,
    executor: Executor,
}

impl RequestHandler for Later {
    async fn get(&self, req: Exchange) -> HandlerResult {
        let (story, executor) = (Rc::clone(&self.story), self.executor.clone());
        IoLoop::current().add_callback(move || {
            story.borrow_mut().push("job begins");
            drop(executor.submit(|| ()));
        });
        self.story.borrow_mut().push("answered");
        Ok(req.finish("It works"))
    }
}

#[test]
fn s067_add_callback_runs_after_the_handler_has_finished() {
    run_on_each_backend(|| async {
        let story = Rc::default();
        let handler = Later { story: Rc::clone(&story), executor: Executor::new(1) };
        let (_server, origin) = serve(Application::new().route("/", handler).build().unwrap());
        assert_eq!(fetch(format!("{origin}/")).await.unwrap().text(), "It works");
        assert_eq!(*story.borrow(), ["answered", "job begins"]);
    });
}

#[test]
fn s066_thirty_jobs_of_a_tenth_of_a_second_on_ten_threads_run_ten_at_a_time() {
    on_each_backend(|io_loop| {
        run(io_loop, async {
            let executor = Executor::new(10);
            let started = IoLoop::current().time();
            let job = || std::thread::sleep(Duration::from_millis(100));
            let jobs: Vec<_> = (0..30).map(|_| executor.submit(job)).collect();
            join_all(jobs).await.unwrap();
            let took = IoLoop::current().time() - started;
            assert!(took >= Duration::from_millis(300), "more than ten at a time: {took:?}");
            assert!(took < Duration::from_millis(1500), "not in parallel: {took:?}");
        });
    });
}

#[test]
fn s062_the_same_example_in_callback_style_and_as_a_coroutine() {
    run_virtually(|io_loop| async move {
        // Callback style: a future's done callback completes another future.
        let promise = squall::future::Promise::new();
        let by_callback = promise.future();
        let timer = io_loop.clone();
        io_loop.add_callback(move || {
            timer.call_later(Duration::from_secs(1), move || promise.set_result("done").unwrap());
        });
        // Coroutine style: the same, told in order.
        let by_coroutine = io_loop.spawn(async {
            sleep(Duration::from_secs(1)).await;
            "done"
        });
        let limit = Duration::from_secs(2);
        assert_eq!(with_timeout(limit, by_callback).await.unwrap().unwrap(), "done");
        assert_eq!(with_timeout(limit, by_coroutine).await.unwrap().unwrap(), "done");
    });
}

#[test]
fn s081_listen_and_start_are_two_lines() {
    use std::io::{Read, Write};
    let server = ping::application().unwrap().listen(0).unwrap();
    let port = server.addresses()[0].socket_addr().unwrap().port();
    let handle = IoLoop::current().handle();
    let visitor = std::thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /hello HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        handle.stop();
        answer
    });
    IoLoop::current().start().unwrap();
    let answer = visitor.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello\n"), "{answer}");
}
