//! Numbers in expressions: sums, products, rounding, and the accumulators `$sum` to `$max`.
//!
//! Owns mongod's rules of promotion and its objections to what is no number. Decimals go through
//! doubles for roots and logarithms only. Read next: `../number.rs`.

use bson::{Bson, DateTime};

use super::super::decimal::Decimal;
use super::super::error::{Result, TYPE_MISMATCH, fail};
use super::super::number::{self, ADD, MULTIPLY, SUBTRACT};
use super::{Value, logic, nullish, type_name};

const NULL: Result<Value> = Ok(Some(Bson::Null));

pub(super) fn add(arguments: &[Value]) -> Result<Value> {
    let mut total = Bson::Int32(0);
    let mut date = false;
    for argument in arguments {
        match argument {
            value if nullish(value) => return NULL,
            Some(Bson::DateTime(_)) if date => {
                fail!(16612, "only one date allowed in an $add expression")
            }
            Some(Bson::DateTime(when)) => {
                date = true;
                total = sum_of(&total, &Bson::Int64(when.timestamp_millis()));
            }
            Some(value) if number::is_number(value) => total = sum_of(&total, value),
            other => {
                fail!(16554, "$add only supports numeric or date types, not {}", type_name(other))
            }
        }
    }
    if date {
        let millis = number::to_i64_saturating(&total).unwrap_or(0);
        total = Bson::DateTime(DateTime::from_millis(millis));
    }
    Ok(Some(total))
}

/// Integers that do not fit become doubles here (in updates they are an error).
fn combine(operation: &number::Operation, a: &Bson, b: &Bson) -> Bson {
    number::apply(operation, a, b, 34).unwrap_or_else(|| {
        let (a, b) = (number::to_f64(a).unwrap_or(0.0), number::to_f64(b).unwrap_or(0.0));
        Bson::Double((operation.double)(a, b))
    })
}

/// The sum of two numbers; also the accumulator's.
pub(in super::super) fn sum_of(a: &Bson, b: &Bson) -> Bson {
    combine(&ADD, a, b)
}

pub(super) fn subtract(arguments: &[Value]) -> Result<Value> {
    let [left, right] = arguments else { unreachable!("two arguments were asked for") };
    let (Some(a), Some(b)) = (left, right) else { return NULL };
    if nullish(left) || nullish(right) {
        return NULL;
    }
    Ok(Some(match (a, b) {
        (Bson::DateTime(a), Bson::DateTime(b)) => {
            Bson::Int64(a.timestamp_millis().saturating_sub(b.timestamp_millis()))
        }
        (Bson::DateTime(a), b) if number::is_number(b) => {
            let millis = number::to_i64_saturating(b).unwrap_or(0);
            Bson::DateTime(DateTime::from_millis(a.timestamp_millis().saturating_sub(millis)))
        }
        (a, b) if number::is_number(a) && number::is_number(b) => combine(&SUBTRACT, a, b),
        _ => fail!(TYPE_MISMATCH, "can't $subtract {} from {}", type_name(right), type_name(left)),
    }))
}

pub(super) fn multiply(arguments: &[Value]) -> Result<Value> {
    let mut product = Bson::Int32(1);
    for argument in arguments {
        match argument {
            value if nullish(value) => return NULL,
            Some(value) if number::is_number(value) => {
                product = combine(&MULTIPLY, &product, value);
            }
            other => fail!(
                TYPE_MISMATCH,
                "$multiply only supports numeric types, not {}",
                type_name(other)
            ),
        }
    }
    Ok(Some(product))
}

/// Two numbers, or null if one of them is.
fn pair<'a>(
    operator: &str,
    code: i32,
    arguments: &'a [Value],
) -> Result<Option<(&'a Bson, &'a Bson)>> {
    let (left, right) = (&arguments[0], &arguments[1]);
    match (left, right) {
        (left, right) if nullish(left) || nullish(right) => Ok(None),
        (Some(a), Some(b)) if number::is_number(a) && number::is_number(b) => Ok(Some((a, b))),
        _ => fail!(
            code,
            "{operator} only supports numeric types, not {} and {}",
            type_name(left),
            type_name(right)
        ),
    }
}

