//! A client's settings: what a connection string means once it is understood.
//!
//! Owns the defaults, each with its reason, and the refusal of what is not there yet: a setting
//! that cannot be honoured is an error or a warning, never silently dropped. Read next:
//! `pool.rs` and `connection.rs`, which obey them.

use std::fmt;
use std::time::Duration;

use super::concern::{Concerns, ReadConcern, ReadPreference, WriteConcern};
use super::hello::APP_NAME_BYTES_MAX;
use super::scram::Mechanism;
use super::uri::{Credential, Host, Uri, UriError};

/// Everything a client can be told; made from a connection string, changed field by field.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub host: Host,
    /// Who to be.
    pub credential: Option<Credential>,
    /// The database that `default_database` answers.
    pub database: Option<String>,
    /// The name to show in the server's log.
    pub app_name: Option<String>,
    /// From the first packet to the end of the handshake, authentication included.
    pub connect_timeout: Duration,
    /// From a command's last byte to its reply's; none waits for ever, as the specification has it.
    pub socket_timeout: Option<Duration>,
    /// How long an operation waits for a server to appear.
    pub server_selection_timeout: Duration,
    /// The pool's bounds.
    pub pool: PoolSettings,
    /// How sure reads and writes are, unless a database or a collection says otherwise.
    pub concerns: Concerns,
    /// What was passed over; worth a line in the log.
    pub warnings: Vec<String>,
}

/// The bounds of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// The most connections at once; each runs one operation at a time.
    pub size_max: usize,
    /// Connections to keep even when nobody needs them.
    pub size_min: usize,
    /// How many may be in their handshake at once, so that a burst does not storm the server.
    pub connecting_max: usize,
    /// How long a connection may lie unused; none is for ever.
    pub idle_time_max: Option<Duration>,
    /// How long an operation waits for a connection; none is for ever.
    pub wait_timeout: Option<Duration>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size_max: 100,
            size_min: 0,
            connecting_max: 2,
            idle_time_max: None,
            wait_timeout: None,
        }
    }
}

impl Settings {
    /// The defaults, for one server.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            credential: None,
            database: None,
            app_name: None,
            connect_timeout: Duration::from_secs(20),
            socket_timeout: None,
            server_selection_timeout: Duration::from_secs(30),
            pool: PoolSettings::default(),
            concerns: Concerns::default(),
            warnings: Vec::new(),
        }
    }

    /// What `uri` asks for.
    ///
    /// # Errors
    /// It asks for something that is not there yet and cannot be left out without harm, such as
    /// TLS; or two of its options contradict each other.
    pub fn from_uri(uri: &Uri) -> Result<Self, SettingsError> {
        refuse_unsupported(uri)?;
        let options = &uri.options;
        let millis = |name| options.int(name).map(|millis| Duration::from_millis(millis as u64));
        let some_millis = |name| millis(name).filter(|time| !time.is_zero());
        let count = |name| options.int(name).map(|count| count as usize);
        let mut settings = Self::new(uri.hosts[0].clone());
        settings.credential.clone_from(&uri.credential);
        settings.database.clone_from(&uri.database);
        settings.warnings = options.warnings().iter().map(ToString::to_string).collect();
        settings.take_app_name(options.text("appName"));
        if let Some(timeout) = some_millis("connectTimeoutMS") {
            settings.connect_timeout = timeout;
        }
        settings.socket_timeout = some_millis("socketTimeoutMS");
        if let Some(timeout) = millis("serverSelectionTimeoutMS") {
            settings.server_selection_timeout = timeout;
        }
        let pool = &mut settings.pool;
        pool.size_max = match count("maxPoolSize") {
            Some(0) => usize::MAX, // the specification's word for "no limit"
            Some(size) => size,
            None => pool.size_max,
        };
        pool.size_min = count("minPoolSize").unwrap_or(pool.size_min).min(pool.size_max);
        pool.connecting_max = count("maxConnecting").unwrap_or(pool.connecting_max);
        pool.idle_time_max = some_millis("maxIdleTimeMS");
        pool.wait_timeout = some_millis("waitQueueTimeoutMS");
        let level = options.text("readConcernLevel").map(str::to_owned);
        settings.concerns = Concerns {
            read_concern: ReadConcern { level },
            write_concern: WriteConcern::from_options(options)?,
            read_preference: ReadPreference::from_options(options)?,
        };
        for name in IGNORED {
            if options.get(name).is_some() {
                settings.warnings.push(format!("{name} is not supported yet and was ignored"));
            }
        }
        Ok(settings)
    }

    /// A connection may be made in the clear, but on the way to another machine that is news.
    pub fn is_remote(&self) -> bool {
        match &self.host {
            Host::Unix(_) => false,
            Host::Tcp(name, _) => match name.parse::<std::net::IpAddr>() {
                Ok(address) => !address.is_loopback(),
                Err(_) => name != "localhost",
            },
        }
    }

    fn take_app_name(&mut self, name: Option<&str>) {
        if name.is_some_and(|name| name.len() > APP_NAME_BYTES_MAX) {
            self.warnings.push("appName is longer than 128 bytes and was ignored".to_owned());
        } else {
            self.app_name = name.map(str::to_owned);
        }
    }
}

/// Options that can be left out without doing the wrong thing; `retryWrites` and `retryReads` are
/// absent, since a single server never retries and says so to nobody.
const IGNORED: &[&str] = &[
    "compressors",
    "timeoutMS",
    "srvMaxHosts",
    "heartbeatFrequencyMS",
    "serverMonitoringMode",
    "replicaSet", // refused already without directConnection
];

/// Leaving these out would connect to the wrong place, as the wrong person, or in the clear.
fn refuse_unsupported(uri: &Uri) -> Result<(), SettingsError> {
    let options = &uri.options;
    let needs_tls = options.bool("tls") == Some(true)
        || (options.bool("tls").is_none()
            && ["tlsCAFile", "tlsCertificateKeyFile"]
                .iter()
                .any(|name| options.get(name).is_some()));
    if needs_tls {
        return Err(SettingsError::Unsupported("tls"));
    }
    let mechanism = uri.credential.as_ref().and_then(|c| c.mechanism.as_deref());
    if mechanism.is_some_and(|name| Mechanism::from_name(name).is_none()) {
        return Err(SettingsError::Unsupported("this authMechanism"));
    }
    if uri.credential.as_ref().is_some_and(|credential| credential.password.is_none()) {
        return Err(SettingsError::NoPassword);
    }
    if options.bool("loadBalanced") == Some(true) {
        return Err(SettingsError::Unsupported("loadBalanced"));
    }
    if options.get("proxyHost").is_some() {
        return Err(SettingsError::Unsupported("proxyHost"));
    }
    let direct = options.bool("directConnection") == Some(true);
    if uri.hosts.len() > 1 || (options.get("replicaSet").is_some() && !direct) {
        return Err(SettingsError::ReplicaSet);
    }
    Ok(())
}

/// The connection string asks for something that this client cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// The string itself is wrong.
    Uri(UriError),
    /// A feature that is not there, and that must not be left out silently.
    Unsupported(&'static str),
    /// Several hosts, or a set's name: the members are not discovered yet.
    ReplicaSet,
    /// A user without a password.
    NoPassword,
}

impl From<UriError> for SettingsError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Unsupported(what) => write!(f, "{what} is not supported"),
            Self::ReplicaSet => f.write_str(
                "replica sets are not discovered yet: name one host and directConnection=true",
            ),
            Self::NoPassword => f.write_str("the connection string names a user but no password"),
        }
    }
}

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Uri(error) = self { Some(error) } else { None }
    }
}
