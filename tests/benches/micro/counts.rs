//! Instruction counts: this program again under callgrind, with the same set-up and once n, once 2n
//! rounds of work. The difference is n rounds, and nothing else.

use crate::report::Report;
use crate::{BENCHES, Bench, clock};
use std::process::{Command, Stdio};

/// Something whose instructions are counted.
pub struct Count {
    /// Its name, unique among all.
    pub what: &'static str,
    /// Of what one unit is.
    pub unit: &'static str,
    /// Rounds that are worth counting.
    pub rounds: usize,
    /// Sets up for so many rounds (first), does so many of them (second) and gives back the units done.
    pub work: fn(usize, usize) -> u64,
}

/// Counts all that a subject has to count.
///
/// # Errors
/// When callgrind is there and fails.
pub fn run(bench: &Bench, report: &mut Report) -> Result<(), String> {
    let there = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !there.is_ok_and(|s| s.success()) {
        report.say("  valgrind is not installed: no counts");
        return Ok(());
    }
    for count in bench.counts {
        let (few, units_few) = callgrind(count, count.rounds)?;
        let (many, units_many) = callgrind(count, 2 * count.rounds)?;
        let units = units_many.saturating_sub(units_few).max(1);
        let instructions = many.saturating_sub(few) as f64 / units as f64;
        report.value(
            count.what,
            &format!("instructions {} (n = {units})", count.unit),
            instructions,
        );
    }
    if bench.counts.is_empty() {
        report.say("  nothing to count");
    }
    Ok(())
}

/// Instructions of a run of `n` rounds, and the units that it did.
fn callgrind(count: &Count, n: usize) -> Result<(u64, u64), String> {
    let own = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let out = tempfile::NamedTempFile::new().map_err(|e| format!("a temporary file: {e}"))?;
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(own)
        .args(["count", count.what, &(2 * count.rounds).to_string(), &n.to_string()])
        .output()
        .map_err(|e| format!("valgrind: {e}"))?;
    if !ran.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    let counted = std::fs::read_to_string(out.path()).map_err(|e| format!("its counts: {e}"))?;
    let total = counted.lines().find_map(|l| l.strip_prefix("totals:"));
    let total = total.and_then(|t| t.trim().parse().ok()).ok_or("no totals in its counts")?;
    let units = String::from_utf8_lossy(&ran.stdout).trim().parse();
    Ok((total, units.map_err(|e| format!("what the child did: {e}"))?))
}

/// The other side: does the work and prints the units.
///
/// # Errors
/// When nothing has that name.
pub fn child(what: &str, total: &str, n: &str) -> Result<(), String> {
    let number = |text: &str| text.parse::<usize>().map_err(|e| format!("{text}: {e}"));
    let mut all = BENCHES.iter().flat_map(|b| b.counts);
    let count = all.find(|c| c.what == what).ok_or_else(|| format!("{what}: nothing to count"))?;
    clock::stop();
    println!("{}", (count.work)(number(total)?, number(n)?));
    Ok(())
}
