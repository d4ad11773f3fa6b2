//! Plots: bars with whiskers for every row, and latency by percentile for the open loops.
//!
//! Written as text, since a bar is a rectangle. Colours are Okabe and Ito's, which the colour-blind can
//! tell apart, and every line is also labelled at its end. Knows nothing of how numbers were made.

use std::fmt::Write as _;

use crate::contest::{AGAIN, Series, Table};
use crate::metric;
use crate::stats::PERCENTILES;

const INK: &str = "#222222";
const FAINT: &str = "#d9d9d9";
const PALETTE: [&str; 8] =
    ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D31", "#5D5D5D"];
/// Those whom readers look for have the same colour in every plot.
const COLOURS: &[(&str, &str)] = &[
    ("floor", "#8A8A8A"),
    ("tokio", "#E69F00"),
    ("hyper", "#D55E00"),
    ("axum", "#CC79A7"),
    ("squall-http", "#0072B2"),
    ("squall-web", "#56B4E9"),
    ("nginx", "#009E73"),
];
const WIDTH: f64 = 760.0;

/// The plots of one table: name of the file, and its text.
pub(super) fn plots(table: &Table) -> Vec<(String, String)> {
    let stem = table.name.replace('/', "-");
    let mut plots = vec![(format!("{stem}.svg"), bars(table, table.headline()))];
    if table.name.starts_with("latency/") {
        plots[0] = (format!("{stem}.svg"), percentiles(table));
    } else if table.columns.iter().any(|column| column == "requests_per_second") {
        let name = format!("{stem}-rate.svg");
        plots.push((name, bars(table, "requests_per_second")));
    }
    plots
}

fn shown(table: &Table) -> impl Iterator<Item = &Series> {
    table.series.iter().filter(|series| !series.name.ends_with(AGAIN))
}

fn colour(name: &str, index: usize) -> &'static str {
    let known = COLOURS.iter().find(|(known, _)| *known == name);
    known.map_or(PALETTE[index % PALETTE.len()], |(_, colour)| colour)
}

/// Horizontal bars of the medians; whiskers from the smallest round to the largest.
fn bars(table: &Table, name: &str) -> String {
    const LEFT: f64 = 140.0;
    const ROW: f64 = 30.0;
    let seen: Vec<_> = shown(table).filter_map(|s| Some((s, s.spread(name)?))).collect();
    let (ticks, top) = ticks(seen.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max));
    let x = |value: f64| LEFT + value / top * (WIDTH - LEFT - 80.0);
    let bottom = 66.0 + seen.len() as f64 * ROW;
    let better = if metric::meaning(name).less_is_better { "less" } else { "more" };
    let subtitle =
        format!("{}; {better} is better; median, smallest and largest round", metric::title(name));
    let mut svg = open(bottom + 40.0, &table.title, &subtitle);
    for tick in ticks {
        svg += &line(x(tick), 60.0, x(tick), bottom, FAINT, 1.0);
        svg += &text(x(tick), bottom + 18.0, "middle", 12, &metric::number(tick));
    }
    for (index, (series, spread)) in seen.iter().enumerate() {
        let (y, end) = (66.0 + index as f64 * ROW, x(spread.median));
        svg += &text(LEFT - 10.0, y + 15.0, "end", 13, &series.name);
        let fill = colour(&series.name, index);
        let _ = writeln!(
            svg,
            r#"<rect x="{LEFT}" y="{y}" width="{:.1}" height="20" rx="2" fill="{fill}"/>"#,
            end - LEFT
        );
        let (low, high) = (x(spread.min), x(spread.max));
        svg += &line(low, y + 10.0, high, y + 10.0, INK, 1.5);
        for end in [low, high] {
            svg += &line(end, y + 5.0, end, y + 15.0, INK, 1.5);
        }
        svg += &text(high.max(end) + 8.0, y + 15.0, "start", 12, &metric::number(spread.median));
    }
    svg + "</svg>\n"
}

