//! The auth demo from outside, over real sockets: registering, logging in, captcha, flash, races
//! and waits (S001-S049). The same tests run over the embedded store and, where `SQUALL_MONGODB_URI`
//! names one, over a real `MongoDB`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test may panic, block, and say what it skips"
)]

#[path = "../examples/auth/accounts.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod accounts;
#[path = "../examples/auth/app.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod app;
#[path = "../examples/auth/captcha.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod captcha;
#[path = "../examples/auth/database.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod database;
#[path = "../examples/auth/flags.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod flags;
#[path = "../examples/auth/pages.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod pages;
#[path = "../examples/auth/password.rs"]
#[allow(dead_code, reason = "the tests use a part of the demo")]
mod password;
mod support;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use squall::coroutine::{join_all, sleep};
use squall::http::{FetchResponse, HttpServer};
use squall::ioloop::{IoLoop, SlowCallbackDetector};
use squall::iostream::{IoStream, TcpServer};
use squall::log;
use squall::mongo::bson::{Bson, Document, doc, oid::ObjectId};
use squall::net::BindOptions;
use support::browser::{Browser, signed_payload};
use support::{on_each_backend, run, virtual_loop};

use database::Database;
use flags::{Flags, Store};

/// A running demo.
struct Site {
    server: HttpServer,
    database: Database,
    origin: String,
}

impl Site {
    async fn open(store: Store) -> Rc<Self> {
        let flags = Flags { port: 0, store, debug: false };
        let database = Database::open(&flags).await.expect("the database opens");
        let app = app::build(&database, app::settings(false)).expect("the application is whole");
        let server = HttpServer::new(app);
        let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        server.listen(here).expect("a free port");
        let origin = format!("http://{}", server.addresses()[0]);
        Rc::new(Self { server, database, origin })
    }

    fn visitor(&self) -> Browser {
        Browser::new(&self.origin)
    }

    async fn close(self: Rc<Self>) {
        self.server.stop();
        self.server.close_all_connections().await.unwrap();
        let site = Rc::into_inner(self).expect("the test has let go of the site");
        site.database.users().drop().await.expect("the test's database can go");
        site.database.close().await;
    }

    async fn count(&self, collection: &str) -> u64 {
        let collection = self.database.users().collection(collection);
        collection.count_documents(doc! {}).await.expect("a count")
    }

    async fn one(&self, collection: &str, filter: Document) -> Option<Document> {
        self.database.users().collection(collection).find_one(filter).await.expect("an answer")
    }

    /// Looks at the drawing and reads the answer where only the server can.
    async fn solve(&self, visitor: &Browser) -> String {
        let picture = visitor.get("/auth/captcha").await;
        assert_eq!(picture.status(), 200);
        let cookie = visitor.cookie("captcha").expect("a cookie that names the question");
        let name = String::from_utf8(signed_payload(&cookie).unwrap()).unwrap();
        let kept = self.one("captcha", doc! { "_id": name }).await.expect("the question");
        kept.get_str("answer").unwrap().to_owned()
    }

    async fn register(&self, visitor: &Browser, name: &str, wait: &str) -> FetchResponse {
        let answer = self.solve(visitor).await;
        let email = format!("{name}@example.com");
        self.submit(visitor, name, &email, &answer, wait).await
    }

    async fn submit(
        &self,
        visitor: &Browser,
        name: &str,
        email: &str,
        answer: &str,
        wait: &str,
    ) -> FetchResponse {
        let fields = [
            ("username", name),
            ("email", email),
            ("password", "correct horse"),
            ("captcha", answer),
            ("wait", wait),
        ];
        visitor.post("/auth/register", &fields).await
    }
}

/// Where the demo's tests keep their users, one database a test.
fn stores(test: &str) -> Vec<Store> {
    let mut stores = vec![Store::Memory];
    match std::env::var("SQUALL_MONGODB_URI") {
        Ok(uri) => {
            let (address, query) = uri.split_once('?').unwrap_or((&uri, ""));
            let source = if query.contains("authSource") { "" } else { "&authSource=admin" };
            let address = address.trim_end_matches('/');
            let name = format!("demo_{test}_{}", std::process::id());
            stores.push(Store::Mongo(format!("{address}/{name}?{query}{source}")));
        }
        Err(_) => eprintln!("SKIPPED over a real MongoDB: SQUALL_MONGODB_URI is not set"),
    }
    stores
}

