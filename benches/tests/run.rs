//! A small run from outside: it says how long it will take and took, and leaves only what was asked for.
//!
//! Owns the directory in which the run may put things; what is measured is the business of `benches/src/main.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A new directory of that name, for tests alone.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory); // of an earlier run, if there was one
    fs::create_dir_all(&directory).expect("a name of our own");
    directory
}

#[test]
fn a_run_forecasts_reports_and_cleans_up() {
    let (temporary, out) = (directory("run-temporary"), directory("run-out"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_squall-bench"));
    program.args(["--smoke", "--only", "http/hello-1,runtime/yield-1", "--out"]).arg(&out);
    let output = program.env("TMPDIR", &temporary).output().expect("it was built for this test");
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{said:?}");
    for expected in ["forecast: ", "in 3 rows", "1 round of 0.02 s each, one way; took", "\ntook "]
    {
        assert!(said[0].contains(expected), "{expected:?} is missing: {said:?}");
    }
    assert!(!said[0].contains("backwards"), "{said:?}");
    for name in ["results.json", "summary.md", "runtime-yield-100.svg", "http-hello-1-rate.svg"] {
        assert!(out.join(name).exists(), "{name} is missing: {said:?}");
    }
    let left: Vec<_> = fs::read_dir(&temporary).expect("it is ours").collect();
    assert!(left.is_empty(), "{left:?}");
}
