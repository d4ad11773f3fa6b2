//! The house rules, as tests: who may name whom, how big things may grow, what must not be left behind.
//!
//! Reads the sources as text, knows just enough Rust to tell code from comments and strings, and
//! fails with `path:line: what, do this instead`. Each rule is a function from a source file to its
//! problems; the tests at the end hold every rule against a snippet that breaks it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Who may name whom: a module, and everything it may import. Data climbs, imports descend.
const IMPORTS: &[(&str, &[&str])] = &[
    ("log", &[]),
    ("buffer", &[]),
    ("ioloop", &["reactor", "log"]),
    ("future", &["ioloop", "log"]),
    ("coroutine", &["ioloop", "future"]),
    ("executor", &["ioloop", "future", "coroutine"]),
    ("sync", &["ioloop", "future", "coroutine"]),
    ("process", &["reactor", "ioloop", "future", "coroutine"]),
    ("net", &["reactor", "ioloop", "future", "coroutine", "executor", "log", "buffer"]),
    ("iostream", &["reactor", "ioloop", "future", "coroutine", "executor", "log", "buffer", "net"]),
    ("proto", &["buffer", "bson"]),
    ("http", &[STREAM_AND_BELOW, "iostream", "sync", "proto::http1"]),
    ("web", &[STREAM_AND_BELOW, "iostream", "sync", "http"]),
    ("mongo", &[STREAM_AND_BELOW, "iostream", "sync", "proto::mongo", "bson"]),
    ("testing", &["*"]),
    ("lib", &["*"]),
];

/// Stands for everything that `iostream` may import.
const STREAM_AND_BELOW: &str = "what iostream imports";

/// A point in time is a plain value, and so everybody may name it.
const PLAIN_VALUES: &[&str] = &["reactor::Instant"];

/// Files longer than this are two ideas.
const FILE_LINES_MAX: usize = 500;
/// Functions longer than this hide a function.
const FUNCTION_LINES_MAX: usize = 60;

/// Functions that choose between platforms in their body: those that list what this machine offers.
const CFG_ALLOWED: &[(&str, &str)] = &[
    ("reactor/src/backend.rs", "available"),
    ("reactor/src/backend.rs", "native"),
    ("reactor/src/backend.rs", "build"),
];

/// Types in the documents that are not ours.
const FOREIGN_TYPES: &[&str] = &["MongoDB"];

// ---- the rules on the real sources -------------------------------------------------------------

#[test]
fn imports_descend() {
    check(&["src", "reactor/src"], imports);
}

#[test]
fn every_file_says_what_it_owns() {
    check(&["src", "reactor/src", "examples", "benches"], head);
}

#[test]
fn files_and_functions_stay_small() {
    check(&["src", "reactor/src"], sizes);
}

#[test]
fn unsafe_has_one_door() {
    check(&["src", "reactor", "examples", "benches", "tests"], unsafe_code);
}

#[test]
fn nothing_is_left_unfinished() {
    check(&["src", "reactor", "examples", "benches", "tests"], leftovers);
}

#[test]
fn functions_do_not_choose_their_platform() {
    check(&["src", "reactor/src"], cfg_in_functions);
}

#[test]
fn documents_name_what_exists() {
    let house = House::read();
    let mut problems = Vec::new();
    for path in ["docs/ARCHITECTURE.md", "docs/TOUR.md"] {
        // A document that is not written yet names nothing.
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        problems.extend(house.stale_names(path, &text));
    }
    report(&problems);
}

#[test]
fn heads_point_to_files_that_exist() {
    let house = House::read();
    check(&["src", "reactor/src", "benches", "examples"], |source| house.stale_paths(source));
}

// ---- reading ------------------------------------------------------------------------------------

