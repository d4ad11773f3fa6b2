//! What the bench needs from the machine: cores to pin to, CPU time of another process, a description.
//!
//! Owns everything that reads `/proc`. Knows nothing of contenders or HTTP.

use std::fmt;
use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};
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
        let generator = cores.next().unwrap_or(server);
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
/// it is asked for; `/proc/PID/stat` would round to hundredths of a second.
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

/// Lets this thread, and the children it will start, run on both cores again.
pub(crate) fn unpin(cores: Cores) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cores.server);
    set.set(cores.generator);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// As many open files as the system lets us have; thousands of connections need them.
pub(crate) fn raise_file_limit() -> io::Result<()> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    Ok(rustix::process::setrlimit(Resource::Nofile, raised)?)
}

/// An error of the kind `Unsupported` when fewer files may be open.
pub(crate) fn need_files(count: u64) -> io::Result<()> {
    match rustix::process::getrlimit(Resource::Nofile).current {
        Some(limit) if limit < count => {
            let what = format!("only {limit} files may be open, {count} are needed: ulimit -n");
            Err(io::Error::new(io::ErrorKind::Unsupported, what))
        }
        _ => Ok(()),
    }
}

/// Where numbers come from; printed above them.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) load: String,
    pub(crate) compiler: &'static str,
    pub(crate) versions: Vec<(&'static str, String)>,
}

/// The packages whose versions matter.
const PACKAGES: &[&str] =
    &["squall", "tokio", "hyper", "axum", "tower-http", "minijinja", "mongodb"];

impl Machine {
    pub(crate) fn describe() -> io::Result<Self> {
        let uname = rustix::system::uname();
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let model = processors.lines().find(|line| line.starts_with("model name"));
        let model =
            model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let load = fs::read_to_string("/proc/loadavg")?;
        let (system, release) = (uname.sysname(), uname.release());
        Ok(Self {
            kernel: format!("{} {}", system.to_string_lossy(), release.to_string_lossy()),
            processor: model.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
            compiler: env!("SQUALL_BENCH_RUSTC"),
            versions: versions(include_str!("../../Cargo.lock")),
        })
    }

    /// The versions in one line.
    pub(crate) fn version_line(&self) -> String {
        self.versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// What the lock file says of the packages that matter.
fn versions(lock: &str) -> Vec<(&'static str, String)> {
    let version = |name: &&'static str| {
        let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some((*name, after.split('"').next()?.to_owned()))
    };
    PACKAGES.iter().filter_map(version).collect()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, processor, cores, load, compiler, .. } = self;
        writeln!(f, "{processor}, {cores} cores, {kernel}, load {load}")?;
        writeln!(f, "{compiler}; {}", self.version_line())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions_come_from_the_lock_file() {
        let lock =
            "[[package]]\nname = \"tokio\"\nversion = \"1.2.3\"\n[[package]]\nname = \"tokio-x\"\n";
        assert_eq!(super::versions(lock), [("tokio", "1.2.3".to_owned())]);
    }

    #[test]
    fn too_many_files_are_refused_with_a_remedy() {
        let error = super::need_files(1 << 62).expect_err("nobody has so many");
        assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
        assert!(super::need_files(1).is_ok());
    }

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
