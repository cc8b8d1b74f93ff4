//! What the system tells and does: cores, CPU time and memory of a process, `taskset`, `perf`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The processor's name, where Linux tells it.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("model name"));
    line.map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// This program again, on one core. Without `taskset` it runs anywhere, and says so.
pub fn again(core: usize) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|e| format!("who am I: {e}"))?;
    let there = Command::new("taskset").arg("-V").stdout(Stdio::null()).status();
    if there.is_ok_and(|s| s.success()) {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(own);
        return Ok(command);
    }
    eprintln!("taskset (util-linux) is not there: nothing is bound to a core");
    Ok(Command::new(own))
}

/// CPU time of a process: all of its threads, those that have ended, too. The kernel counts it in
/// nanoseconds and tells it in hundredths of a second.
pub fn cpu(pid: u32) -> Result<Duration, String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|e| format!("CPU time of the server: {e}"))?;
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th after it.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Vec<u64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    let [user, system] = ticks[..] else { return Err(format!("/proc/{pid}/stat: {stat}")) };
    Ok(Duration::from_millis((user + system) * 10))
}

/// Peak resident memory in KiB.
pub fn peak_kib(pid: u32) -> Result<u64, String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|e| format!("memory of the server: {e}"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let figure = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok());
    figure.ok_or_else(|| "no VmHWM in /proc".to_owned())
}

/// Records a profile of a process for some seconds, where `perf` is there.
pub fn perf(pid: u32, seconds: u64, to: &Path) -> Option<Child> {
    let started = Command::new("perf")
        .args(["record", "--quiet", "-F", "999", "-p", &pid.to_string(), "-o"])
        .arg(to)
        .args(["--", "sleep", &seconds.to_string()])
        .stdout(Stdio::null())
        .spawn();
    started.map_err(|e| eprintln!("no profile: perf: {e}")).ok()
}
