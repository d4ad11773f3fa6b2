//! The HTTP client against our own server.
//!
//! Owns the tests of what the client puts on the wire; what it makes of an answer byte by byte is
//! in `proto_response.rs`.

use squall::http::{FetchRequest, HttpClient, HttpServer};

use super::client::{echo, listen};
use super::support::run_virtually;

#[test]
fn a_request_is_framed_by_its_body_and_by_nothing_else() {
    run_virtually(async |_| {
        let server = listen(HttpServer::new(echo));
        let url = format!("http://{}/a", server.addresses()[0]);
        for (name, value) in
            [("Content-Length", "99"), ("Transfer-Encoding", "chunked"), ("connection", "upgrade")]
        {
            let request = FetchRequest::post(&url, "body").header(name, value).unwrap();
            let answer = HttpClient::new().fetch(request).await.unwrap();
            assert_eq!((answer.status(), &*answer.text()), (200, "POST /a body"), "{name}");
        }
    });
}
