//! Who sends the same bytes may be compared: every contender's answers, held against the floor's.
//!
//! Runs before anything is timed. An answer must have the same status line, the same headers (any
//! order, names in any case), the same body and so the same length as the floor's; only the value of
//! `Date` may differ, and that has to be a true one that moves on.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use crate::contenders::Contender;
use crate::machine::Cores;
use crate::server::Server;

/// The endpoints that every contender serves.
pub(crate) const ENDPOINTS: [&str; 2] = ["/plaintext", "/json"];

/// Compares everybody with the first contender, on every endpoint.
pub(crate) fn check_all(contenders: &[&Contender], cores: Cores) -> io::Result<()> {
    let start = |contender: &&Contender| Server::start(contender, cores.server);
    let servers: Vec<_> = contenders.iter().map(start).collect::<Result<_, _>>()?;
    let named: Vec<_> =
        contenders.iter().zip(&servers).map(|(c, server)| (c.name, server.address)).collect();
    compare(&named)?;
    println!("bytes on the wire: the same for {} contenders", contenders.len());
    Ok(())
}

/// Asks everybody for everything, twice, more than a second apart.
fn compare(servers: &[(&'static str, SocketAddr)]) -> io::Result<()> {
    let earlier = ask_all(servers)?;
    std::thread::sleep(Duration::from_millis(1100));
    let later = ask_all(servers)?;
    let [reference, ..] = earlier.as_slice() else { return Ok(()) };
    for ((before, after), (name, _)) in earlier.iter().zip(&later).zip(servers) {
        if before != reference {
            let complaint = format!("{name} differs: {before:#?}, expected {reference:#?}");
            return Err(io::Error::other(complaint));
        }
        let moved_on = before.iter().zip(after).all(|(before, after)| before.date < after.date);
        if before != after || !moved_on {
            return Err(io::Error::other(format!("{name}: first {before:?}, later {after:?}")));
        }
    }
    Ok(())
}

/// One answer for each server and endpoint.
fn ask_all(servers: &[(&'static str, SocketAddr)]) -> io::Result<Vec<Vec<Answer>>> {
    let ask = |&(name, address): &(&str, SocketAddr)| {
        let with_name = |error| io::Error::other(format!("{name}: {error}"));
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut answer = |path| Answer::parse(&exchange(&mut stream, address, path)?);
        ENDPOINTS.into_iter().map(&mut answer).collect::<Result<_, _>>().map_err(with_name)
    };
    servers.iter().map(ask).collect()
}

/// The request, exactly as the load generator sends it.
pub(crate) fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
}

/// One request, and its whole answer as bytes.
pub(crate) fn exchange(
    stream: &mut TcpStream,
    address: SocketAddr,
    path: &str,
) -> io::Result<Vec<u8>> {
    stream.write_all(&request(address, path))?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(io::Error::other("closed in the middle of an answer"));
        }
        answer.extend_from_slice(&chunk[..length]);
        if whole(&answer)? {
            return Ok(answer);
        }
    }
}

/// Whether the head is there, and as many bytes after it as `Content-Length` says.
fn whole(bytes: &[u8]) -> io::Result<bool> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no Content-Length: {text:?}")))?;
    match bytes.len().cmp(&(head + 4 + length)) {
        std::cmp::Ordering::Less => Ok(false),
        std::cmp::Ordering::Equal => Ok(true),
        std::cmp::Ordering::Greater => Err(io::Error::other("more bytes than promised")),
    }
}

/// An answer in a form in which equal means equal; `date` takes no part in that.
#[derive(Debug)]
struct Answer {
    status: String,
    headers: Vec<(String, String)>,
    body: String,
    length: usize,
    date: SystemTime,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        self.status == other.status
            && self.headers == other.headers
            && self.body == other.body
            && self.length == other.length
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        let (head, body) = text.split_once("\r\n\r\n").expect("`exchange` waited for it");
        let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut headers: Vec<_> = fields
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        headers.sort();
        let date = headers.iter().position(|(name, _)| name == "date");
        let date = headers.remove(date.ok_or_else(|| io::Error::other("no Date"))?).1;
        let date = true_date(&date)?;
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        if names != ["content-length", "content-type", "server"] {
            return Err(io::Error::other(format!("unexpected headers {names:?}")));
        }
        let (status, body) = (status.to_owned(), body.to_owned());
        Ok(Self { status, headers, body, length: bytes.len(), date })
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
    use super::{Answer, ask_all, compare, whole};
    use crate::contenders::{self, Contender};
    use std::net::SocketAddr;
    use std::sync::mpsc;
    use std::time::SystemTime;

    #[test]
    fn every_contender_says_the_same() {
        let start = |contender: &'static Contender| {
            let (send, receive) = mpsc::channel();
            std::thread::spawn(move || {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                (contender.serve)(any, &|address| send.send(address).expect("the test waits"))
            });
            (contender.name, receive.recv().expect("an address"))
        };
        let servers: Vec<_> = contenders::ALL.iter().map(start).collect();
        let answers = &ask_all(&servers[..1]).expect("the floor answers")[0];
        assert_eq!(answers[0].body, "Hello, World!");
        assert_eq!(answers[1].body, r#"{"message":"Hello, World!"}"#);
        compare(&servers).expect("no difference");
    }

    #[test]
    fn differences_are_seen() {
        let now = httpdate::fmt_http_date(SystemTime::now());
        let with = |headers: &str| {
            Answer::parse(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nhi").as_bytes())
        };
        let usual = format!("Server: b\r\nDate: {now}\r\nContent-Type: t\r\nContent-Length: 2");
        let same = format!("content-length: 2\r\ndate: {now}\r\ncontent-type: t\r\nserver: b");
        let other = usual.replace("Type: t", "Type: u");
        let usual_answer = with(&usual).expect("well formed");
        assert_eq!(usual_answer, with(&same).expect("any order, any case"));
        assert_ne!(usual_answer, with(&other).expect("well formed"));
        assert!(with(&usual.replace(&now, "Thu, 01 Jan 1970 00:00:00 GMT")).is_err(), "old Date");
        assert!(with(&format!("{usual}\r\nVary: Cookie")).is_err(), "one header too many");
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        for length in 0..answer.len() {
            assert!(!whole(&answer[..length]).expect("a prefix"), "{length}");
        }
        assert!(whole(answer).expect("all of it"));
        assert!(whole(&[&answer[..], b"!"].concat()).is_err());
    }
}
