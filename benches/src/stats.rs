//! The little statistics a comparison needs: percentiles of latencies, and a median with its spread.
//!
//! Pure arithmetic. It knows nothing of what is measured.

use std::fmt;
use std::time::Duration;

/// Every latency of one run; no sample is thrown away or rounded into a bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.nanos.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The value that `percent` of all samples do not exceed; 100 asks for the largest.
    pub(crate) fn percentile(&mut self, percent: f64) -> Duration {
        let rank = (self.nanos.len() as f64 * percent / 100.0).ceil() as usize;
        let Some(index) = rank.min(self.nanos.len()).checked_sub(1) else {
            return Duration::ZERO;
        };
        Duration::from_nanos(*self.nanos.select_nth_unstable(index).1)
    }
}

/// A median, and how far the rounds lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
        Self {
            median: f64::midpoint(sorted[low], sorted[high]),
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2} ({:.2}..{:.2})", self.median, self.min, self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::{Latencies, Spread};
    use std::time::Duration;

    #[test]
    fn percentiles() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50.0), Duration::ZERO);
        (1..=100).rev().for_each(|nanos| latencies.record(Duration::from_nanos(nanos)));
        for (percent, nanos) in [(0.1, 1), (50.0, 50), (99.0, 99), (100.0, 100)] {
            assert_eq!(latencies.percentile(percent), Duration::from_nanos(nanos), "{percent}");
        }
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of([1.0]).to_string(), "1.00 (1.00..1.00)");
    }
}
