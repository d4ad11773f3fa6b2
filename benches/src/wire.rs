//! Who sends the same bytes may be compared: every contender's answers, held against the floor's.
//!
//! Runs before anything is timed. An answer must have the same status line, the same headers (any
//! order, names in any case), the same body and so the same length as the floor's; only the value of
//! `Date` may differ, and that has to be a true one that moves on. What a contender cannot say is
//! exempt by name in `contenders/mod.rs`, and the report repeats it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use crate::contenders::Contender;
use crate::contenders::pages::{FILE, HELLO};
use crate::load::PATIENCE;
use crate::machine::Cores;
use crate::server::Server;

/// What a file server adds, and a constant has not.
const FILE_HEADERS: &[&str] = &["accept-ranges", "etag", "last-modified"];

/// Compares everybody with the first contender, on every path that it serves.
pub(crate) fn check_all(contenders: &[&'static Contender], cores: Cores) -> io::Result<()> {
    let start = |&contender| Ok((contender, Server::start(contender, cores.server)?));
    let servers = contenders.iter().map(start).collect::<io::Result<Vec<_>>>()?;
    let named: Vec<_> = servers.iter().map(|(c, server)| (*c, server.address)).collect();
    compare(&named)
}

/// Asks everybody for everything, twice, and so far apart that a clock of whole seconds may be late by
/// another one.
fn compare(servers: &[(&'static Contender, SocketAddr)]) -> io::Result<()> {
    let earlier = ask_all(servers)?;
    std::thread::sleep(Duration::from_millis(2100));
    let later = ask_all(servers)?;
    let [reference, ..] = earlier.as_slice() else { return Ok(()) };
    for ((before, after), (contender, _)) in earlier.iter().zip(&later).zip(servers) {
        for (first, second) in before.iter().zip(after) {
            let name = format!("{} {}", contender.name, first.what);
            let expected = reference.iter().find(|answer| answer.what == first.what);
            let expected = expected.expect("the floor serves everything");
            if let Some(difference) = first.difference(expected, contender) {
                return Err(io::Error::other(format!("{name}: {difference}")));
            }
            if let Some(difference) = second.difference(first, contender) {
                return Err(io::Error::other(format!("{name} a second later: {difference}")));
            }
            if second.date <= first.date {
                return Err(io::Error::other(format!("{name}: the Date stands still")));
            }
        }
    }
    Ok(())
}

/// One answer for each server and path, and one that ends a connection.
fn ask_all(servers: &[(&'static Contender, SocketAddr)]) -> io::Result<Vec<Vec<Answer>>> {
    servers.iter().map(|&(contender, address)| ask(contender, address)).collect()
}

fn ask(contender: &Contender, address: SocketAddr) -> io::Result<Vec<Answer>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut asked: Vec<_> =
        contender.paths.iter().map(|path| (*path, request(address, path))).collect();
    asked.push(("with Connection: close", closing_request(address, HELLO)));
    let mut answer = |(what, request): (&'static str, Vec<u8>)| {
        let bytes = exchange(&mut stream, &request)?;
        Answer::parse(what, &bytes)
            .map_err(|error| io::Error::other(format!("{} {what}: {error}", contender.name)))
    };
    let answers = asked.into_iter().map(&mut answer).collect::<io::Result<_>>()?;
    if stream.read(&mut [0])? != 0 {
        return Err(io::Error::other(format!("{}: more than the last answer", contender.name)));
    }
    Ok(answers)
}

/// The request, exactly as the load generator sends it.
pub(crate) fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
}

/// The last request on a connection.
pub(crate) fn closing_request(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").into_bytes()
}

/// One request, and its whole answer as bytes.
pub(crate) fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    whole_answer(stream)
}

/// The answer to a request that has been sent.
pub(crate) fn whole_answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    let mut expected = None;
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(io::Error::other("closed in the middle of an answer"));
        }
        answer.extend_from_slice(&chunk[..length]);
        expected = if expected.is_some() { expected } else { whole_length(&answer)? };
        match expected.map(|expected: usize| answer.len().cmp(&expected)) {
            Some(std::cmp::Ordering::Equal) => return Ok(answer),
            Some(std::cmp::Ordering::Greater) => {
                return Err(io::Error::other("more bytes than promised"));
            }
            _ => {}
        }
    }
}

/// How long the answer will be, once its head is there.
fn whole_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: Option<usize> = length.and_then(|value| value.parse().ok());
    let length = length.ok_or_else(|| io::Error::other(format!("no Content-Length: {text:?}")))?;
    Ok(Some(head + 4 + length))
}

/// An answer in a form in which equal means equal; `date` takes no part in that.
#[derive(Debug)]
struct Answer {
    /// What was asked for.
    what: &'static str,
    status: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    date: SystemTime,
}