/// One broken rule, and what to do about it.
#[derive(Debug, PartialEq)]
struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A Rust file: as written, and with the inside of comments and strings blanked out.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: code_only(text) }
    }

    fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        let line = self.text[..offset].matches('\n').count() + 1;
        Problem { path: self.path.clone(), line, what: what.into() }
    }

    /// Where `word` stands in the code as a word of its own.
    fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
            let before = self.code[..offset].chars().next_back();
            let after = self.code[offset + word.len()..].chars().next();
            !before.is_some_and(in_word) && !after.is_some_and(in_word)
        })
    }

    /// The `//!` lines that open the file, and how many lines they are.
    fn head(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        lines.flat_map(|line| [line.trim(), "\n"]).collect()
    }

    /// Every function with a body: where its `fn` stands, and its body.
    fn functions(&self) -> Vec<(usize, Range<usize>)> {
        let functions = self.words("fn").filter_map(|start| {
            let named = self.code[start + 2..].trim_start().starts_with(|c: char| in_word(c));
            let open = named.then(|| body_start(&self.code, start)).flatten()?;
            Some((start, open..closing_brace(&self.code, open)))
        });
        functions.collect()
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first `{` after a signature, or nothing if it ends with `;`.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(from + offset),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (offset, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + offset;
        }
    }
    code.len()
}

