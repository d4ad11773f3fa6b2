//! The report: the same tables as text, as a summary in Markdown, as JSON and as plots.
//!
//! Owns which files are written where. Every number in them was measured in this run; none is typed
//! by hand. Read next: `report/text.rs`.

mod json;
mod markdown;
mod plots;
mod svg;
pub(crate) mod text;

use std::fs;
use std::io;
use std::path::Path;

use crate::contest::Table;
use crate::machine::Machine;
use crate::options::Options;

/// The document with the markers, from the root of the repository.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/BENCHMARKS.md");

/// Writes what the options ask for.
pub(crate) fn write(options: &Options, machine: &Machine, tables: &[Table]) -> io::Result<()> {
    if let Some(directory) = &options.out {
        fs::create_dir_all(directory)?;
        let put = |name: &str, text: String| fs::write(directory.join(name), text);
        put("results.json", json::document(machine, options, tables))?;
        put("summary.md", markdown::summary(machine, tables))?;
        for (name, plot) in plots::all(tables) {
            put(&name, plot)?;
        }
        println!("results.json, summary.md and plots: {}", directory.display());
    }
    if options.write_docs {
        let document = Path::new(DOCUMENT);
        let text = fs::read_to_string(document)?;
        let filled = markdown::fill(&text, &markdown::summary(machine, tables));
        fs::write(document, filled.map_err(io::Error::other)?)?;
        println!("docs/BENCHMARKS.md has new numbers");
    }
    Ok(())
}