/// The quotient of two numbers: a decimal if one of them is, else a double.
pub(in super::super) fn divide(a: &Bson, b: &Bson) -> Bson {
    if matches!(a, Bson::Decimal128(_)) || matches!(b, Bson::Decimal128(_)) {
        let decimal = |x| number::to_decimal(x, 34).unwrap_or(Decimal::NaN);
        return Bson::Decimal128(decimal(a).divide(&decimal(b)).pack());
    }
    let double = |x| number::to_f64(x).unwrap_or(f64::NAN);
    Bson::Double(double(a) / double(b))
}

pub(super) fn divide_values(arguments: &[Value]) -> Result<Value> {
    let Some((a, b)) = pair("$divide", TYPE_MISMATCH, arguments)? else { return NULL };
    if number::is_zero(b) {
        fail!(2, "can't $divide by zero");
    }
    Ok(Some(divide(a, b)))
}

pub(super) fn modulo(arguments: &[Value]) -> Result<Value> {
    let Some((a, b)) = pair("$mod", 16611, arguments)? else { return NULL };
    if number::is_zero(b) {
        fail!(16610, "can't $mod by zero");
    }
    Ok(Some(match (a, b) {
        (Bson::Decimal128(_), _) | (_, Bson::Decimal128(_)) => {
            let decimal = |x| number::to_decimal(x, 34).unwrap_or(Decimal::NaN);
            let (a, b) = (decimal(a), decimal(b));
            let whole = a.divide(&b).truncate();
            Bson::Decimal128(a.add(&whole.multiply(&b).negate()).pack())
        }
        (Bson::Double(_), _) | (_, Bson::Double(_)) => {
            let double = |x| number::to_f64(x).unwrap_or(f64::NAN);
            Bson::Double(double(a) % double(b))
        }
        (Bson::Int32(a), Bson::Int32(b)) => Bson::Int32(a.wrapping_rem(*b)),
        _ => {
            let whole = |x| number::to_i64_saturating(x).unwrap_or(1);
            Bson::Int64(whole(a).wrapping_rem(whole(b)))
        }
    }))
}

/// One number, or null.
fn single<'a>(operator: &str, argument: &'a Value) -> Result<Option<&'a Bson>> {
    let code = if matches!(operator, "$round" | "$trunc") { 51081 } else { 28765 };
    match argument {
        value if nullish(value) => Ok(None),
        Some(value) if number::is_number(value) => Ok(Some(value)),
        other => fail!(code, "{operator} only supports numeric types, not {}", type_name(other)),
    }
}

pub(super) fn abs(arguments: &[Value]) -> Result<Value> {
    let Some(value) = single("$abs", &arguments[0])? else { return NULL };
    Ok(Some(match value {
        Bson::Int32(x) => number::integer(i64::from(*x).abs()),
        Bson::Int64(x) => match x.checked_abs() {
            Some(x) => Bson::Int64(x),
            None => fail!(28680, "can't take $abs of long long min"),
        },
        Bson::Double(x) => Bson::Double(x.abs()),
        value if number::compare(value, &Bson::Int32(0)).is_lt() => {
            combine(&MULTIPLY, value, &Bson::Int32(-1))
        }
        value => value.clone(),
    }))
}

/// A function of doubles that leaves integers alone (rounding of all kinds).
fn rounded(operator: &str, argument: &Value, round: fn(f64) -> f64) -> Result<Value> {
    let Some(value) = single(operator, argument)? else { return NULL };
    Ok(Some(match value {
        Bson::Double(x) => Bson::Double(round(*x)),
        Bson::Decimal128(x) => {
            let decimal = Decimal::unpack(*x);
            let whole = decimal.clone().truncate();
            let fraction = decimal.add(&whole.clone().negate()).to_f64();
            let step = round(fraction) as i64;
            Bson::Decimal128(whole.add(&Decimal::from_i64(step)).pack())
        }
        value => value.clone(),
    }))
}

