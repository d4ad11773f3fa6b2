//! axum on hyper and tokio, one thread: the web framework everybody knows.
//!
//! The opponent of squall's `web` layer: routes, extractors' machinery, responses from tuples, its
//! own JSON through serde, minijinja for the page (axum has no templates) and tower-http's file
//! server. It writes `Date` by itself.

use std::io;
use std::net::SocketAddr;

use ::axum::response::{IntoResponse, Response};
use ::axum::routing::get;
use ::axum::serve::ListenerExt as _;
use ::axum::{Router, http::HeaderValue, http::header};
use ::tokio::net::TcpListener;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeader;

use super::Announce;
use super::pages::{GREETING, HELLO, HTML, JSON, SERVER, TEMPLATE, directory, json, template};

pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let server = HeaderValue::from_static(SERVER);
    let files = SetResponseHeader::overriding(ServeDir::new(directory()?), header::SERVER, server);
    let app = Router::new()
        .route(HELLO, get(async || answer("text/plain", GREETING)))
        .route(JSON, get(async || answer("application/json", json())))
        .route(TEMPLATE, get(async || answer(HTML, template())))
        .nest_service("/static", files);
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        announce(listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true); // it may be gone already
        });
        ::axum::serve(listener, app).await
    })
}

fn answer(content_type: &'static str, body: impl IntoResponse) -> Response {
    ([(header::SERVER, SERVER), (header::CONTENT_TYPE, content_type)], body).into_response()
}
