//! The table of expression operators that are plain functions of their evaluated arguments.
//!
//! Owns names and numbers of arguments. Whoever adds an operator adds a line here and a function in
//! the file of its kind; what is not in the table does not exist. Read next: `arithmetic.rs`.

use super::super::error::{Result, fail};
use super::{Value, arithmetic, arrays, convert, dates, logic, objects, sets, strings};

/// One operator.
#[derive(Clone, Copy)]
pub(in super::super) struct Function {
    /// How many arguments it takes, at least and at most.
    arity: (usize, usize),
    /// Whether an argument that is null decides, and the ones after it are not looked at.
    pub(super) stops_at_null: bool,
    /// Whether the order of its arguments means nothing.
    pub(super) commutes: bool,
    /// The names of its arguments, if they come in a document.
    pub(super) named: Option<&'static [&'static str]>,
    pub(super) call: Call,
}

/// What computes it.
type Call = fn(&[Value]) -> Result<Value>;

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("arity", &self.arity).finish_non_exhaustive()
    }
}

const MANY: usize = usize::MAX;

pub(super) fn look_up(name: &str) -> Option<Function> {
    let name = name.strip_prefix('$')?;
    numbers(name).or_else(|| texts(name)).or_else(|| lists(name)).or_else(|| others(name))
}

/// So many arguments, at least and at most, whatever they are.
fn plain(least: usize, most: usize, call: Call) -> Option<Function> {
    let arity = (least, most);
    Some(Function { arity, stops_at_null: false, commutes: false, named: None, call })
}

/// Arguments in a document, by these names.
fn named(names: &'static [&'static str], call: Call) -> Option<Function> {
    let arity = (names.len(), names.len());
    Some(Function { arity, stops_at_null: false, commutes: false, named: Some(names), call })
}

/// Any number of arguments; the first null makes the whole null.
fn until_null(commutes: bool, call: Call) -> Option<Function> {
    Some(Function { arity: (0, MANY), stops_at_null: true, commutes, named: None, call })
}

/// Arithmetic, and what compares.
fn numbers(name: &str) -> Option<Function> {
    match name {
        "add" => until_null(true, arithmetic::add),
        "subtract" => plain(2, 2, arithmetic::subtract),
        "multiply" => until_null(true, arithmetic::multiply),
        "divide" => plain(2, 2, arithmetic::divide_values),
        "mod" => plain(2, 2, arithmetic::modulo),
        "abs" => plain(1, 1, arithmetic::abs),
        "ceil" => plain(1, 1, arithmetic::ceil),
        "floor" => plain(1, 1, arithmetic::floor),
        "round" => plain(1, 2, arithmetic::round),
        "trunc" => plain(1, 2, arithmetic::trunc),
        "sqrt" => plain(1, 1, arithmetic::sqrt),
        "pow" => plain(2, 2, arithmetic::pow),
        "exp" => plain(1, 1, arithmetic::exp),
        "ln" => plain(1, 1, arithmetic::ln),
        "log10" => plain(1, 1, arithmetic::log10),
        "sum" => plain(0, MANY, arithmetic::sum),
        "avg" => plain(0, MANY, arithmetic::avg),
        "min" => plain(0, MANY, arithmetic::min),
        "max" => plain(0, MANY, arithmetic::max),
        "eq" => plain(2, 2, logic::eq),
        "ne" => plain(2, 2, logic::ne),
        "gt" => plain(2, 2, logic::gt),
        "gte" => plain(2, 2, logic::gte),
        "lt" => plain(2, 2, logic::lt),
        "lte" => plain(2, 2, logic::lte),
        "cmp" => plain(2, 2, logic::cmp),
        "not" => plain(1, 1, logic::not),
        _ => None,
    }
}

