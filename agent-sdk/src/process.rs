//! What the process uses: processor, memory, threads, files. Linux, from `/proc`; elsewhere nothing.

use crate::metrics::{observe, observe_sum};
use std::fs::read_to_string;

/// Clock ticks a second of `/proc` times: 100 on every Linux of today (`USER_HZ`).
const TICKS: f64 = 100.0;
/// Bytes of a page: what `statm` counts in.
const PAGE: f64 = 4096.0;

/// Registers the process's metrics.
pub(crate) fn register() {
    if !cfg!(target_os = "linux") {
        return;
    }
    observe_sum("process.cpu.time", "s", &[("cpu.mode", "user")], || stat(11) / TICKS);
    observe_sum("process.cpu.time", "s", &[("cpu.mode", "system")], || stat(12) / TICKS);
    observe("process.memory.usage", "By", &[], || {
        let text = read_to_string("/proc/self/statm").unwrap_or_default();
        number(text.split_ascii_whitespace().nth(1)) * PAGE
    });
    observe("process.thread.count", "{thread}", &[], || stat(17));
    observe("process.unix.file_descriptor.count", "{file_descriptor}", &[], || {
        std::fs::read_dir("/proc/self/fd").map_or(f64::NAN, |d| d.count() as f64)
    });
    for (name, field) in [("nr_throttled", "nr_throttled"), ("nr_periods", "nr_periods")] {
        if throttling(field).is_finite() {
            let metric = format!("container.cpu.{name}");
            observe_sum(&metric, "{period}", &[], move || throttling(field));
        }
    }
}

/// A field of `/proc/self/stat` behind the command, which may hold anything in its parentheses.
fn stat(field: usize) -> f64 {
    let text = read_to_string("/proc/self/stat").unwrap_or_default();
    number(text.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(field)))
}

/// A counter of the control group's processor bandwidth, v2 or v1.
fn throttling(field: &str) -> f64 {
    let text = ["/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"]
        .into_iter()
        .find_map(|p| read_to_string(p).ok())
        .unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(field));
    number(line.map(str::trim))
}

fn number(text: Option<&str>) -> f64 {
    text.and_then(|t| t.parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        assert!(stat(11) + stat(12) >= 0.0);
        assert!(stat(17) >= 1.0, "at least this thread");
    }
}
