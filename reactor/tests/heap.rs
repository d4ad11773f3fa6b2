//! What a crowd has freed goes back to the system. Alone in its program: it counts the program's memory.
#![allow(clippy::unwrap_used, reason = "a test that unwraps in vain has failed, as it should")]
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use reactor::trim_heap;

/// This program's memory in the machine's, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() * 1024
}

#[test]
fn freed_pages_go_back_although_something_lives_above_them() {
    const CROWD: usize = 64 * 1024;
    let mut crowd: Vec<Box<[u8; 1024]>> = (0..CROWD).map(|_| Box::new([1; 1024])).collect();
    let lingers = crowd.pop(); // the topmost piece keeps the heap from shrinking by itself
    drop(crowd);
    let kept = resident();
    trim_heap();
    let left = resident();
    assert!(kept - left > CROWD * 1024 / 2, "{kept} bytes before, {left} after");
    drop(lingers);
}
