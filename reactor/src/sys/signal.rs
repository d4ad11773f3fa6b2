//! Unix signals as descriptors: a signal becomes a byte in a pipe, and a pipe is something to wait for.
//!
//! Owns the process's dispositions of the six signals a server cares about, while somebody
//! listens. A signal handler interrupts any line of any thread, so it may do next to nothing; ours
//! sets a bit and writes a byte ("the self-pipe trick"), and the loop does the rest when it gets
//! there. Does not know what a signal means. Read next: signal-safety(7).
//!
//! The table of listeners is fixed in size and its pipes are never closed, only used again: the
//! handler may be looking at an entry at any moment, and so it never meets one that is going away.

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A signal that a server may want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `SIGINT`: somebody pressed Ctrl-C.
    Interrupt,
    /// `SIGTERM`: please end.
    Terminate,
    /// `SIGHUP`: the terminal is gone; for servers, by custom, read the configuration again.
    Hangup,
    /// `SIGCHLD`: a child process ended.
    Child,
    /// `SIGUSR1`: whatever you make of it.
    User1,
    /// `SIGUSR2`: whatever you make of it.
    User2,
}

use Signal::{Child, Hangup, Interrupt, Terminate, User1, User2};

impl Signal {
    /// All six.
    pub const ALL: [Self; 6] = [Interrupt, Terminate, Hangup, Child, User1, User2];

