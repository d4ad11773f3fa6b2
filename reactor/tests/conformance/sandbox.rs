//! A kernel that is too old: a filter that answers `ENOSYS` to `epoll_pwait2`, for one thread.
//!
//! Owns the eight lines of seccomp that make the reactor fall back to `epoll_wait`, with its
//! milliseconds, while the rest of the process goes on in the present. Read next: seccomp(2).

use std::io;

use rustix::event::epoll;
use rustix::io::Errno;

/// From here on this thread, and those it starts, live before Linux 5.11.
pub(crate) fn pretend_the_kernel_is_old() {
    install_filter().expect("a thread may restrict itself");

    let fd = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll descriptor");
    let mut room =
        [epoll::Event { flags: epoll::EventFlags::IN, data: epoll::EventData::new_u64(0) }];
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    assert_eq!(epoll::wait(&fd, &mut room, Some(&now)), Err(Errno::NOSYS), "the filter works");
}

fn install_filter() -> io::Result<()> {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0), // the call's number
        instruction(libc::BPF_JMP | libc::BPF_JEQ, 0, 1, libc::SYS_epoll_pwait2 as u32),
        instruction(libc::BPF_RET, 0, 0, refuse),
        instruction(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` and the filter it points to outlive the calls, which copy them.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}
