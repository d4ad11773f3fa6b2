//! Which sockets are bound, and which texts are addresses.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use squall::net::{
    Address, BindOptions, Family, Listen, Listener, bind_sockets, bind_unix_socket, is_valid_ip,
};

fn inet(listener: &Listener) -> SocketAddr {
    listener.address().unwrap().socket_addr().unwrap()
}

#[test]
fn f391_t084_is_valid_ip() {
    for text in ["127.0.0.1", "4.4.4.4", "::1", "2620:0:1cfe:face:b00c::3", "::ffff:1.2.3.4"] {
        assert!(is_valid_ip(text), "{text}");
    }
    let long = "a".repeat(100);
    for text in [
        "",
        " ",
        "\n",
        "\0",
        "localhost",
        "www.google.com",
        "4.4.4.4<",
        " 127.0.0.1",
        "127.0.0.1 ",
        "127.0.0.1\0",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4:80",
        "[::1]",
        "::1::",
        "fe80::1%lo",
        &long,
    ] {
        assert!(!is_valid_ip(text), "{text:?}");
    }
}

#[test]
fn f392_t080_port_0_gives_one_port_for_all_families() {
    let listeners = bind_sockets(&BindOptions::new(0).address("localhost")).unwrap();
    let addresses: Vec<SocketAddr> = listeners.iter().map(inet).collect();
    assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
    assert!(addresses.is_sorted(), "one per address, in the order of the families");
    for address in addresses {
        TcpStream::connect(address).unwrap();
    }
}

#[test]
fn t080_the_empty_address_means_all_and_families_do_not_mix() {
    let all = bind_sockets(&BindOptions::new(0).address("")).unwrap();
    let port = inet(&all[0]).port();
    // An IPv6 socket that took IPv4 connections too would be in the way of the IPv4 one.
    for listener in &all {
        assert!(inet(listener).ip().is_unspecified());
        assert_eq!(inet(listener).port(), port);
    }
    let v4 = bind_sockets(&BindOptions::new(0).family(Family::V4)).unwrap();
    assert!(v4.len() == 1 && inet(&v4[0]).is_ipv4());
}

#[test]
fn f392_t080_reuse_port_shares_and_without_it_a_port_is_taken() {
    let shared = BindOptions::new(0).address("127.0.0.1").reuse_port();
    let first = bind_sockets(&shared).unwrap();
    let port = inet(&first[0]).port();
    let again = BindOptions::new(port).address("127.0.0.1");
    assert_eq!(inet(&bind_sockets(&again.clone().reuse_port()).unwrap()[0]).port(), port);
    let error = bind_sockets(&again).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn t080_an_address_that_is_not_ours_is_an_error() {
    let error = bind_sockets(&BindOptions::new(0).address("192.0.2.1")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
}

/// A path of this test alone.
fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("squall-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn t081_unix_sockets_replace_a_stale_one_and_nothing_else() {
    let path = scratch("stale");
    drop(bind_unix_socket(&path, 0o600, 128).unwrap());
    assert!(path.exists(), "a closed listener leaves its file");
    let listener = bind_unix_socket(&path, 0o600, 128).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(listener.address().unwrap(), Address::Unix(path.clone()));
    UnixStream::connect(&path).unwrap();
    assert!(listener.accept().is_ok());
    std::fs::remove_file(&path).unwrap();

    std::fs::write(&path, "precious").unwrap();
    let error = bind_unix_socket(&path, 0o600, 128).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn t081_a_leading_nul_is_an_abstract_name() {
    let name = format!("\0squall-{}", std::process::id());
    let listener = bind_unix_socket(Path::new(&name), 0o600, 128).unwrap();
    let address = listener.address().unwrap();
    assert_eq!(address, Address::Unix(PathBuf::from(&name)));
    assert_eq!(address.to_string(), format!("unix:@{}", &name[1..]));
    squall::net::SocketTransport::connect(&address, None).unwrap();
    assert!(listener.accept().is_ok());
}