/// The text with comments and the inside of strings and characters turned into spaces, so that what
/// is left is code, every byte in its old place.
fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(text, at);
        if let Some(end) = end {
            for byte in &mut code[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end.unwrap_or(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment, string or character that begins at `at`, if one does.
fn token_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    let word_before = at > 0 && in_word(text.as_bytes()[at - 1] as char);
    match rest {
        [b'/', b'/', ..] => Some(at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + block_comment(rest)),
        [b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 1).map(|length| at + length),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !word_before => {
            raw_string(rest, 2).map(|length| at + length)
        }
        [b'"', ..] => Some(at + quoted(rest, b'"')),
        [b'\'', b'\\', ..] => Some(at + quoted(rest, b'\'')),
        // 'x' is a character and 'x a lifetime.
        [b'\'', ..] => {
            let mut chars = text[at + 1..].char_indices().skip(1);
            matches!(chars.next(), Some((_, '\''))).then(|| at + quoted(rest, b'\''))
        }
        _ => None,
    }
}

/// The length of `/* .. */`, which may contain itself.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of `r##".."##`, with `prefix` letters before the first `#`; nothing for `r#name`.
fn raw_string(rest: &[u8], prefix: usize) -> Option<usize> {
    let hashes = rest[prefix..].iter().take_while(|&&b| b == b'#').count();
    let open = prefix + hashes;
    let end = [b"\"", "#".repeat(hashes).as_bytes()].concat();
    (rest.get(open) == Some(&b'"')).then_some(())?;
    let inside = &rest[open + 1..];
    let length = inside.windows(end.len()).position(|window| window == end);
    Some(length.map_or(rest.len(), |length| open + 1 + length + end.len()))
}

/// The length of a quoted string or character with its escapes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `directory`, as paths from the root with `/`; build output aside.
fn files_below(directory: &str) -> Vec<String> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(root().join(directory)) else { return files };
    for entry in entries {
        let entry = entry.expect("a readable directory");
        let name = entry.file_name().into_string().expect("names are ASCII here");
        let path = format!("{directory}/{name}");
        match entry.file_type().expect("a type").is_dir() {
            true if name == "target" => {}
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn sources(directories: &[&str]) -> Vec<Source> {
    let files = directories.iter().flat_map(|directory| files_below(directory));
    let rust = files.filter(|path| Path::new(path).extension().is_some_and(|ext| ext == "rs"));
    rust.map(|path| {
        let text = fs::read_to_string(root().join(&path)).expect("UTF-8");
        Source::new(&path, &text)
    })
    .collect()
}

fn check(directories: &[&str], rule: impl Fn(&Source) -> Vec<Problem>) {
    let problems: Vec<_> = sources(directories).iter().flat_map(rule).collect();
    report(&problems);
}

fn report(problems: &[Problem]) {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "\n{}\n", lines.join("\n"));
}

// ---- rule: imports descend ----------------------------------------------------------------------

fn imports(source: &Source) -> Vec<Problem> {
    let in_reactor = source.path.starts_with("reactor/");
    let module = module_path(&source.path);
    let mut problems = Vec::new();
    for (offset, path) in named_paths(source, &module) {
        let allowed = if in_reactor {
            path.first().is_none_or(|name| name != "squall")
        } else {
            may_name(&module, &path)
        };
        if !allowed {
            let home = if in_reactor { "reactor" } else { &module[0] };
            let path = path.join("::");
            problems.push(source.problem(
                offset,
                format!(
                    "`{home}` names `{path}`, which does not stand below it: \
                         move the code up, or hand the value in from above (table in tests/tidy.rs)"
                ),
            ));
        }
    }
    if !in_reactor && !IMPORTS.iter().any(|(name, _)| *name == module[0]) {
        let what =
            format!("`{}` has no row in the import table: add it to tests/tidy.rs", module[0]);
        problems.push(source.problem(0, what));
    }
    problems
}

/// `src/ioloop/timers.rs` is `ioloop::timers`; `src/ioloop/mod.rs` is `ioloop`.
fn module_path(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').map(str::to_owned).collect()
}

/// Paths into our own modules: after `crate::`, after enough `super::`, and of the reactor and bson.
fn named_paths(source: &Source, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    for foreign in ["reactor", "squall_reactor", "bson", "squall"] {
        for offset in source.words(foreign) {
            let is_path = source.code[offset + foreign.len()..].starts_with("::");
            let begins = !source.code[..offset].trim_end().ends_with("::");
            if is_path && begins {
                let name = foreign.trim_start_matches("squall_");
                let tails = use_tree(&source.code[offset + foreign.len() + 2..]);
                paths.extend(
                    tails.into_iter().map(|tail| (offset, [vec![name.to_owned()], tail].concat())),
                );
            }
        }
    }
    for offset in source.words("crate") {
        if let Some(tree) = source.code[offset + 5..].strip_prefix("::") {
            paths.extend(use_tree(tree).into_iter().map(|path| (offset, path)));
        }
    }
    for offset in source.words("super") {
        let inner = source.code[..offset].trim_end().ends_with("super::");
        let chain =
            source.code[offset..].split("super::").take_while(|part| part.is_empty()).count();
        let depth = if module == ["lib"] { 0 } else { module.len() };
        if !inner && chain == depth + inline_modules(&source.code, offset) && depth > 0 {
            let tree = &source.code[offset + chain * "super::".len()..];
            let known = |path: &Vec<String>| IMPORTS.iter().any(|(name, _)| path[0] == *name);
            paths.extend(use_tree(tree).into_iter().filter(known).map(|path| (offset, path)));
        }
    }
    paths.retain(|(_, path)| !path.is_empty());
    paths
}

/// How many `mod name { .. }` of this file enclose the offset.
fn inline_modules(code: &str, offset: usize) -> usize {
    let opens = code[..offset].match_indices("mod ").filter(|&(start, _)| {
        let word = start == 0 || !in_word(code.as_bytes()[start - 1] as char);
        let open = body_start(code, start).filter(|_| word);
        open.is_some_and(|open| open < offset && closing_brace(code, open) > offset)
    });
    opens.count()
}

/// Spells out `a::{b, c::{d, e}}` from behind its first `::`; stops at what is no path.
fn use_tree(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        let end = closing_brace(tree, 0).saturating_sub(1);
        return split_group(&group[..end]).into_iter().flat_map(use_tree).collect();
    }
    let name: String = tree.chars().take_while(|&c| in_word(c) || c == '*').collect();
    if name.is_empty() {
        return vec![];
    }
    match tree[name.len()..].strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => {
            let tails = use_tree(rest);
            tails.into_iter().map(|tail| [vec![name.clone()], tail].concat()).collect()
        }
        _ => vec![vec![name]],
    }
}

/// The members of `a, b::{c, d}, e`.
fn split_group(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (offset, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..offset]);
                start = offset + 1;
            }
            _ => {}
        }
    }
    members.push(&group[start..]);
    members
}

