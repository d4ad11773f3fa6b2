//! What a registration wants to hear about: reading, writing, or both.
//!
//! Owns [`Interest`], a set of two flags that cannot be empty. It does not know how a kernel
//! spells them; each backend translates. Read next: `events.rs`, what the kernel answers.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The readiness a registration wants reported; never empty.
///
/// Errors and hang-ups are reported whatever the interest is.
///
/// ```
/// use reactor::Interest;
/// assert_eq!(Interest::READABLE | Interest::WRITABLE, Interest::BOTH);
/// assert!(Interest::BOTH.is_writable() && !Interest::READABLE.is_writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Tell me when a read, or an `accept`, may make progress.
    pub const READABLE: Self = Self(1);
    /// Tell me when a write may make progress, or a `connect` is decided.
    pub const WRITABLE: Self = Self(2);
    /// Tell me both.
    pub const BOTH: Self = Self(3);

    /// Whether reading is of interest.
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether writing is of interest.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }
}

impl BitOr for Interest {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (true, true) => "READABLE | WRITABLE",
            (true, false) => "READABLE",
            (false, _) => "WRITABLE",
        })
    }
}
