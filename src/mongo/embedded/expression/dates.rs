//! Dates in expressions: their parts, and their text in UTC.
//!
//! Owns the calendar (days since 1970 to year, month, day and back), which is forty lines and no
//! reason for a time crate. Time zones other than UTC are refused. Read next: `convert.rs`.

use bson::{Bson, DateTime};

use super::super::error::{Result, fail};
use super::{Value, nullish, type_name};

const DAY: i64 = 86_400_000;

/// A date taken apart, in UTC.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millisecond: i64,
    weekday: i64,
    day_of_year: i64,
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of the year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn parts(when: DateTime) -> Parts {
    let millis = when.timestamp_millis();
    let (days, rest) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Parts {
        year,
        month,
        day,
        hour: rest / 3_600_000,
        minute: rest / 60_000 % 60,
        second: rest / 1000 % 60,
        millisecond: rest % 1000,
        weekday: (days + 4).rem_euclid(7),
        day_of_year: days - days_from_civil(year, 1, 1) + 1,
    }
}

/// `2024-02-29T13:04:05.678Z`.
pub(in super::super) fn format_iso(when: DateTime) -> String {
    format(when, "%Y-%m-%dT%H:%M:%S.%LZ").expect("the format is a good one")
}

/// Reads `2024-02-29`, with an optional time, fraction and offset from UTC.
pub(super) fn parse_iso(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], offset(&time[at..])?),
        None => (time, 0),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millisecond: i64 = digits.parse().ok()?;
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    let millis = days_from_civil(year, month, day) * DAY
        + ((hour * 60 + minute) * 60 + second) * 1000
        + millisecond;
    valid.then(|| DateTime::from_millis(millis - offset))
}

/// `Z`, `+01:00` or `+0100`, in milliseconds.
fn offset(text: &str) -> Option<i64> {
    let sign = match text.chars().next()? {
        'Z' => return (text.len() == 1).then_some(0),
        '-' => -1,
        _ => 1,
    };
    let digits = text[1..].replace(':', "");
    let number: i64 = digits.parse().ok()?;
    let minutes = if digits.len() <= 2 { number * 60 } else { number / 100 * 60 + number % 100 };
    Some(sign * minutes * 60_000)
}

fn format(when: DateTime, format: &str) -> Result<String> {
    use std::fmt::Write as _;
    let p = parts(when);
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        // Writing to a String cannot fail.
        let _ = match chars.next() {
            Some('Y') => write!(out, "{:04}", p.year),
            Some('m') => write!(out, "{:02}", p.month),
            Some('d') => write!(out, "{:02}", p.day),
            Some('H') => write!(out, "{:02}", p.hour),
            Some('M') => write!(out, "{:02}", p.minute),
            Some('S') => write!(out, "{:02}", p.second),
            Some('L') => write!(out, "{:03}", p.millisecond),
            Some('j') => write!(out, "{:03}", p.day_of_year),
            Some('w') => write!(out, "{}", p.weekday + 1),
            Some('u') => write!(out, "{}", (p.weekday + 6) % 7 + 1),
            Some('z') => write!(out, "+0000"),
            Some('Z') => write!(out, "0"),
            Some('%') => write!(out, "%"),
            Some(other) => fail!(18536, "Invalid format character '%{other}' in format string"),
            None => fail!(18535, "Unmatched '%' at end of format string"),
        };
    }
    Ok(out)
}

fn date(value: &Value) -> Result<Option<DateTime>> {
    Ok(match value {
        Some(Bson::DateTime(when)) => Some(*when),
        Some(Bson::Timestamp(at)) => Some(DateTime::from_millis(i64::from(at.time) * 1000)),
        Some(Bson::ObjectId(id)) => Some(id.timestamp()),
        value if nullish(value) => None,
        other => fail!(16006, "can't convert from BSON type {} to Date", type_name(other)),
    })
}

fn part(arguments: &[Value], pick: fn(&Parts) -> i64) -> Result<Value> {
    let when = date(&arguments[0])?;
    Ok(Some(when.map_or(Bson::Null, |when| Bson::Int32(pick(&parts(when)) as i32))))
}

pub(super) fn year(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.year)
}

pub(super) fn month(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.month)
}

pub(super) fn day_of_month(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.day)
}

pub(super) fn day_of_year(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.day_of_year)
}

pub(super) fn day_of_week(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.weekday + 1)
}

pub(super) fn hour(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.hour)
}

pub(super) fn minute(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.minute)
}

pub(super) fn second(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.second)
}

pub(super) fn millisecond(arguments: &[Value]) -> Result<Value> {
    part(arguments, |p| p.millisecond)
}

pub(super) fn to_string(arguments: &[Value]) -> Result<Value> {
    let [when, pattern, on_null] = arguments else { unreachable!("three arguments were named") };
    let Some(when) = date(when)? else { return Ok(Some(on_null.clone().unwrap_or(Bson::Null))) };
    Ok(Some(match pattern {
        None => Bson::String(format_iso(when)),
        Some(Bson::String(pattern)) => Bson::String(format(when, pattern)?),
        value if nullish(value) => Bson::Null,
        other => fail!(
            18533,
            "$dateToString requires that 'format' be a string, found: {} with value {}",
            type_name(other),
            other.as_ref().map_or_else(String::new, super::super::show::value)
        ),
    }))
}
