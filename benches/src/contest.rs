//! Who is timed when: forwards and then backwards through the list, so that a drift of the machine
//! (heat, a neighbour, a background job) touches everybody alike.
//!
//! A [`Row`] is one question and those who answer it. A round is A B C C B A, and `metric.rs` says what
//! becomes of both passes. Where time is measured, the first contender is listed again at the end, as
//! a contender of its own: what separates the two is noise, and no difference of that size is a result.
//! Knows nothing of what a measurement does. Read next: `budget.rs`, `rows/mod.rs`, `report/text.rs`.

use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::time::{Duration, Instant};

use crate::budget::{Plan, Rank};
use crate::machine::Cores;
use crate::metric::{self, Metrics};
use crate::options::Options;
use crate::stats::Spread;

/// Behind the name of the first contender when it is measured a second time.
pub(crate) const AGAIN: &str = " (A/A)";

/// Under which conditions a measurement is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    pub(crate) seconds: f64,
    /// Before the clock runs.
    pub(crate) warm_up: f64,
    pub(crate) cores: Cores,
}

/// Takes one measurement of the named contender.
///
/// An error of the kind `Unsupported` says that it does not take part, and why.
pub(crate) type Measure = Box<dyn Fn(&str, Conditions) -> io::Result<Metrics>>;

/// One question, and those who answer it.
pub(crate) struct Row {
    /// `group/question`, as `--only` and the goals name it.
    pub(crate) name: String,
    pub(crate) title: String,
    /// The first one is measured twice.
    pub(crate) contenders: Vec<&'static str>,
    /// Whom the others are divided by.
    pub(crate) bases: &'static [&'static str],
    /// Which metrics are printed, the headline first; empty means all.
    pub(crate) columns: &'static [&'static str],
    /// Contenders that cannot take part here, and what would help.
    pub(crate) absent: Vec<(&'static str, String)>,
    pub(crate) rank: Rank,
    /// How long a measurement takes, as a multiple of `--seconds`.
    pub(crate) weight: f64,
    /// Seconds that a measurement needs besides, roughly; for the forecast.
    pub(crate) set_up: f64,
    /// Whether contenders over HTTP take part, so that their bytes must be compared first.
    pub(crate) serves_pages: bool,
    pub(crate) measure: Measure,
}

impl Row {
    /// Those who can take part.
    pub(crate) fn present(&self) -> impl Iterator<Item = &'static str> {
        let absent = |name: &str| self.absent.iter().any(|(absent, _)| *absent == name);
        self.contenders.iter().copied().filter(move |name| !absent(name))
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One contender, one pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) round: usize,
    pub(crate) metrics: Metrics,
}

/// All measurements of one contender in one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

/// A row with its results: the contenders in their order, then the first one again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) bases: Vec<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) plan: Plan,
    /// All of it, from the first start to the last answer.
    pub(crate) took: Duration,
    pub(crate) series: Vec<Series>,
    /// Contenders that did not take part, and why.
    pub(crate) absent: Vec<(String, String)>,
}

/// The order of one round: forwards, then backwards.
fn order(contenders: usize, both_ways: bool) -> Vec<usize> {
    let back = if both_ways { contenders } else { 0 };
    (0..contenders).chain((0..back).rev()).collect()
}

