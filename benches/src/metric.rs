//! What a number means: the name of a metric carries its unit, and the unit says which way is better.
//!
//! A measurement is a list of named numbers, the first of which is its headline. Knows nothing of
//! where they come from. Read next: `contest.rs`.

/// The named numbers of one measurement, the headline first.
pub(crate) type Metrics = Vec<(String, f64)>;

/// Endings of names, their units, and whether less is better.
const UNITS: &[(&str, &str, bool)] = &[
    ("_per_second", "/s", false),
    ("_ns", "ns", true),
    ("_us", "us", true),
    ("_ms", "ms", true),
    ("_seconds", "s", true),
    ("_kib", "KiB", true),
    ("_mib", "MiB", true),
    ("_bytes", "B", true),
    ("_percent", "%", true),
];

/// The parts of a metric's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning<'a> {
    /// The name without its unit.
    pub(crate) what: &'a str,
    pub(crate) unit: &'static str,
    pub(crate) less_is_better: bool,
}

/// Reads the name: `cpu_us` is in microseconds, and less is better.
pub(crate) fn meaning(name: &str) -> Meaning<'_> {
    for &(ending, unit, less_is_better) in UNITS {
        if let Some(what) = name.strip_suffix(ending) {
            return Meaning { what, unit, less_is_better };
        }
    }
    Meaning { what: name, unit: "", less_is_better: true }
}

/// What a round says whose passes said this.
///
/// A neighbour on the machine mostly adds to a cost and takes from a rate, so the better pass is more
/// often the true one. In the tail of a latency a stall may be the server's own, and what is no time
/// is not disturbed like one: there it is the mean. How much it helps is in docs/BENCHMARKS.md.
pub(crate) fn of_round(name: &str, passes: &[f64]) -> Option<f64> {
    let Meaning { what, unit, less_is_better } = meaning(name);
    let tail = what.contains("p9") || what == "max";
    let better = match (unit, less_is_better) {
        ("ns" | "us" | "ms" | "s", true) if !tail => f64::min,
        ("/s", false) => f64::max,
        _ => {
            let mean = passes.iter().sum::<f64>() / passes.len() as f64;
            return (!passes.is_empty()).then_some(mean);
        }
    };
    passes.iter().copied().reduce(better)
}

/// How a person writes the name: `CPU us`, `requests/s`.
pub(crate) fn title(name: &str) -> String {
    let Meaning { what, unit, .. } = meaning(name);
    let what = if what == "cpu" { "CPU".to_owned() } else { what.replace('_', " ") };
    match unit {
        "" => what,
        "/s" => format!("{what}/s"),
        unit => format!("{what} {unit}"),
    }
}

/// A number with as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        1000.0.. => {
            let digits = format!("{value:.0}");
            let (sign, digits) =
                digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
            let groups: Vec<_> =
                digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
            format!("{sign}{}", groups.join(","))
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The value of that name.
pub(crate) fn get(metrics: &[(String, f64)], name: &str) -> Option<f64> {
    metrics.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{Meaning, meaning, number, of_round, title};

    #[test]
    fn names_carry_their_units() {
        assert_eq!(meaning("cpu_us"), Meaning { what: "cpu", unit: "us", less_is_better: true });
        assert!(!meaning("requests_per_second").less_is_better);
        for (name, expected) in [
            ("cpu_us", "CPU us"),
            ("requests_per_second", "requests/s"),
            ("timer_insert_ns", "timer insert ns"),
            ("wake-ups", "wake-ups"),
            ("p99.9_us", "p99.9 us"),
        ] {
            assert_eq!(title(name), expected);
        }
    }

    #[test]
    fn the_better_pass_counts_but_a_tail_is_not_forgiven() {
        for (name, expected) in [
            ("cpu_us", 1.0),
            ("late_p50_us", 1.0),
            ("requests_per_second", 3.0),
            ("p99.9_us", 2.0),
            ("active_p99_us", 2.0),
            ("max_us", 2.0),
            ("busy_percent", 2.0),
            ("growth", 2.0),
        ] {
            assert_eq!(of_round(name, &[3.0, 1.0]), Some(expected), "{name}");
        }
        assert_eq!((of_round("cpu_us", &[]), of_round("p99_us", &[])), (None, None));
    }

    #[test]
    fn numbers_have_three_digits_or_groups_of_three() {
        for (value, expected) in [
            (3.714, "3.71"),
            (37.14, "37.1"),
            (371.4, "371"),
            (271_828.1, "271,828"),
            (-1000.0, "-1,000"),
            (0.0, "0.00"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
