//! The slow-callback detector: which line blocked the loop, and for how long (T022, ASK02).
//!
//! Exact, because the loop times itself; there is no sampling and no signal. Knows only the
//! observer's view. Read next: `trace.rs`.

use std::time::Duration;

use super::{Activity, LoopObserver};
use crate::log::{self, Level};

/// Logs every callback that held the loop longer than a threshold.
///
/// ```
/// use std::rc::Rc;
/// use std::time::Duration;
/// use squall::ioloop::{IoLoop, SlowCallbackDetector};
///
/// let detector = Rc::new(SlowCallbackDetector::new(Duration::from_millis(100)));
/// let io_loop = IoLoop::builder().observer(detector).build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SlowCallbackDetector {
    threshold: Duration,
}

impl SlowCallbackDetector {
    /// Reports whatever takes `threshold` or longer.
    pub fn new(threshold: Duration) -> Self {
        Self { threshold }
    }
}

impl Default for SlowCallbackDetector {
    /// 100 ms: asyncio's threshold, and about what a person notices.
    fn default() -> Self {
        Self::new(Duration::from_millis(100))
    }
}

impl LoopObserver for SlowCallbackDetector {
    fn callback_end(&self, activity: &Activity, elapsed: Duration) {
        if elapsed >= self.threshold {
            let what = activity.label.as_deref().unwrap_or(activity.kind);
            let seconds = elapsed.as_secs_f64();
            let message = format!("loop blocked {seconds:.3} s by {what} ({})", activity.place);
            log::general(Level::Warning, &message);
        }
    }
}