/// Runs a test over each store, on each backend.
fn demo<F: Future<Output = ()> + 'static>(test: &str, body: impl Fn(Rc<Site>) -> F) {
    on_each_backend(|io_loop| {
        for store in stores(test) {
            let site = run(io_loop, Site::open(store));
            run(io_loop, body(Rc::clone(&site)));
            run(io_loop, site.close());
        }
    });
}

/// Runs a test over the embedded store in virtual time.
fn demo_in_virtual_time<F: Future<Output = ()> + 'static>(body: impl FnOnce(Rc<Site>) -> F) {
    let (io_loop, _control) = virtual_loop();
    let site = run(&io_loop, Site::open(Store::Memory));
    let limit = Duration::from_secs(3600);
    io_loop.run_sync_timeout(limit, body(Rc::clone(&site))).expect("the test ends");
    run(&io_loop, site.close());
    io_loop.close();
}

#[test]
fn s003_s008_s011_the_routes_are_anchored_and_the_form_has_its_fields() {
    demo("routes", |site| async move {
        let visitor = site.visitor();
        for (path, status) in [
            ("/", 200),
            ("/auth/register", 200),
            ("/auth/registerx", 404),
            ("/x/auth/register", 404),
        ] {
            assert_eq!(visitor.get(path).await.status(), status, "{path}");
        }
        let page = visitor.get("/auth/register").await.text();
        for field in ["username", "email", "password", "captcha", "_xsrf"] {
            assert!(page.contains(&format!("name=\"{field}\"")), "no field {field}");
        }
    });
}

#[test]
fn s012_s027_s017_s014_s016_s038_s039_s041_registering_leaves_a_user_a_profile_and_a_session() {
    demo("registering", |site| async move {
        let visitor = site.visitor();
        let answer = site.register(&visitor, "ann", "none").await;
        assert_eq!((answer.status(), answer.header("Location").as_deref()), (302, Some("/")));

        let user = site.one("user", doc! { "username": "ann" }).await.expect("a user");
        assert!(matches!(user.get("timestamp"), Some(Bson::Double(at)) if *at > 1e12));
        assert!(matches!(user.get("_id"), Some(Bson::ObjectId(_))));
        let id = ObjectId::parse_str(user.get_str("profile_id").unwrap()).expect("24 hex digits");
        let profile = site.one("profile", doc! { "_id": id }).await.expect("a profile");
        let keys: Vec<&str> = profile.keys().map(String::as_str).collect();
        let order = ["_id", "headimg", "site", "job", "signature", "github", "description"];
        assert_eq!(keys, order);

        let cookie = visitor.cookie("user").expect("the tutorial's cookie");
        assert_eq!(signed_payload(&cookie).unwrap(), b"ann");
        let lines: Vec<_> = answer.headers().get_list("Set-Cookie").map(<[u8]>::to_vec).collect();
        let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
        let of_user = lines.iter().find(|line| line.starts_with("user=")).unwrap();
        assert!(of_user.contains("HttpOnly") && of_user.contains("SameSite=Lax"), "{of_user}");

        assert!(visitor.follow(&answer).await.text().contains("Welcome, ann."));
        assert!(visitor.get("/auth/profile").await.text().contains("ann@example.com"));
    });
}

#[test]
fn s042_a_wrong_captcha_redirects_and_registers_nobody() {
    demo("captcha", |site| async move {
        let visitor = site.visitor();
        site.solve(&visitor).await;
        let answer = site.submit(&visitor, "bob", "bob@example.com", "WRONG", "none").await;
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.header("Location").as_deref(), Some("/auth/register"));
        assert_eq!((site.count("user").await, site.count("profile").await), (0, 0));
    });
}

