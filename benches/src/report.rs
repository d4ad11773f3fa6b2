//! The table and the JSON file: ratios first, absolute numbers beside them.
//!
//! A ratio is taken within a round, where both sides met the same machine; the median of the rounds
//! is printed with the smallest and the largest. Owns the warnings too, since a number that is not to
//! be trusted should say so itself. Knows nothing of how the numbers were made: that is `plan.rs`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::plan::{Row, Table};
use crate::stats::Spread;

/// Below this share of a core the generator, not the server, was the limit.
const SATURATED: f64 = 0.90;

/// All tables as text.
pub(crate) fn tables(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        write_table(&mut text, table).expect("a String takes everything");
    }
    text += "CPU: user and system time of the server per request; less is better. Ratios are taken \
             within a round: median (min..max).\n";
    text
}

fn write_table(text: &mut String, table: &Table) -> std::fmt::Result {
    let Table { endpoint, connections, rounds, length, rows } = table;
    writeln!(
        text,
        "\n{endpoint}: {connections} connections, rounds: {rounds} (A B B A), {length:?} each time"
    )?;
    let hyper = rows.iter().find(|row| row.name == "hyper");
    writeln!(
        text,
        "{:<18}{:>8}  {:<19}  {:<19}{:>9}  {:<19}{:>6}{:>8}{:>8}",
        "",
        "CPU us",
        "CPU / floor",
        "CPU / hyper",
        "req/s",
        "req/s / hyper",
        "busy",
        "p50 us",
        "p99 us"
    )?;
    for row in rows {
        let median = |values: Vec<f64>| Spread::of(values).median;
        let to_hyper = |value: fn(&Row) -> Vec<f64>| {
            hyper.map_or_else(|| "-".to_owned(), |hyper| ratio(row, hyper, value).to_string())
        };
        let busy = median(row.busy());
        writeln!(
            text,
            "{:<18}{:>8.2}  {:<19}  {:<19}{:>9.0}  {:<19}{:>5.0}%{:>8}{:>8}{}",
            row.name,
            median(row.cpu_per_request()),
            ratio(row, &rows[0], Row::cpu_per_request),
            to_hyper(Row::cpu_per_request),
            median(row.rate()),
            to_hyper(Row::rate),
            busy * 100.0,
            median(row.measurements.iter().map(|m| m.p50.as_secs_f64() * 1e6).collect()).round(),
            median(row.measurements.iter().map(|m| m.p99.as_secs_f64() * 1e6).collect()).round(),
            if busy < SATURATED { "  (waited for the generator)" } else { "" },
        )?;
    }
    let noise = noise(rows);
    writeln!(text, "A/A: the same program differs from itself by up to {:.0} %", noise * 100.0)?;
    if noise > 0.10 {
        writeln!(text, "warning: that is too much for any claim; run it on a quieter machine")?;
    }
    Ok(())
}

/// `row` divided by `base`, round by round.
fn ratio(row: &Row, base: &Row, value: fn(&Row) -> Vec<f64>) -> Spread {
    Spread::of(value(row).into_iter().zip(value(base)).map(|(one, other)| one / other))
}

/// How far the last row, the first contender again, strays from the first one.
fn noise(rows: &[Row]) -> f64 {
    let [first, .., again] = rows else { return 0.0 };
    let Spread { min, max, .. } = ratio(again, first, Row::cpu_per_request);
    (max - 1.0).max(1.0 - min)
}

/// Every single measurement, for whoever wants to compute something else.
pub(crate) fn json(tables: &[Table], machine: &Machine) -> String {
    let rows = |table: &Table| -> Vec<Value> {
        let runs = |row: &Row| -> Vec<Value> {
            let run = |m: &crate::plan::Measurement| {
                json!({
                    "round": m.round,
                    "requests": m.requests,
                    "seconds": m.elapsed.as_secs_f64(),
                    "server_cpu_seconds": m.cpu.as_secs_f64(),
                    "p50_us": m.p50.as_secs_f64() * 1e6,
                    "p99_us": m.p99.as_secs_f64() * 1e6,
                    "max_us": m.max.as_secs_f64() * 1e6,
                })
            };
            row.measurements.iter().map(run).collect()
        };
        let row =
            |row| json!({ "contender": row_name(row), "about": row.about, "runs": runs(row) });
        table.rows.iter().map(row).collect()
    };
    let table = |table: &Table| {
        json!({
            "endpoint": table.endpoint,
            "connections": table.connections,
            "contenders": rows(table),
        })
    };
    let document = json!({
        "machine": {
            "kernel": machine.kernel,
            "processor": machine.processor,
            "cores": machine.cores,
            "load": machine.load,
        },
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn row_name(row: &Row) -> &str {
    &row.name
}

#[cfg(test)]
mod tests {
    use crate::machine::Machine;
    use crate::plan::tests::{row, table};

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine is twice as slow in the second round; the ratios do not notice.
        let rows = vec![
            row("floor", [4, 4, 8, 8]),
            row("hyper", [5, 5, 10, 10]),
            row("floor (A/A)", [4, 4, 8, 8]),
        ];
        let text = super::tables(&[table(rows)]);
        let hyper = text.lines().find(|line| line.starts_with("hyper ")).expect("a row");
        assert!(hyper.contains("1.25 (1.25..1.25)"), "{text}");
        let floor = text.lines().find(|line| line.starts_with("floor ")).expect("a row");
        assert!(floor.contains("0.80 (0.80..0.80)"), "{text}");
        assert!(text.contains("by up to 0 %") && !text.contains("warning"), "{text}");
    }

    #[test]
    fn noise_is_admitted() {
        let rows = vec![row("floor", [4, 4, 8, 8]), row("floor (A/A)", [4, 4, 10, 10])];
        let text = super::tables(&[table(rows)]);
        assert!(text.contains("by up to 25 %") && text.contains("warning"), "{text}");
    }

    #[test]
    fn the_json_file_has_every_measurement() {
        let machine = Machine::describe().expect("/proc");
        let text = super::json(&[table(vec![row("floor", [4, 4, 8, 8])])], &machine);
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let runs = &document["tables"][0]["contenders"][0]["runs"];
        assert_eq!(runs.as_array().map(Vec::len), Some(4));
        assert_eq!(runs[2]["server_cpu_seconds"], 0.008);
    }
}
