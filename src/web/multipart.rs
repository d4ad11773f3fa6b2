//! `multipart/form-data`: the format of forms that carry files.
//!
//! Owns the grammar of parts and of `Content-Disposition`, and the limits a body must keep. One pass,
//! linear in the body whatever a peer writes; the first fault ends it, with one error and one log line.
//! Read next: `arguments.rs`, where the plain fields of the form end up.

use super::arguments::Arguments;
use super::escape::url_unescape;
use super::faults::{ArgumentError, MultipartError};
use crate::buffer;

/// RFC 2046 allows boundaries of 70 characters.
const BOUNDARY_BYTES_MAX: usize = 70;

/// What a multipart body may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipartLimits {
    /// An application without upload forms can refuse the format altogether.
    pub enabled: bool,
    /// Each input of a form is at least one part; a hundred is a large form.
    pub parts_max: usize,
    /// The head of a part holds a field name, a file name and a type, and nothing long.
    pub part_head_bytes_max: usize,
}

impl Default for MultipartLimits {
    fn default() -> Self {
        Self { enabled: true, parts_max: 100, part_head_bytes_max: 10 * 1024 }
    }
}

/// One uploaded file.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpFile {
    /// The form field it was sent for.
    pub name: String,
    /// What the client called the file: a label, never a path to be trusted.
    pub filename: String,
    /// What the client says it is, or `application/unknown`.
    pub content_type: String,
    /// The bytes.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, filename, content_type, body } = self;
        write!(f, "HttpFile {{ {name}: {filename:?}, {content_type}, {} bytes }}", body.len())
    }
}

/// The plain fields and the files of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Fields without a file name.
    pub arguments: Arguments,
    /// Fields with one.
    pub files: Vec<HttpFile>,
}

/// The boundary named by a `Content-Type` of `multipart/form-data`; `None` for any other type.
pub fn boundary(content_type: &str) -> Option<Result<String, MultipartError>> {
    let (kind, parameters) = header_parameters(content_type);
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = parameters.into_iter().find(|(name, _)| name == "boundary");
    Some(match found {
        Some((_, boundary)) if is_boundary(&boundary) => Ok(boundary),
        _ => Err(MultipartError::NoBoundary),
    })
}

fn is_boundary(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= BOUNDARY_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// Parses a whole body.
pub fn parse(boundary: &str, body: &[u8], limits: MultipartLimits) -> Result<Form, MultipartError> {
    if !limits.enabled {
        return Err(MultipartError::Disabled);
    }
    let mut form = Form::default();
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut rest =
        body.strip_prefix(&delimiter[2..]).ok_or(MultipartError::MissingFinalBoundary)?;
    let mut parts = 0;
    loop {
        if rest.starts_with(b"--") {
            return Ok(form); // what follows the final boundary is nobody's
        }
        rest = rest.strip_prefix(b"\r\n").ok_or(MultipartError::MissingFinalBoundary)?;
        parts += 1;
        if parts > limits.parts_max {
            return Err(MultipartError::TooManyParts);
        }
        let end = part_end(rest, &delimiter).ok_or(MultipartError::MissingFinalBoundary)?;
        parse_part(&rest[..end], limits, &mut form)?;
        rest = &rest[end + delimiter.len()..];
    }
}

/// Where the delimiter after this part begins. A line that only starts like one belongs to the part.
fn part_end(body: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + buffer::find(&body[from..], delimiter)?;
        let after = &body[at + delimiter.len()..];
        if after.starts_with(b"\r\n") || after.starts_with(b"--") {
            return Some(at);
        }
        from = at + 1;
    }
}

fn parse_part(part: &[u8], limits: MultipartLimits, form: &mut Form) -> Result<(), MultipartError> {
    let head_end = buffer::find(part, b"\r\n\r\n").ok_or(MultipartError::MissingHeaders)?;
    if head_end > limits.part_head_bytes_max {
        return Err(MultipartError::HeadTooLarge);
    }
    let head = std::str::from_utf8(&part[..head_end]).map_err(|_| MultipartError::BadHeader)?;
    let body = part[head_end + 4..].to_vec();
    let mut content_type = "application/unknown";
    let mut disposition = "";
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(MultipartError::BadHeader)?;
        // SEC29: a return or a zero byte in a file name is an attack on whoever prints it.
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(MultipartError::BadHeader);
        }
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = value;
        } else if name.eq_ignore_ascii_case("content-type") {
            content_type = value.trim();
        }
    }
    let (kind, parameters) = header_parameters(disposition);
    if kind != "form-data" {
        return Err(MultipartError::BadDisposition);
    }
    let parameter = |wanted: &str| {
        let found = parameters.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    let name = parameter("name").ok_or(MultipartError::MissingName)?;
    match parameter("filename*").as_deref().and_then(extended_value).or(parameter("filename")) {
        Some(filename) => {
            form.files.push(HttpFile { name, filename, content_type: content_type.into(), body });
            Ok(())
        }
        None => {
            form.arguments.add(name, body).map_err(|_: ArgumentError| MultipartError::TooManyParts)
        }
    }
}

/// Splits `form-data; name="a;b"; filename=c` into its kind and its parameters, in one pass (SEC21).
///
/// Inside quotes only `\"` and `\\` are escapes, so that a Windows path keeps its other backslashes.
pub fn header_parameters(value: &str) -> (String, Vec<(String, String)>) {
    let mut fields = split_outside_quotes(value).into_iter();
    let kind = fields.next().unwrap_or_default().trim().to_owned();
    let parameters = fields.filter_map(|field| {
        let (name, value) = field.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), unquote(value.trim())))
    });
    (kind, parameters.collect())
}

/// The pieces between semicolons; one inside quotes does not count.
fn split_outside_quotes(text: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = matches!(text.as_bytes().get(at + 1), Some(b'"' | b'\\')),
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        let escape = c == '\\' && matches!(chars.peek(), Some('"' | '\\'));
        out.push(if escape { chars.next().expect("just peeked at") } else { c });
    }
    out
}

/// `utf-8''T%C3%A4st`: the form of RFC 5987 in which a file name says its own encoding.
fn extended_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let bytes = url_unescape(encoded.as_bytes(), false);
    let text = match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(bytes.into_owned()).ok()?,
        "iso-8859-1" => bytes.iter().map(|&b| char::from(b)).collect(),
        _ => return None,
    };
    // The escapes can smuggle in what was refused in the plain form.
    (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
}