/// Times everybody in one row.
pub(crate) fn run(row: &Row, options: &Options, cores: Cores) -> io::Result<Table> {
    let (plan, began) = (Plan::of(row, options), Instant::now());
    let mut names: Vec<&'static str> = row.present().collect();
    let mut series: Vec<_> = names.iter().copied().map(Series::new).collect();
    if let (true, Some(&first)) = (plan.again, names.first()) {
        names.push(first);
        series.push(Series::new(&format!("{first}{AGAIN}")));
    }
    let conditions = Conditions { seconds: plan.seconds, warm_up: plan.warm_up, cores };
    let mut absent = row.absent.clone();
    for round in 0..plan.rounds {
        for index in order(names.len(), plan.both_ways) {
            if absent.iter().any(|(name, _)| *name == names[index]) {
                continue;
            }
            progress(&format!("{} {}/{} {}", row.name, round + 1, plan.rounds, series[index].name));
            match (row.measure)(names[index], conditions) {
                Ok(metrics) => series[index].samples.push(Sample { round, metrics }),
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    absent.push((names[index], error.to_string()));
                }
                Err(error) => return Err(io::Error::other(format!("{}: {error}", names[index]))),
            }
        }
    }
    progress("");
    series.retain(|series| !series.samples.is_empty());
    Ok(Table {
        name: row.name.clone(),
        title: row.title.clone(),
        bases: row.bases.iter().map(|&base| base.to_owned()).collect(),
        columns: columns(row, &series),
        plan,
        took: began.elapsed(),
        series,
        absent: absent.into_iter().map(|(name, why)| (name.to_owned(), why)).collect(),
    })
}

/// The row's own list of columns, or whatever was measured first.
fn columns(row: &Row, series: &[Series]) -> Vec<String> {
    if !row.columns.is_empty() {
        return row.columns.iter().map(|&column| column.to_owned()).collect();
    }
    let first = series.first().and_then(|series| series.samples.first());
    first
        .map(|sample| sample.metrics.iter().map(|(name, _)| name.clone()).collect())
        .unwrap_or_default()
}

/// What is being timed right now; only for somebody who is watching.
fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{text:<60}\r");
    }
}

impl Series {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), samples: Vec::new() }
    }

    /// The metric, by round. Nothing where it was not measured.
    pub(crate) fn by_round(&self, metric: &str) -> Vec<Option<f64>> {
        let rounds = self.samples.iter().map(|sample| sample.round + 1).max().unwrap_or(0);
        let value = |round| {
            let passes = self.samples.iter().filter(|sample| sample.round == round);
            let values: Vec<f64> =
                passes.filter_map(|sample| metric::get(&sample.metrics, metric)).collect();
            metric::of_round(metric, &values)
        };
        (0..rounds).map(value).collect()
    }

    /// The metric over all rounds.
    pub(crate) fn spread(&self, metric: &str) -> Option<Spread> {
        Spread::of(self.by_round(metric).into_iter().flatten())
    }
}

impl Table {
    /// The metric that the row is about.
    pub(crate) fn headline(&self) -> &str {
        self.columns.first().map_or("", String::as_str)
    }

    /// The contender of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// `metric` of one contender divided by that of `base`, round by round, where both met the
    /// same machine.
    pub(crate) fn ratio(&self, series: &Series, base: &str, metric: &str) -> Option<Spread> {
        let base = self.find(base)?.by_round(metric);
        let pairs = series.by_round(metric).into_iter().zip(base);
        Spread::of(pairs.filter_map(|(one, other)| Some(one? / other?)))
    }

    /// How far the first contender, measured again, strays from itself.
    pub(crate) fn noise(&self) -> Option<Noise> {
        let [first, .., again] = self.series.as_slice() else { return None };
        if !again.name.ends_with(AGAIN) {
            return None;
        }
        let ratio = self.ratio(again, &first.name, self.headline())?;
        let stray = |low: f64, high: f64| (high - 1.0).max(1.0 - low);
        Some(Noise { half: stray(ratio.low, ratio.high), all: stray(ratio.min, ratio.max) })
    }
}

