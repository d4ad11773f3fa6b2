//! Reading projections: inclusion or exclusion, never both, except for the `_id`.
//!
//! Owns mongod's objections. Read next: `mod.rs` for what a projection does.

use bson::{Bson, Document, doc};

use super::super::error::{INVALID_PIPELINE_OPERATOR, Result, ServerError, fail};
use super::super::expression::{Expression, Given};
use super::super::path::Path;
use super::super::query::{self, Test};
use super::super::{number, show};
use super::{Branch, Dialect, Node, Projection};

/// What the fields so far made of the projection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Inclusion,
    Exclusion,
}

struct Reader<'g> {
    dialect: Dialect,
    given: &'g Given,
    root: Branch,
    mode: Option<Mode>,
    /// What was said of the `_id`: included or not.
    id: Option<bool>,
    positional: Option<Path>,
    source: &'g Document,
}

pub(super) fn projection(source: &Document, dialect: Dialect, given: &Given) -> Result<Projection> {
    if source.is_empty() && dialect == Dialect::Project {
        fail!(51272, "projection specification must have at least one field");
    }
    let mut reader = Reader {
        dialect,
        given,
        root: Branch::default(),
        mode: (dialect == Dialect::AddFields).then_some(Mode::Inclusion),
        id: None,
        positional: None,
        source,
    };
    reader.fields("", source)?;
    Ok(reader.finish())
}

impl Reader<'_> {
    fn finish(mut self) -> Projection {
        let mode = self.mode.unwrap_or(match self.id {
            Some(true) => Mode::Inclusion,
            _ => Mode::Exclusion,
        });
        let keep_others = mode == Mode::Exclusion || self.dialect == Dialect::AddFields;
        if mode == Mode::Inclusion && self.root.get("_id").is_none() {
            self.root.fields.push(("_id".to_owned(), Node::Include));
        }
        Projection { root: self.root, keep_others, positional: self.positional }
    }

    fn fields(&mut self, prefix: &str, source: &Document) -> Result<()> {
        for (name, value) in source {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            self.field(&path, value)?;
        }
        Ok(())
    }

    fn field(&mut self, path: &str, value: &Bson) -> Result<()> {
        if self.dialect == Dialect::Find && path.contains(".$") {
            return self.positional(path, value);
        }
        check_path(path)?;
        let computed = self.dialect == Dialect::AddFields;
        match value {
            Bson::Document(inner)
                if inner.len() == 1 && inner.keys().all(|name| name.starts_with('$')) =>
            {
                self.operator(path, inner)
            }
            Bson::Document(inner) if inner.is_empty() && !computed => {
                fail!(
                    51270,
                    "An empty sub-projection is not a valid value. Found empty object at path"
                )
            }
            Bson::Document(inner) if !inner.is_empty() => self.fields(path, inner),
            value
                if !computed && (number::is_number(value) || matches!(value, Bson::Boolean(_))) =>
            {
                if number::truthy(value) {
                    self.add(path, Node::Include)
                } else {
                    self.add(path, Node::Exclude)
                }
            }
            value => {
                let expression = Expression::parse(value, self.given)?;
                self.add(path, Node::Compute(expression))
            }
        }
    }

    fn operator(&mut self, path: &str, operator: &Document) -> Result<()> {
        let (name, argument) = operator.iter().next().expect("the caller looked at it");
        if self.dialect == Dialect::Find {
            match (name.as_str(), argument) {
                ("$elemMatch", Bson::Document(_)) => {
                    let test = Test::parse(&doc! { "$elemMatch": argument.clone() }, self.given)?;
                    return self.add(path, Node::Element(test));
                }
                ("$elemMatch", other) => {
                    let shown = show::field("$elemMatch", other);
                    fail!(31274, "elemMatch: Invalid argument, object required, but got {}", shown)
                }
                ("$slice", argument) => {
                    if let Some((skip, limit)) = find_slice(argument) {
                        return self.add(path, Node::Slice { skip, limit });
                    }
                }
                ("$meta", _) => {
                    fail!(40218, "query requires text score metadata, but it is not available")
                }
                _ => {}
            }
        }
        let parsed = Expression::parse(&Bson::Document(operator.clone()), self.given);
        let expression = parsed.map_err(|error| match (error.code, self.dialect) {
            (28667, Dialect::Find) if name == "$slice" => slice_error(operator, argument, &error),
            (INVALID_PIPELINE_OPERATOR, Dialect::Find | Dialect::Project) => {
                ServerError::new(31325, format!("Unknown expression {name}"))
            }
            _ => error,
        })?;
        self.add(path, Node::Compute(expression))
    }

    fn positional(&mut self, path: &str, value: &Bson) -> Result<()> {
        let Some(path) = path.strip_suffix(".$").filter(|path| !path.contains(".$")) else {
            fail!(
                31394,
                "As of 4.4, it's illegal to specify positional operator in the middle of a \
                 path.Positional projection may only be used at the end, for example: a.b.$. If \
                 the query previously used a form like a.b.$.d, remove the parts following the '$' \
                 and the results will be equivalent."
            )
        };
        if !number::truthy(value) {
            fail!(31395, "positional projection cannot be used with exclusion");
        }
        if self.positional.is_some() {
            fail!(31276, "Cannot specify more than one positional projection per query.");
        }
        check_path(path)?;
        self.positional = Some(Path::new(path));
        self.add(path, Node::Include)
    }

    fn add(&mut self, path: &str, node: Node) -> Result<()> {
        self.decide(path, &node)?;
        if self.dialect == Dialect::AddFields {
            let source = self.source;
            return insert(&mut self.root, path, path, node).map_err(|_| {
                let message = format!(
                    "specification contains two conflicting paths. Cannot specify both '{path}' \
                     and '{}': {}",
                    path.rsplit_once('.').map_or(path, |(parent, _)| parent),
                    show::document(source)
                );
                ServerError::new(40176, message)
            });
        }
        insert(&mut self.root, path, path, node)
    }

    /// Inclusion or exclusion: the first field that is not the `_id` decides for all.
    fn decide(&mut self, path: &str, node: &Node) -> Result<()> {
        let wanted = match node {
            Node::Include if path == "_id" => {
                self.id = Some(true);
                return Ok(());
            }
            Node::Exclude if path == "_id" => {
                self.id = Some(false);
                return Ok(());
            }
            Node::Slice { .. } | Node::Branch(_) => return Ok(()),
            Node::Exclude => Mode::Exclusion,
            Node::Include | Node::Compute(_) | Node::Element(_) => Mode::Inclusion,
        };
        match (self.mode, wanted, node) {
            (Some(Mode::Inclusion), Mode::Exclusion, _) => {
                fail!(31254, "Cannot do exclusion on field {path} in inclusion projection")
            }
            (Some(Mode::Exclusion), Mode::Inclusion, Node::Include) => {
                fail!(31253, "Cannot do inclusion on field {path} in exclusion projection")
            }
            (Some(Mode::Exclusion), Mode::Inclusion, _) => {
                fail!(31252, "Cannot use expression other than $meta in exclusion projection")
            }
            _ => self.mode = Some(wanted),
        }
        Ok(())
    }
}

