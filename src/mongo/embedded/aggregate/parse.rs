//! Reading pipelines, with mongod's objections.
//!
//! Owns the table of stages: one that is not in it is refused with 40324. Read next: `mod.rs`.

use bson::{Bson, Document};

use super::super::error::{
    MISSING_FIELD, NOT_IMPLEMENTED, Result, ServerError, TYPE_MISMATCH, UNKNOWN_FIELD,
    UNKNOWN_STAGE, fail,
};
use super::super::expression::{Expression, Given, field_path};
use super::super::projection::{Dialect, Projection};
use super::super::query::Filter;
use super::super::sort::SortKey;
use super::super::{number, show};
use super::group::Group;
use super::{Merge, Output, Pipeline, Stage, Unwind, WhenMatched, WhenNotMatched};

/// Whether this store knows the stage.
pub(in super::super) fn is_stage(name: &str) -> bool {
    matches!(
        name,
        "$match"
            | "$sort"
            | "$limit"
            | "$skip"
            | "$project"
            | "$addFields"
            | "$set"
            | "$unset"
            | "$group"
            | "$count"
            | "$unwind"
            | "$replaceRoot"
            | "$replaceWith"
            | "$sortByCount"
            | "$out"
            | "$merge"
    )
}

pub(super) fn pipeline(source: &[Bson], given: &Given) -> Result<Pipeline> {
    let mut stages = Vec::with_capacity(source.len());
    for (i, stage) in source.iter().enumerate() {
        let Bson::Document(stage) = stage else {
            fail!(TYPE_MISMATCH, "Each element of the 'pipeline' array must be an object")
        };
        let mut fields = stage.iter();
        let (Some((name, argument)), None) = (fields.next(), fields.next()) else {
            fail!(40323, "A pipeline stage specification object must contain exactly one field.")
        };
        if matches!(name.as_str(), "$out" | "$merge") && i + 1 != source.len() {
            fail!(40601, "{name} can only be the final stage in the pipeline");
        }
        stages.extend(self::stage(name, argument, given)?);
    }
    bring_limits_forward(&mut stages);
    Ok(Pipeline { stages })
}

/// A limit or skip after a stage that makes one document of each may as well come before it: less
/// is computed, and a document nobody asked for cannot fail.
fn bring_limits_forward(stages: &mut [Stage]) {
    for last in 1..stages.len() {
        let mut i = last;
        while i > 0
            && matches!(stages[i], Stage::Limit(_) | Stage::Skip(_))
            && matches!(stages[i - 1], Stage::Project(_) | Stage::ReplaceRoot(..))
        {
            stages.swap(i, i - 1);
            i -= 1;
        }
    }
}

fn stage(name: &str, argument: &Bson, given: &Given) -> Result<Vec<Stage>> {
    let project = |source: &Document, dialect: Dialect| {
        let projection = Projection::parse(source, dialect, given);
        projection.map(Stage::Project).map_err(|e| e.context(&format!("Invalid {name}")))
    };
    Ok(vec![match (name, argument) {
        ("$match", Bson::Document(query)) => Stage::Match(Filter::parse(query, given)?),
        ("$match", _) => fail!(15959, "the match filter must be an expression in an object"),
        ("$sort", Bson::Document(source)) => match SortKey::parse(source)? {
            Some(key) => Stage::Sort(key),
            None => fail!(15976, "$sort stage must have at least one sort key"),
        },
        ("$sort", _) => fail!(15973, "the $sort key specification must be an object"),
        ("$limit", count) => match whole("$limit", 5_107_201, count)? {
            0 => fail!(15958, "the limit must be positive"),
            count => Stage::Limit(count),
        },
        ("$skip", count) => Stage::Skip(whole("$skip", 5_107_200, count)?),
        ("$project", Bson::Document(source)) => project(source, Dialect::Project)?,
        ("$project", _) => fail!(15969, "$project specification must be an object"),
        ("$addFields" | "$set", Bson::Document(source)) => project(source, Dialect::AddFields)?,
        ("$addFields" | "$set", other) => fail!(
            40272,
            "{name} specification stage must be an object, got {}",
            show::type_name(other)
        ),
        ("$unset", names) => project(&unset(names)?, Dialect::Project)?,
        ("$group", source) => Stage::Group(Group::parse(source, given)?),
        ("$count", name) => Stage::Count(count_name(name)?),
        ("$unwind", source) => Stage::Unwind(unwind(source)?),
        ("$replaceRoot", source) => {
            let root = Expression::parse(new_root(source)?, given)?;
            Stage::ReplaceRoot(root, "'newRoot' expression ")
        }
        ("$replaceWith", source) => {
            Stage::ReplaceRoot(Expression::parse(source, given)?, "'replacement document' ")
        }
        ("$sortByCount", source) => {
            let group = Group::counting(sort_by_count(source, given)?);
            return Ok(vec![Stage::Group(group), Stage::Sort(SortKey::new(&[("count", true)]))]);
        }
        ("$out", target) => Stage::Output(out(target)?),
        ("$merge", target) => Stage::Output(Output::Merge(merge(target)?)),
        _ => fail!(UNKNOWN_STAGE, "Unrecognized pipeline stage name: '{name}'"),
    }])
}