#[test]
fn s031_without_a_captcha_cookie_or_with_a_forged_one_it_is_a_wrong_captcha_never_a_500() {
    demo("no_cookie", |site| async move {
        let visitor = site.visitor();
        for forged in [None, Some("x"), Some("2|1:0|10:1300000000|7:captcha|8:dmFsdWU=|00")] {
            visitor.forget_cookie("captcha");
            if let Some(forged) = forged {
                visitor.set_cookie("captcha", forged);
            }
            let answer = site.submit(&visitor, "cid", "cid@example.com", "ABCDE", "none").await;
            assert_eq!(answer.status(), 302);
            assert_eq!(answer.header("Location").as_deref(), Some("/auth/register"));
        }
        assert_eq!(site.count("user").await, 0);
    });
}

#[test]
fn s033_s036_the_captcha_is_an_image_and_its_cookie_does_not_tell_the_answer() {
    demo("picture", |site| async move {
        let visitor = site.visitor();
        let picture = visitor.get("/auth/captcha").await;
        assert_eq!(picture.header("Content-Type").as_deref(), Some("image/svg+xml"));
        let cookie = visitor.cookie("captcha").expect("Set-Cookie");
        let name = String::from_utf8(signed_payload(&cookie).unwrap()).unwrap();
        let kept = site.one("captcha", doc! { "_id": &name }).await.unwrap();
        let answer = kept.get_str("answer").unwrap();
        assert!(!name.contains(answer) && !cookie.contains(answer));
        assert!(!picture.text().contains(answer), "nor does the picture, as text");
    });
}

#[test]
fn s034_a_captcha_can_be_answered_once() {
    demo("replay", |site| async move {
        let visitor = site.visitor();
        let answer = site.solve(&visitor).await;
        let replay = visitor.twin();
        let first = site.submit(&visitor, "dan", "dan@example.com", &answer, "none").await;
        assert_eq!(first.header("Location").as_deref(), Some("/"));
        let second = site.submit(&replay, "eve", "eve@example.com", &answer, "none").await;
        assert_eq!(second.header("Location").as_deref(), Some("/auth/register"));
        assert_eq!(site.count("user").await, 1);
    });
}

#[test]
fn s032_s035_spaces_and_case_of_an_answer_do_not_matter() {
    demo("spaces", |site| async move {
        let visitor = site.visitor();
        let answer = site.solve(&visitor).await.to_lowercase();
        let spaced: Vec<String> = answer.chars().map(String::from).collect();
        let reply =
            site.submit(&visitor, "fay", "fay@example.com", &spaced.join(" "), "none").await;
        assert_eq!(reply.header("Location").as_deref(), Some("/"));
    });
}

#[test]
fn s028_of_two_simultaneous_registrations_exactly_one_wins() {
    demo("race", |site| async move {
        let io_loop = IoLoop::current();
        let racers = (0..4).map(|_| {
            let site = Rc::clone(&site);
            io_loop.spawn(async move {
                let visitor = site.visitor();
                let reply = site.register(&visitor, "gus", "none").await;
                reply.header("Location").unwrap_or_default()
            })
        });
        let mut ends = join_all(racers.collect::<Vec<_>>()).await.unwrap();
        ends.sort();
        assert_eq!(ends, ["/", "/auth/register", "/auth/register", "/auth/register"]);
        assert_eq!(site.count("user").await, 1);
        assert_eq!(site.count("profile").await, 1, "S040: the losers left no profile behind");
    });
}

#[test]
fn s028_s040_a_taken_name_or_email_is_told_and_leaves_no_profile() {
    demo("taken", |site| async move {
        let visitor = site.visitor();
        site.register(&visitor, "hal", "none").await;
        let other = site.visitor();
        for (name, email, told) in [
            ("hal", "other@example.com", "Somebody has this username already."),
            ("other", "hal@example.com", "Somebody has this email already."),
        ] {
            let answer = site.solve(&other).await;
            let reply = site.submit(&other, name, email, &answer, "none").await;
            let page = other.follow(&reply).await.text();
            assert!(page.contains(told), "{told}");
            assert!(page.contains(&format!("value=\"{name}\"")), "what was typed is kept");
        }
        assert_eq!((site.count("user").await, site.count("profile").await), (1, 1));
    });
}

