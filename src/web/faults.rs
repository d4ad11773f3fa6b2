//! The small error types of the web layer, one for each format or step that can fail.
//!
//! Each says whose fault it is. They know nothing of statuses: `error.rs` chooses one.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Arguments that cannot be read: the client's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentError {
    /// The value of this argument is not UTF-8.
    InvalidUnicode {
        /// Its name.
        name: String,
    },
    /// There are more than [`ARGUMENTS_MAX`](super::arguments::ARGUMENTS_MAX).
    TooMany,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUnicode { name } => write!(f, "invalid unicode in argument {name}"),
            Self::TooMany => f.write_str("too many arguments"),
        }
    }
}

impl StdError for ArgumentError {}

/// A `multipart/form-data` body that breaks its grammar or a limit: the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartError {
    /// This application takes no multipart bodies.
    Disabled,
    /// The content type names no usable boundary.
    NoBoundary,
    /// The body does not begin with the boundary, or never ends with one.
    MissingFinalBoundary,
    /// More parts than [`parts_max`](super::multipart::MultipartLimits::parts_max).
    TooManyParts,
    /// A part has no blank line after its head.
    MissingHeaders,
    /// The head of a part is larger than the limit.
    HeadTooLarge,
    /// A header of a part is not `name: value` in clean UTF-8.
    BadHeader,
    /// A part is not `form-data`.
    BadDisposition,
    /// A part has no field name.
    MissingName,
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "multipart/form-data parsing is disabled",
            Self::NoBoundary => "multipart/form-data without a usable boundary",
            Self::MissingFinalBoundary => "invalid multipart/form-data: no final boundary found",
            Self::TooManyParts => "multipart/form-data has too many parts",
            Self::MissingHeaders => "multipart/form-data missing headers",
            Self::HeadTooLarge => "multipart/form-data part header too large",
            Self::BadHeader => "multipart/form-data part header is malformed",
            Self::BadDisposition => "invalid multipart/form-data disposition",
            Self::MissingName => "multipart/form-data missing name",
        })
    }
}

impl StdError for MultipartError {}

/// A POST without a good XSRF token: a 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XsrfError {
    /// No token in the form and none in a header.
    Missing,
    /// There is one, but it has no known format.
    Malformed,
    /// It is not the one in the cookie.
    Mismatch,
}

impl fmt::Display for XsrfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "'_xsrf' argument missing from the request",
            Self::Malformed => "'_xsrf' argument has invalid format",
            Self::Mismatch => "XSRF cookie does not match the argument",
        })
    }
}

impl StdError for XsrfError {}

/// A cookie that cannot be sent, because a part of it would break out of the header: our fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieError {
    /// The cookie's name.
    pub name: String,
    /// The part that is at fault: `name`, `value`, `domain`, `path` or `expires`.
    pub part: &'static str,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {} of cookie {:?}", self.part, self.name)
    }
}

impl StdError for CookieError {}

/// A route that cannot be compiled: found when the application is built.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PatternError {
    /// The regular expression is malformed.
    Syntax {
        /// The pattern as written.
        pattern: String,
        /// What the engine says.
        cause: regex::Error,
    },
    /// Some groups have names and some have not.
    MixedGroups {
        /// The pattern as written.
        pattern: String,
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { pattern, .. } => write!(f, "route {pattern:?} is no regular expression"),
            Self::MixedGroups { pattern } => {
                write!(f, "route {pattern:?} mixes named and unnamed groups")
            }
        }
    }
}

impl StdError for PatternError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Syntax { cause, .. } => Some(cause),
            Self::MixedGroups { .. } => None,
        }
    }
}

/// A URL that cannot be made from a route: our own mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReverseError {
    /// No route has this name.
    UnknownName {
        /// The name asked for.
        name: String,
    },
    /// The pattern is more than text and simple groups.
    NotReversible,
    /// Each group needs one argument.
    WrongCount {
        /// How many groups there are.
        expected: usize,
        /// How many arguments were given.
        given: usize,
    },
}

impl fmt::Display for ReverseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { name } => write!(f, "no route is named {name:?}"),
            Self::NotReversible => f.write_str("the pattern of this route cannot be reversed"),
            Self::WrongCount { expected, given } => {
                write!(f, "the route has {expected} groups, but {given} arguments were given")
            }
        }
    }
}

impl StdError for ReverseError {}

/// The response was finished already: a second finish, or a cookie set too late (S043, S045).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyFinished;

impl fmt::Display for AlreadyFinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response is already finished")
    }
}

impl StdError for AlreadyFinished {}

/// The head of the response is on its way already: too late for a status, a header, a cookie, a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadersSent;

impl fmt::Display for HeadersSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the headers are already sent")
    }
}

impl StdError for HeadersSent {}

/// A handler panicked: a bug, and a 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerPanicked(pub String);

impl fmt::Display for HandlerPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler panicked: {}", self.0)
    }
}

impl StdError for HandlerPanicked {}

/// JSON with a list at its top: old browsers let other sites read it (HAZ20). Wrap it in an object, or
/// say [`Chunk::json_list`](super::Chunk::json_list).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopLevelList;

impl fmt::Display for TopLevelList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON list cannot be a response; wrap it in an object")
    }
}

impl StdError for TopLevelList {}

/// A setting that some call needs and the application does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingSetting(pub &'static str);

impl fmt::Display for MissingSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "you must define the {:?} setting of your application", self.0)
    }
}

impl StdError for MissingSetting {}

/// A redirect to something that is no honest URL (HAZ14): our own mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLocation(pub String);

impl fmt::Display for InvalidLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused to redirect to {:?}", self.0)
    }
}

impl StdError for InvalidLocation {}

/// An application that cannot start, and what to look at.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A route is malformed.
    Pattern(PatternError),
    /// A setting names a directory that is not there or is no directory.
    Directory {
        /// The setting.
        setting: &'static str,
        /// The path as it was given.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A directory could not be listed.
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A template is malformed.
    Template {
        /// Names the file and the line.
        cause: minijinja::Error,
    },
    /// A setting needs a feature that squall was compiled without.
    Feature {
        /// The setting.
        setting: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// The XSRF cookie has a name or an attribute that cannot be sent.
    Cookie(CookieError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(f),
            Self::Directory { setting, path, .. } => {
                write!(f, "{setting} is no readable directory: {}", path.display())
            }
            Self::Unreadable { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::Template { cause } => write!(f, "template: {cause}"),
            Self::Feature { setting, feature } => {
                write!(f, "{setting} needs squall's feature {feature:?}")
            }
            Self::Cookie(error) => error.fmt(f),
        }
    }
}

impl StdError for BuildError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Pattern(error) => error.source(),
            Self::Directory { cause, .. } | Self::Unreadable { cause, .. } => Some(cause),
            Self::Template { cause } => cause.source(),
            Self::Feature { .. } | Self::Cookie(_) => None,
        }
    }
}

impl From<PatternError> for BuildError {
    fn from(error: PatternError) -> Self {
        Self::Pattern(error)
    }
}