fn may_name(module: &[String], path: &[String]) -> bool {
    let joined = path.join("::");
    let within = |prefix: &str| joined == prefix || joined.starts_with(&format!("{prefix}::"));
    // An item of the crate's root, or something no other module owns.
    let known = |name: &str| IMPORTS.iter().any(|(module, _)| *module == name);
    if path[0] == module[0] || !(known(&path[0]) || path[0] == "reactor" || path[0] == "bson") {
        return !(module[0] == "proto" && crosses_protocols(module, path));
    }
    if PLAIN_VALUES.iter().any(|value| within(value)) {
        return true;
    }
    if module[0] == "proto" && path[0] == "bson" {
        return module.get(1).is_some_and(|protocol| protocol == "mongo");
    }
    let row = |name: &str| IMPORTS.iter().find(|(module, _)| *module == name);
    let Some((_, allowed)) = row(&module[0]) else { return true }; // reported by `imports`
    allowed.iter().any(|entry| match *entry {
        "*" => true,
        STREAM_AND_BELOW => {
            row("iostream").is_some_and(|(_, below)| below.iter().any(|b| within(b)))
        }
        entry => within(entry),
    })
}

/// Protocols do not know each other.
fn crosses_protocols(module: &[String], path: &[String]) -> bool {
    let (here, there) = (module.get(1), path.get(1));
    let protocol = |name: &String| ["http1", "websocket", "mongo"].contains(&name.as_str());
    path[0] == "proto" && here.is_some() && there.is_some_and(protocol) && here != there
}

// ---- rules: heads, sizes, unsafe, leftovers, cfg ------------------------------------------------

fn head(source: &Source) -> Vec<Problem> {
    let head = source.head();
    let prose = head.split("```").step_by(2).collect::<String>();
    let words = prose.split_whitespace();
    let sentences = words.filter(|word| {
        let word = word.trim_end_matches(['"', ')', '`', '*']);
        word.ends_with(['.', '!', '?']) && !["e.g.", "i.e."].contains(&word)
    });
    if sentences.count() >= 2 {
        return vec![];
    }
    let what = "no `//!` head of two sentences: say what the file owns, what it does not know \
                and what to read next";
    vec![source.problem(0, what)]
}

fn sizes(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what =
            format!("{lines} lines, more than {FILE_LINES_MAX}: find the two ideas and part them");
        problems.push(source.problem(source.text.len(), what));
    }
    for (start, body) in source.functions() {
        let lines = source.text[start..body.end].matches('\n').count() + 1;
        if lines > FUNCTION_LINES_MAX {
            let what = format!(
                "a function of {lines} lines, more than {FUNCTION_LINES_MAX}: \
                 let it tell the story and move the sentences into helpers"
            );
            problems.push(source.problem(start, what));
        }
    }
    problems
}

fn unsafe_code(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for offset in source.words("unsafe") {
        // A declaration asks something of its callers; the sentence is theirs.
        let rest = source.code[offset + "unsafe".len()..].trim_start();
        let declares = ["fn ", "fn(", "extern "].iter().any(|word| rest.starts_with(word));
        // The reactor's own tests have to play tricks on the kernel.
        let door = ["reactor/src/sys", "reactor/tests/"].iter().any(|d| source.path.starts_with(d));
        if !door {
            let what = "`unsafe` outside reactor/src/sys: use rustix, or move the call there";
            problems.push(source.problem(offset, what));
        } else if !declares && !has_safety_sentence(source, offset) {
            let what = "`unsafe` without a SAFETY comment above: state the fact it relies on";
            problems.push(source.problem(offset, what));
        }
    }
    problems
}

