//! Chance, and what it does to bytes.
//!
//! Owns a small generator whose whole state is one seed, so that a run can be repeated, and the
//! handful of mutations that reach most of a parser. Knows no target.

/// The xorshift* generator: good enough to be surprising, small enough to be read.
pub struct Random(u64);

impl Random {
    /// The same seed gives the same run.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of the corpus, changed in one to eight places.
    pub fn mutant(&mut self, corpus: &[Vec<u8>], words: &[&str], max: usize) -> Vec<u8> {
        let mut bytes = self.choose(corpus).clone();
        for _ in 0..=self.below(8) {
            self.mutate(&mut bytes, corpus, words);
        }
        bytes.truncate(max);
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
        let at = self.below(bytes.len() + 1);
        let end = at + self.below(bytes.len() - at + 1);
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next() as u8,
            2 => bytes.insert(at, self.next() as u8),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let other = self.choose(corpus).clone();
                let from = self.below(other.len() + 1);
                bytes.splice(at..end, other[from..].iter().copied());
            }
            _ if words.is_empty() => {}
            6 => drop(bytes.splice(at..at, self.choose(words).bytes())),
            _ => drop(bytes.splice(at..end.min(at + 4), self.choose(words).bytes())),
        }
    }
}
