//! The committed prices, and what is said about new ones: refused, better, or within the limit.
//!
//! Knows nothing of how they were counted.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// An operation may cost so many percent more than its baseline.
const PERCENT_MAX: f64 = 3.0;

/// Instructions per operation, and with which tools they were counted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Prices {
    pub(crate) made_with: String,
    pub(crate) instructions: BTreeMap<String, f64>,
}

impl Prices {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Rounded to a tenth: the rest would make a difference in every commit.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut rounded = self.clone();
        for count in rounded.instructions.values_mut() {
            *count = (*count * 10.0).round() / 10.0;
        }
        fs::write(path, serde_json::to_string_pretty(&rounded)? + "\n")
    }
}

impl fmt::Display for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.made_with)?;
        let mut lines = self.instructions.iter();
        lines.try_for_each(|(name, count)| writeln!(f, "{name:<24} {count:>12.1}"))
    }
}

/// What came out, line by line.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<String>,
    refused: Vec<String>,
}

impl Report {
    pub(crate) fn passed(&self) -> bool {
        self.refused.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines.iter().chain(&self.refused) {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// Holds `measured` against `known`. With other tools nothing is refused, and the report says why.
pub(crate) fn compare(known: &Prices, measured: &Prices, update: &str) -> Report {
    let mut report = Report::default();
    let same_tools = known.made_with == measured.made_with;
    report
        .lines
        .push(format!("{:<24} {:>12} {:>12} {:>8}", "operation", "baseline", "measured", "change"));
    let mut better = false;
    for (name, &count) in &measured.instructions {
        let Some(&before) = known.instructions.get(name) else {
            let what = format!("{name}: {count:.1} instructions, and no baseline: {update}");
            report.refused.push(what);
            continue;
        };
        let percent = (count / before - 1.0) * 100.0;
        let mut line =
            format!("{name:<24} {before:>12.1} {count:>12.1} {:>+7.1}%", tenths(percent));
        if percent < -PERCENT_MAX {
            better = true;
            line += "  better";
        }
        report.lines.push(line);
        if percent > PERCENT_MAX && same_tools {
            report.refused.push(format!(
                "{name} costs {count:.1} instructions, {percent:+.1} % against {before:.1}: \
                 find out why, or accept it: {update}"
            ));
        }
    }
    if better {
        report.lines.push(format!("better: update it with {update}"));
    }
    if !same_tools {
        let (then, now) = (&known.made_with, &measured.made_with);
        report
            .lines
            .push(format!("not compared: the baseline was made with {then}; this is {now}"));
    }
    report
}

/// Rounded for printing, so that a hair's breadth less is not `-0.0`.
fn tenths(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::{Prices, compare};

    fn prices(made_with: &str, callback: f64) -> Prices {
        let names = [("callback", callback), ("spawn_empty", 300.0)];
        let instructions = names.map(|(name, count)| (name.to_owned(), count)).into();
        Prices { made_with: made_with.to_owned(), instructions }
    }

    #[test]
    fn a_higher_price_is_refused_by_name_and_figure() {
        let report = compare(&prices("a", 100.0), &prices("a", 104.0), "update");
        assert!(!report.passed());
        let said = report.to_string();
        let complaint = "callback costs 104.0 instructions, +4.0 % against 100.0";
        assert!(said.contains(complaint), "{said}");
        assert!(!said.contains("spawn_empty costs"), "{said}");
    }

    #[test]
    fn small_changes_pass_and_better_ones_say_how_to_keep_them() {
        assert!(compare(&prices("a", 100.0), &prices("a", 102.9), "update").passed());
        let report = compare(&prices("a", 100.0), &prices("a", 90.0), "the update command");
        assert!(report.passed());
        assert!(report.to_string().contains("better: update it with the update command"));
    }

    #[test]
    fn another_compiler_is_named_and_refuses_nothing() {
        let report = compare(&prices("rustc 1", 100.0), &prices("rustc 2", 200.0), "update");
        assert!(report.passed());
        assert!(report.to_string().contains("made with rustc 1; this is rustc 2"));
    }

    #[test]
    fn an_operation_without_a_price_is_refused() {
        let mut known = prices("a", 100.0);
        known.instructions.remove("callback");
        assert!(!compare(&known, &prices("a", 100.0), "update").passed());
    }
}