/// In the lines directly above the statement.
fn has_safety_sentence(source: &Source, offset: usize) -> bool {
    let mut lines = source.text[..offset].lines().rev();
    let this = lines.next().unwrap_or_default();
    // Up to three lines of the same statement may stand between the comment and the keyword.
    let above = lines.scan(3, |code_lines, line| {
        let trimmed = line.trim_start();
        let is_note = trimmed.starts_with("//") || trimmed.starts_with("#[");
        *code_lines -= i32::from(!is_note);
        let over =
            *code_lines < 0 || trimmed.is_empty() || (!is_note && trimmed.contains("unsafe"));
        (!over).then_some(line)
    });
    std::iter::once(this).chain(above).any(|line| line.contains("SAFETY:"))
}

fn leftovers(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (left, instead) in [
        ("todo!", "write it, or return an error that says what is missing"),
        ("unimplemented!", "write it, or return an error that says what is missing"),
        ("dbg!", "remove it"),
        ("#[ignore", "make the test fast and certain, or delete it"),
    ] {
        for (offset, _) in source.code.match_indices(left) {
            problems.push(source.problem(offset, format!("`{left}` is left behind: {instead}")));
        }
    }
    // Spelt in two halves, or this file would find itself.
    for (offset, _) in source.text.match_indices(&["FIX", "ME"].concat()) {
        problems.push(
            source.problem(offset, "an unfinished thought: finish it, or write it down elsewhere"),
        );
    }
    for (offset, _) in source.code.match_indices("fn issue_") {
        problems.push(source.problem(offset, "a number is no name: call the test what it proves"));
    }
    problems
}

fn cfg_in_functions(source: &Source) -> Vec<Problem> {
    let cfgs = ["#[cfg(", "cfg!("].iter().flat_map(|cfg| source.code.match_indices(*cfg));
    let functions = source.functions();
    let mut problems = Vec::new();
    for (offset, _) in cfgs {
        let inside = functions.iter().find(|(_, body)| body.contains(&offset));
        let Some((start, _)) = inside else { continue };
        let name: String = source.code[start + 3..].chars().take_while(|&c| in_word(c)).collect();
        if !CFG_ALLOWED.contains(&(source.path.as_str(), name.as_str())) {
            let what = format!(
                "`{name}` chooses its platform in its body: give each platform a file \
                                (or a function) of the same name"
            );
            problems.push(source.problem(offset, what));
        }
    }
    problems
}

// ---- rule: documents name what exists -----------------------------------------------------------