fn insert(branch: &mut Branch, full: &str, path: &str, node: Node) -> Result<()> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(a, b)| (a, Some(b)));
    let position = branch.fields.iter().position(|(name, _)| name == first);
    match (rest, position.map(|i| &mut branch.fields[i].1)) {
        (None, Some(_)) => fail!(31250, "Path collision at {full}"),
        (None, None) => branch.fields.push((first.to_owned(), node)),
        (Some(rest), Some(Node::Branch(inner))) => insert(inner, full, rest, node)?,
        (Some(rest), Some(_)) => {
            fail!(31249, "Path collision at {full} remaining portion {rest}")
        }
        (Some(rest), None) => {
            let mut inner = Branch::default();
            insert(&mut inner, full, rest, node)?;
            branch.fields.push((first.to_owned(), Node::Branch(inner)));
        }
    }
    Ok(())
}

/// `$slice: n` or `$slice: [skip, n]`; anything else is left to the expression of that name.
fn find_slice(argument: &Bson) -> Option<(i64, i64)> {
    let whole =
        |value: &Bson| number::is_number(value).then(|| number::to_i64_saturating(value)).flatten();
    match argument {
        Bson::Array(items) => match items.as_slice() {
            [skip, limit] => Some((whole(skip)?, whole(limit).filter(|limit| *limit > 0)?)),
            _ => None,
        },
        count => {
            let count = whole(count)?;
            Some(if count < 0 { (count, i64::MAX) } else { (0, count) })
        }
    }
}

fn slice_error(operator: &Document, argument: &Bson, error: &ServerError) -> ServerError {
    let reason = match argument {
        Bson::Array(_) => "Location31272: $slice array argument should be of form [skip, limit]",
        _ => "Location31273: $slice only supports numbers and [skip, limit] arrays",
    };
    let message = format!(
        "Invalid $slice syntax. The given syntax {} did not match the find() syntax because :: \
         {reason} :: The given syntax did not match the expression $slice syntax. :: caused by :: {}",
        show::document(operator),
        error.message
    );
    ServerError::new(error.code, message)
}

fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        fail!(40352, "FieldPath cannot be constructed with empty string");
    }
    query::check_field_path(path)
}
