//! Drawing: bars with whiskers, curves over an axis, and what both are made of.
//!
//! Written as text, since a bar is a rectangle. Colours are Okabe and Ito's, which the colour-blind can
//! tell apart, and every curve is also labelled at its end. Which tables are drawn, and how, is in
//! `report/plots.rs`. Knows nothing of how numbers were made.

use std::fmt::Write as _;

use crate::contest::{AGAIN, Series, Table};
use crate::metric;

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
    ("squall", "#0072B2"),
    ("squall-http", "#0072B2"),
    ("squall-web", "#56B4E9"),
    ("nginx", "#009E73"),
];
const WIDTH: f64 = 760.0;

/// Everybody but the first one when measured again.
pub(super) fn shown(table: &Table) -> impl Iterator<Item = &Series> {
    table.series.iter().filter(|series| !series.name.ends_with(AGAIN))
}

fn colour(name: &str, index: usize) -> &'static str {
    let known = COLOURS.iter().find(|(known, _)| *known == name);
    known.map_or(PALETTE[index % PALETTE.len()], |(_, colour)| colour)
}

/// Horizontal bars of the medians; whiskers from the smallest round to the largest.
pub(super) fn bars(table: &Table, name: &str) -> String {
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

/// One curve for each contender.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    /// What is written under the axis, and where.
    pub(super) marks: Vec<(f64, String)>,
    /// Whether each step upwards is ten times the one before; otherwise the axis begins at nothing.
    pub(super) logarithmic: bool,
    pub(super) curves: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl Chart<'_> {
    const LEFT: f64 = 80.0;
    const RIGHT: f64 = WIDTH - 120.0;
    const TOP: f64 = 66.0;
    const BOTTOM: f64 = 400.0;

    pub(super) fn draw(&self) -> String {
        let (steps, place) = self.upwards();
        let y = |value: f64| Self::BOTTOM - place(value) * (Self::BOTTOM - Self::TOP);
        let ends = || self.marks.iter().map(|(at, _)| *at);
        let (first, last) = (ends().fold(f64::MAX, f64::min), ends().fold(f64::MIN, f64::max));
        let x = |at: f64| Self::LEFT + (at - first) / (last - first) * (Self::RIGHT - Self::LEFT);
        let mut svg = open(Self::BOTTOM + 40.0, self.title, self.subtitle);
        for step in steps {
            svg += &line(Self::LEFT, y(step), Self::RIGHT, y(step), FAINT, 1.0);
            svg += &text(Self::LEFT - 8.0, y(step) + 4.0, "end", 12, &metric::number(step));
        }
        for (at, name) in &self.marks {
            svg += &line(x(*at), Self::TOP, x(*at), Self::BOTTOM, FAINT, 1.0);
            svg += &text(x(*at), Self::BOTTOM + 18.0, "middle", 12, name);
        }
        let ends = self.curves.iter().map(|(_, points)| points.last().map_or(0.0, |end| y(end.1)));
        let labels = apart(&ends.collect::<Vec<_>>(), 15.0);
        for (index, ((name, points), label)) in self.curves.iter().zip(labels).enumerate() {
            let ink = colour(name, index);
            let points: Vec<_> = points.iter().map(|(at, value)| (x(*at), y(*value))).collect();
            svg += &curve(&points, ink);
            if let Some((x, y)) = points.last() {
                svg += &line(x + 4.0, *y, x + 20.0, label, ink, 1.0);
            }
            svg += &text(Self::RIGHT + 24.0, label + 4.0, "start", 12, name);
        }
        svg + "</svg>\n"
    }

    /// The steps of the upright axis, and how far up a value is, as a share of one.
    fn upwards(&self) -> (Vec<f64>, Box<dyn Fn(f64) -> f64>) {
        let values = || self.curves.iter().flat_map(|(_, points)| points.iter().map(|p| p.1));
        let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(1e-3, f64::max));
        if self.logarithmic {
            let (low, high) = (low.min(high).log10().floor(), high.log10().ceil());
            let decades = (low as i32..=high as i32).map(|decade| 10_f64.powi(decade)).collect();
            (decades, Box::new(move |value| (value.log10() - low) / (high - low).max(1.0)))
        } else {
            let (steps, top) = ticks(high);
            (steps, Box::new(move |value| value / top))
        }
    }
}

fn curve(points: &[(f64, f64)], ink: &str) -> String {
    let path: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let mut svg = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"2.5\" \
         stroke-linejoin=\"round\"/>\n",
        path.join(" ")
    );
    for (x, y) in points {
        let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{ink}"/>"#);
    }
    svg
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
    use super::{Chart, apart, bars, ticks};
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
    fn there_is_a_bar_for_everybody_but_the_second_first() {
        let table = table(vec![
            series("a<b", [2.0; 4]),
            series("c", [4.0; 4]),
            series("a (A/A)", [2.0; 4]),
        ]);
        let plot = bars(&table, "cpu_us");
        assert_eq!(plot.matches(r#"height="20""#).count(), 2);
        assert!(plot.contains("a&lt;b") && plot.ends_with("</svg>\n"));
    }

    #[test]
    fn a_curve_goes_from_mark_to_mark_and_is_named_at_its_end() {
        let chart = |logarithmic| {
            let marks = vec![(1.0, "few".to_owned()), (3.0, "many".to_owned())];
            let curves = vec![("flat", vec![(1.0, 10.0), (3.0, 10.0)]), ("none", Vec::new())];
            Chart { title: "t", subtitle: "s", marks, logarithmic, curves }.draw()
        };
        for (logarithmic, height) in [(false, "66.0"), (true, "400.0")] {
            let expected = format!("points=\"80.0,{height} 640.0,{height}\"");
            assert!(chart(logarithmic).contains(&expected), "{}", chart(logarithmic));
        }
        assert!(chart(false).contains(">many<") && chart(false).contains(">flat<"));
    }
}
