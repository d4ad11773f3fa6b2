//! Tables for the terminal: ratios first, absolute numbers beside them.
//!
//! A ratio is taken within a round, where both sides met the same machine; the median of the rounds
//! is printed with the smallest and the largest. Owns the warnings too, since a number that is not to
//! be trusted should say so itself. Knows nothing of how the numbers were made.

use std::fmt::Write as _;

use crate::budget::spoken;
use crate::contenders::Contender;
use crate::contest::{AGAIN, Series, Table};
use crate::goals;
use crate::metric;

/// Below this share of a core the generator, not the server, was the limit.
const SATURATED: f64 = 90.0;
/// No claim survives more noise than this in half of the rounds.
const NOISE_MAX: f64 = 0.10;

/// Under all tables.
pub(crate) const FOOTNOTE: &str = "\
CPU us: user and system time of the server per request, from the scheduler's account; less is better.
A round is the better of its passes, in tails their mean. Ratios are taken within a round: median (min..max).
A/A is the first contender, measured as if it were another one: what separates the two is noise.\n";

/// What was compared before anything was timed.
pub(crate) fn same_bytes(contenders: &[&Contender]) -> String {
    let mut text = format!("bytes on the wire: the same for {} contenders", contenders.len());
    for contender in contenders.iter().filter(|contender| !contender.differs_in.is_empty()) {
        let (name, headers) = (contender.name, contender.differs_in.join(" and "));
        let _ = write!(text, ", but for {headers} of {name}");
    }
    text + "\n(Date aside; files that are read from disk also say ETag, Last-Modified, Accept-Ranges)\n"
}

/// One table.
pub(crate) fn table(table: &Table) -> String {
    let lines: Vec<Vec<String>> = table.series.iter().map(|series| line(table, series)).collect();
    let mut heads = vec![String::new(), metric::title(table.headline())];
    heads.extend(bases(table).map(|base| format!("/ {base}")));
    heads.extend(table.columns.iter().skip(1).map(|name| metric::title(name)));
    let took = spoken(table.took);
    let mut text = format!("\n{}: {}\n{}; took {took}\n", table.name, table.title, table.plan);
    if !lines.is_empty() {
        text += &align(&heads, &lines);
    }
    for (names, why) in absences(table) {
        let _ = writeln!(text, "absent: {names}: {why}");
    }
    text + &remarks(table)
}

/// Those who are absent for the same reason, and the reason.
pub(crate) fn absences(table: &Table) -> Vec<(String, &str)> {
    let mut reasons: Vec<(String, &str)> = Vec::new();
    for (name, why) in &table.absent {
        match reasons.iter_mut().find(|(_, known)| known == why) {
            Some((names, _)) => names.extend([", ", name]),
            None => reasons.push((name.clone(), why)),
        }
    }
    reasons
}

/// Bases that took part.
fn bases(table: &Table) -> impl Iterator<Item = &String> {
    table.bases.iter().filter(|base| table.find(base).is_some())
}

fn line(table: &Table, series: &Series) -> Vec<String> {
    let median = |metric: &str| {
        series.spread(metric).map_or_else(|| "-".to_owned(), |s| metric::number(s.median))
    };
    let mut cells = vec![series.name.clone(), median(table.headline())];
    cells.extend(bases(table).map(|base| {
        let ratio = table.ratio(series, base, table.headline());
        ratio.map_or_else(|| "-".to_owned(), |spread| spread.to_string())
    }));
    cells.extend(table.columns.iter().skip(1).map(|column| median(column)));
    let verdicts = goals::verdicts(table, series);
    let told = verdicts.iter().map(|verdict| {
        let outcome = if verdict.reached { "reached" } else { "NOT reached" };
        format!("goal {}: {outcome}", verdict.goal)
    });
    cells.push(told.collect::<Vec<_>>().join("; "));
    cells
}

