//! Flatness: what a request costs when more and more connections are open.
//!
//! One server meets 64, then 1,000, then 10,000 connections, all of them asking. The headline is how
//! much dearer a request is with the most than with the fewest; the floor grows too, since the kernel's
//! own memory leaves the caches, so the ratio to it is what the program adds.

use std::io;

use super::http::{contender, keep_alive};
use crate::budget::Rank;
use crate::contenders::pages::HELLO;
use crate::contest::{Conditions, Row};
use crate::load::Visit;
use crate::machine;
use crate::metric::{self, Metrics};
use crate::server::Server;

const CONTENDERS: &[&str] = &["floor", "tokio", "hyper", "squall-http", "squall-web"];
/// Connections, and the name of what a request costs with so many.
pub(crate) const STEPS: [(usize, &str); 3] =
    [(64, "cpu_at_64_us"), (1_000, "cpu_at_1000_us"), (10_000, "cpu_at_10000_us")];

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        name: "http/flat".to_owned(),
        title: "CPU per request with 64, 1,000 and 10,000 connections".to_owned(),
        contenders: CONTENDERS.to_vec(),
        bases: &["floor", "hyper"],
        columns: &["growth", "cpu_at_64_us", "cpu_at_1000_us", "cpu_at_10000_us"],
        absent: Vec::new(),
        rank: Rank::Side,
        weight: STEPS.len() as f64,
        set_up: 1.5,
        serves_pages: true,
        measure: Box::new(measure),
    }]
}

fn measure(name: &str, conditions: Conditions) -> io::Result<Metrics> {
    let most = STEPS[STEPS.len() - 1].0;
    machine::need_files(most as u64 + 100)?;
    let server = Server::start(contender(name), conditions.cores.server)?;
    let conditions = Conditions { seconds: conditions.seconds / STEPS.len() as f64, ..conditions };
    let mut metrics = Metrics::new();
    for (connections, step) in STEPS {
        let visit = Visit { path: HELLO, connections, depth: 1 };
        let seen = keep_alive(&server, visit, conditions)?;
        let cpu = metric::get(&seen, "cpu_us").expect("every load tells it");
        metrics.push((step.to_owned(), cpu));
    }
    let growth = metrics[metrics.len() - 1].1 / metrics[0].1;
    metrics.insert(0, ("growth".to_owned(), growth));
    Ok(metrics)
}
