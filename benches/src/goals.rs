//! The goals: what squall means to reach, so that a report can say whether it did.
//!
//! A goal is a ratio to another contender, or an absolute number where only the number matters. It is
//! reached when the median of the rounds is within it. Knows nothing of how things are measured.

use crate::contest::{Series, Table};
use crate::metric;

/// One goal of one contender in one row.
#[derive(Debug)]
pub(crate) struct Goal {
    row: &'static str,
    contender: &'static str,
    metric: &'static str,
    /// Whom the number is divided by; nothing for the number itself.
    against: Option<&'static str>,
    limit: f64,
}

const fn ratio(
    row: &'static str,
    contender: &'static str,
    metric: &'static str,
    against: &'static str,
    limit: f64,
) -> Goal {
    Goal { row, contender, metric, against: Some(against), limit }
}

const fn number(
    row: &'static str,
    contender: &'static str,
    metric: &'static str,
    limit: f64,
) -> Goal {
    Goal { row, contender, metric, against: None, limit }
}

/// All goals.
const GOALS: &[Goal] = &[
    ratio("http/hello-64", "squall-http", "cpu_us", "floor", 1.06),
    ratio("http/hello-64", "squall-web", "cpu_us", "floor", 1.12),
    ratio("http/pipelined", "squall-web", "cpu_us", "floor", 1.30),
    ratio("http/close", "squall-http", "cpu_us", "floor", 1.10),
    ratio("http/close", "squall-web", "cpu_us", "floor", 1.10),
    number("http/syscalls", "squall-http", "each_request", 2.06),
    number("http/syscalls", "squall-web", "each_request", 2.06),
    number("runtime/callback", "squall", "each_ns", 20.0),
    ratio("runtime/spawn", "squall", "each_ns", "tokio", 0.20),
    ratio("runtime/yield-100", "squall", "each_ns", "tokio", 0.25),
    ratio("runtime/ping-pong", "squall", "each_ns", "tokio", 0.25),
    ratio("runtime/timer-1m", "squall", "insert_ns", "tokio", 0.20),
    ratio("runtime/timer-1m", "squall", "cancel_ns", "tokio", 0.25),
    number("runtime/timer-due", "squall", "late_p99_us", 150.0),
    number("runtime/timer-due", "squall", "cpu_us", 1.5),
    number("runtime/sleep-1ms", "squall", "p50_us", 1070.0),
    ratio("runtime/remote-wake", "squall", "p50_us", "tokio", 1.0),
    ratio("echo/64B-64", "squall", "round_trips_per_second", "floor", 0.98),
    number("idle/10000", "squall-http", "bytes_per_connection", 1024.0),
    number("idle/10000", "squall-web", "bytes_per_connection", 1024.0),
    ratio("mongo/find_one_c1", "squall", "cpu_us", "mongodb", 0.61),
    ratio("mongo/find_one_c64", "squall", "cpu_us", "mongodb", 0.62),
    ratio("mongo/find_1000", "squall-raw", "cpu_us", "mongodb-raw", 0.29),
    ratio("mongo/find_1000", "squall", "cpu_us", "mongodb", 0.44),
    ratio("mongo/insert_many_10k", "squall", "cpu_us", "mongodb", 0.18),
];

/// How a goal stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The goal in words, such as `CPU us <= 1.06 x floor`.
    pub(crate) goal: String,
    pub(crate) reached: bool,
}

/// The goals of one contender in a table.
pub(crate) fn verdicts(table: &Table, series: &Series) -> Vec<Verdict> {
    let of_this = |goal: &&Goal| goal.row == table.name && goal.contender == series.name;
    GOALS.iter().filter(of_this).filter_map(|goal| goal.verdict(table, series)).collect()
}

impl Goal {
    fn verdict(&self, table: &Table, series: &Series) -> Option<Verdict> {
        let spread = match self.against {
            Some(base) => table.ratio(series, base, self.metric)?,
            None => series.spread(self.metric)?,
        };
        let less = metric::meaning(self.metric).less_is_better;
        let reached = if less { spread.median <= self.limit } else { spread.median >= self.limit };
        let (sign, what) = (if less { "<=" } else { ">=" }, metric::title(self.metric));
        let limit = metric::number(self.limit);
        let goal = match self.against {
            Some(base) => format!("{what} {sign} {limit} x {base}"),
            None => format!("{what} {sign} {limit}"),
        };
        Some(Verdict { goal, reached })
    }
}

#[cfg(test)]
mod tests {
    use super::{GOALS, Goal, verdicts};
    use crate::contest::tests::{series, table};
    use crate::rows;

    #[test]
    fn a_goal_is_reached_or_not() {
        let floor = series("floor", [10.0; 4]);
        let good = table(vec![floor.clone(), series("squall-http", [10.5; 4])]);
        let bad = table(vec![floor, series("squall-http", [10.7; 4])]);
        let [good, bad] = [good, bad].map(|table| verdicts(&table, &table.series[1]));
        assert!(good.len() == 1 && good[0].reached, "{good:?}");
        assert!(!bad[0].reached && bad[0].goal == "CPU us <= 1.06 x floor", "{bad:?}");
    }

    #[test]
    fn more_can_be_better_and_a_number_can_stand_alone() {
        let table = table(vec![series("a", [3.0; 4])]);
        let mut goal =
            Goal { row: "", contender: "a", metric: "cpu_us", against: None, limit: 2.0 };
        assert!(!goal.verdict(&table, &table.series[0]).expect("measured").reached);
        goal.metric = "unknown_per_second";
        assert_eq!(goal.verdict(&table, &table.series[0]), None);
    }

    #[test]
    fn goals_are_about_rows_that_exist() {
        let rows = rows::all();
        for goal in GOALS {
            let row = rows.iter().find(|row| row.name == goal.row).expect(goal.row);
            assert!(row.contenders.contains(&goal.contender), "{goal:?}");
            assert!(goal.against.is_none_or(|base| row.contenders.contains(&base)), "{goal:?}");
        }
    }
}
