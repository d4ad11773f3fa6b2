//! Connection strings: `mongodb://user:password@host:port,.../database?option=value`.
//!
//! Owns how the string is cut up and unescaped, and who the credential belongs to. Errors and
//! both print-outs never show the string: it holds a password. Which options there are is in
//! `options.rs`; what a client makes of them is in `settings.rs`.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::options::{Options, Pairs, Value};

/// The port a server listens on when nobody says otherwise.
pub const PORT: u16 = 27017;

/// One server to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name or an address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
    Unix(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name, port) if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

/// Who the client says it is. Printing it shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user's name; some mechanisms take it from elsewhere.
    pub username: Option<String>,
    /// The password in the clear.
    pub password: Option<String>,
    /// The database that knows the user.
    pub source: String,
    /// The mechanism, when one was named; otherwise the server's best SCRAM.
    pub mechanism: Option<String>,
    /// What only that mechanism understands.
    pub properties: Pairs,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "<redacted>"))
            .field("source", &self.source)
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// A connection string, understood. Printing it shows neither user nor password nor options.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// The servers to begin with; at least one.
    pub hosts: Vec<Host>,
    /// Who to be, if anybody.
    pub credential: Option<Credential>,
    /// The database named behind the slash.
    pub database: Option<String>,
    /// Everything behind the question mark.
    pub options: Options,
}

impl Uri {
    /// Understands a connection string; a bare `host` or `host:port` counts as one.
    ///
    /// # Errors
    /// The string is malformed or contradicts itself. Options that are merely unknown, or whose
    /// values are not valid, become warnings instead.
    pub fn parse(uri: &str) -> Result<Self, UriError> {
        let rest = match uri.split_once("://") {
            Some(("mongodb", rest)) => rest,
            Some(("mongodb+srv", _)) => return Err(UriError::Srv),
            Some(_) => return Err(UriError::Scheme),
            None if uri.is_empty() => return Err(UriError::Scheme),
            None => uri,
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(r, q)| (r, Some(q)));
        let (authority, database) =
            rest.split_once('/').map_or((rest, None), |(a, d)| (a, Some(d)));
        // The last `@`: an earlier one would be part of a user or password, and unescaped there.
        let (user, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
        let hosts = hosts.split(',').map(parse_host).collect::<Result<Vec<_>, _>>()?;
        let mut options = Options::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(UriError::OptionWithoutValue)?;
            options.add(&unescape(name)?, &unescape(value)?)?;
        }
        options.check_combinations(hosts.len())?;
        let database = match database {
            Some(name) if !name.is_empty() => Some(check_database(unescape(name)?.into_owned())?),
            _ => None,
        };
        let credential = credential(user, database.as_deref(), &options)?;
        Ok(Self { hosts, credential, database, options })
    }
}

/// Unescapes `%XX`; a per cent sign that escapes nothing is an error, not a character.
fn unescape(text: &str) -> Result<Cow<'_, str>, UriError> {
    let bytes = text.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let hex = bytes.get(at + 1..at + 3).unwrap_or_default();
        if hex.len() != 2 || !hex.iter().all(u8::is_ascii_hexdigit) {
            return Err(UriError::Escape);
        }
    }
    percent_decode_str(text).decode_utf8().map_err(|_| UriError::Escape)
}

fn parse_host(text: &str) -> Result<Host, UriError> {
    if text.contains("%2F") || text.contains("%2f") {
        return Ok(Host::Unix(unescape(text)?.into_owned()));
    }
    let (name, port) = if let Some(literal) = text.strip_prefix('[') {
        let (name, rest) = literal.split_once(']').ok_or(UriError::Host)?;
        match rest.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None if rest.is_empty() => (name, None),
            None => return Err(UriError::Host),
        }
    } else {
        text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)))
    };
    let port = match port {
        None => PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(UriError::Port)?
        }
        Some(_) => return Err(UriError::Port),
    };
    let name = unescape(name)?;
    if name.is_empty() || name.contains(['/', '@']) {
        return Err(UriError::Host);
    }
    Ok(Host::Tcp(name.to_lowercase(), port))
}

