//! temp
use std::os::fd::*;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    Interrupt,
    Terminate,
    Hangup,
    Child,
    User1,
    User2,
}
pub struct Signals(std::os::unix::net::UnixStream);
impl Signals {
    pub fn new(_: &[Signal]) -> std::io::Result<Self> {
        Ok(Self(std::os::unix::net::UnixStream::pair()?.0))
    }
    pub fn pending(&self) -> impl Iterator<Item = Signal> + use<> {
        std::iter::empty()
    }
}
impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
