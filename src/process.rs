//! Child processes whose end is an event of the loop, like everything else (T342, T343).
//!
//! Owns the children that somebody waits for. The kernel says "a child ended" with SIGCHLD and
//! does not say which, so each waiting child is asked; none of it blocks. Knows no protocols.
//! Read next: `examples/ping.rs`, which shows the blocking way and this one side by side.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::Location;
use std::process::{Child, Command, ExitStatus};
use std::rc::Rc;

use reactor::signals::Signal;

use crate::future::{Error, Future, Promise};
use crate::ioloop::{IoLoop, SignalHandle};

/// A child process of this loop. Dropping it does not kill the child.
///
/// ```
/// use std::process::Command;
/// use squall::{ioloop::IoLoop, process::Subprocess};
///
/// let io_loop = IoLoop::new()?;
/// io_loop.run_sync(async {
///     let child = Subprocess::spawn(&mut Command::new("true"))?;
///     assert!(child.wait_for_exit().await?.success());
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subprocess {
    child: Rc<RefCell<Child>>,
    exit: Promise<ExitStatus>,
    signal: Option<SignalHandle>,
    io_loop: IoLoop,
}

impl Subprocess {
    /// Starts `command`. Its standard streams are what the command says; by default they are ours.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let io_loop = IoLoop::current();
        let child = Rc::new(RefCell::new(command.spawn()?));
        let exit = Promise::at(Location::caller());
        Ok(Self { child, exit, signal: None, io_loop })
    }

    /// The process number.
    pub fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Completes when the child has ended, even if it ended before this call. See
    /// [`return_code`] for Tornado's number.
    ///
    /// Cancel-safe: the future may be dropped, and the child goes on.
    pub async fn wait_for_exit(mut self) -> Result<ExitStatus, Error> {
        let exit = self.watch()?;
        exit.await
    }

    /// Listens first and looks second, so that an end in between is not missed.
    fn watch(&mut self) -> Result<Future<ExitStatus>, Error> {
        let (child, watcher) = (Rc::clone(&self.child), Rc::new(RefCell::new(None)));
        let promise = std::mem::replace(&mut self.exit, Promise::new());
        let exit = promise.future();
        *watcher.borrow_mut() = Some(promise);
        let look = move || {
            let outcome = child.borrow_mut().try_wait();
            let settle = match outcome {
                Ok(None) => return,
                Ok(Some(status)) => Ok(status),
                Err(error) => Err(Error::new(error)),
            };
            if let Some(promise) = watcher.take() {
                let _ = promise.settle(settle);
            }
        };
        let signal = self.io_loop.on_signal(Signal::Child, look.clone()).map_err(Error::new)?;
        self.signal = Some(signal);
        look();
        Ok(exit)
    }

    /// Sends SIGKILL. An error if the child has ended and was waited for.
    pub fn kill(&self) -> io::Result<()> {
        self.child.borrow_mut().kill()
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        if let Some(signal) = self.signal.take() {
            self.io_loop.remove_signal(&signal);
        }
    }
}

/// Tornado's return code: the exit status, or the negative number of the signal that ended it.
pub fn return_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

impl fmt::Debug for Subprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subprocess").field("pid", &self.pid()).finish_non_exhaustive()
    }
}