impl Answer {
    fn parse(what: &'static str, bytes: &[u8]) -> io::Result<Self> {
        let head = memchr::memmem::find(bytes, b"\r\n\r\n").expect("`exchange` waited for it");
        let text = std::str::from_utf8(&bytes[..head]).map_err(io::Error::other)?;
        let (status, fields) = text.split_once("\r\n").unwrap_or((text, ""));
        let mut headers: Vec<_> = fields
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        headers.sort();
        let date = headers.iter().position(|(name, _)| name == "date");
        let date = headers.remove(date.ok_or_else(|| io::Error::other("no Date"))?).1;
        let (status, body, date) =
            (status.to_owned(), bytes[head + 4..].to_vec(), true_date(&date)?);
        Ok(Self { what, status, headers, body, date })
    }

    /// In what this answer differs, but for what the contender may.
    fn difference(&self, expected: &Self, contender: &Contender) -> Option<String> {
        let file = contender.serves_files && self.what == FILE;
        let exempt = |name: &str| {
            contender.differs_in.contains(&name) || (file && FILE_HEADERS.contains(&name))
        };
        let counted = |answer: &Self| -> Vec<(String, String)> {
            answer.headers.iter().filter(|(name, _)| !exempt(name)).cloned().collect()
        };
        if self.status != expected.status {
            return Some(format!("{}, expected {}", self.status, expected.status));
        }
        let (mine, theirs) = (counted(self), counted(expected));
        if mine != theirs {
            return Some(format!("{mine:?}, expected {theirs:?}"));
        }
        (self.body != expected.body).then(|| {
            let [mine, theirs] = [&self.body, &expected.body]
                .map(|body| String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned());
            format!("{mine:?}, expected {theirs:?}")
        })
    }
}

/// A date in HTTP's format, at most two seconds off.
fn true_date(text: &str) -> io::Result<SystemTime> {
    let date = httpdate::parse_http_date(text).map_err(io::Error::other)?;
    let off = match date.duration_since(SystemTime::now()) {
        Ok(ahead) => ahead,
        Err(behind) => behind.duration(),
    };
    if text.len() == 29 && off <= Duration::from_secs(2) {
        return Ok(date);
    }
    Err(io::Error::other(format!("Date: {text} is {off:?} off")))
}

#[cfg(test)]
mod tests {
    use super::{Answer, ask_all, compare, whole_length};
    use crate::contenders::pages::{FILE, Litter};
    use crate::contenders::{self, Contender};
    use std::net::SocketAddr;
    use std::sync::mpsc;
    use std::time::SystemTime;

    /// Those that are threads of this test; the others replace their process, and are compared
    /// by every run of the harness.
    #[test]
    fn every_contender_says_the_same() {
        let _litter = Litter::of_servers().expect("a directory for the file");
        let start = |contender: &'static Contender| {
            let (send, receive) = mpsc::channel();
            std::thread::spawn(move || {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                (contender.serve)(any, &|address| send.send(address).expect("the test waits"))
            });
            (contender, receive.recv().expect("an address"))
        };
        let threads = contenders::ALL.iter().filter(|c| !["tornado", "nginx"].contains(&c.name));
        let servers: Vec<_> = threads.map(start).collect();
        let answers = &ask_all(&servers[..1]).expect("the floor answers")[0];
        assert_eq!(answers[0].body, b"Hello, World!");
        assert_eq!(answers[1].body, br#"{"message":"Hello, World!"}"#);
        assert_eq!(answers[3].body.len(), 1 << 20);
        compare(&servers).expect("no difference");
    }

    #[test]
    fn differences_are_seen() {
        let now = httpdate::fmt_http_date(SystemTime::now());
        let parse = |headers: &str| {
            Answer::parse(FILE, format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nhi").as_bytes())
        };
        let with = |headers: &str| parse(headers).expect("well formed");
        let usual = format!("Server: b\r\nDate: {now}\r\nContent-Type: t\r\nContent-Length: 2");
        let same = format!("content-length: 2\r\ndate: {now}\r\ncontent-type: t\r\nserver: b");
        let (usual_answer, floor) = (with(&usual), &contenders::ALL[0]);
        let difference = |headers: &str, of| with(headers).difference(&usual_answer, of);
        assert_eq!(difference(&same, floor), None, "any order, any case");
        assert!(difference(&usual.replace("Type: t", "Type: u"), floor).is_some());
        let web = contenders::find("squall-web").expect("a contender");
        let tagged = format!("{usual}\r\nETag: \"1\"");
        assert!(difference(&tagged, floor).is_some() && difference(&tagged, web).is_none());
        assert!(difference(&format!("{usual}\r\nVary: Cookie"), web).is_some());
        assert!(parse(&usual.replace(&now, "Thu, 01 Jan 1970 00:00:00 GMT")).is_err(), "old Date");
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(whole_length(&answer[..20]).expect("a prefix"), None);
        assert_eq!(whole_length(answer).expect("a head"), Some(answer.len()));
        assert!(whole_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
