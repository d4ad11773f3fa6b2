//! tokio with nothing on it: sockets, a task per connection, and httparse for the request heads.
//!
//! The opponent of squall's `http` layer. It does what a careful author would: one read and one write
//! per batch of requests, no allocation after the first, and `Date` formatted once a second. The
//! same tasks run on the `current_thread` runtime and on `LocalRuntime`.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::runtime::{Builder, LocalOptions};

use super::Announce;
use super::pages::{SERVER, page};

thread_local! {
    /// Status line, `Server` and `Date`: the same for every answer of one second.
    static PREFIX: RefCell<String> = const { RefCell::new(String::new()) };
}

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        ::tokio::spawn(keep_date());
        let listener = listen(address, announce).await?;
        loop {
            ::tokio::spawn(connection(listener.accept().await?.0));
        }
    })
}

pub(super) fn serve_local(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        ::tokio::task::spawn_local(keep_date());
        let listener = listen(address, announce).await?;
        loop {
            ::tokio::task::spawn_local(connection(listener.accept().await?.0));
        }
    })
}

async fn listen(address: SocketAddr, announce: Announce<'_>) -> io::Result<TcpListener> {
    set_date(); // the first visitor may come before the first tick
    let listener = TcpListener::bind(address).await?;
    announce(listener.local_addr()?);
    Ok(listener)
}

async fn keep_date() {
    let mut seconds = ::tokio::time::interval(Duration::from_secs(1));
    loop {
        set_date();
        seconds.tick().await;
    }
}

fn set_date() {
    let date = httpdate::fmt_http_date(SystemTime::now());
    PREFIX.set(format!("HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {date}\r\nContent-Type: "));
}

/// A connection that fails or talks nonsense is simply dropped.
async fn connection(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut input = Vec::with_capacity(4096);
    let mut output = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut input).await.ok()? == 0 {
            return None;
        }
        let (consumed, last) = answer_all(&input, &mut output)?;
        input.drain(..consumed);
        stream.write_all(&output).await.ok()?;
        if last {
            return None;
        }
        output.clear();
    }
}

/// Answers every whole request in `input`; tells how many bytes those were, and whether the last
/// one asked to close.
fn answer_all(input: &[u8], output: &mut Vec<u8>) -> Option<(usize, bool)> {
    let mut consumed = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(&input[consumed..]).ok()? else {
            return Some((consumed, false));
        };
        consumed += length;
        let last = request.headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("connection") && header.value == b"close"
        });
        let (content_type, body) = page(request.path?)?;
        answer(output, content_type, if last { "Connection: close\r\n" } else { "" }, &body);
        if last {
            return Some((consumed, true));
        }
    }
}

fn answer(output: &mut Vec<u8>, content_type: &str, connection: &str, body: &[u8]) {
    PREFIX.with_borrow(|prefix| output.extend_from_slice(prefix.as_bytes()));
    output.extend_from_slice(content_type.as_bytes());
    write!(output, "\r\n{connection}Content-Length: {}\r\n\r\n", body.len())
        .expect("a Vec takes everything");
    output.extend_from_slice(body);
}
