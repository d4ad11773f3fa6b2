//! Names and the client over real sockets.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use squall::iostream::{ConnectError, ConnectOptions, IoStream, TcpClient, TcpServer};
use squall::net::{
    BindOptions, ExecutorResolver, Family, OsNetwork, OverrideResolver, Resolver as _,
};

use crate::support::run_on_each_backend;

#[test]
fn f390_t085_localhost_is_here_and_numbers_need_no_look_up() {
    run_on_each_backend(|| async {
        let resolver = ExecutorResolver::new();
        let found = resolver.resolve("localhost", 80, Family::V4).await.unwrap();
        assert!(found.contains(&(Ipv4Addr::LOCALHOST, 80).into()));
        let found = resolver.resolve("::1", 81, Family::Any).await.unwrap();
        assert_eq!(found, [SocketAddr::from((Ipv6Addr::LOCALHOST, 81))]);
        let error = resolver.resolve("127.0.0.1", 80, Family::V6).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn f390_a_bad_host_is_an_error() {
    run_on_each_backend(|| async {
        let resolver = ExecutorResolver::new();
        for host in ["", "an invalid domain", "nul\0byte"] {
            assert!(resolver.resolve(host, 80, Family::Any).await.is_err(), "{host:?}");
        }
    });
}

#[test]
fn f390_t085_overrides_by_host_by_port_and_by_family() {
    run_on_each_backend(|| async {
        let resolver = OverrideResolver::new(ExecutorResolver::new())
            .host("google.com", "1.2.3.4")
            .host_and_port("google.com", 80, "5.6.7.8", 8080)
            .host_port_and_family("google.com", 80, Family::V6, "2a02:6b8:0::1", 8081);
        for (port, family, expected) in [
            (22, Family::V4, "1.2.3.4:22"),
            (80, Family::V4, "5.6.7.8:8080"),
            (80, Family::V6, "[2a02:6b8::1]:8081"),
        ] {
            let found = resolver.resolve("google.com", port, family).await.unwrap();
            assert_eq!(found, [expected.parse().unwrap()]);
        }
        let found = resolver.resolve("127.0.0.1", 1, Family::Any).await.unwrap();
        assert_eq!(found, ["127.0.0.1:1".parse().unwrap()]);
    });
}

/// A server that tells each client its address, on `host`.
fn mirror(host: &str) -> Option<(TcpServer, u16)> {
    let server = TcpServer::new(|stream| drop(stream.write(format!("{}\n", stream.peer()))));
    server.listen(BindOptions::new(0).address(host)).ok()?;
    let port = server.addresses()[0].socket_addr()?.port();
    Some((server, port))
}

async fn seen_as(stream: &IoStream) -> SocketAddr {
    let line = stream.read_until(b"\n", 100).await.unwrap();
    String::from_utf8(line).unwrap().trim().parse().unwrap()
}

#[test]
fn f393_t089_both_families_by_name_and_by_number() {
    run_on_each_backend(|| async {
        // Both families on one port: by name alone, either may answer, and nobody else does.
        let Some((server, port)) = mirror("localhost") else { return };
        for (target, family, seen) in [
            ("127.0.0.1", Family::Any, &["127.0.0.1"][..]),
            ("::1", Family::Any, &["::1"]),
            ("localhost", Family::V4, &["127.0.0.1"]),
            ("localhost", Family::V6, &["::1"]),
            ("localhost", Family::Any, &["127.0.0.1", "::1"]),
        ] {
            let options = ConnectOptions { family, ..ConnectOptions::default() };
            let stream = match TcpClient::new().connect(target, port, options).await {
                // Not every machine has a ::1, or calls it "localhost".
                Err(ConnectError::Resolve { .. } | ConnectError::Connect { .. })
                    if seen.contains(&"::1") =>
                {
                    continue;
                }
                other => other.unwrap(),
            };
            let ip = seen_as(&stream).await.ip().to_string();
            assert!(seen.contains(&ip.as_str()), "{target} {family:?} is {ip}");
        }
        server.stop();
    });
}

#[test]
fn f393_refused_and_unresolved_keep_their_cause() {
    run_on_each_backend(|| async {
        let (server, port) = mirror("127.0.0.1").unwrap();
        server.stop();
        let client = TcpClient::new();
        let refused = client.connect("127.0.0.1", port, ConnectOptions::default()).await;
        let Err(ConnectError::Connect { cause, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(cause.real_error().unwrap().kind(), ErrorKind::ConnectionRefused);
        let nowhere = client.connect("an invalid domain", port, ConnectOptions::default()).await;
        assert!(matches!(nowhere, Err(ConnectError::Resolve { .. })), "F107: {nowhere:?}");
    });
}

#[test]
fn f393_source_address_and_port_good_and_bad() {
    run_on_each_backend(|| async {
        let (server, port) = mirror("127.0.0.1").unwrap();
        let client = TcpClient::new();
        let here: IpAddr = Ipv4Addr::LOCALHOST.into();
        let options = ConnectOptions { source_ip: Some(here), ..ConnectOptions::default() };
        let stream = client.connect("127.0.0.1", port, options.clone()).await.unwrap();
        let seen = seen_as(&stream).await;
        assert_eq!(seen.ip(), here);

        let taken = ConnectOptions { source_port: Some(port), ..options };
        assert!(client.connect("127.0.0.1", port, taken).await.is_err(), "it is the server's");
        let foreign = Some("192.0.2.1".parse().unwrap());
        let options = ConnectOptions { source_ip: foreign, ..ConnectOptions::default() };
        assert!(client.connect("127.0.0.1", port, options).await.is_err());
        server.stop();
    });
}

#[test]
fn t089_names_come_from_the_network() {
    run_on_each_backend(|| async {
        let (server, port) = mirror("127.0.0.1").unwrap();
        let names =
            OverrideResolver::new(ExecutorResolver::new()).host("squall.example", "127.0.0.1");
        let client = TcpClient::on(Rc::new(OsNetwork::with_resolver(names)));
        let stream =
            client.connect("squall.example", port, ConnectOptions::default()).await.unwrap();
        assert_eq!(seen_as(&stream).await.ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
        server.stop();
    });
}
