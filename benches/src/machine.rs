//! What the bench needs from the machine: cores to pin to, CPU time of another process, a description.
//!
//! Owns everything that reads `/proc`. Knows nothing of contenders or HTTP.

use std::fmt;
use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::Signal;
use rustix::thread::CpuSet;

/// Which core the server runs on and which one the load generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) generator: usize,
}

impl Cores {
    /// The first two cores we may use; with a single one both share it.
    pub(crate) fn choose() -> io::Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let server = cores.next().expect("we are running on some core");
        let generator = cores.next().unwrap_or_else(|| {
            eprintln!("warning: only one core; server and load generator share it");
            server
        });
        Ok(Self { server, generator })
    }
}

/// Keeps this thread, and the threads it will start, on one core.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// A server must not outlive the harness that started it, even when that is killed.
pub(crate) fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// CPU time, user and system, that all threads of a process have used so far.
///
/// The scheduler's own account, in nanoseconds. It is exact when the process sleeps, which is when
/// `plan.rs` asks; `/proc/PID/stat` would round to hundredths of a second.
pub(crate) fn cpu_time(process: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let line = fs::read_to_string(task?.path().join("schedstat"))?;
        let nanos = line.split(' ').next().and_then(|first| first.parse().ok());
        let nanos = nanos.ok_or_else(|| io::Error::other(format!("odd schedstat: {line:?}")))?;
        total += Duration::from_nanos(nanos);
    }
    Ok(total)
}

/// Where a table of numbers comes from; printed above it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn describe() -> io::Result<Self> {
        let uname = rustix::system::uname();
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let model = processors.lines().find(|line| line.starts_with("model name"));
        let model =
            model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            kernel: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            processor: model.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, processor, cores, load } = self;
        writeln!(f, "{processor}, {cores} cores, {kernel}, load {load}")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cpu_time_grows_with_work_and_not_with_sleep() {
        let me = std::process::id();
        let before = super::cpu_time(me).expect("/proc");
        let mut sum = 0_u64;
        for i in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
        }
        std::thread::yield_now();
        assert!(super::cpu_time(me).expect("/proc") > before);
    }
}
