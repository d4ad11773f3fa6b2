//! Which documents are worth looking at: an index's answer to part of a query.
//!
//! Owns the choice of an index. Whatever it proposes is still asked the whole query, so a poor choice
//! costs time and never a wrong answer; leaving a matching document out would. Read next: `index.rs`.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

use bson::{Bson, DateTime, oid::ObjectId};

use super::compare::{Ordered, rank};
use super::index::{Index, RecordId};
use super::keys::Key;
use super::path::Path;
use super::query::{Comparison, Filter, Test};

/// The most key prefixes that a product of `$in` lists may make.
const PREFIXES_MAX: usize = 4096;

/// What a query says of one index: values for its first fields, and bounds for the next.
struct Scan<'a> {
    index: &'a Index,
    prefixes: Vec<Key>,
    fields: usize,
    range: Option<(Option<&'a Bson>, Option<&'a Bson>)>,
}

/// The records an index proposes, in its order, or `None` if all must be looked at.
pub(super) fn candidates(filter: &Filter, indexes: &[Index]) -> Option<Vec<RecordId>> {
    let mut conditions = Vec::new();
    filter.conjuncts(&mut conditions);
    let mut tests: Vec<(&Path, &Test)> = Vec::new();
    for condition in conditions {
        if let Filter::Field(path, test) = condition {
            match test {
                Test::All(several) => tests.extend(several.iter().map(|test| (path, test))),
                test => tests.push((path, test)),
            }
        }
    }
    let scans = indexes.iter().filter_map(|index| scan(index, &tests));
    let best = scans.max_by_key(|scan| (scan.fields, scan.range.is_some()))?;
    Some(best.run())
}

fn scan<'a>(index: &'a Index, tests: &[(&Path, &'a Test)]) -> Option<Scan<'a>> {
    let by_number = index.paths().iter().any(|path| path.parts().iter().any(|p| p.index.is_some()));
    if index.is_partial() || by_number {
        return None;
    }
    let mut scan = Scan { index, prefixes: vec![Key::new()], fields: 0, range: None };
    for path in index.paths() {
        let here = || tests.iter().filter(|(p, _)| *p == path).map(|(_, test)| *test);
        if let Some(values) = here().find_map(points) {
            if scan.prefixes.len() * values.len() > PREFIXES_MAX {
                break;
            }
            scan.prefixes = product(&scan.prefixes, &values);
            scan.fields += 1;
            continue;
        }
        let lower = here().find_map(|test| bound(test, true));
        let upper = here().find_map(|test| bound(test, false));
        scan.range = match (lower, upper) {
            (None, None) => None,
            // The two bounds may be met by different elements of an array.
            (Some(lower), Some(_)) if index.is_multikey() => Some((Some(lower), None)),
            bounds => Some(bounds),
        };
        break;
    }
    (scan.fields > 0 || scan.range.is_some()).then_some(scan)
}

/// The values a test is satisfied by, if they can be looked up.
fn points(test: &Test) -> Option<Vec<&Bson>> {
    // Missing fields, and arrays as wholes, are not found under the value asked for.
    let findable = |value: &&Bson| !matches!(value, Bson::Null | Bson::Undefined | Bson::Array(_));
    match test {
        Test::Compare(Comparison::Equal, value) => {
            Some(vec![value]).filter(|v| v.iter().all(findable))
        }
        Test::In(values, patterns) if patterns.is_empty() => {
            let mut values: Vec<&Bson> = values.iter().collect();
            values.sort_by(|a, b| super::compare::compare(a, b));
            values.dedup_by(|a, b| super::compare::equal(a, b));
            Some(values).filter(|values| values.iter().all(findable))
        }
        _ => None,
    }
}

fn bound(test: &Test, lower: bool) -> Option<&Bson> {
    let Test::Compare(comparison, value) = test else { return None };
    let wanted = match comparison {
        Comparison::Greater | Comparison::GreaterOrEqual => lower,
        Comparison::Less | Comparison::LessOrEqual => !lower,
        Comparison::Equal => false,
    };
    let is_nan = matches!(value, Bson::Double(x) if x.is_nan());
    (wanted && !is_nan && least(value).is_some()).then_some(value)
}

/// The least value of the same type, for the types a range may be looked up in.
fn least(value: &Bson) -> Option<Bson> {
    Some(match value {
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => {
            Bson::Double(f64::NAN)
        }
        Bson::String(_) => Bson::String(String::new()),
        Bson::ObjectId(_) => Bson::ObjectId(ObjectId::from_bytes([0; 12])),
        Bson::DateTime(_) => Bson::DateTime(DateTime::from_millis(i64::MIN)),
        Bson::Boolean(_) => Bson::Boolean(false),
        _ => return None,
    })
}

fn product(prefixes: &[Key], values: &[&Bson]) -> Vec<Key> {
    let extend = |prefix: &Key| {
        let prefix = prefix.clone();
        values.iter().map(move |value| {
            let mut key = prefix.clone();
            key.push(Ordered((*value).clone()));
            key
        })
    };
    prefixes.iter().flat_map(extend).collect()
}

impl Scan<'_> {
    fn run(&self) -> Vec<RecordId> {
        let mut records = Vec::new();
        for prefix in &self.prefixes {
            match self.range {
                None => records.extend(self.index.with_prefix(prefix)),
                Some((lower, upper)) => self.range(prefix, lower, upper, &mut records),
            }
        }
        if self.index.is_multikey() {
            let mut seen: HashSet<RecordId, BuildHasherDefault<DefaultHasher>> = HashSet::default();
            records.retain(|record| seen.insert(*record));
        }
        records
    }

    fn range(
        &self,
        prefix: &Key,
        lower: Option<&Bson>,
        upper: Option<&Bson>,
        records: &mut Vec<RecordId>,
    ) {
        let some = lower.or(upper).expect("a range has a bound");
        let start = lower.cloned().or_else(|| least(some)).map(Ordered);
        let kind = rank(some);
        let upper = upper.cloned().map(Ordered);
        for (key, record) in self.index.from(prefix, start.as_slice()) {
            let value = &key[prefix.len()];
            let beyond = !key.starts_with(prefix)
                || rank(&value.0) != kind
                || upper.as_ref().is_some_and(|upper| value > upper);
            if beyond {
                break;
            }
            records.push(*record);
        }
    }
}