#[test]
fn s029_a_flash_message_is_shown_exactly_once_and_escaped() {
    demo("flash", |site| async move {
        let visitor = site.visitor();
        site.solve(&visitor).await;
        let reply = site.submit(&visitor, "<b>", "b@example.com", "WRONG", "none").await;
        let told = "That is not what the picture says.";
        let page = visitor.follow(&reply).await.text();
        assert!(page.contains(told) && page.contains("&lt;b&gt;") && !page.contains("<b>\""));
        assert!(!visitor.get("/auth/register").await.text().contains(told), "shown twice");
    });
}

#[test]
fn s030_a_chinese_name_goes_through_form_cookie_flash_and_database() {
    demo("utf8", |site| async move {
        let visitor = site.visitor();
        let reply = site.register(&visitor, "非宁静", "none").await;
        assert_eq!(reply.header("Location").as_deref(), Some("/"));
        assert!(visitor.follow(&reply).await.text().contains("Welcome, 非宁静."));
        assert!(site.one("user", doc! { "username": "非宁静" }).await.is_some());
        let cookie = visitor.cookie("user").unwrap();
        assert_eq!(String::from_utf8(signed_payload(&cookie).unwrap()).unwrap(), "非宁静");
    });
}

#[test]
fn s015_a_name_of_spaces_counts_as_absent() {
    demo("spaces_only", |site| async move {
        let visitor = site.visitor();
        let answer = site.solve(&visitor).await;
        let reply = site.submit(&visitor, "   ", "x@example.com", &answer, "none").await;
        assert_eq!(reply.status(), 302);
        assert_eq!(site.count("user").await, 0);
    });
}

#[test]
fn s018_a_missing_argument_is_a_400_and_a_near_miss_is_named() {
    demo("missing", |site| async move {
        let visitor = site.visitor();
        let log = log::capture();
        let reply = visitor.post("/auth/login", &[("useranme", "x"), ("password", "x")]).await;
        assert_eq!(reply.status(), 400);
        let page = reply.text();
        assert!(page.contains("username") && page.contains("useranme"), "{page}");
        let lines = log.messages();
        assert!(lines.iter().any(|line| line.contains("issing argument")), "{lines:?}");
    });
}