/// Everything a document may name: files, and words of the code.
struct House {
    files: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl House {
    fn read() -> Self {
        let directories = ["src", "reactor", "examples", "tests", "benches", "docs", ".ci"];
        let mut files: BTreeSet<String> = directories.iter().flat_map(|d| files_below(d)).collect();
        let top = fs::read_dir(root()).expect("the root").filter_map(Result::ok);
        files.extend(top.filter_map(|entry| entry.file_name().into_string().ok()));
        let sources = sources(&["src", "reactor/src", "examples", "tests", "benches"]);
        let words = sources
            .iter()
            .flat_map(|source| source.code.split(|c: char| !in_word(c)))
            .map(str::to_owned)
            .collect();
        Self { files, words }
    }

    /// A file or a directory, named from the root, from `src`, or from `home`.
    fn has_path(&self, name: &str, home: &str) -> bool {
        let name = name.trim_end_matches('/').trim_start_matches("./");
        ["", "src/", "reactor/src/", "reactor/", "benches/src/", &format!("{home}/")].iter().any(
            |base| {
                let full = format!("{base}{name}");
                let inside = format!("{full}/");
                let mut from = self.files.range(full.clone()..);
                from.next().is_some_and(|file| *file == full)
                    || self
                        .files
                        .range(inside.clone()..)
                        .next()
                        .is_some_and(|f| f.starts_with(&inside))
            },
        )
    }

    /// `a::b::C`: the last word must be in the code, the others must be modules or types there.
    fn has_item(&self, name: &str) -> bool {
        name.split("::")
            .all(|part| ["std", "crate", "squall"].contains(&part) || self.words.contains(part))
    }

    fn stale_names(&self, path: &str, text: &str) -> Vec<Problem> {
        let source = Source::new(path, text);
        backticked(text)
            .into_iter()
            .filter(|(_, name)| self.is_stale(name))
            .map(|(offset, name)| {
                let what = format!("`{name}` does not exist (any more): name what took its place");
                source.problem(offset, what)
            })
            .collect()
    }

    fn is_stale(&self, name: &str) -> bool {
        let plain = name.trim_end_matches("()").trim_end_matches('!');
        let item = !plain.is_empty() && plain.chars().all(|c| in_word(c) || c == ':');
        let camel = plain.starts_with(|c: char| c.is_ascii_uppercase())
            && plain.contains(|c: char| c.is_ascii_lowercase());
        if looks_like_path(name) {
            !self.has_path(name, "docs")
        } else if item && (plain.contains("::") || name.ends_with("()") || camel) {
            !name.starts_with("std::") && !FOREIGN_TYPES.contains(&plain) && !self.has_item(plain)
        } else {
            false
        }
    }

    /// The paths in a file's head, such as those after "Read next:".
    fn stale_paths(&self, source: &Source) -> Vec<Problem> {
        let home = source.path.rsplit_once('/').map_or("", |(home, _)| home);
        backticked(&source.head())
            .into_iter()
            .filter(|(_, name)| looks_like_path(name) && !self.has_path(name, home))
            .map(|(_, name)| {
                source.problem(
                    0,
                    format!("the head points to `{name}`, which is no file: correct it"),
                )
            })
            .collect()
    }
}

/// `src/ioloop/`, `ioloop/mod.rs`, `Cargo.toml`; but not `/auth/register` or `GET /`.
fn looks_like_path(name: &str) -> bool {
    let usual = name.chars().all(|c| in_word(c) || "./-".contains(c));
    let file = [".rs", ".toml", ".md", ".html", ".sh", ".css", ".js"]
        .iter()
        .any(|end| name.ends_with(end));
    let below = ["src/", "reactor/", "examples/", "tests/", "benches/", "docs/", ".ci/"];
    usual
        && (file && !name.starts_with(['/', '.']) || below.iter().any(|top| name.starts_with(top)))
}

/// What stands between single backticks, outside of fenced code; with its place.
fn backticked(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    for (index, block) in text.split("```").enumerate() {
        if index % 2 == 0 {
            let mut inside = at;
            for (index, part) in block.split('`').enumerate() {
                if index % 2 == 1 {
                    found.push((inside, part));
                }
                inside += part.len() + 1;
            }
        }
        at += block.len() + 3;
    }
    found
}

// ---- the rules on snippets that break them ------------------------------------------------------

/// The lines on which a rule complains.
fn lines(rule: impl Fn(&Source) -> Vec<Problem>, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text)).iter().map(|problem| problem.line).collect()
}

#[test]
fn code_is_told_from_text() {
    for (text, code) in [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"crate::web\")", "f(            )"),
        ("r#\"a\"b\"# c r#type", "         c r#type"),
        ("br\"\\\" c", "      c"),
        ("'{' &'a x '\\'' y", "    &'a x      y"),
        ("\"\\\"{\" b", "      b"),
        ("'ä' {", "     {"),
    ] {
        assert_eq!(code_only(text), code, "{text}");
    }
}

