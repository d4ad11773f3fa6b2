//! hyper on tokio, one thread: the HTTP server that most of Rust stands on.
//!
//! The opponent named in squall's goals, on the `current_thread` runtime and on `LocalRuntime`.
//! `pipeline_flush` is on, since it is hyper's own answer to pipelining; everything else is hyper
//! as it comes. It writes `Date` by itself.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use ::hyper::body::{Bytes, Incoming};
use ::hyper::header::{CONTENT_TYPE, HeaderValue, SERVER as SERVER_HEADER};
use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use ::hyper::{Request, Response, StatusCode};
use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::runtime::{Builder, LocalOptions};
use http_body_util::Full;
use hyper_util::rt::TokioIo;

use super::Announce;
use super::pages::{SERVER, page};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let spawn = |stream| drop(::tokio::spawn(connection(stream)));
    Builder::new_current_thread().enable_all().build()?.block_on(accept(address, announce, spawn))
}

pub(super) fn serve_local(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let spawn = |stream| drop(::tokio::task::spawn_local(connection(stream)));
    runtime.block_on(accept(address, announce, spawn))
}

async fn accept(at: SocketAddr, announce: Announce<'_>, spawn: fn(TcpStream)) -> io::Result<()> {
    let listener = TcpListener::bind(at).await?;
    announce(listener.local_addr()?);
    loop {
        spawn(listener.accept().await?.0);
    }
}

async fn connection(stream: TcpStream) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let mut server = http1::Builder::new();
    Ok(server
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service_fn(handle))
        .await?)
}

pub(super) async fn handle(req: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some((content_type, body)) = page(req.uri().path()) else {
        let nothing = Response::builder().status(StatusCode::NOT_FOUND).body(Full::default());
        return Ok(nothing.expect("a status is valid"));
    };
    let body = match body {
        std::borrow::Cow::Borrowed(body) => Bytes::from_static(body),
        std::borrow::Cow::Owned(body) => Bytes::from(body),
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(SERVER_HEADER, HeaderValue::from_static(SERVER));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}
