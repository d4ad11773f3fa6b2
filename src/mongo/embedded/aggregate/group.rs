//! `$group`: one document out for each distinct key.
//!
//! Owns the accumulators. Groups come out in the order in which their keys were first seen; mongod
//! promises no order. Read next: `mod.rs`.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::super::compare::{Ordered, compare};
use super::super::error::{Result, TYPE_MISMATCH, fail};
use super::super::expression::{self, Expression, Given};
use super::super::{number, show};
use super::Groups;

#[derive(Debug)]
pub(super) struct Group {
    id: Expression,
    fields: Vec<(String, Kind, Expression)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sum,
    Average,
    Extreme(Ordering),
    First,
    Last,
    Push,
    AddToSet,
    MergeObjects,
}

/// What an accumulator has seen so far.
#[derive(Clone, Debug)]
enum State {
    Total(Bson),
    Mean { total: Bson, count: i64 },
    Value(Option<Bson>),
    Items(Vec<Bson>),
    Set(std::collections::BTreeSet<Ordered>),
    Object(Document),
}

impl Group {
    pub(super) fn parse(source: &Bson, given: &Given) -> Result<Self> {
        let Bson::Document(source) = source else {
            fail!(15947, "a group's fields must be specified in an object")
        };
        let mut id = None;
        let mut fields = Vec::new();
        for (name, value) in source {
            if name == "_id" {
                check_id(value)?;
                id = Some(Expression::parse(value, given)?);
                continue;
            }
            let (kind, argument) = accumulator(name, value, given)?;
            fields.push((name.clone(), kind, argument));
        }
        match id {
            Some(id) => Ok(Self { id, fields }),
            None => fail!(15955, "a group specification must include an _id"),
        }
    }

    /// `$sortByCount`'s own.
    pub(super) fn counting(id: Expression) -> Self {
        let one = Expression::Constant(Some(Bson::Int32(1)));
        Self { id, fields: vec![("count".to_owned(), Kind::Sum, one)] }
    }

    pub(super) fn run(&self, documents: &[Document]) -> Result<Vec<Document>> {
        let mut groups: Groups<usize> = Groups::new();
        let mut states: Vec<(Bson, Vec<State>)> = Vec::new();
        for document in documents {
            let id = self.id.evaluate(document)?.unwrap_or(Bson::Null);
            let i = *groups.entry(Ordered(id.clone())).or_insert_with(|| {
                states.push((id, self.fields.iter().map(|(_, kind, _)| kind.start()).collect()));
                states.len() - 1
            });
            for ((_, kind, argument), state) in self.fields.iter().zip(&mut states[i].1) {
                kind.add(state, argument.evaluate(document)?)?;
            }
        }
        let finished = states.into_iter().map(|(id, states)| {
            let mut document = bson::doc! { "_id": id };
            for ((name, _, _), state) in self.fields.iter().zip(states) {
                document.insert(name, state.finish());
            }
            document
        });
        Ok(finished.collect())
    }
}

/// `{ x: 1 }` would be an inclusion, which makes no sense in a key.
fn check_id(id: &Bson) -> Result<()> {
    let inclusion = |value: &Bson| number::is_number(value) || matches!(value, Bson::Boolean(_));
    match id {
        Bson::Document(fields)
            if fields.iter().any(|(name, value)| !name.starts_with('$') && inclusion(value)) =>
        {
            fail!(17390, "$group does not support inclusion-style expressions")
        }
        _ => Ok(()),
    }
}