#[test]
fn s037_s019_haz21_passwords_are_salted_and_slow_and_both_mistakes_look_the_same() {
    demo("passwords", |site| async move {
        for name in ["ida", "joe"] {
            site.register(&site.visitor(), name, "none").await;
        }
        let mut hashes = Vec::new();
        for name in ["ida", "joe"] {
            let user = site.one("user", doc! { "username": name }).await.unwrap();
            hashes.push(user.get_str("password").unwrap().to_owned());
        }
        assert!(hashes[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hashes[0]);
        assert_ne!(hashes[0], hashes[1], "the same password, another salt");

        let visitor = site.visitor();
        let wrong = [("username", "ida"), ("password", "wrong")];
        let nobody = [("username", "nobody"), ("password", "wrong")];
        let (wrong, nobody) =
            (visitor.post("/auth/login", &wrong).await, visitor.post("/auth/login", &nobody).await);
        assert_eq!((wrong.status(), nobody.status()), (200, 200));
        for page in [wrong, nobody] {
            assert!(page.text().contains("No such user, or not their password."));
        }
        let right = [("username", "ida"), ("password", "correct horse")];
        let reply = visitor.post("/auth/login", &right).await;
        assert_eq!(reply.header("Location").as_deref(), Some("/"));
    });
}

#[test]
fn haz11_after_a_logout_the_old_cookies_are_worth_nothing() {
    demo("logout", |site| async move {
        let visitor = site.visitor();
        site.register(&visitor, "kim", "none").await;
        let thief = visitor.twin();
        assert_eq!(thief.get("/auth/profile").await.status(), 200);
        let reply = visitor.post("/auth/logout", &[]).await;
        assert_eq!(reply.header("Location").as_deref(), Some("/"));
        let turned_away = thief.get("/auth/profile").await;
        assert_eq!(turned_away.status(), 302);
        let login = turned_away.header("Location").unwrap();
        assert!(login.starts_with("/auth/login?next="), "{login}");
    });
}

#[test]
fn the_profile_can_be_changed_and_comes_back_escaped() {
    demo("profile", |site| async move {
        let visitor = site.visitor();
        site.register(&visitor, "lea", "none").await;
        let reply = visitor.post("/auth/profile", &[("job", "<script>"), ("site", "x")]).await;
        assert_eq!(reply.header("Location").as_deref(), Some("/auth/profile"));
        let page = visitor.follow(&reply).await.text();
        assert!(page.contains("Your profile is saved.") && page.contains("&lt;script&gt;"));
    });
}

#[test]
fn sec02_sec24_forms_need_their_token_and_next_stays_on_the_site() {
    demo("xsrf", |site| async move {
        let visitor = site.visitor();
        site.register(&visitor, "max", "none").await;
        let fields = "username=max&password=correct+horse";
        assert_eq!(visitor.post_raw("/auth/login", fields).await.status(), 403);
        for (next, landed) in [
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("\\\\evil.example", "/"),
            ("/auth/profile", "/auth/profile"),
        ] {
            let login = [("username", "max"), ("password", "correct horse"), ("next", next)];
            let reply = visitor.post("/auth/login", &login).await;
            assert_eq!(reply.header("Location").as_deref(), Some(landed), "next={next}");
        }
    });
}

#[test]
fn s023_s022_s024_while_one_registration_sleeps_ten_seconds_others_are_served_at_once() {
    demo_in_virtual_time(|site| async move {
        let io_loop = IoLoop::current();
        let sleeper = {
            let site = Rc::clone(&site);
            io_loop.spawn(async move {
                let visitor = site.visitor();
                let answer = site.solve(&visitor).await;
                let started = IoLoop::current().time();
                site.submit(&visitor, "ned", "ned@example.com", &answer, "timer").await;
                IoLoop::current().time() - started
            })
        };
        sleep(Duration::from_secs(1)).await; // the registration is asleep now
        for _ in 0..20 {
            let started = io_loop.time();
            let page = site.visitor().get("/auth/login").await;
            let took = io_loop.time() - started;
            assert_eq!(page.status(), 200);
            assert!(took < Duration::from_millis(50), "login took {took:?}");
            assert!(!sleeper.done(), "the registration still sleeps");
            sleep(Duration::from_millis(100)).await;
        }
        let slept = sleeper.await.unwrap();
        assert!(slept >= Duration::from_secs(10) && slept < Duration::from_secs(11), "{slept:?}");
        assert_eq!(site.count("user").await, 1);
    });
}

/// Carries bytes between the demo and its database, until the wire is cut.
struct Wire {
    relay: TcpServer,
    streams: Rc<RefCell<Vec<IoStream>>>,
    address: std::net::SocketAddr,
}

impl Wire {
    fn to(store: std::net::SocketAddr, at: u16) -> Self {
        let streams: Rc<RefCell<Vec<IoStream>>> = Rc::default();
        let kept = Rc::clone(&streams);
        let relay = TcpServer::new(move |client| {
            let kept = Rc::clone(&kept);
            drop(IoLoop::current().spawn(async move {
                let Ok(server) = IoStream::connect(store).await else { return client.close() };
                kept.borrow_mut().extend([client.clone(), server.clone()]);
                for (from, to) in [(client.clone(), server.clone()), (server, client)] {
                    drop(IoLoop::current().spawn(async move {
                        while let Ok(bytes) = from.read_partial(64 * 1024).await {
                            if to.write(bytes).await.is_err() {
                                break;
                            }
                        }
                        to.close();
                    }));
                }
            }));
        });
        relay.listen(BindOptions::new(at).address("127.0.0.1")).expect("the wire's own port");
        let address = relay.addresses()[0].socket_addr().expect("a TCP address");
        Self { relay, streams, address }
    }

    fn cut(self) -> u16 {
        self.relay.stop();
        for stream in self.streams.take() {
            stream.close();
        }
        self.address.port()
    }
}

#[test]
fn a_dead_database_is_a_503_page_and_recovery_needs_no_restart() {
    on_each_backend(|io_loop| {
        let log = log::capture();
        run(io_loop, async {
            let store = squall::mongo::embedded::Server::memory();
            let address = store.listen(0).unwrap();
            let wire = Wire::to(address, 0);
            let uri = format!(
                "mongodb://{}/outage?serverSelectionTimeoutMS=200&connectTimeoutMS=200",
                wire.address
            );
            let site = Site::open(Store::Mongo(uri)).await;
            let visitor = site.visitor();
            assert_eq!(visitor.get("/auth/captcha").await.status(), 200);

            let port = wire.cut();
            for _ in 0..3 {
                let asked = IoLoop::current().time();
                let answer = visitor.get("/auth/captcha").await;
                assert_eq!(answer.status(), 503);
                assert!(answer.text().contains("The database does not answer"), "a page");
                assert!(IoLoop::current().time() - asked < Duration::from_secs(2));
                assert_eq!(visitor.get("/demo/ping").await.status(), 200, "the rest lives on");
            }

            let mended = Wire::to(address, port);
            let mut answer = visitor.get("/auth/captcha").await;
            for _ in 0..20 {
                if answer.status() == 200 {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
                answer = visitor.get("/auth/captcha").await;
            }
            assert_eq!(answer.status(), 200, "recovered without a restart");
            let answer = site.register(&visitor, "phoenix", "none").await;
            assert_eq!(answer.header("Location").as_deref(), Some("/"));
            site.close().await;
            mended.cut();
            store.close().await;
        });
        assert!(log.messages().iter().any(|line| line.contains("database")), "and the log knows");
    });
}

#[test]
fn s023_once_in_real_time() {
    let io_loop = IoLoop::new().unwrap();
    let site = run(&io_loop, Site::open(Store::Memory));
    let inside = Rc::clone(&site);
    run(&io_loop, async move {
        let io_loop = IoLoop::current();
        let (site, started) = (Rc::clone(&inside), io_loop.time());
        let sleeper = io_loop.spawn(async move {
            let visitor = site.visitor();
            site.register(&visitor, "oda", "timer").await.status()
        });
        let mut slowest = Duration::ZERO;
        while !sleeper.done() {
            sleep(Duration::from_millis(250)).await;
            let asked = io_loop.time();
            assert_eq!(inside.visitor().get("/auth/login").await.status(), 200);
            slowest = slowest.max(io_loop.time() - asked);
        }
        assert_eq!(sleeper.await.unwrap(), 302);
        assert!(io_loop.time() - started >= Duration::from_secs(10));
        assert!(slowest < Duration::from_millis(50), "the slowest login took {slowest:?}");
    });
    run(&io_loop, site.close());
}

#[test]
fn s025_s037_a_blocking_page_stops_everybody_and_is_named_and_hashing_does_neither() {
    let io_loop = IoLoop::new().unwrap();
    let detector = SlowCallbackDetector::new(Duration::from_millis(500));
    io_loop.add_observer(Rc::new(detector));
    let site = run(&io_loop, Site::open(Store::Memory));
    let inside = Rc::clone(&site);
    let log = log::capture();
    run(&io_loop, async move {
        let io_loop = IoLoop::current();
        let (site, started) = (Rc::clone(&inside), io_loop.time());
        let blocker =
            io_loop.spawn(async move { site.visitor().get("/demo/block/1").await.status() });
        sleep(Duration::from_millis(1)).await;
        assert_eq!(inside.visitor().get("/demo/ping").await.text(), "pong\n");
        assert!(io_loop.time() - started >= Duration::from_secs(1), "the ping had to wait");
        assert_eq!(blocker.await.unwrap(), 200);

        // Hashing is slower than a page, but not on this thread.
        let site = Rc::clone(&inside);
        let hashing = io_loop.spawn(async move {
            let visitor = site.visitor();
            visitor.post("/auth/login", &[("username", "x"), ("password", "y")]).await.status()
        });
        let mut pages = 0;
        while !hashing.done() {
            assert_eq!(inside.visitor().get("/demo/ping").await.status(), 200);
            pages += 1;
        }
        assert!(pages > 1, "pages were served while the hash was computed");
    });
    let blocked: Vec<String> =
        log.messages().into_iter().filter(|line| line.starts_with("loop blocked")).collect();
    assert_eq!(blocked.len(), 1, "{blocked:?}");
    assert!(blocked[0].contains("GET /demo/block/1"), "{}", blocked[0]);
    assert!(blocked[0].contains("examples/auth/app.rs:"), "{}", blocked[0]);
    run(&io_loop, site.close());
}
