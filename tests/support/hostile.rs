//! A transport in memory that keeps every promise of its contract and no habit beyond it.
//!
//! It reads a few bytes where there are many, takes a few where it could take all, and says
//! `WouldBlock` for no reason (and reports itself ready again, as the contract demands). Its bell
//! is a socket pair that is only ever readable, so it also does what TLS will: wait for a read
//! in order to write. What it does is drawn from a seed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use squall::net::{Address, Peer, Transport};
use squall::reactor::{Interest, Source};

/// Bytes on their way in one direction.
#[derive(Debug, Default)]
struct Wire {
    bytes: VecDeque<u8>,
    ended: bool,
}

/// The most that is on its way.
const CAPACITY: usize = 700;

/// One end of a hostile connection.
#[derive(Debug)]
pub struct Hostile {
    incoming: Rc<RefCell<Wire>>,
    outgoing: Rc<RefCell<Wire>>,
    mine: Rc<Bell>,
    theirs: Rc<Bell>,
    chance: u64,
}

/// Ringing it makes the loop report its owner.
#[derive(Debug)]
struct Bell {
    ear: UnixStream,
    hand: UnixStream,
}

impl Bell {
    fn new() -> io::Result<Rc<Self>> {
        let (ear, hand) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        hand.set_nonblocking(true)?;
        Ok(Rc::new(Self { ear, hand }))
    }

    fn ring(&self) {
        while (&self.hand).write(&[1]).is_err_and(|full| full.kind() == ErrorKind::WouldBlock) {
            let _ = (&self.ear).read(&mut [0; 4096]);
        }
    }
}

impl Hostile {
    /// Both ends of a connection.
    pub fn pair(seed: u64) -> io::Result<(Self, Self)> {
        let (one, other) = (Rc::default(), Rc::default());
        let (here, there) = (Bell::new()?, Bell::new()?);
        let end = |incoming, outgoing, mine, theirs, chance| Self {
            incoming: Rc::clone(incoming),
            outgoing: Rc::clone(outgoing),
            mine: Rc::clone(mine),
            theirs: Rc::clone(theirs),
            chance,
        };
        Ok((end(&one, &other, &here, &there, seed), end(&other, &one, &there, &here, seed + 1)))
    }

    fn draw(&mut self, below: usize) -> usize {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 33) as usize % below
    }

    /// One time in four.
    fn refuses(&mut self) -> bool {
        let refuses = self.draw(4) == 0;
        if refuses {
            self.mine.ring();
        }
        refuses
    }

    /// Some of `most`: a single byte every other time.
    fn some(&mut self, most: usize) -> usize {
        if self.draw(2) == 0 { 1.min(most) } else { (1 + self.draw(300)).min(most) }
    }
}

impl Transport for Hostile {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.refuses() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (there, ended) = (self.incoming.borrow().bytes.len(), self.incoming.borrow().ended);
        if there == 0 && !ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.some(there.min(buf.len()));
        for (place, byte) in buf.iter_mut().zip(self.incoming.borrow_mut().bytes.drain(..count)) {
            *place = byte;
        }
        if count < buf.len() && (count < there || (ended && count > 0)) {
            self.mine.ring(); // a short read says "drained", and it is not
        }
        self.theirs.ring(); // there is room now
        Ok(count)
    }

    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.refuses() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.incoming.borrow().ended && Rc::strong_count(&self.outgoing) == 1 {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = CAPACITY - self.outgoing.borrow().bytes.len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.some(room.min(data.len()));
        self.outgoing.borrow_mut().bytes.extend(&data[..count]);
        self.theirs.ring();
        Ok(count)
    }

    fn try_connect(&mut self) -> io::Result<()> {
        if self.refuses() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.outgoing.borrow_mut().ended = true;
        self.theirs.ring();
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        Source::fd(&self.mine.ear)
    }

    fn interest(&self, _wanted: Interest) -> Interest {
        Interest::READABLE
    }

    fn peer(&self) -> Peer {
        Address::Unnamed
    }

    fn set_nodelay(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().ended = true;
        self.theirs.ring();
    }
}