fn check_database(name: String) -> Result<String, UriError> {
    if name.contains(['/', '\\', ' ', '"', '$', '.', '\0']) {
        return Err(UriError::Database);
    }
    Ok(name)
}

/// Puts together who the client is. A database or an `authSource` alone makes nobody.
fn credential(
    user: Option<&str>,
    database: Option<&str>,
    options: &Options,
) -> Result<Option<Credential>, UriError> {
    let (username, password) = match user {
        None => (None, None),
        Some(user) => {
            let (name, password) = user.split_once(':').map_or((user, None), |(n, p)| (n, Some(p)));
            if name.is_empty() {
                return Err(UriError::NoUsername);
            }
            if name.contains('@') || password.is_some_and(|p| p.contains(['@', ':'])) {
                return Err(UriError::UserInfo);
            }
            let password = password.map(unescape).transpose()?.map(Cow::into_owned);
            (Some(unescape(name)?.into_owned()), password)
        }
    };
    let mechanism = options.text("authMechanism");
    if username.is_none() && mechanism.is_none() {
        return Ok(None);
    }
    let source = match (options.text("authSource"), mechanism) {
        (Some(source), _) => source,
        (None, Some("PLAIN")) => database.unwrap_or("$external"),
        (None, Some("GSSAPI" | "MONGODB-X509" | "MONGODB-AWS" | "MONGODB-OIDC")) => "$external",
        (None, _) => database.unwrap_or("admin"),
    };
    if username.is_none() && matches!(mechanism, Some("PLAIN" | "SCRAM-SHA-1" | "SCRAM-SHA-256")) {
        return Err(UriError::NoUsername);
    }
    let properties = match options.get("authMechanismProperties") {
        Some(Value::Pairs(pairs)) => pairs.clone(),
        _ => Pairs::new(),
    };
    let (source, mechanism) = (source.to_owned(), mechanism.map(str::to_owned));
    Ok(Some(Credential { username, password, source, mechanism, properties }))
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        Self::parse(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mongodb://")?;
        if self.credential.is_some() {
            f.write_str("<credentials>@")?;
        }
        for (at, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if at == 0 { "" } else { "," })?;
        }
        self.database.as_ref().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self}, options: {:?})", self.options)
    }
}

/// The connection string cannot be used; whoever wrote it has to change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// It does not begin with `mongodb://`.
    Scheme,
    /// It begins with `mongodb+srv://`: hosts from DNS are refused, not guessed.
    Srv,
    /// A host is empty or malformed.
    Host,
    /// A port is not a number from 1 to 65535.
    Port,
    /// A user or password holds a character that must be escaped.
    UserInfo,
    /// Somebody shall be authenticated, but nobody is named.
    NoUsername,
    /// A per cent sign is not followed by two hexadecimal digits, or they are not UTF-8.
    Escape,
    /// The database's name holds a character that none may hold.
    Database,
    /// An option without `=`.
    OptionWithoutValue,
    /// `authSource` is empty.
    EmptyAuthSource,
    /// Two options exclude each other.
    Contradiction(&'static str, &'static str),
    /// A direct or a load-balanced connection goes to one host.
    OneHostOnly,
    /// An option that only means something with `mongodb+srv://`.
    SrvOnly(&'static str),
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a connection string begins with mongodb://",
            Self::Srv => "mongodb+srv:// is not supported, name the hosts with mongodb://",
            Self::Host => "a host in the connection string is empty or malformed",
            Self::Port => "a port in the connection string is not between 1 and 65535",
            Self::UserInfo => "user and password must escape : / ? # [ ] @ as %XX",
            Self::NoUsername => "the connection string authenticates nobody: the user is missing",
            Self::Escape => "a % in the connection string is not followed by a valid escape",
            Self::Database => "the database name in the connection string is not a valid one",
            Self::OptionWithoutValue => "an option in the connection string has no value",
            Self::EmptyAuthSource => "authSource must not be empty",
            Self::OneHostOnly => "directConnection and loadBalanced go with a single host",
            Self::Contradiction(a, b) => return write!(f, "{a} and {b} exclude each other"),
            Self::SrvOnly(name) => return write!(f, "{name} goes with mongodb+srv:// only"),
        })
    }
}

impl std::error::Error for UriError {}