/// How far a contender strays from itself, as shares of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Noise {
    /// In the middle half of the rounds, which is where a median comes from.
    pub(crate) half: f64,
    /// In all rounds.
    pub(crate) all: f64,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Conditions, Noise, Row, Sample, Series, Table, order, run};
    use crate::budget::{Plan, Rank};
    use crate::machine::Cores;
    use crate::options::Options;
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;
    use std::time::Duration;

    /// A row of three contenders who need no time.
    pub(crate) fn row(name: &str, rank: Rank) -> Row {
        Row {
            name: name.to_owned(),
            title: String::new(),
            contenders: vec!["a", "b", "c"],
            bases: &["a"],
            columns: &[],
            absent: Vec::new(),
            rank,
            weight: 1.0,
            set_up: 0.0,
            serves_pages: false,
            measure: Box::new(|_, conditions: Conditions| {
                Ok(vec![("seconds".to_owned(), conditions.seconds)])
            }),
        }
    }

    /// A contender with two rounds of two passes.
    pub(crate) fn series(name: &str, cpu: [f64; 4]) -> Series {
        let sample = |(index, cpu): (usize, f64)| Sample {
            round: index / 2,
            metrics: vec![("cpu_us".to_owned(), cpu), ("busy_percent".to_owned(), 99.0)],
        };
        Series { name: name.to_owned(), samples: cpu.into_iter().enumerate().map(sample).collect() }
    }

    pub(crate) fn table(series: Vec<Series>) -> Table {
        Table {
            name: "http/hello-64".to_owned(),
            title: "hello".to_owned(),
            bases: vec!["floor".to_owned(), "hyper".to_owned()],
            columns: vec!["cpu_us".to_owned(), "busy_percent".to_owned()],
            plan: Plan { rounds: 2, both_ways: true, again: true, seconds: 1.0, warm_up: 0.0 },
            took: Duration::from_secs(12),
            series,
            absent: Vec::new(),
        }
    }

    #[test]
    fn a_round_goes_there_and_back() {
        assert_eq!(order(3, true), [0, 1, 2, 2, 1, 0]);
        assert_eq!(order(3, false), [0, 1, 2]);
    }

    #[test]
    fn a_round_is_its_better_pass() {
        let series = series("a", [2.0, 4.0, 6.0, 6.0]);
        assert_eq!(series.by_round("cpu_us"), [Some(2.0), Some(6.0)]);
        assert_eq!(series.by_round("unknown"), [None, None]);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine is twice as slow in the second round; the ratios do not notice.
        let floor = series("floor", [4.0, 4.0, 8.0, 8.0]);
        let table = table(vec![
            floor.clone(),
            series("hyper", [5.0, 5.0, 10.0, 10.0]),
            series("floor (A/A)", [4.0, 4.0, 10.0, 10.0]),
        ]);
        let ratio = table.ratio(&table.series[1], "floor", "cpu_us").expect("both were measured");
        assert_eq!((ratio.min, ratio.max), (1.25, 1.25));
        assert_eq!(table.ratio(&floor, "nobody", "cpu_us"), None);
        assert_eq!(table.noise(), Some(Noise { half: 0.1875, all: 0.25 }));
    }

    #[test]
    fn everybody_is_timed_in_turn_and_the_absent_are_named() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let measured = Rc::clone(&seen);
        let row = Row {
            contenders: vec!["a", "b", "c", "d"],
            absent: vec![("d", "not installed".to_owned())],
            weight: 2.0,
            measure: Box::new(move |name, conditions: Conditions| {
                measured.borrow_mut().push(name.to_owned());
                if name == "b" {
                    return Err(io::Error::new(io::ErrorKind::Unsupported, "not today"));
                }
                Ok(vec![("seconds".to_owned(), conditions.seconds)])
            }),
            ..row("x/y", Rank::Main)
        };
        let options = Options { rounds: Some(1), seconds: Some(0.5), ..Options::default() };
        let table = run(&row, &options, Cores::choose().expect("a core")).expect("all well");
        assert_eq!(seen.borrow().concat(), "abcaaca");
        let absent = [("d", "not installed"), ("b", "not today")];
        assert_eq!(table.absent, absent.map(|(name, why)| (name.to_owned(), why.to_owned())));
        assert_eq!(table.columns, ["seconds"]);
        let names: Vec<_> = table.series.iter().map(|series| &*series.name).collect();
        assert_eq!(names, ["a", "c", "a (A/A)"]);
        assert_eq!(table.series[0].by_round("seconds"), [Some(1.0)]);
    }
}