/// Latency by percentile, both axes logarithmic: the further right, the rarer.
fn percentiles(table: &Table) -> String {
    const LEFT: f64 = 80.0;
    const RIGHT: f64 = WIDTH - 120.0;
    const TOP: f64 = 66.0;
    const BOTTOM: f64 = 400.0;
    let rarest = PERCENTILES.len() - 1; // the largest of all has no place on this axis
    let curves: Vec<(&Series, Vec<(f64, f64)>)> = shown(table)
        .map(|series| {
            let points = PERCENTILES[..rarest].iter();
            let point = |(p, name): &(f64, &str)| Some((*p, series.spread(name)?.median.max(0.1)));
            (series, points.filter_map(point).collect())
        })
        .collect();
    let values = || curves.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(1.0, f64::max));
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    let y = |value: f64| BOTTOM - (value.log10() - low) / (high - low).max(1.0) * (BOTTOM - TOP);
    let rarity = |percent: f64| -(1.0 - percent / 100.0).log10();
    let (first, last) = (rarity(50.0), rarity(99.99));
    let x = |percent: f64| LEFT + (rarity(percent) - first) / (last - first) * (RIGHT - LEFT);
    let subtitle = "us from when a request was due (log), by percentile (log of what is beyond)";
    let mut svg = open(BOTTOM + 40.0, &table.title, subtitle);
    for decade in low as i32..=high as i32 {
        let value = 10_f64.powi(decade);
        svg += &line(LEFT, y(value), RIGHT, y(value), FAINT, 1.0);
        svg += &text(LEFT - 8.0, y(value) + 4.0, "end", 12, &metric::number(value));
    }
    for percent in [50.0, 90.0, 99.0, 99.9, 99.99] {
        svg += &line(x(percent), TOP, x(percent), BOTTOM, FAINT, 1.0);
        svg += &text(x(percent), BOTTOM + 18.0, "middle", 12, &format!("p{percent}"));
    }
    let ends = curves.iter().map(|(_, points)| points.last().map_or(BOTTOM, |end| y(end.1)));
    let labels = apart(&ends.collect::<Vec<_>>(), 15.0);
    for (index, (series, points)) in curves.iter().enumerate() {
        let ink = colour(&series.name, index);
        let path: Vec<_> =
            points.iter().map(|(p, value)| format!("{:.1},{:.1}", x(*p), y(*value))).collect();
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{ink}" stroke-width="2.5" stroke-linejoin="round"/>"#,
            path.join(" ")
        );
        for (percent, value) in points {
            let (cx, cy) = (x(*percent), y(*value));
            let _ = writeln!(svg, r#"<circle cx="{cx:.1}" cy="{cy:.1}" r="3" fill="{ink}"/>"#);
        }
        if let Some((_, value)) = points.last() {
            svg += &line(RIGHT + 4.0, y(*value), RIGHT + 20.0, labels[index], ink, 1.0);
        }
        svg += &text(RIGHT + 24.0, labels[index] + 4.0, "start", 12, &series.name);
    }
    svg + "</svg>\n"
}

/// Moves labels down until none covers another.
fn apart(wanted: &[f64], distance: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    for pair in order.windows(2) {
        placed[pair[1]] = placed[pair[1]].max(placed[pair[0]] + distance);
    }
    placed
}

/// Round numbers from nothing to at least `most`, and the last of them.
fn ticks(most: f64) -> (Vec<f64>, f64) {
    let rough = (most / 5.0).max(1e-9);
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * decade);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * decade);
    let count = (most / step).ceil().max(1.0) as usize;
    let ticks: Vec<f64> = (0..=count).map(|index| index as f64 * step).collect();
    let top = ticks[count];
    (ticks, top)
}

fn open(height: f64, title: &str, subtitle: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"Helvetica, Arial, sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    svg += &text(16.0, 26.0, "start", 17, title);
    svg + &text(16.0, 46.0, "start", 12, subtitle)
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, ink: &str, width: f64) -> String {
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{ink}\" stroke-width=\"{width}\"/>\n"
    )
}

fn text(x: f64, y: f64, anchor: &str, size: u32, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{INK}\">{words}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{apart, plots, ticks};
    use crate::contest::tests::{series, table};

    #[test]
    fn ticks_are_round_and_reach_the_most() {
        assert_eq!(ticks(4.3), (vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 5.0));
        for most in [0.0, 0.003, 7.0, 123_456.0] {
            assert!(ticks(most).1 >= most && ticks(most).0.len() < 12, "{most}");
        }
    }

    #[test]
    fn labels_do_not_cover_each_other() {
        assert_eq!(apart(&[10.0, 12.0, 50.0], 15.0), [10.0, 25.0, 50.0]);
    }

    #[test]
    fn a_plot_has_a_bar_for_everybody_but_the_second_first() {
        let table = table(vec![
            series("a<b", [2.0; 4]),
            series("c", [4.0; 4]),
            series("a (A/A)", [2.0; 4]),
        ]);
        let plots = plots(&table);
        assert_eq!(plots[0].0, "http-hello-64.svg");
        assert_eq!(plots[0].1.matches(r#"height="20""#).count(), 2);
        assert!(plots[0].1.contains("a&lt;b") && plots[0].1.ends_with("</svg>\n"));
    }
}