fn whole(name: &str, code: i32, value: &Bson) -> Result<usize> {
    let shown = show::field(name, value);
    let invalid = |what: &str| {
        let message = format!("invalid argument to {name} stage: {what} {shown}");
        Err(ServerError::new(code, message))
    };
    if !number::is_number(value) {
        return invalid("Expected a number in:");
    }
    match number::to_i64_exact(value) {
        None => invalid("Expected an integer:"),
        Some(count) => {
            usize::try_from(count).or_else(|_| invalid("Expected a non-negative number in:"))
        }
    }
}

fn unset(names: &Bson) -> Result<Document> {
    let names: Vec<&Bson> = match names {
        name @ Bson::String(_) => vec![name],
        Bson::Array(names) if names.is_empty() => {
            fail!(
                31119,
                "$unset specification must be a string or an array with at least one field"
            )
        }
        Bson::Array(names) => names.iter().collect(),
        _ => fail!(31002, "$unset specification must be a string or an array"),
    };
    let mut source = Document::new();
    for name in names {
        match name {
            Bson::String(name) => source.insert(name, 0),
            _ => fail!(
                31120,
                "$unset specification must be a string or an array containing only string values"
            ),
        };
    }
    Ok(source)
}

fn count_name(name: &Bson) -> Result<String> {
    match name {
        Bson::String(name) if name.is_empty() => {
            fail!(40157, "the count field must be a non-empty string")
        }
        Bson::String(name) if name.starts_with('$') => {
            fail!(40158, "the count field cannot be a $-prefixed path")
        }
        Bson::String(name) if name.contains('.') => {
            fail!(40160, "the count field cannot contain '.'")
        }
        Bson::String(name) => Ok(name.clone()),
        _ => fail!(40156, "the count field must be a non-empty string"),
    }
}

fn unwind(source: &Bson) -> Result<Unwind> {
    let mut path = None;
    let mut unwind = Unwind { path: Vec::new(), index: None, keep_empty: false };
    match source {
        Bson::String(text) => path = Some(text),
        Bson::Document(options) => {
            for (name, value) in options {
                match (name.as_str(), value) {
                    ("path", Bson::String(text)) => path = Some(text),
                    ("path", other) => fail!(
                        28808,
                        "expected a string as the path for $unwind stage, got {}",
                        show::type_name(other)
                    ),
                    ("preserveNullAndEmptyArrays", Bson::Boolean(keep)) => {
                        unwind.keep_empty = *keep;
                    }
                    ("preserveNullAndEmptyArrays", other) => fail!(
                        28809,
                        "expected a boolean for the preserveNullAndEmptyArrays option to $unwind \
                         stage, got {}",
                        show::type_name(other)
                    ),
                    ("includeArrayIndex", Bson::String(name)) if !name.is_empty() => {
                        if name.starts_with('$') {
                            fail!(
                                28822,
                                "includeArrayIndex option to $unwind stage should not be prefixed \
                                 with a '$': {name}"
                            );
                        }
                        unwind.index = Some(name.clone());
                    }
                    ("includeArrayIndex", other) => fail!(
                        28810,
                        "expected a non-empty string for the includeArrayIndex  option to $unwind \
                         stage, got {}",
                        show::type_name(other)
                    ),
                    (other, _) => fail!(28811, "unrecognized option to $unwind stage: {other}"),
                }
            }
        }
        other => fail!(
            15981,
            "expected either a string or an object as specification for $unwind stage, got {}",
            show::type_name(other)
        ),
    }
    let Some(text) = path else { fail!(28812, "no path specified to $unwind stage") };
    let Some(text) = text.strip_prefix('$') else {
        fail!(28818, "path option to $unwind stage should be prefixed with a '$': {text}")
    };
    unwind.path = field_path(text)?;
    Ok(unwind)
}