#[test]
fn imports_that_climb_are_caught() {
    for (path, text, bad) in [
        ("src/ioloop/mod.rs", "use crate::log::write;", false),
        ("src/ioloop/mod.rs", "use crate::web::Application;", true),
        ("src/ioloop/timers.rs", "use super::IoLoop; use reactor::{Instant, Token};", false),
        ("src/ioloop/timers.rs", "use super::super::web::Application;", true),
        ("src/future.rs", "use super::http::Request;", true),
        ("src/future.rs", "mod tests { use super::http; }", false),
        ("src/future.rs", "mod tests { use super::super::http; }", true),
        ("src/coroutine/mod.rs", "fn f(until: reactor::Instant) {}", false),
        ("src/coroutine/mod.rs", "fn f(r: &dyn reactor::Reactor) {}", true),
        ("src/web/mod.rs", "use crate::{http::Request, mongo::{Client, Cursor}};", true),
        ("src/web/mod.rs", "use crate::{http::Request, ioloop::IoLoop};", false),
        ("src/web/mod.rs", "use crate::proto::http1::Head;", true),
        ("src/mongo/client.rs", "use crate::proto::mongo::wire; use bson::Document;", false),
        ("src/mongo/client.rs", "use crate::proto::http1::Head;", true),
        ("src/mongo/client.rs", "use crate::http::Request;", true),
        ("src/proto/http1/mod.rs", "use reactor::{Instant, Token};", true),
        ("src/proto/http1/mod.rs", "use crate::proto::mongo::wire;", true),
        ("src/proto/http1/mod.rs", "use crate::proto::http1::head; use crate::buffer;", false),
        ("src/proto/http1/mod.rs", "use bson::Document;", true),
        ("src/proto/mongo/wire.rs", "use bson::Document;", false),
        ("src/http/mod.rs", "use crate::iostream::IoStream; use http::Method;", false),
        ("src/log.rs", "// crate::web is not code\nconst S: &str = \"crate::web\";", false),
        ("src/testing.rs", "use crate::web::Application;", false),
        ("src/kitchen.rs", "", true),
        ("reactor/src/lib.rs", "use crate::sys::epoll;", false),
        ("reactor/src/lib.rs", "use squall::ioloop::IoLoop;", true),
    ] {
        assert_eq!(!lines(imports, path, text).is_empty(), bad, "{path}: {text}");
    }
}

#[test]
fn missing_heads_are_caught() {
    for (text, bad) in [
        ("//! Owns timers. Knows no sockets.\nfn f() {}", false),
        ("//! Owns timers: a heap, i.e. a tree.\n//!\n//! Knows no sockets (none at all).", false),
        ("//! Owns timers.\nfn f() {}", true),
        ("fn f() {}\n//! Too late. Much too late.", true),
        ("//! Owns timers.\n//! ```\n//! a.b(). c!\n//! d. e.\n//! ```", true),
        ("", true),
    ] {
        assert_eq!(!lines(head, "src/x.rs", text).is_empty(), bad, "{text}");
    }
}

#[test]
fn big_files_and_functions_are_caught() {
    let function = |body: usize| format!("fn f(a: [u8; 2])\n{{\n{}}}\n", "    a();\n".repeat(body));
    assert!(lines(sizes, "src/x.rs", &function(57)).is_empty());
    assert_eq!(lines(sizes, "src/x.rs", &format!("\n{}", function(58))), [2]);
    assert!(lines(sizes, "src/x.rs", &format!("fn f();\n{}", "\n".repeat(400))).is_empty());
    assert_eq!(lines(sizes, "src/x.rs", &"\n".repeat(501)), [502]);
    let brace_in_string = format!("fn f() {{\n\"{{\"; }}\n{}", "\n".repeat(100));
    assert!(lines(sizes, "src/x.rs", &brace_in_string).is_empty());
}