pub(super) fn ceil(arguments: &[Value]) -> Result<Value> {
    rounded("$ceil", &arguments[0], f64::ceil)
}

pub(super) fn floor(arguments: &[Value]) -> Result<Value> {
    rounded("$floor", &arguments[0], f64::floor)
}

pub(super) fn round(arguments: &[Value]) -> Result<Value> {
    to_place("$round", arguments, f64::round_ties_even)
}

pub(super) fn trunc(arguments: &[Value]) -> Result<Value> {
    to_place("$trunc", arguments, f64::trunc)
}

fn to_place(operator: &str, arguments: &[Value], round: fn(f64) -> f64) -> Result<Value> {
    let Some(place) = arguments.get(1) else { return rounded(operator, &arguments[0], round) };
    let Some(value) = single(operator, &arguments[0])? else { return NULL };
    let Some(place) = single(operator, place)? else { return NULL };
    let place = match number::to_i64_exact(place) {
        Some(place) if (-20..=100).contains(&place) => place as i32,
        Some(place) => fail!(
            51083,
            "cannot apply {operator} with precision value {place} value must be in [-20, 100]"
        ),
        None => fail!(51082, "precision argument to  {operator} must be a integral value"),
    };
    Ok(Some(match value {
        Bson::Double(x) => {
            let scaled = round(x * 10_f64.powi(place)) / 10_f64.powi(place);
            Bson::Double(if scaled.is_finite() { scaled } else { *x })
        }
        Bson::Int32(_) | Bson::Int64(_) if place >= 0 => value.clone(),
        Bson::Int32(_) | Bson::Int64(_) => {
            let unit = 10_i128.pow(place.unsigned_abs());
            let x = i128::from(number::to_i64_saturating(value).unwrap_or(0));
            let result = (round(x as f64 / unit as f64) as i128 * unit) as i64;
            if matches!(value, Bson::Int64(_)) {
                Bson::Int64(result)
            } else {
                number::integer(result)
            }
        }
        value => {
            let unit = Decimal::from_f64(10_f64.powi(place), 34);
            let scaled = number::to_decimal(value, 34).unwrap_or(Decimal::NaN).multiply(&unit);
            let scaled = rounded(operator, &Some(Bson::Decimal128(scaled.pack())), round)?;
            let scaled = scaled.as_ref().and_then(|x| number::to_decimal(x, 34));
            Bson::Decimal128(scaled.unwrap_or(Decimal::NaN).divide(&unit).pack())
        }
    }))
}

/// A function that always answers a double.
fn real(
    operator: &str,
    argument: &Value,
    check: impl FnOnce(f64) -> Result<()>,
    function: fn(f64) -> f64,
) -> Result<Value> {
    let Some(value) = single(operator, argument)? else { return NULL };
    let x = number::to_f64(value).unwrap_or(f64::NAN);
    check(x)?;
    let result = function(x);
    Ok(Some(match value {
        Bson::Decimal128(_) => Bson::Decimal128(Decimal::from_f64(result, 17).pack()),
        _ => Bson::Double(result),
    }))
}

fn positive(operator: &'static str, code: i32) -> impl FnOnce(f64) -> Result<()> {
    move |x| {
        if x <= 0.0 {
            let shown = super::convert::double_text(x);
            fail!(code, "{operator}'s argument must be a positive number, but is {shown}");
        }
        Ok(())
    }
}

pub(super) fn sqrt(arguments: &[Value]) -> Result<Value> {
    let check = |x: f64| {
        if x < 0.0 {
            fail!(28714, "$sqrt's argument must be greater than or equal to 0");
        }
        Ok(())
    };
    real("$sqrt", &arguments[0], check, f64::sqrt)
}

