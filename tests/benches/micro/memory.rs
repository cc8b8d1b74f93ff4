//! Memory of the parts, as resident memory of a process of its own for each scene.
//!
//! The scenes are [`scenes`]; here they are started and their figures passed on.

mod resident;
mod scenes;

use crate::Bench;
use crate::report::Report;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// The subject.
pub const BENCH: Bench = Bench {
    name: "memory",
    about: "growth of resident memory, each scene in a process of its own",
    time,
    counts: &[],
};

/// Scenes with their arguments.
const SCENES: [&[&str]; 14] = [
    // Operations, shards, seconds until a trace is settled.
    &["state", "10000", "1", "5"],
    &["state", "10000", "2", "5"],
    &["state", "10000", "8", "5"],
    &["state", "10000", "1", "0"],
    &["state", "10000", "8", "0"],
    &["state", "100000", "1", "5"],
    &["state", "100000", "2", "5"],
    &["state", "100000", "8", "5"],
    // Distinct names.
    &["attack", "1000000"],
    // Operations.
    &["history", "10000"],
    &["watch", "10000"],
    &["watch", "100000"],
    // Spans a second; with an analyst or without.
    &["hour", "10000", "road"],
    &["hour", "10000", "analyst"],
];

fn time(report: &mut Report) -> Result<(), String> {
    let mut faults = Vec::new();
    for scene in SCENES {
        report.say(&format!("  {}", scene.join(" ")));
        if let Err(why) = play(scene, report) {
            faults.push(format!("{}: {why}", scene.join(" ")));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

/// Plays a scene in a process of its own; each line that it prints is a figure: what, unit, value.
fn play(scene: &[&str], report: &mut Report) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let started = Command::new(own).arg("memory").args(scene).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|e| format!("cannot start: {e}"))?;
    let said = child.stdout.take().map(BufReader::new);
    for line in said.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
        let parts: Vec<&str> = line.split('\t').collect();
        match (&parts[..], parts.get(2).and_then(|v| v.parse().ok())) {
            ([what, unit, _], Some(value)) => {
                report.value(&format!("{}: {what}", scene.join(" ")), unit, value);
            }
            _ => report.say(&format!("    {line}")),
        }
    }
    let ended = child.wait().map_err(|e| format!("did not end: {e}"))?;
    if ended.success() { Ok(()) } else { Err(format!("ended with {ended}")) }
}

/// A figure, for the other side.
fn tell(what: &str, unit: &str, value: f64) {
    println!("{what}\t{unit}\t{value}");
}

/// The other side: plays a scene and prints its figures.
///
/// # Errors
/// When there is no such scene, or spans were lost in it.
pub fn child(scene: &str, arguments: &[&str]) -> Result<(), String> {
    let number = |i: usize| {
        let text = arguments.get(i).ok_or("an argument is missing")?;
        text.parse::<u64>().map_err(|e| format!("{text}: {e}"))
    };
    match scene {
        "state" => scenes::state(number(0)? as usize, number(1)? as u32, number(2)?),
        "attack" => scenes::attack(number(0)? as usize),
        "history" => scenes::history(number(0)? as usize),
        "watch" => scenes::watch(number(0)? as usize),
        "hour" => scenes::hour(number(0)?, arguments.get(1) == Some(&"analyst")),
        _ => Err(format!("{scene}: no such scene")),
    }
}
