//! How much time a row is given: how often everybody is measured, for how long, and what it adds up to.
//!
//! Rows that carry a claim get more rounds than those beside them. Measurements are short and often
//! interleaved, because the noise of a shared machine comes in bursts: a burst spoils a pass or two,
//! and the median of the rounds does not see it. Knows nothing of what is measured. Read next: `contest.rs`.

use std::fmt;
use std::time::Duration;

use crate::contest::Row;
use crate::options::Options;

/// How thorough a run is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Full,
    Quick,
    /// Does everything still run?
    Smoke,
}

/// How much rests on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Claims and goals are about it.
    Main,
    /// It stands beside those.
    Side,
    /// It is slow to set up, and counts what hardly varies.
    Once,
}

/// How a row is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Whether a round also goes backwards through the contenders.
    pub(crate) both_ways: bool,
    /// Whether the first contender is also measured as if it were another.
    pub(crate) again: bool,
    /// Length of one measurement.
    pub(crate) seconds: f64,
    /// Before its clock runs.
    pub(crate) warm_up: f64,
}

impl Effort {
    /// Rounds, and whether they go both ways.
    fn rounds(self, rank: Rank) -> (usize, bool) {
        match (self, rank) {
            (Self::Full, Rank::Main) => (5, true),
            (Self::Full, Rank::Side) => (3, true),
            (Self::Quick, Rank::Main) => (2, true),
            (Self::Quick, Rank::Side) => (1, true),
            (Self::Full | Self::Quick, Rank::Once) | (Self::Smoke, _) => (1, false),
        }
    }

    /// Length of a measurement, and of the warm-up before it.
    fn seconds(self) -> (f64, f64) {
        match self {
            Self::Full => (0.125, 0.04),
            Self::Quick => (0.04, 0.015),
            Self::Smoke => (0.02, 0.0),
        }
    }
}

impl Plan {
    /// What the options leave to a row; rounds and seconds that the user named win.
    pub(crate) fn of(row: &Row, options: &Options) -> Self {
        let (rounds, both_ways) = options.effort.rounds(row.rank);
        let (seconds, warm_up) = options.effort.seconds();
        Self {
            rounds: options.rounds.unwrap_or(rounds),
            both_ways,
            again: row.rank != Rank::Once,
            seconds: options.seconds.unwrap_or(seconds) * row.weight,
            warm_up,
        }
    }

    /// Measurements of so many contenders.
    pub(crate) fn measurements(&self, contenders: usize) -> usize {
        let again = contenders.min(usize::from(self.again));
        (contenders + again) * self.rounds * if self.both_ways { 2 } else { 1 }
    }

    /// How long the row should take on a machine like the one on which it was written.
    pub(crate) fn forecast(&self, row: &Row) -> Duration {
        let each = self.seconds + self.warm_up + row.set_up;
        Duration::from_secs_f64(self.measurements(row.present().count()) as f64 * each)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.rounds == 1 { "" } else { "s" };
        let ways = if self.both_ways { "forwards and backwards" } else { "one way" };
        write!(f, "{} round{plural} of {:.2} s each, {ways}", self.rounds, self.seconds)
    }
}

/// A length of time as a person says it.
pub(crate) fn spoken(length: Duration) -> String {
    let seconds = length.as_secs_f64().round() as u64;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Effort, Plan, Rank, spoken};
    use crate::contest::tests::row;
    use crate::options::Options;
    use crate::rows;
    use std::time::Duration;

    #[test]
    fn rows_that_matter_get_five_rounds_and_the_user_has_the_last_word() {
        let full = Options::default();
        let rounds = |rank, options: &Options| Plan::of(&row("x/y", rank), options).rounds;
        assert_eq!(rounds(Rank::Main, &full), 5);
        assert!(rounds(Rank::Side, &full) < 5);
        let asked = Options { rounds: Some(7), ..full };
        for rank in [Rank::Main, Rank::Side, Rank::Once] {
            assert_eq!(rounds(rank, &asked), 7);
        }
    }

    #[test]
    fn a_forecast_counts_everybody_who_is_there_and_the_first_twice() {
        let mut row = row("x/y", Rank::Main); // three contenders
        (row.weight, row.set_up) = (2.0, 0.5);
        let seconds = Some(0.2);
        let plan = Plan::of(&row, &Options { seconds, ..Options::default() });
        assert_eq!(plan.measurements(3), 5 * 2 * 4);
        let each = 0.2 * 2.0 + 0.5 + plan.warm_up;
        assert_eq!(plan.forecast(&row), Duration::from_secs_f64(40.0 * each));
        row.absent = ["a", "b", "c"].map(|name| (name, "not here".to_owned())).into();
        assert_eq!(plan.forecast(&row), Duration::ZERO);
    }

    /// What `--help` promises, as far as arithmetic can keep it.
    #[test]
    fn a_quick_run_is_forecast_at_two_minutes_and_a_full_one_at_ten() {
        for (effort, minutes) in [(Effort::Quick, 2.5), (Effort::Full, 12.0)] {
            let options = Options { effort, ..Options::default() };
            let rows = rows::all();
            let rows = rows.iter().filter(|row| !row.name.starts_with("mongo/"));
            let total: Duration = rows.map(|row| Plan::of(row, &options).forecast(row)).sum();
            assert!(total.as_secs_f64() < minutes * 60.0, "{effort:?}: {total:?}");
        }
    }

    #[test]
    fn times_are_spoken() {
        assert_eq!(spoken(Duration::from_millis(59_400)), "59 s");
        assert_eq!(spoken(Duration::from_secs(601)), "10 min 1 s");
    }
}
