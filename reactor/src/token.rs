//! Identity: which registration an event is about, and whether it still lives there.
//!
//! Owns [`Token`] and [`Slots`], a slab whose names do not go stale silently. The kernel reuses
//! the number of a closed file descriptor at once, and a slab reuses a freed slot at once, so a
//! bare number can name two things within one turn; the generation tells them apart. Knows
//! nothing of sockets. Read next: `reactor.rs`, where tokens travel to the kernel and back.

use slab::Slab;

/// Names one registration: which slot, and which of its tenants.
///
/// ```
/// let mut slots = reactor::Slots::new();
/// let old = slots.insert("first tenant");
/// slots.remove(old);
/// let new = slots.insert("second tenant");
///
/// assert_eq!(new.index(), old.index()); // the slot is reused at once
/// assert_eq!(slots.get(old), None);     // and yet the old name finds nobody
/// assert_eq!(slots.get(new), Some(&"second tenant"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    /// The name that backends give to their own waker; no slot ever has this index.
    pub(crate) const WAKER: Self = Self::new(u32::MAX, u32::MAX);

    /// A token made by hand; most come from [`Slots::insert`].
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The slot.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The number of the tenant: it differs between two tokens that shared a slot.
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Packs the token into the 64 bits that a kernel carries for us.
    pub const fn to_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// Unpacks what [`to_u64`](Self::to_u64) packed.
    pub const fn from_u64(bits: u64) -> Self {
        Self::new(bits as u32, (bits >> 32) as u32)
    }
}

/// A slab that hands out [`Token`]s and recognises the stale ones.
///
/// Insertion, look-up and removal take constant time, and a freed slot is the next one used.
/// One counter numbers all tenants, so a stale token could only be believed after exactly
/// 2³² further insertions, and only if that very one lands in the same slot.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    slab: Slab<Tenant<T>>,
    next_generation: u32,
}

#[derive(Clone, Debug)]
struct Tenant<T> {
    generation: u32,
    value: T,
}

impl<T> Slots<T> {
    /// No slots, no allocation.
    pub const fn new() -> Self {
        Self { slab: Slab::new(), next_generation: 0 }
    }

    /// Moves `value` in and answers its name.
    pub fn insert(&mut self, value: T) -> Token {
        self.insert_with(|_| value)
    }

    /// Like [`insert`](Self::insert), for a value that has to know its own name.
    pub fn insert_with(&mut self, value: impl FnOnce(Token) -> T) -> Token {
        let vacant = self.slab.vacant_entry();
        let index = u32::try_from(vacant.key()).expect("fewer than 2^32 registrations");
        let token = Token::new(index, self.next_generation);
        debug_assert_ne!(index, Token::WAKER.index, "the last index belongs to the waker");

        vacant.insert(Tenant { generation: token.generation, value: value(token) });
        self.next_generation = self.next_generation.wrapping_add(1);
        token
    }

    /// The value, unless it has moved out.
    pub fn get(&self, token: Token) -> Option<&T> {
        let tenant = self.slab.get(token.index())?;
        (tenant.generation == token.generation).then_some(&tenant.value)
    }

    /// The value to change, unless it has moved out.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let tenant = self.slab.get_mut(token.index())?;
        (tenant.generation == token.generation).then_some(&mut tenant.value)
    }

    /// Whether the value is still here.
    pub fn contains(&self, token: Token) -> bool {
        self.get(token).is_some()
    }

    /// Moves the value out; from here on `token` is stale. A stale token removes nobody.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        Some(self.slab.remove(token.index()).value)
    }

    /// How many values live here.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether nobody lives here.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Gives memory back after a crowd has left, as far as nobody lives at the end of it. Tokens
    /// stay what they were.
    pub fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
    }

    /// For how many values there is memory.
    pub fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// Everybody, in the order of the slots (not of insertion).
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slab.iter().map(|(index, tenant)| {
            let index = u32::try_from(index).expect("insert made this index from a u32");
            (Token::new(index, tenant.generation), &tenant.value)
        })
    }

    /// Moves everybody out; every token handed out so far is stale.
    pub fn clear(&mut self) {
        self.slab.clear();
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_trip_through_the_kernel() {
        for token in
            [Token::new(0, 0), Token::new(7, u32::MAX), Token::new(1 << 31, 1), Token::WAKER]
        {
            assert_eq!(Token::from_u64(token.to_u64()), token);
        }
        assert_eq!(Token::WAKER.to_u64(), u64::MAX);
    }

    #[test]
    fn a_stale_token_finds_changes_and_removes_nobody() {
        let mut slots = Slots::new();
        let old = slots.insert(1);
        assert_eq!(slots.remove(old), Some(1));
        let new = slots.insert(2);

        assert_eq!(old.index(), new.index());
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.get_mut(old), None);
        assert_eq!(slots.remove(old), None);
        assert!(!slots.contains(old));
        assert_eq!(slots.get(new), Some(&2), "the stale removal left the new tenant alone");
    }

    #[test]
    fn a_cleared_slab_recognises_nobody_from_before() {
        let mut slots = Slots::new();
        let before: Vec<_> = (0..10).map(|n| slots.insert(n)).collect();
        slots.clear();
        let after = slots.insert(99);
        assert!(before.iter().all(|&token| !slots.contains(token)));
        assert_eq!((slots.len(), slots.get(after)), (1, Some(&99)));
    }

    #[test]
    fn values_may_know_their_own_name_and_iteration_tells_it() {
        let mut slots = Slots::new();
        for _ in 0..4 {
            slots.insert_with(|token| token);
        }
        let second = slots.iter().nth(1).map(|(token, _)| token).expect("four values");
        slots.remove(second);
        assert_eq!(slots.len(), 3);
        assert!(slots.iter().all(|(token, &own_name)| token == own_name));
    }

    #[test]
    fn the_generation_wraps_without_a_fuss() {
        let mut slots = Slots { slab: Slab::new(), next_generation: u32::MAX };
        let last = slots.insert('a');
        slots.remove(last);
        let first = slots.insert('b');
        assert_eq!((last.generation(), first.generation()), (u32::MAX, 0));
        assert_eq!(slots.get(last), None);
    }
}
