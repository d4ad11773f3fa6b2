//! hyper on tokio's `current_thread` runtime: the HTTP server that most of Rust stands on.
//!
//! The opponent named in squall's goals. `pipeline_flush` is on, since it is hyper's own answer to
//! pipelining; everything else is hyper as it comes. It writes `Date` by itself.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use ::hyper::body::{Bytes, Incoming};
use ::hyper::header::{CONTENT_TYPE, HeaderValue, SERVER as SERVER_HEADER};
use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use ::hyper::{Request, Response, StatusCode};
use ::tokio::net::TcpListener;
use http_body_util::Full;
use hyper_util::rt::TokioIo;

use super::{Announce, PLAINTEXT, SERVER};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(handle));
            ::tokio::spawn(connection);
        }
    })
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, content_type, body) = match request.uri().path() {
        "/plaintext" => (StatusCode::OK, "text/plain", Bytes::from_static(PLAINTEXT.as_bytes())),
        "/json" => (StatusCode::OK, "application/json", Bytes::from(super::json())),
        _ => (StatusCode::NOT_FOUND, "text/plain", Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER_HEADER, HeaderValue::from_static(SERVER));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}
