//! The rows: every question that is asked, and who answers it.
//!
//! Owns the list of groups; to add one, write a file with a function that gives its rows and a line
//! in [`GROUPS`]. Rows that need no server are a line in `rows/worker.rs`. Read next: `rows/http.rs`.

mod demo;
pub(crate) mod flat;
mod http;
mod latency;
mod syscalls;
pub(crate) mod worker;

use crate::contest::Row;

/// Gives the rows of one subject.
type Group = fn() -> Vec<Row>;

/// Every group, in the order of the report.
const GROUPS: &[Group] =
    &[http::rows, flat::rows, syscalls::rows, latency::rows, worker::rows, demo::rows];

/// Every row.
pub(crate) fn all() -> Vec<Row> {
    GROUPS.iter().flat_map(|group| group()).collect()
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::collections::BTreeSet;

    #[test]
    fn rows_have_names_of_their_own_and_bases_that_take_part() {
        let rows = all();
        let names: BTreeSet<_> = rows.iter().map(|row| row.name.clone()).collect();
        assert_eq!(names.len(), rows.len(), "{names:?}");
        for row in &rows {
            assert!(row.name.contains('/') && row.weight > 0.0, "{row:?}");
            assert!(row.contenders.len() > 1, "{row:?}: with whom?");
            for base in row.bases {
                assert!(row.contenders.contains(base), "{row:?} is divided by {base}");
            }
        }
    }
}