fn new_root(source: &Bson) -> Result<&Bson> {
    let Bson::Document(source) = source else {
        fail!(
            40229,
            "expected an object as specification for $replaceRoot stage, got {}",
            show::type_name(source)
        )
    };
    if let Some(unknown) = source.keys().find(|name| *name != "newRoot") {
        fail!(UNKNOWN_FIELD, "BSON field '$replaceRoot.{unknown}' is an unknown field.");
    }
    match source.get("newRoot") {
        Some(root) => Ok(root),
        None => fail!(
            MISSING_FIELD,
            "BSON field '$replaceRoot.newRoot' is missing but a required field"
        ),
    }
}

fn sort_by_count(source: &Bson, given: &Given) -> Result<Expression> {
    let complaint = "the sortByCount field must be defined as a $-prefixed path or an expression \
                     inside an object";
    match source {
        Bson::String(text) if !text.starts_with('$') => fail!(40148, "{complaint}"),
        Bson::Document(inner) if !inner.keys().next().is_some_and(|n| n.starts_with('$')) => {
            fail!(40147, "{complaint}")
        }
        Bson::String(_) | Bson::Document(_) => Expression::parse(source, given),
        _ => fail!(40149, "the sortByCount field must be specified as a string or as an object"),
    }
}

fn out(target: &Bson) -> Result<Output> {
    match target {
        Bson::String(collection) => {
            Ok(Output::Replace { database: None, collection: collection.clone() })
        }
        Bson::Document(target) => {
            let text = |name: &str| match target.get(name) {
                Some(Bson::String(text)) => Ok(text.clone()),
                _ => fail!(
                    16994,
                    "If an object is passed to $out it must have exactly 2 fields: 'db' and 'coll'"
                ),
            };
            Ok(Output::Replace { database: Some(text("db")?), collection: text("coll")? })
        }
        other => fail!(
            16990,
            "$out only supports a string or object argument, but found {}",
            show::type_name(other)
        ),
    }
}

fn merge(target: &Bson) -> Result<Merge> {
    let mut merge = Merge {
        database: None,
        collection: String::new(),
        on: vec!["_id".to_owned()],
        matched: WhenMatched::Merge,
        not_matched: WhenNotMatched::Insert,
    };
    let Bson::Document(options) = target else {
        return match target {
            Bson::String(collection) => Ok(Merge { collection: collection.clone(), ..merge }),
            other => fail!(
                51182,
                "$merge only supports a string or object argument, not {}",
                show::type_name(other)
            ),
        };
    };
    for (name, value) in options {
        match (name.as_str(), value) {
            ("into", Bson::String(collection)) => merge.collection.clone_from(collection),
            ("into", Bson::Document(into)) => {
                merge.database = into.get_str("db").ok().map(str::to_owned);
                into.get_str("coll").unwrap_or_default().clone_into(&mut merge.collection);
            }
            ("on", Bson::String(field)) => merge.on = vec![field.clone()],
            ("on", Bson::Array(fields)) => {
                merge.on = fields.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect();
            }
            ("whenMatched", Bson::String(mode)) => merge.matched = when_matched(mode)?,
            ("whenNotMatched", Bson::String(mode)) => merge.not_matched = when_not_matched(mode)?,
            ("whenMatched", _) => {
                fail!(
                    NOT_IMPLEMENTED,
                    "$merge with a pipeline is not supported by the embedded store"
                )
            }
            (other, _) => fail!(UNKNOWN_FIELD, "BSON field '$merge.{other}' is an unknown field."),
        }
    }
    if merge.collection.is_empty() {
        fail!(MISSING_FIELD, "BSON field '$merge.into' is missing but a required field");
    }
    Ok(merge)
}

fn when_matched(mode: &str) -> Result<WhenMatched> {
    Ok(match mode {
        "merge" => WhenMatched::Merge,
        "replace" => WhenMatched::Replace,
        "keepExisting" => WhenMatched::KeepExisting,
        "fail" => WhenMatched::Fail,
        other => fail!(
            2,
            "Enumeration value '{other}' for field '$merge.whenMatched' is not a valid value."
        ),
    })
}

fn when_not_matched(mode: &str) -> Result<WhenNotMatched> {
    Ok(match mode {
        "insert" => WhenNotMatched::Insert,
        "discard" => WhenNotMatched::Discard,
        "fail" => WhenNotMatched::Fail,
        other => fail!(
            2,
            "Enumeration value '{other}' for field '$merge.whenNotMatched' is not a valid value."
        ),
    })
}
