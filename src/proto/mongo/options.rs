//! The options of a connection string: their names, kinds and bounds, in one table.
//!
//! Owns the judgement of single values and of combinations that exclude each other, as the
//! "URI options" specification lists them. It does not know how a string is cut into pairs
//! (`uri.rs`) nor what a client does with the values (`settings.rs`).

use std::fmt;

use super::uri::UriError;

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bool,
    /// A whole number from the first bound to the second.
    Int(i64, i64),
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Words with commas between them.
    List,
    /// `name:value` with commas between them.
    Pairs,
    /// As `Pairs`, and the option may come again: each time is one more set.
    PairSets,
    /// A number of servers, or a name that the servers know.
    Acknowledgement,
}

const MILLIS: Kind = Kind::Int(0, i64::MAX);
const COUNT: Kind = Kind::Int(0, u32::MAX as i64);

/// Every option of the specification, whether or not we act on it.
const OPTIONS: &[(&str, Kind)] = &[
    ("appName", Kind::Text),
    ("authMechanism", Kind::Text),
    ("authMechanismProperties", Kind::Pairs),
    ("authSource", Kind::Text),
    ("compressors", Kind::List),
    ("connectTimeoutMS", MILLIS),
    ("directConnection", Kind::Bool),
    ("enableOverloadRetargeting", Kind::Bool),
    ("heartbeatFrequencyMS", Kind::Int(500, i64::MAX)),
    ("journal", Kind::Bool),
    ("loadBalanced", Kind::Bool),
    ("localThresholdMS", MILLIS),
    ("maxAdaptiveRetries", COUNT),
    ("maxConnecting", Kind::Int(1, u32::MAX as i64)),
    ("maxIdleTimeMS", MILLIS),
    ("maxPoolSize", COUNT),
    ("maxStalenessSeconds", Kind::Int(-1, i64::MAX)),
    ("minPoolSize", COUNT),
    ("proxyHost", Kind::Text),
    ("proxyPassword", Kind::Text),
    ("proxyPort", Kind::Int(1, 65535)),
    ("proxyUsername", Kind::Text),
    ("readConcernLevel", Kind::Text),
    ("readPreference", Kind::Word(super::concern::READ_MODES)),
    ("readPreferenceTags", Kind::PairSets),
    ("replicaSet", Kind::Text),
    ("retryReads", Kind::Bool),
    ("retryWrites", Kind::Bool),
    ("serverMonitoringMode", Kind::Word(&["auto", "poll", "stream"])),
    ("serverSelectionTimeoutMS", MILLIS),
    ("serverSelectionTryOnce", Kind::Bool),
    ("socketTimeoutMS", MILLIS),
    ("srvMaxHosts", COUNT),
    ("srvServiceName", Kind::Text),
    ("timeoutMS", MILLIS),
    ("tls", Kind::Bool),
    ("tlsAllowInvalidCertificates", Kind::Bool),
    ("tlsAllowInvalidHostnames", Kind::Bool),
    ("tlsCAFile", Kind::Text),
    ("tlsCertificateKeyFile", Kind::Text),
    ("tlsCertificateKeyFilePassword", Kind::Text),
    ("tlsDisableCertificateRevocationCheck", Kind::Bool),
    ("tlsDisableOCSPEndpointCheck", Kind::Bool),
    ("tlsInsecure", Kind::Bool),
    ("w", Kind::Acknowledgement),
    ("waitQueueTimeoutMS", MILLIS),
    ("wTimeoutMS", MILLIS),
    ("zlibCompressionLevel", Kind::Int(-1, 9)),
];

/// Pairs that contradict each other whatever their values are.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("tlsInsecure", "tlsAllowInvalidCertificates"),
    ("tlsInsecure", "tlsAllowInvalidHostnames"),
    ("tlsInsecure", "tlsDisableCertificateRevocationCheck"),
    ("tlsInsecure", "tlsDisableOCSPEndpointCheck"),
    ("tlsAllowInvalidCertificates", "tlsDisableCertificateRevocationCheck"),
    ("tlsAllowInvalidCertificates", "tlsDisableOCSPEndpointCheck"),
    ("tlsDisableOCSPEndpointCheck", "tlsDisableCertificateRevocationCheck"),
];

/// `name:value` pairs, in the order they were written.
pub type Pairs = Vec<(String, String)>;

/// The value of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Anything else that is one thing.
    Text(String),
    /// Several words.
    List(Vec<String>),
    /// Several named words.
    Pairs(Pairs),
    /// Several sets of named words, in order of preference.
    PairSets(Vec<Pairs>),
}

/// An option that was passed over, and why. Never shows a value: some of them are secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The specification does not know the option.
    Unknown(String),
    /// The value is not of the option's kind or not within its bounds.
    Value(&'static str),
    /// The option was given again; the last one counts.
    Repeated(&'static str),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "option {name:?} is unknown and was ignored"),
            Self::Value(name) => write!(f, "the value of {name} is not valid and was ignored"),
            Self::Repeated(name) => write!(f, "{name} was given more than once, the last counts"),
        }
    }
}

