//! Which plots there are: bars for most rows, curves where there is an axis to go along.
//!
//! Owns their names and what stands on their axes; `report/svg.rs` draws them.

use super::svg::{Chart, bars, shown};
use crate::contest::{Series, Table};
use crate::rows::flat::STEPS;
use crate::stats::PERCENTILES;

/// The rows that differ only in how many timers are pending, and the number.
const PENDING: [(&str, f64); 4] = [
    ("runtime/timer", 1.0), // none, but an axis of powers has no place for that
    ("runtime/timer-1k", 1e3),
    ("runtime/timer-100k", 1e5),
    ("runtime/timer-1m", 1e6),
];

/// Every plot: the name of its file, and its text.
pub(super) fn all(tables: &[Table]) -> Vec<(String, String)> {
    let mut plots: Vec<_> =
        tables.iter().filter(|table| !table.series.is_empty()).flat_map(of_table).collect();
    for metric in ["insert", "cancel", "expire"] {
        plots.extend(timers(tables, metric));
    }
    plots
}

fn of_table(table: &Table) -> Vec<(String, String)> {
    let stem = table.name.replace('/', "-");
    let first = if table.name.starts_with("latency/") {
        percentiles(table)
    } else if table.name == "http/flat" {
        let over_floor = flat(table, Some("floor"), "CPU per request divided by the floor's");
        return vec![
            (format!("{stem}.svg"), flat(table, None, "CPU us per request; less is better")),
            (format!("{stem}-over-floor.svg"), over_floor),
        ];
    } else {
        bars(table, table.headline())
    };
    let mut plots = vec![(format!("{stem}.svg"), first)];
    let has_rate = table.columns.iter().any(|column| column == "requests_per_second");
    if has_rate && !table.name.starts_with("latency/") {
        plots.push((format!("{stem}-rate.svg"), bars(table, "requests_per_second")));
    }
    plots
}

/// The further right, the rarer.
fn percentiles(table: &Table) -> String {
    let rarity = |percent: f64| -(1.0 - percent / 100.0).log10();
    let rarest = PERCENTILES.len() - 1; // the largest of all has no place on this axis
    let points = |series: &Series| {
        let points = PERCENTILES[..rarest].iter();
        points
            .filter_map(|(p, name)| Some((rarity(*p), series.spread(name)?.median.max(0.1))))
            .collect()
    };
    let marks = [50.0, 90.0, 99.0, 99.9, 99.99].map(|p| (rarity(p), format!("p{p}")));
    Chart {
        title: &table.title,
        subtitle: "us from when a request was due (log), by percentile (log of what is beyond)",
        marks: marks.into(),
        logarithmic: true,
        curves: shown(table).map(|series| (&*series.name, points(series))).collect(),
    }
    .draw()
}

/// The more connections, the further right.
fn flat(table: &Table, base: Option<&str>, subtitle: &str) -> String {
    let at = |connections: usize| (connections as f64).log10();
    let points = |series: &Series| {
        let value = |metric| match base {
            Some(base) => table.ratio(series, base, metric),
            None => series.spread(metric),
        };
        let points = STEPS.iter();
        points.filter_map(|(count, metric)| Some((at(*count), value(metric)?.median))).collect()
    };
    Chart {
        title: &table.title,
        subtitle,
        marks: STEPS
            .iter()
            .map(|(count, _)| (at(*count), format!("{count} connections")))
            .collect(),
        logarithmic: false,
        curves: shown(table).map(|series| (&*series.name, points(series))).collect(),
    }
    .draw()
}

/// The more pending timers, the further right; nothing unless all those rows were measured.
fn timers(tables: &[Table], what: &str) -> Option<(String, String)> {
    let named = |(name, count): (&str, f64)| {
        tables.iter().find(|table| table.name == name).map(|table| (table, count.log10()))
    };
    let rows: Vec<(&Table, f64)> = PENDING.into_iter().map(named).collect::<Option<_>>()?;
    let metric = format!("{what}_ns");
    let points = |name: &str| {
        let value = |table: &Table| Some(table.find(name)?.spread(&metric)?.median);
        rows.iter().filter_map(|(table, at)| Some((*at, value(table)?))).collect()
    };
    let names = ["none", "1,000", "100,000", "1,000,000"];
    let marks = rows.iter().zip(names).map(|((_, at), name)| (*at, name.to_owned()));
    let chart = Chart {
        title: &format!("A timer: to {what} one while so many are pending"),
        subtitle: "ns each (log); less is better",
        marks: marks.collect(),
        logarithmic: true,
        curves: shown(rows[0].0).map(|series| (&*series.name, points(&series.name))).collect(),
    };
    Some((format!("runtime-timers-{what}.svg"), chart.draw()))
}

#[cfg(test)]
mod tests {
    use super::{PENDING, all};
    use crate::contest::Table;
    use crate::contest::tests::{series, table};

    fn named(name: &str, metrics: &[&str]) -> Table {
        let mut table = table(vec![series("floor", [2.0; 4]), series("squall", [4.0; 4])]);
        name.clone_into(&mut table.name);
        table.columns = metrics.iter().map(|&metric| metric.to_owned()).collect();
        for sample in table.series.iter_mut().flat_map(|series| &mut series.samples) {
            let value = sample.metrics[0].1;
            sample.metrics = metrics.iter().map(|&metric| (metric.to_owned(), value)).collect();
        }
        table
    }

    fn names(tables: &[Table]) -> Vec<String> {
        all(tables).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_rate_has_its_own_bars_and_an_empty_table_none() {
        let table = named("http/json", &["cpu_us", "requests_per_second"]);
        assert_eq!(names(&[table]), ["http-json.svg", "http-json-rate.svg"]);
        let mut empty = named("mongo/find", &["cpu_us"]);
        empty.series.clear();
        assert!(names(&[empty]).is_empty());
    }

    #[test]
    fn flatness_is_a_curve_by_itself_and_over_the_floor() {
        let steps = super::STEPS.map(|(_, metric)| metric);
        let plots = all(&[named("http/flat", &steps)]);
        assert_eq!(plots.len(), 2);
        for (name, text) in plots {
            assert_eq!(text.matches("<polyline").count(), 2, "{name}: {text}");
            assert_eq!(text.matches("<circle").count(), 6, "{name}: {text}");
        }
    }

    #[test]
    fn timers_are_drawn_when_all_their_rows_are_there() {
        let mut tables: Vec<_> =
            PENDING.iter().map(|(name, _)| named(name, &["insert_ns"])).collect();
        assert!(names(&tables).contains(&"runtime-timers-insert.svg".to_owned()));
        tables.pop();
        assert!(!names(&tables).contains(&"runtime-timers-insert.svg".to_owned()));
    }
}