pub(super) fn exp(arguments: &[Value]) -> Result<Value> {
    real("$exp", &arguments[0], |_| Ok(()), f64::exp)
}

pub(super) fn ln(arguments: &[Value]) -> Result<Value> {
    real("$ln", &arguments[0], positive("$ln", 28766), f64::ln)
}

pub(super) fn log10(arguments: &[Value]) -> Result<Value> {
    real("$log10", &arguments[0], positive("$log10", 28761), f64::log10)
}

pub(super) fn pow(arguments: &[Value]) -> Result<Value> {
    let (left, right) = (&arguments[0], &arguments[1]);
    if nullish(left) || nullish(right) {
        return NULL;
    }
    let numeric = |value: &Value, code, what: &str| match value {
        Some(value) if number::is_number(value) => Ok(value.clone()),
        other => fail!(code, "$pow's {what} must be numeric, not {}", type_name(other)),
    };
    let (a, b) = (numeric(left, 28762, "base")?, numeric(right, 28763, "exponent")?);
    if number::is_zero(&a) && number::compare(&b, &Bson::Int32(0)).is_lt() {
        fail!(28764, "$pow cannot raise 0 to a negative exponent");
    }
    let double = |x| number::to_f64(x).unwrap_or(f64::NAN);
    let result = double(&a).powf(double(&b));
    Ok(Some(match (&a, &b) {
        (Bson::Decimal128(_), _) | (_, Bson::Decimal128(_)) => {
            Bson::Decimal128(Decimal::from_f64(result, 17).pack())
        }
        (Bson::Double(_), _) | (_, Bson::Double(_)) => Bson::Double(result),
        _ => {
            let whole = |x| number::to_i64_saturating(x).unwrap_or(0);
            let exact = u32::try_from(whole(&b)).ok().and_then(|n| whole(&a).checked_pow(n));
            match (exact, &a, &b) {
                (None, ..) => Bson::Double(result),
                (Some(n), Bson::Int32(_), Bson::Int32(_)) => number::integer(n),
                (Some(n), ..) => Bson::Int64(n),
            }
        }
    }))
}

/// A single array argument stands for its elements.
fn operands(arguments: &[Value]) -> Vec<&Bson> {
    match arguments {
        [Some(Bson::Array(items))] => items.iter().collect(),
        many => many.iter().flatten().collect(),
    }
}

pub(super) fn sum(arguments: &[Value]) -> Result<Value> {
    let numbers = operands(arguments).into_iter().filter(|value| number::is_number(value));
    Ok(Some(numbers.fold(Bson::Int32(0), |total, value| sum_of(&total, value))))
}

pub(super) fn avg(arguments: &[Value]) -> Result<Value> {
    let numbers: Vec<&Bson> =
        operands(arguments).into_iter().filter(|value| number::is_number(value)).collect();
    if numbers.is_empty() {
        return NULL;
    }
    let total = numbers.iter().fold(Bson::Int32(0), |total, value| sum_of(&total, value));
    Ok(Some(divide(&total, &Bson::Int64(numbers.len() as i64))))
}

pub(super) fn min(arguments: &[Value]) -> Result<Value> {
    extreme(arguments, std::cmp::Ordering::Less)
}

pub(super) fn max(arguments: &[Value]) -> Result<Value> {
    extreme(arguments, std::cmp::Ordering::Greater)
}

fn extreme(arguments: &[Value], wanted: std::cmp::Ordering) -> Result<Value> {
    let mut best: Value = None;
    for value in operands(arguments) {
        let value = Some(value.clone());
        if !nullish(&value) && (best.is_none() || logic::order(&value, &best) == wanted) {
            best = value;
        }
    }
    Ok(Some(best.unwrap_or(Bson::Null)))
}