/// The options of one connection string, under the names of the specification.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options {
    values: Vec<(&'static str, Value)>,
    warnings: Vec<Warning>,
}

impl Options {
    /// The option `name`, whatever its kind.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The option `name`, if it is a truth value and was given.
    pub fn bool(&self, name: &str) -> Option<bool> {
        if let Some(Value::Bool(value)) = self.get(name) { Some(*value) } else { None }
    }

    /// The option `name`, if it is a number and was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        if let Some(Value::Int(value)) = self.get(name) { Some(*value) } else { None }
    }

    /// The option `name`, if it is text and was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Value::Text(value)) = self.get(name) { Some(value) } else { None }
    }

    /// What was passed over, in the order it was met.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Takes one decoded pair of the connection string.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        if name.eq_ignore_ascii_case("ssl") {
            return self.add_tls_alias(value);
        }
        let known = OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((name, kind)) = known.copied() else {
            self.warnings.push(Warning::Unknown(name.to_owned()));
            return Ok(());
        };
        if name == "authSource" && value.is_empty() {
            return Err(UriError::EmptyAuthSource);
        }
        let Some(value) = kind.parse(value) else {
            self.warnings.push(Warning::Value(name));
            return Ok(());
        };
        if name == "tls" && self.bool("tls").is_some() && self.get("tls") != Some(&value) {
            return Err(UriError::Contradiction("tls", "ssl"));
        }
        self.set(name, value);
        Ok(())
    }

    /// `ssl` is the old name of `tls`; both may be given if they agree.
    fn add_tls_alias(&mut self, value: &str) -> Result<(), UriError> {
        let before = self.warnings.len();
        let agreed = self.bool("tls");
        self.add("tls", value)?;
        if agreed.is_some() {
            self.warnings.truncate(before); // saying it twice under two names is not a repetition
        }
        Ok(())
    }

    fn set(&mut self, name: &'static str, value: Value) {
        let old = self.values.iter_mut().find(|(known, _)| *known == name);
        match (old, value) {
            (None, value) => self.values.push((name, value)),
            (Some((_, Value::PairSets(sets))), Value::PairSets(more)) => sets.extend(more),
            (Some((_, old)), value) => {
                let repeated = name != "tls" || *old != value;
                *old = value;
                if repeated {
                    self.warnings.push(Warning::Repeated(name));
                }
            }
        }
    }

    /// Refuses combinations that cannot mean anything; `hosts` is how many were named.
    pub(super) fn check_combinations(&self, hosts: usize) -> Result<(), UriError> {
        for (a, b) in EXCLUSIVE {
            if self.get(a).is_some() && self.get(b).is_some() {
                return Err(UriError::Contradiction(a, b));
            }
        }
        let direct = self.bool("directConnection") == Some(true);
        let balanced = self.bool("loadBalanced") == Some(true);
        if direct && balanced {
            return Err(UriError::Contradiction("directConnection", "loadBalanced"));
        }
        if balanced && self.get("replicaSet").is_some() {
            return Err(UriError::Contradiction("replicaSet", "loadBalanced"));
        }
        if hosts > 1 && (direct || balanced) {
            return Err(UriError::OneHostOnly);
        }
        for name in ["srvMaxHosts", "srvServiceName"] {
            if self.get(name).is_some() {
                return Err(UriError::SrvOnly(name));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    /// Names only: a value may be a password or a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

impl Kind {
    /// The value that `text` stands for; `None` when it is not one of this kind.
    fn parse(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Bool if text == "true" => Value::Bool(true),
            Self::Bool if text == "false" => Value::Bool(false),
            Self::Bool => return None,
            Self::Int(min, max) => {
                Value::Int(text.parse().ok().filter(|value| (min..=max).contains(value))?)
            }
            Self::Text => Value::Text(text.to_owned()),
            Self::Word(words) => {
                let known = words.iter().find(|word| word.eq_ignore_ascii_case(text))?;
                Value::Text((*known).to_owned())
            }
            Self::List => Value::List(text.split(',').map(str::to_owned).collect()),
            Self::Pairs => Value::Pairs(parse_pairs(text)?),
            Self::PairSets => Value::PairSets(vec![parse_pairs(text)?]),
            Self::Acknowledgement => match text.parse() {
                Ok(servers) if servers < 0 => return None,
                Ok(servers) => Value::Int(servers),
                Err(_) => Value::Text(text.to_owned()),
            },
        })
    }
}

/// `a:1,b:2`; nothing at all is an empty set. A value may hold colons of its own.
fn parse_pairs(text: &str) -> Option<Pairs> {
    let pairs = text.split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once(':').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect()
}
