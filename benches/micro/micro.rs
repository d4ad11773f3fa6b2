//! Wall time of the named operations: `cargo bench -p squall-bench --bench micro`.
//!
//! The same operations as `instructions.rs`, on the clock; each is prepared anew for every sample.

mod operations;

use std::sync::atomic::Ordering;

use divan::Bencher;
use divan::counter::ItemsCount;

/// One name of the table, as divan prints it.
struct Name(&'static operations::Operation);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

fn main() {
    operations::STEADY.store(false, Ordering::Relaxed); // this is about real time
    divan::main();
}

/// A tenth of what is counted, so that twenty samples take no longer than a second or two.
#[divan::bench(args = operations::ALL.iter().map(Name), sample_count = 20, sample_size = 1)]
fn operation(bencher: Bencher<'_, '_>, name: &Name) {
    let times = (name.0.times / 10).max(1);
    bencher
        .counter(ItemsCount::new(times))
        .with_inputs(|| (name.0.prepare)(times))
        .bench_local_refs(|run| run());
}
