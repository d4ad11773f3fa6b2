//! The summary in Markdown: ratios with their spread and the goals, as docs/BENCHMARKS.md embeds them.
//!
//! Owns the two markers between which the document is generated. The same numbers as in `report/text.rs`.

use std::fmt::Write as _;

use super::text;
use crate::contest::{AGAIN, Series, Table};
use crate::goals;
use crate::machine::Machine;
use crate::metric;

/// The generated part of the document begins and ends with these lines.
const BEGIN: &str = "<!-- results: written by --write-docs, not by hand -->";
const END: &str = "<!-- end of results -->";

/// Everything in one text.
pub(super) fn summary(machine: &Machine, tables: &[Table]) -> String {
    let mut text = format!(
        "Machine: {}, {} cores, {}, load {} at the start. {}; {}.\n",
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.load,
        machine.compiler,
        machine.version_line()
    );
    for table in tables {
        section(&mut text, table).expect("a String takes everything");
    }
    text
}

fn section(text: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(text, "\n### {}\n\n`{}`, {}.", table.title, table.name, table.plan)?;
    if !table.series.is_empty() {
        grid(text, table)?;
    }
    for (names, why) in text::absences(table) {
        writeln!(text, "\nAbsent: {names} ({why}).")?;
    }
    text::remarks(table).lines().try_for_each(|remark| writeln!(text, "\n{remark}."))
}

fn grid(text: &mut String, table: &Table) -> std::fmt::Result {
    let bases: Vec<_> = table.bases.iter().filter(|base| table.find(base).is_some()).collect();
    let others = &table.columns[table.columns.len().min(1)..];
    write!(text, "\n| | {} |", metric::title(table.headline()))?;
    bases.iter().try_for_each(|base| write!(text, " / {base} |"))?;
    others.iter().try_for_each(|name| write!(text, " {} |", metric::title(name)))?;
    writeln!(text, " goal |\n|---|{}---|", "---:|".repeat(1 + bases.len() + others.len()))?;
    for series in table.series.iter().filter(|series| !series.name.ends_with(AGAIN)) {
        line(text, table, series, &bases)?;
    }
    Ok(())
}

fn line(text: &mut String, table: &Table, series: &Series, bases: &[&String]) -> std::fmt::Result {
    let median = |name: &str| {
        series.spread(name).map_or_else(|| "-".to_owned(), |s| metric::number(s.median))
    };
    write!(text, "| {} | {} |", series.name, median(table.headline()))?;
    for base in bases {
        match table.ratio(series, base, table.headline()) {
            Some(spread) => write!(text, " {spread} |")?,
            None => write!(text, " - |")?,
        }
    }
    table.columns.iter().skip(1).try_for_each(|name| write!(text, " {} |", median(name)))?;
    let told = goals::verdicts(table, series).into_iter().map(|verdict| {
        let outcome = if verdict.reached { "reached" } else { "**not reached**" };
        format!("{}: {outcome}", verdict.goal)
    });
    writeln!(text, " {} |", told.collect::<Vec<_>>().join("; "))
}

/// The document with new numbers between its markers.
pub(super) fn fill(document: &str, summary: &str) -> Result<String, String> {
    let missing = || format!("docs/BENCHMARKS.md needs the lines {BEGIN:?} and {END:?}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{summary}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{fill, summary};
    use crate::contest::tests::{series, table};
    use crate::machine::Machine;

    #[test]
    fn the_document_is_filled_between_its_markers() {
        let document = std::fs::read_to_string(super::super::DOCUMENT).expect("the document");
        let once = fill(&document, "numbers").expect("it has the markers");
        assert_eq!(fill(&once, "numbers").as_ref(), Ok(&once), "twice is once");
        assert!(once.contains("numbers") && fill("no markers", "numbers").is_err());
    }

    #[test]
    fn ratios_and_goals_are_in_the_table() {
        let machine = Machine::describe().expect("/proc");
        let tables = [table(vec![
            series("floor", [4.0; 4]),
            series("squall-http", [5.0; 4]),
            series("floor (A/A)", [4.0; 4]),
        ])];
        let text = summary(&machine, &tables);
        assert!(text.contains("| squall-http | 5.00 | 1.25 (1.25..1.25) |"), "{text}");
        assert!(text.contains("CPU us <= 1.06 x floor: **not reached** |"), "{text}");
        assert!(!text.contains("(A/A) |"), "{text}");
    }
}
