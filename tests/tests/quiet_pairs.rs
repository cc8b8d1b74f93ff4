//! Quiet minutes against quiet minutes: stretches of real recordings from before their fault, where nothing is
//! to be said. Skipped loudly where the recordings are not at hand.

use longpole_tests::binary::{json, root, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const SECOND: u64 = 1_000_000_000;
/// Share of the pairs of each set that must stay quiet. Not all can: the publishers put some normal minutes together
/// from several hours, and other faults lie between them.
const LEAST: f64 = 0.9;

/// Disjoint pairs of a case: the last stretch as long as its fault and the one before it, each against all that
/// went before; of recordings of hours one from further back, too.
fn pairs(labels: &Value) -> Vec<[(u64, u64); 2]> {
    let at = |w: &str, e: &str| labels[w][e].as_u64().expect("a time");
    let (begin, end) = (at("normal", "start_unix_nano"), at("normal", "end_unix_nano"));
    // A control is shorter than the others of its set; three minutes are what those have.
    let length = (at("fault", "end_unix_nano") - at("fault", "start_unix_nano")).max(180 * SECOND);
    let back = |n: u64| {
        let to = end - (n - 1) * length;
        [(begin, to - length), (to - length, to)]
    };
    let mut out = vec![back(1)];
    if end - begin >= 3 * length {
        out.push(back(2));
    }
    if end - begin >= 20 * length {
        out.push(back(6));
    }
    out
}

fn said(case: &Path, labels: &Value, [before, after]: [(u64, u64); 2]) -> Value {
    let folder = case.display().to_string();
    let [baseline, window] = [before, after].map(|(from, to)| format!("{from}/{to}"));
    let mut words =
        vec!["diagnose", &folder, "--json", "--baseline", &baseline, "--window", &window];
    let topology = case.join("topology.json").display().to_string();
    if case.join("topology.json").exists() {
        words.extend(["--topology", &topology]);
    }
    if let (Some(service), Some(metric)) =
        (labels["target"]["service"].as_str(), labels["target"]["metric"].as_str())
    {
        words.extend(["--target", service, "--target-metric", metric]);
    }
    json(&run(&words))["candidates"].take()
}

#[test]
fn quiet_minutes_stay_quiet() {
    let data = root().join("../shared/data/rca-dev");
    if !data.is_dir() {
        eprintln!("SKIPPED: no recordings of real faults beside this checkout");
        return;
    }
    let mut sets: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in std::fs::read_dir(data).expect("cases").flatten().filter(|c| c.path().is_dir()) {
        let labels = std::fs::read_to_string(case.path().join("labels.json")).expect("labels");
        let labels: Value = serde_json::from_str(&labels).expect("JSON");
        let set = sets.entry(labels["app"].as_str().expect("an app").to_owned()).or_default();
        for pair in pairs(&labels) {
            let said = said(&case.path(), &labels, pair);
            set.0 += 1;
            match said.as_array().and_then(|c| c.first()) {
                None => set.1 += 1,
                Some(first) => println!(
                    "{}: {} at {} ({})",
                    case.file_name().display(),
                    first["kind"],
                    first["service"],
                    first["evidence"][0]["claim"]
                ),
            }
        }
    }
    for (set, (pairs, quiet)) in &sets {
        println!("{set}: {quiet} of {pairs} quiet");
    }
    let share = |(pairs, quiet): (usize, usize)| quiet as f64 / pairs as f64;
    assert!(sets.len() >= 4, "{sets:?}");
    assert!(sets.values().all(|s| share(*s) >= LEAST), "{sets:?}");
}
