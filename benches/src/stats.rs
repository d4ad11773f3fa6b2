//! The little statistics a comparison needs: a median with its spread, and percentiles of latencies.
//!
//! Pure arithmetic. It knows nothing of what is measured.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer than this nobody waits; what is longer counts as this.
const LONGEST: u64 = 600_000_000_000;

/// The percentiles that are reported, and the names of their metrics.
pub(crate) const PERCENTILES: &[(f64, &str)] = &[
    (50.0, "p50_us"),
    (75.0, "p75_us"),
    (90.0, "p90_us"),
    (95.0, "p95_us"),
    (99.0, "p99_us"),
    (99.5, "p99.5_us"),
    (99.9, "p99.9_us"),
    (99.95, "p99.95_us"),
    (99.99, "p99.99_us"),
    (100.0, "max_us"),
];

/// Every latency of one run, to three digits: from nanoseconds to minutes in bounded memory.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3).expect("sensible bounds");
        Self { histogram }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.histogram.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST));
    }

    /// The value that `percent` of all samples do not exceed; 100 asks for the largest.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_quantile(percent / 100.0))
    }

    /// All percentiles, as metrics in microseconds.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        let metric = |&(percent, name): &(f64, &str)| {
            (name.to_owned(), self.percentile(percent).as_secs_f64() * 1e6)
        };
        PERCENTILES.iter().map(metric)
    }
}

/// A median, and how far the rounds lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// Half of the rounds lie between these two.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of at least one number; nothing for none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let at = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Self { median: at(0.5), low: at(0.25), high: at(0.75), min, max })
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
    fn percentiles_are_exact_to_three_digits() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile(50.0), Duration::ZERO);
        (1..=1000).rev().for_each(|micros| latencies.record(Duration::from_micros(micros)));
        for (percent, micros) in [(0.1, 1), (50.0, 500), (99.0, 990), (99.9, 999), (100.0, 1000)] {
            let found = latencies.percentile(percent).as_secs_f64() * 1e6;
            assert!((found / f64::from(micros) - 1.0).abs() < 0.002, "{percent}: {found}");
        }
        assert_eq!(latencies.metrics().count(), super::PERCENTILES.len());
    }

    #[test]
    fn an_endless_latency_is_kept_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(1 << 40));
        assert!(latencies.percentile(100.0) >= Duration::from_secs(599));
    }

    #[test]
    fn spreads() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        let of = |min, low, median, high, max| Some(Spread { median, low, high, min, max });
        assert_eq!(spread(&[3.0, 1.0, 2.0]), of(1.0, 1.5, 2.0, 2.5, 3.0));
        assert_eq!(spread(&[4.0, 1.0]), of(1.0, 1.75, 2.5, 3.25, 4.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0, 4.0, 3.0]), of(1.0, 2.0, 3.0, 4.0, 9.0));
        assert_eq!(spread(&[]), None);
        assert_eq!(
            spread(&[f64::NAN, 1.0]).map(|s| s.to_string()),
            Some("1.00 (1.00..1.00)".into())
        );
    }
}
