//! `results.json`: every single measurement, for whoever wants to compute something else.
//!
//! Owns its shape: the machine, the options, then rows, contenders, runs. Nothing in it is rounded.

use serde_json::{Map, Value, json};

use crate::contest::{Sample, Series, Table};
use crate::machine::Machine;
use crate::options::Options;

/// The whole file.
pub(super) fn document(machine: &Machine, options: &Options, tables: &[Table]) -> String {
    let versions: Map<String, Value> = machine
        .versions
        .iter()
        .map(|(name, version)| ((*name).to_owned(), json!(version)))
        .collect();
    let document = json!({
        "machine": {
            "kernel": machine.kernel,
            "processor": machine.processor,
            "cores": machine.cores,
            "load": machine.load,
            "compiler": machine.compiler,
            "versions": versions,
        },
        "options": {
            "effort": format!("{:?}", options.effort),
            "rounds": options.rounds,
            "seconds": options.seconds,
        },
        "rows": tables.iter().map(row).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn row(table: &Table) -> Value {
    json!({
        "name": table.name,
        "title": table.title,
        "headline": table.headline(),
        "bases": table.bases,
        "rounds": table.plan.rounds,
        "both_ways": table.plan.both_ways,
        "seconds": table.plan.seconds,
        "warm_up": table.plan.warm_up,
        "took_seconds": table.took.as_secs_f64(),
        "noise": table.noise().map(|noise| json!({ "half": noise.half, "all": noise.all })),
        "absent": table.absent,
        "contenders": table.series.iter().map(contender).collect::<Vec<_>>(),
    })
}

fn contender(series: &Series) -> Value {
    json!({ "name": series.name, "runs": series.samples.iter().map(run).collect::<Vec<_>>() })
}

fn run(sample: &Sample) -> Value {
    let mut run: Map<String, Value> =
        sample.metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    run.insert("round".to_owned(), json!(sample.round));
    Value::Object(run)
}

#[cfg(test)]
mod tests {
    use crate::contest::tests::{series, table};
    use crate::machine::Machine;
    use crate::options::Options;

    #[test]
    fn it_has_every_measurement() {
        let machine = Machine::describe().expect("/proc");
        let tables = [table(vec![series("floor", [4.0, 4.5, 8.0, 8.0])])];
        let text = super::document(&machine, &Options::default(), &tables);
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let runs = &document["rows"][0]["contenders"][0]["runs"];
        assert_eq!(runs.as_array().map(Vec::len), Some(4));
        assert_eq!((&runs[1]["cpu_us"], &runs[2]["round"]), (&4.5.into(), &1.into()));
        assert!(document["machine"]["versions"]["tokio"].is_string(), "{text}");
    }
}