fn accumulator(name: &str, value: &Bson, given: &Given) -> Result<(Kind, Expression)> {
    if name.contains('.') {
        fail!(40235, "The field name '{name}' cannot contain '.'");
    }
    if name.starts_with('$') {
        fail!(40236, "The field name '{name}' cannot be an operator name");
    }
    let Bson::Document(value) = value else {
        fail!(40234, "The field '{name}' must be an accumulator object")
    };
    let mut operators = value.iter();
    let (Some((operator, argument)), None) = (operators.next(), operators.next()) else {
        fail!(40238, "The field '{name}' must specify one accumulator")
    };
    let kind = match operator.as_str() {
        "$sum" => Kind::Sum,
        "$avg" => Kind::Average,
        "$min" => Kind::Extreme(Ordering::Less),
        "$max" => Kind::Extreme(Ordering::Greater),
        "$first" => Kind::First,
        "$last" => Kind::Last,
        "$push" => Kind::Push,
        "$addToSet" => Kind::AddToSet,
        "$mergeObjects" => Kind::MergeObjects,
        "$count" => {
            if !matches!(argument, Bson::Document(empty) if empty.is_empty()) {
                fail!(TYPE_MISMATCH, "$count takes no arguments, i.e. $count:{{}}");
            }
            return Ok((Kind::Sum, Expression::Constant(Some(Bson::Int32(1)))));
        }
        other => fail!(15952, "unknown group operator '{other}'"),
    };
    let argument = match argument {
        Bson::Array(items) if items.len() == 1 => Expression::parse(&items[0], given)?,
        Bson::Array(_) => fail!(40237, "The {operator} accumulator is a unary operator"),
        argument => Expression::parse(argument, given)?,
    };
    Ok((kind, argument))
}

impl Kind {
    fn start(self) -> State {
        match self {
            Self::Sum => State::Total(Bson::Int32(0)),
            Self::Average => State::Mean { total: Bson::Int32(0), count: 0 },
            Self::Extreme(_) | Self::First | Self::Last => State::Value(None),
            Self::Push => State::Items(Vec::new()),
            Self::AddToSet => State::Set(std::collections::BTreeSet::new()),
            Self::MergeObjects => State::Object(Document::new()),
        }
    }

    fn add(self, state: &mut State, value: Option<Bson>) -> Result<()> {
        match (self, state, value) {
            (Self::Sum, State::Total(total), Some(value)) if number::is_number(&value) => {
                *total = expression::sum_of(total, &value);
            }
            (Self::Average, State::Mean { total, count }, Some(value))
                if number::is_number(&value) =>
            {
                *total = expression::sum_of(total, &value);
                *count += 1;
            }
            (Self::Extreme(wanted), State::Value(best), Some(value))
                if !matches!(value, Bson::Null | Bson::Undefined)
                    && best.as_ref().is_none_or(|best| compare(&value, best) == wanted) =>
            {
                *best = Some(value);
            }
            (Self::First, State::Value(first @ None), value) => {
                *first = Some(value.unwrap_or(Bson::Null));
            }
            (Self::Last, State::Value(last), value) => *last = Some(value.unwrap_or(Bson::Null)),
            (Self::Push, State::Items(items), Some(value)) => items.push(value),
            (Self::AddToSet, State::Set(set), Some(value)) => {
                set.insert(Ordered(value));
            }
            (Self::MergeObjects, State::Object(object), Some(Bson::Document(value))) => {
                object.extend(value);
            }
            (Self::MergeObjects, _, Some(value))
                if !matches!(value, Bson::Null | Bson::Undefined) =>
            {
                fail!(
                    40400,
                    "$mergeObjects requires object inputs, but input {} is of type {}",
                    show::terse(&value),
                    show::type_name(&value)
                )
            }
            _ => {}
        }
        Ok(())
    }
}

impl State {
    fn finish(self) -> Bson {
        match self {
            Self::Total(total) => total,
            Self::Mean { count: 0, .. } => Bson::Null,
            Self::Mean { total, count } => expression::divide(&total, &Bson::Int64(count)),
            Self::Value(value) => value.unwrap_or(Bson::Null),
            Self::Items(items) => Bson::Array(items),
            Self::Set(set) => Bson::Array(set.into_iter().map(|item| item.0).collect()),
            Self::Object(object) => Bson::Document(object),
        }
    }
}
