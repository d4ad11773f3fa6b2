//! All clauses at once: random scripts against a model of what is owed.
//!
//! Owns a model so small that it can be believed: each source knows which reports are *owed* to
//! it, by clauses 2, 4 and 5. After each look everything owed must have been said, and nothing may
//! have been said about strangers. A failure names the seed, which repeats the script.

use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use reactor::{Instant, Interest, Source, Token};

use super::{Stage, drain, on_every_reactor, pair};

/// One stream, its peer, and what the model knows of them.
struct Actor {
    here: UnixStream,
    there: Option<UnixStream>,
    registered: Option<(Token, Interest)>,
    unread: usize,
    /// Drained since the last report, or freshly registered: the next change must be said.
    armed: bool,
    owed_read: bool,
    owed_close: bool,
    owed_write: bool,
}

impl Actor {
    fn new() -> Self {
        let (here, there) = pair();
        let (registered, unread, armed) = (None, 0, false);
        let (owed_read, owed_close, owed_write) = (false, false, false);
        let there = Some(there);
        Self { here, there, registered, unread, armed, owed_read, owed_close, owed_write }
    }

    /// Something happened that a reader wants to know.
    fn changed(&mut self) {
        let listening = self.armed && self.registered.is_some_and(|(_, i)| i.is_readable());
        self.owed_read |= listening;
        self.owed_close |= listening && self.there.is_none();
    }

    fn registered_as(&mut self, token: Token, interest: Interest) {
        self.registered = Some((token, interest));
        self.armed = true;
        self.owed_read = interest.is_readable() && (self.unread > 0 || self.there.is_none());
        self.owed_close = interest.is_readable() && self.there.is_none();
        self.owed_write = interest.is_writable();
    }

    fn silenced(&mut self) {
        (self.registered, self.armed) = (None, false);
        (self.owed_read, self.owed_close, self.owed_write) = (false, false, false);
    }
}

/// xorshift64: small, seeded, and good enough to choose between seven things.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn interest(&mut self) -> Interest {
        [Interest::READABLE, Interest::WRITABLE, Interest::BOTH][self.below(3) as usize]
    }
}

fn step(stage: &mut Stage, actor: &mut Actor, chance: &mut Chance, token: Token) {
    match chance.below(16) {
        0..5 => {
            let Some(peer) = &mut actor.there else { return };
            let count = 1 + chance.below(100) as usize;
            peer.write_all(&vec![0; count]).expect("the buffer is far larger");
            actor.unread += count;
            actor.changed();
        }
        5..9 => {
            assert_eq!(drain(&mut actor.here), (actor.unread, actor.there.is_none()));
            (actor.unread, actor.owed_read, actor.armed) = (0, false, true);
        }
        9..12 => {
            let interest = chance.interest();
            let result = stage.reactor.register(Source::fd(&actor.here), token, interest);
            match (actor.registered, result) {
                (None, Ok(())) => actor.registered_as(token, interest),
                (Some(_), Err(error)) if error.kind() == ErrorKind::AlreadyExists => {}
                (before, result) => panic!("register: {before:?} then {result:?}"),
            }
        }
        12..14 => {
            let interest = chance.interest();
            let result = stage.reactor.reregister(Source::fd(&actor.here), token, interest);
            match (actor.registered, result) {
                (Some(_), Ok(())) => actor.registered_as(token, interest),
                (None, Err(error)) if error.kind() == ErrorKind::NotFound => {}
                (before, result) => panic!("reregister: {before:?} then {result:?}"),
            }
        }
        14 => match (actor.registered, stage.reactor.deregister(Source::fd(&actor.here))) {
            (Some(_), Ok(())) => actor.silenced(),
            (None, Err(error)) if error.kind() == ErrorKind::NotFound => {}
            (before, result) => panic!("deregister: {before:?} then {result:?}"),
        },
        _ => {
            if actor.there.take().is_some() {
                actor.changed();
            }
        }
    }
}

/// Everything owed is said, and nothing else is said than what may be.
fn look(stage: &mut Stage, actors: &mut [Actor]) {
    for event in stage.wait(Some(Instant::ZERO)) {
        let named = |actor: &&mut Actor| actor.registered.is_some_and(|(t, _)| t == event.token());
        let actor = actors.iter_mut().find(named);
        let actor = actor.unwrap_or_else(|| panic!("nobody has this name: {event:?}"));
        assert!(!event.is_read_closed() || actor.there.is_none(), "not closed: {event:?}");
        actor.owed_read &= !event.is_readable();
        actor.owed_close &= !event.is_read_closed();
        actor.owed_write &= !event.is_writable();
        actor.armed &= !event.is_readable();
    }
    for Actor { registered, owed_read, owed_close, owed_write, .. } in actors {
        let owed = (*owed_read, *owed_close, *owed_write);
        assert_eq!(owed, (false, false, false), "{registered:?} is owed (read, close, write)");
    }
}

fn play(stage: &mut Stage, seed: u64, progress: &Cell<u32>) {
    let mut chance = Chance(seed);
    let mut actors: Vec<_> = (0..6).map(|_| Actor::new()).collect();
    for generation in 0..300 {
        progress.set(generation);
        let index = chance.below(6) as usize;
        let token = Token::new(index as u32, generation);
        step(stage, &mut actors[index], &mut chance, token);
        if chance.below(2) == 0 {
            look(stage, &mut actors);
        }
    }
    for actor in actors.iter().filter(|actor| actor.registered.is_some()) {
        stage.reactor.deregister(Source::fd(&actor.here)).expect("it is registered");
    }
}

#[test]
fn random_scripts_leave_nothing_owed() {
    on_every_reactor(|stage| {
        for seed in 1..=30 {
            let progress = Cell::new(0);
            let played = catch_unwind(AssertUnwindSafe(|| play(stage, seed, &progress)));
            assert!(played.is_ok(), "seed {seed}, step {}", progress.get());
        }
        Ok(())
    });
}
