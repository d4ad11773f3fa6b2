//! The driver: mutates seeds at random and runs every target for its share of the time.
//!
//! `cargo run --release --manifest-path tests/fuzz/Cargo.toml -- --seconds 60`, and then
//! `--seed N` to repeat a run and `--target NAME` to run one alone. A finding is saved under
//! `corpus/NAME/`, from where every later run begins. Knows nothing of the targets: `targets/`.

mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use mutate::Random;
use targets::{TARGETS, Target};

/// Inputs longer than this teach nothing more.
const INPUT_BYTES_MAX: usize = 4096;

fn main() -> ExitCode {
    let number = |name: &str| option(name).and_then(|text| text.parse::<u64>().ok());
    let seconds = number("--seconds").unwrap_or(10);
    let seed = number("--seed").unwrap_or_else(|| {
        SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64)
    });
    let only = option("--target");
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|target| only.as_deref().is_none_or(|name| name == target.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("no such target; there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    println!("seed {seed}, {seconds} s for {} targets", chosen.len());
    let share = Duration::from_secs(seconds) / chosen.len() as u32;
    let mut failed = false;
    for target in chosen {
        match fuzz(target, share, Random::new(seed)) {
            Ok(runs) => println!("{:24} {runs:>10} runs", target.name),
            Err(input) => {
                failed = true;
                let path = save(target, &input);
                println!(
                    "{:24} FAILED, input kept in {}; seed {seed}",
                    target.name,
                    path.display()
                );
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs one target until its time is over; a panic gives the input that caused it.
fn fuzz(target: &Target, share: Duration, mut random: Random) -> Result<u64, Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = (target.seeds)();
    corpus.extend(saved(target));
    let holds = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok();
    for input in &corpus {
        if !holds(input) {
            return Err(input.clone());
        }
    }
    let (start, mut runs) = (Instant::now(), corpus.len() as u64);
    while start.elapsed() < share {
        for _ in 0..256 {
            let input = random.mutant(&corpus, target.words, INPUT_BYTES_MAX);
            if !holds(&input) {
                return Err(input);
            }
            runs += 1;
        }
    }
    Ok(runs)
}

fn option(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}

fn directory(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn saved(target: &Target) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(directory(target))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.sort(); // the order must not depend on the disk
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

fn save(target: &Target, input: &[u8]) -> PathBuf {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let path = directory(target).join(format!("{hash:016x}"));
    let saved = fs::create_dir_all(directory(target)).and_then(|()| fs::write(&path, input));
    if let Err(error) = saved {
        eprintln!("cannot save {input:?}: {error}");
    }
    path
}
