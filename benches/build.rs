//! Tells the harness which compiler built it; a number without its compiler is half a number.
//!
//! Owns nothing else. Read next: `benches/src/machine.rs`.

fn main() {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(compiler).arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.as_deref().map_or("rustc of unknown version", str::trim);
    println!("cargo::rustc-env=SQUALL_BENCH_RUSTC={version}");
    println!("cargo::rerun-if-changed=build.rs");
}