/// Strings.
fn texts(name: &str) -> Option<Function> {
    match name {
        "concat" => until_null(false, strings::concat),
        "toUpper" => plain(1, 1, strings::to_upper),
        "toLower" => plain(1, 1, strings::to_lower),
        "strLenCP" => plain(1, 1, strings::length_code_points),
        "strLenBytes" => plain(1, 1, strings::length_bytes),
        "substr" | "substrBytes" => plain(3, 3, strings::substring_bytes),
        "substrCP" => plain(3, 3, strings::substring_code_points),
        "split" => plain(2, 2, strings::split),
        "strcasecmp" => plain(2, 2, strings::compare_ignoring_case),
        "indexOfCP" => plain(2, 4, strings::index_of_code_point),
        "trim" => named(&["input", "chars"], strings::trim),
        "ltrim" => named(&["input", "chars"], strings::trim_left),
        "rtrim" => named(&["input", "chars"], strings::trim_right),
        "replaceOne" => named(&["input", "find", "replacement"], strings::replace_one),
        "replaceAll" => named(&["input", "find", "replacement"], strings::replace_all),
        "regexMatch" => named(&["input", "regex", "options"], strings::regex_match),
        _ => None,
    }
}

/// Arrays, sets and objects as arrays.
fn lists(name: &str) -> Option<Function> {
    match name {
        "size" => plain(1, 1, arrays::size),
        "arrayElemAt" => plain(2, 2, arrays::element_at),
        "first" => plain(1, 1, arrays::first),
        "last" => plain(1, 1, arrays::last),
        "in" => plain(2, 2, arrays::contains),
        "concatArrays" => until_null(false, arrays::concat),
        "slice" => plain(2, 3, arrays::slice),
        "reverseArray" => plain(1, 1, arrays::reverse),
        "isArray" => plain(1, 1, arrays::is_array),
        "range" => plain(2, 3, arrays::range),
        "indexOfArray" => plain(2, 4, arrays::index_of),
        "setUnion" => until_null(true, sets::union),
        "setIntersection" => until_null(true, sets::intersection),
        "setDifference" => plain(2, 2, sets::difference),
        "setEquals" => plain(2, MANY, sets::equals),
        "setIsSubset" => plain(2, 2, sets::is_subset),
        "anyElementTrue" => plain(1, 1, sets::any_true),
        "allElementsTrue" => plain(1, 1, sets::all_true),
        "objectToArray" => plain(1, 1, objects::to_array),
        "arrayToObject" => plain(1, 1, objects::from_array),
        "mergeObjects" => plain(0, MANY, objects::merge),
        _ => None,
    }
}

/// Types, dates and fields.
fn others(name: &str) -> Option<Function> {
    match name {
        "type" => plain(1, 1, convert::type_of),
        "isNumber" => plain(1, 1, convert::is_number),
        "toString" => plain(1, 1, convert::to_string),
        "toInt" => plain(1, 1, convert::to_int),
        "toLong" => plain(1, 1, convert::to_long),
        "toDouble" => plain(1, 1, convert::to_double),
        "toDecimal" => plain(1, 1, convert::to_decimal),
        "toBool" => plain(1, 1, convert::to_bool),
        "toDate" => plain(1, 1, convert::to_date),
        "toObjectId" => plain(1, 1, convert::to_object_id),
        "year" => plain(1, 1, dates::year),
        "month" => plain(1, 1, dates::month),
        "dayOfMonth" => plain(1, 1, dates::day_of_month),
        "dayOfYear" => plain(1, 1, dates::day_of_year),
        "dayOfWeek" => plain(1, 1, dates::day_of_week),
        "hour" => plain(1, 1, dates::hour),
        "minute" => plain(1, 1, dates::minute),
        "second" => plain(1, 1, dates::second),
        "millisecond" => plain(1, 1, dates::millisecond),
        "dateToString" => named(&["date", "format", "onNull"], dates::to_string),
        "getField" => named(&["field", "input"], objects::get_field),
        "setField" => named(&["field", "input", "value"], objects::set_field),
        "unsetField" => named(&["field", "input"], objects::unset_field),
        _ => None,
    }
}

pub(super) fn check_arity(name: &str, function: &Function, count: usize) -> Result<()> {
    let (least, most) = function.arity;
    if (least..=most).contains(&count) {
        return Ok(());
    }
    if least == most {
        fail!(16020, "Expression {name} takes exactly {least} arguments. {count} were passed in.");
    }
    fail!(
        28667,
        "Expression {name} takes at least {least} arguments, and at most {most}, but {count} were \
         passed in."
    );
}