    /// The number by which this system knows it.
    pub const fn number(self) -> i32 {
        match self {
            Interrupt => libc::SIGINT,
            Terminate => libc::SIGTERM,
            Hangup => libc::SIGHUP,
            Child => libc::SIGCHLD,
            User1 => libc::SIGUSR1,
            User2 => libc::SIGUSR2,
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// How many [`Signals`] may exist at once in one process; each keeps a pipe for good.
const LISTENERS_MAX: usize = 64;

static LISTENERS: [Listener; LISTENERS_MAX] = [const { Listener::new() }; LISTENERS_MAX];

/// What the handler sees: atomics and a pipe that stays open.
struct Listener {
    /// The signals its tenant wants; zero while there is none.
    wanted: AtomicU32,
    /// The signals that arrived since the tenant last asked.
    arrived: AtomicU32,
    pipe: OnceLock<Pipe>,
}

struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Listener {
    const fn new() -> Self {
        Self { wanted: AtomicU32::new(0), arrived: AtomicU32::new(0), pipe: OnceLock::new() }
    }

    /// Runs inside the signal handler: only atomics and one `write`, which signal-safety(7) allows.
    fn notify(&self, bit: u32) {
        if self.wanted.load(Ordering::Acquire) & bit == 0 {
            return;
        }
        // One byte for each time the set becomes non-empty: the pipe cannot fill up, so the write
        // does not fail, and `errno` of the interrupted code stays what it was.
        if self.arrived.fetch_or(bit, Ordering::AcqRel) == 0
            && let Some(pipe) = self.pipe.get()
        {
            let _ = rustix::io::write(&pipe.write, &[0]);
        }
    }

    /// Takes what has arrived. The pipe is emptied first: a signal in between leaves its bit here
    /// and perhaps a byte there, which is a needless wake-up and not a lost one.
    fn take(&self) -> u32 {
        if let Some(pipe) = self.pipe.get() {
            let mut bytes = [0; 64];
            while matches!(rustix::io::read(&pipe.read, &mut bytes), Ok(64)) {}
        }
        self.arrived.swap(0, Ordering::AcqRel)
    }
}

extern "C" fn on_signal(number: libc::c_int) {
    let bit = Signal::ALL.iter().find(|signal| signal.number() == number).map_or(0, |s| s.bit());
    for listener in &LISTENERS {
        listener.notify(bit);
    }
}

/// Listens for signals while it exists; then the process reacts to them as it did before.
///
/// It is a [`Source`](crate::Source): register it as readable, and ask [`pending`](Self::pending)
/// when it is. Several may listen for the same signal, and each hears of it. Equal signals that
/// arrive in quick succession count as one, as always in Unix. Make it after a `fork`, not before:
/// parent and child would share the pipe.
///
/// ```
/// use reactor::signals::{Signal, Signals};
/// let signals = Signals::new(&[Signal::User1, Signal::User2])?;
/// assert_eq!(signals.pending().next(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Signals {
    slot: usize,
    wanted: u32,
}

impl Signals {
    /// Starts to listen.
    pub fn new(wanted: &[Signal]) -> io::Result<Self> {
        let wanted = wanted.iter().fold(0, |bits, signal| bits | signal.bit());
        let mut dispositions = lock();
        let (slot, listener) = find_free(&dispositions)?;
        let _ = listener.take(); // a signal may have come while the last tenant was leaving

        // From here on `drop` gives back what was taken, also if the next line fails half-way.
        dispositions.tenants[slot] = true;
        let mut signals = Self { slot, wanted: 0 };
        listener.wanted.store(wanted, Ordering::Release);
        for signal in named(wanted) {
            if let Err(error) = dispositions.listen(signal) {
                drop(dispositions); // `drop` of `signals` needs the lock
                return Err(error);
            }
            signals.wanted |= signal.bit();
        }
        Ok(signals)
    }

    /// The signals that arrived since the last call, each at most once.
    pub fn pending(&self) -> impl Iterator<Item = Signal> + use<> {
        named(LISTENERS[self.slot].take() & self.wanted)
    }
}

fn named(bits: u32) -> impl Iterator<Item = Signal> {
    Signal::ALL.into_iter().filter(move |signal| bits & signal.bit() != 0)
}

/// A place in the table, with its pipe.
fn find_free(dispositions: &Dispositions) -> io::Result<(usize, &'static Listener)> {
    let free = dispositions.tenants.iter().position(|&taken| !taken);
    let slot = free.ok_or_else(|| io::Error::other("more than 64 listeners for signals"))?;
    let listener = &LISTENERS[slot];
    if listener.pipe.get().is_none() {
        let (read, write) = new_pipe()?;
        let _ = listener.pipe.set(Pipe { read, write }); // we hold the lock: nobody was faster
    }
    Ok((slot, listener))
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let pipe = LISTENERS[self.slot].pipe.get();
        pipe.expect("a tenant's pipe was made when it moved in").read.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut dispositions = lock();
        LISTENERS[self.slot].wanted.store(0, Ordering::Release);
        for signal in named(self.wanted) {
            dispositions.leave(signal);
        }
        dispositions.tenants[self.slot] = false;
    }
}

/// What the process did with each signal before us, and for how many listeners we changed that.
struct Dispositions {
    previous: [Option<libc::sigaction>; Signal::ALL.len()],
    listeners: [usize; Signal::ALL.len()],
    tenants: [bool; LISTENERS_MAX],
}

static DISPOSITIONS: Mutex<Dispositions> = Mutex::new(Dispositions {
    previous: [None; Signal::ALL.len()],
    listeners: [0; Signal::ALL.len()],
    tenants: [false; LISTENERS_MAX],
});

fn lock() -> std::sync::MutexGuard<'static, Dispositions> {
    DISPOSITIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispositions {
    fn listen(&mut self, signal: Signal) -> io::Result<()> {
        if self.listeners[signal as usize] == 0 {
            self.previous[signal as usize] = Some(install_handler(signal)?);
        }
        self.listeners[signal as usize] += 1;
        Ok(())
    }

    fn leave(&mut self, signal: Signal) {
        self.listeners[signal as usize] -= 1;
        if self.listeners[signal as usize] == 0
            && let Some(previous) = self.previous[signal as usize].take()
        {
            restore(signal, &previous);
        }
    }
}

/// Puts our handler in place and answers what was there.
#[expect(unsafe_code, reason = "sigaction is the only way to catch a signal")]
fn install_handler(signal: Signal) -> io::Result<libc::sigaction> {
    // SAFETY: a sigaction is numbers and function pointers that may be absent: all zero is the
    // default disposition with an empty mask.
    let (mut ours, mut previous): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    ours.sa_flags = libc::SA_RESTART; // other people's blocking calls need not notice
    // SAFETY: both structs live here. The handler touches only atomics, the once-filled table and
    // `write`, all of which are allowed while any other line of the program is interrupted.
    match unsafe { libc::sigaction(signal.number(), &raw const ours, &raw mut previous) } {
        0 => Ok(previous),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "sigaction again, the other way round")]
fn restore(signal: Signal, previous: &libc::sigaction) {
    // SAFETY: `previous` is what the same call gave us for the same signal, and so it is valid.
    let result = unsafe { libc::sigaction(signal.number(), previous, ptr::null_mut()) };
    debug_assert_eq!(result, 0, "the kernel takes back what it gave");
}

#[cfg(not(target_vendor = "apple"))]
fn new_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pipe::{PipeFlags, pipe_with};
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// macOS has no `pipe2`, so the flags come a moment later.
#[cfg(target_vendor = "apple")]
fn new_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(end, true)?;
    }
    Ok((read, write))
}
