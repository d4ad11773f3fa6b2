//! Time as the loop sees it: a number of nanoseconds, and the two clocks it is read from.
//!
//! Owns [`Instant`] and is the only file that asks the operating system what time it is. Timers
//! and protocols get an `Instant` as an argument, so they run just as well on the invented time
//! of [`VirtualTime`](crate::VirtualTime). Read next: `sleep.rs`, how a deadline is kept.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A point in time: nanoseconds on a clock that never goes backwards.
///
/// A plain value that anybody may make. Its arithmetic saturates: a deadline 600 years away is
/// [`MAX`](Self::MAX), and the time since something that is still to come is zero.
///
/// ```
/// use std::time::Duration;
/// use reactor::Instant;
/// let noon = Instant::from_nanos(1_000);
/// let later = noon + Duration::from_micros(5);
/// assert_eq!(later - noon, Duration::from_micros(5));
/// assert_eq!(noon - later, Duration::ZERO);
/// assert_eq!(noon + Duration::MAX, Instant::MAX);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The beginning of the clock. As a deadline it says: look, but do not wait.
    pub const ZERO: Self = Self(0);
    /// Later than anything anybody will wait for.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds after [`ZERO`](Self::ZERO).
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since [`ZERO`](Self::ZERO).
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The instant `duration` later, unless that is beyond [`MAX`](Self::MAX).
    #[inline]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Self)
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    #[inline]
    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }
}

impl AddAssign<Duration> for Instant {
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    #[inline]
    fn sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl Sub for Instant {
    type Output = Duration;
    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    /// Seconds with all nine decimals: `12.000000345s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// Now, on the clock that only moves forward (`CLOCK_MONOTONIC`): for deadlines.
pub(crate) fn monotonic() -> Instant {
    let now = clock_gettime(ClockId::Monotonic);
    Instant(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

/// Now, as the calendar counts it (`CLOCK_REALTIME`), since 1970: for dates shown to people. It
/// jumps when somebody sets it, so nothing waits by it.
pub(crate) fn wall_time() -> Duration {
    let now = clock_gettime(ClockId::Realtime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Instant::ZERO - second, Instant::ZERO);
        assert_eq!(Instant::ZERO - Duration::MAX, Instant::ZERO);
        assert_eq!(Instant::MAX + second, Instant::MAX);
        assert_eq!(Instant::ZERO - Instant::MAX, Duration::ZERO);
        assert_eq!(Instant::MAX.checked_add(Duration::from_nanos(1)), None);
        assert_eq!(Instant::MAX.checked_add(Duration::ZERO), Some(Instant::MAX));
    }

    #[test]
    fn an_instant_prints_as_seconds() {
        assert_eq!(format!("{:?}", Instant::from_nanos(12_000_000_345)), "12.000000345s");
    }

    #[test]
    fn the_clocks_tick_forward_and_the_calendar_is_past_2020() {
        let before = monotonic();
        assert!(before > Instant::ZERO && monotonic() >= before);
        assert!(wall_time() > Duration::from_secs(1_577_836_800));
    }
}