/// Columns as wide as their widest cell: names to the left, numbers to the right.
fn align(heads: &[String], lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column)).chain(heads.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for line in std::iter::once(heads).chain(lines.iter().map(Vec::as_slice)) {
        let mut row = String::new();
        for (column, cell) in line.iter().enumerate() {
            let width = width(column);
            let _ = match column {
                0 => write!(row, "{cell:<width$}"),
                _ if column >= heads.len() => write!(row, "  {cell}"),
                _ => write!(row, "  {cell:>width$}"),
            };
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}

/// What a reader must know before believing the table.
pub(crate) fn remarks(table: &Table) -> String {
    let mut text = String::new();
    if let Some(noise) = table.noise() {
        let (half, all) = (noise.half * 100.0, noise.all * 100.0);
        let name = &table.series[0].name;
        let _ = writeln!(
            text,
            "A/A: {name} differs from itself by up to {all:.0} %, in half of the rounds by up to {half:.0} %"
        );
        if noise.half > NOISE_MAX {
            text += "warning: that is too much for any claim; run it on a quieter machine\n";
        }
    }
    if table.columns.iter().any(|column| column == "busy_percent") {
        let idle = |series: &&Series| {
            series.spread("busy_percent").is_some_and(|busy| busy.median < SATURATED)
        };
        let idle: Vec<_> = table.series.iter().filter(idle).map(|series| &*series.name).collect();
        let idle: Vec<_> = idle.into_iter().filter(|name| !name.ends_with(AGAIN)).collect();
        if !idle.is_empty() {
            let _ = writeln!(
                text,
                "not saturated, so the rate is the generator's and only CPU counts: {}",
                idle.join(", ")
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{remarks, table};
    use crate::contest::tests::{series, table as tables};

    #[test]
    fn a_line_has_ratios_and_goals() {
        let text = table(&tables(vec![
            series("floor", [4.0, 4.0, 8.0, 8.0]),
            series("hyper", [5.0, 5.0, 10.0, 10.0]),
            series("squall-http", [4.0, 4.0, 8.0, 8.0]),
            series("floor (A/A)", [4.0, 4.0, 8.0, 8.0]),
        ]));
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect("a line");
        assert!(line("hyper ").contains("1.25 (1.25..1.25)"), "{text}");
        assert!(line("floor ").contains("0.80 (0.80..0.80)"), "{text}");
        assert!(line("squall-http").ends_with("goal CPU us <= 1.06 x floor: reached"), "{text}");
        assert!(text.contains("by up to 0 %") && !text.contains("warning"), "{text}");
        assert!(
            text.contains("\n2 rounds of 1.00 s each, forwards and backwards; took 12 s\n"),
            "{text}"
        );
    }

    #[test]
    fn one_way_is_not_called_two_and_absence_has_its_reason() {
        let mut silent = tables(Vec::new());
        (silent.plan.rounds, silent.plan.both_ways) = (1, false);
        silent.absent = [("a", "buy it"), ("b", "build it"), ("c", "buy it")]
            .map(|(name, why)| (name.to_owned(), why.to_owned()))
            .into();
        let text = table(&silent);
        assert!(text.contains("\n1 round of 1.00 s each, one way;"), "{text}");
        assert!(text.ends_with("took 12 s\nabsent: a, c: buy it\nabsent: b: build it\n"), "{text}");
    }

    #[test]
    fn noise_and_an_idle_server_are_admitted() {
        let noisy = tables(vec![
            series("floor", [4.0, 4.0, 8.0, 8.0]),
            series("floor (A/A)", [4.0, 4.0, 10.0, 10.0]),
        ]);
        assert!(remarks(&noisy).contains("by up to 25 %"), "{}", remarks(&noisy));
        assert!(remarks(&noisy).contains("warning"));
        let mut idle = tables(vec![series("floor", [4.0; 4])]);
        assert_eq!(remarks(&idle), "");
        idle.series[0].samples.iter_mut().for_each(|sample| sample.metrics[1].1 = 40.0);
        assert!(remarks(&idle).contains("not saturated"), "{}", remarks(&idle));
    }
}
