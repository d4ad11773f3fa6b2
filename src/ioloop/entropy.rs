//! Chance: the loop is its only source, so that a seed reproduces a run.
//!
//! In production every byte comes from the operating system; with a seed, from a small generator
//! that is frozen for ever, or old seeds would tell new stories. Read next: `mod.rs`.

use super::IoLoop;

/// Where random bytes come from.
pub(super) enum Entropy {
    /// The operating system.
    System,
    /// `SplitMix64`, by its state. Never for secrets.
    Seeded(u64),
}

impl Entropy {
    pub(super) fn seeded(seed: u64) -> Self {
        Self::Seeded(seed)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is where chance enters")]
            Self::System => getrandom::fill(bytes).expect("the system's random bytes"),
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }
}

/// One step of `SplitMix64` (Steele, Lea and Flood, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl IoLoop {
    /// Fills `bytes` from the loop's source of chance: the operating system, unless the loop was
    /// built with a seed.
    ///
    /// # Panics
    /// If the operating system has no random bytes to give.
    pub fn random(&self, bytes: &mut [u8]) {
        self.core.entropy.borrow_mut().fill(bytes);
    }
}