#[test]
fn unsafe_without_a_reason_is_caught() {
    let plain = "fn f() {\n    unsafe { g() }\n}";
    let reasoned =
        "fn f() {\n    // SAFETY: g only reads.\n    let x =\n        unsafe { g() };\n}";
    let second = "fn f() {\n    // SAFETY: once.\n    unsafe { g() };\n    unsafe { g() };\n}";
    assert_eq!(lines(unsafe_code, "src/x.rs", reasoned), [4]);
    assert_eq!(lines(unsafe_code, "reactor/src/sys/epoll.rs", plain), [2]);
    assert!(lines(unsafe_code, "reactor/src/sys/epoll.rs", reasoned).is_empty());
    assert_eq!(lines(unsafe_code, "reactor/src/sys/epoll.rs", second), [4]);
    let declared = "unsafe extern \"C\" {\n    unsafe fn g();\n}";
    assert!(lines(unsafe_code, "reactor/src/sys/c.rs", declared).is_empty());
    assert_eq!(lines(unsafe_code, "src/c.rs", declared), [1, 2]);
    assert!(lines(unsafe_code, "src/lib.rs", "#![forbid(unsafe_code)] // no unsafe").is_empty());
}

#[test]
fn leftovers_are_caught() {
    for left in
        ["todo!()", "dbg!(x)", "unimplemented!()", "#[ignore = \"slow\"]", "fn issue_12() {}"]
    {
        assert_eq!(lines(leftovers, "src/x.rs", &format!("\n{left}")), [2], "{left}");
    }
    assert_eq!(lines(leftovers, "src/x.rs", &["// FIX", "ME later"].concat()), [1]);
    assert!(lines(leftovers, "src/x.rs", "// todo!() in a comment; \"dbg!\" in a word").is_empty());
}

#[test]
fn cfg_inside_a_function_is_caught() {
    let inside = "fn f() {\n    #[cfg(unix)]\n    g();\n}";
    let outside = "#[cfg(unix)]\nfn f() {\n    g();\n}\n#[cfg(test)]\nmod tests {}";
    assert_eq!(lines(cfg_in_functions, "src/x.rs", inside), [2]);
    assert_eq!(lines(cfg_in_functions, "src/x.rs", "fn f() { if cfg!(unix) {} }"), [1]);
    assert!(lines(cfg_in_functions, "src/x.rs", outside).is_empty());
}

#[test]
fn stale_names_in_documents_are_caught() {
    let house = House {
        files: ["src/ioloop/mod.rs", "Cargo.toml"].map(str::to_owned).into(),
        words: ["ioloop", "IoLoop", "add_timeout"].map(str::to_owned).into(),
    };
    for (name, stale) in [
        ("src/ioloop/mod.rs", false),
        ("ioloop/mod.rs", false),
        ("src/ioloop/", false),
        ("Cargo.toml", false),
        ("src/ioloop/timers.rs", true),
        ("world/mod.rs", true),
        ("IoLoop", false),
        ("IoLoop::add_timeout", false),
        ("IoLoop::add_deadline", true),
        ("add_timeout()", false),
        ("run_forever()", true),
        ("WorldLoop", true),
        ("/auth/register.html", false),
        ("cargo test", false),
        ("epoll_wait", false),
        ("std::task::Wake", false),
    ] {
        let text = format!("one\ntwo `{name}`\n```\n`World`\n```\n");
        let found = house.stale_names("docs/TOUR.md", &text);
        assert_eq!(
            found.iter().map(|problem| problem.line).collect::<Vec<_>>(),
            vec![2; usize::from(stale)],
            "{name}"
        );
    }
    let source = Source::new("src/ioloop/x.rs", "//! Read next: `mod.rs`, `world.rs`.");
    assert_eq!(house.stale_paths(&source).len(), 1);
}

#[test]
fn a_problem_says_where_and_what() {
    let source = Source::new("src/ioloop/mod.rs", "\nuse crate::web::Application;");
    let line = imports(&source)[0].to_string();
    assert!(line.starts_with("src/ioloop/mod.rs:2: `ioloop` names `web::Application`"), "{line}");
}
