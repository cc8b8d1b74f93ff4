//! The process: processor, memory, threads, files, context switches, disk.

use super::{read, system, value};
use crate::metrics::observe_sums;

/// Fields of `/proc/self/stat` behind the command, which may hold anything in its parentheses.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    user: f64,
    system: f64,
    minor_faults: f64,
    major_faults: f64,
    threads: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

fn stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // proc(5) counts from 1 and includes pid and command: field n stands at n - 3.
    let field = |n: usize| fields.get(n - 3)?.parse::<f64>().ok();
    Some(Stat {
        minor_faults: field(10)?,
        major_faults: field(12)?,
        user: field(14)?,
        system: field(15)?,
        threads: field(20)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

fn now() -> Option<Stat> {
    stat(&read("/proc/self/stat")?)
}

pub(super) fn register() {
    let (ticks, page) = system();
    observe_sums("process.cpu.time", "s", true, move |tell| {
        let Some(s) = now() else { return };
        tell(s.user / ticks, &[("cpu.mode", "user")]);
        tell(s.system / ticks, &[("cpu.mode", "system")]);
    });
    observe_sums("process.memory.usage", "By", false, move |tell| {
        now().into_iter().for_each(|s| tell(s.resident_pages * page, &[]));
    });
    observe_sums("process.memory.virtual", "By", false, move |tell| {
        now().into_iter().for_each(|s| tell(s.virtual_bytes, &[]));
    });
    observe_sums("process.thread.count", "{thread}", false, |tell| {
        now().into_iter().for_each(|s| tell(s.threads, &[]));
    });
    observe_sums("process.paging.faults", "{fault}", true, |tell| {
        let Some(s) = now() else { return };
        tell(s.major_faults, &[("system.paging.fault.type", "major")]);
        tell(s.minor_faults, &[("system.paging.fault.type", "minor")]);
    });
    observe_sums("process.context_switches", "{context_switch}", true, |tell| {
        let Some(text) = read("/proc/self/status") else { return };
        for (key, kind) in [
            ("voluntary_ctxt_switches", "voluntary"),
            ("nonvoluntary_ctxt_switches", "involuntary"),
        ] {
            value(&text, key)
                .into_iter()
                .for_each(|v| tell(v, &[("process.context_switch.type", kind)]));
        }
    });
    observe_sums("process.unix.file_descriptor.count", "{file_descriptor}", false, |tell| {
        // One of them is the folder's own.
        let count = std::fs::read_dir("/proc/self/fd").map(|d| d.count().saturating_sub(1));
        count.into_iter().for_each(|n| tell(n as f64, &[]));
    });
    observe_sums("process.disk.io", "By", true, |tell| {
        let Some(text) = read("/proc/self/io") else { return };
        for (key, direction) in [("read_bytes", "read"), ("write_bytes", "write")] {
            value(&text, key)
                .into_iter()
                .for_each(|v| tell(v, &[("disk.io.direction", direction)]));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_command_moves_no_field() {
        let text = "77 (a) b (c) S 1 77 77 0 -1 4194560 901 0 12 0 250 125 0 0 20 0 9 0 5555 \
                    1000000 250 18446744073709551615 1 1 0 0";
        let want = Stat {
            user: 250.0,
            system: 125.0,
            minor_faults: 901.0,
            major_faults: 12.0,
            threads: 9.0,
            virtual_bytes: 1_000_000.0,
            resident_pages: 250.0,
        };
        assert_eq!(stat(text), Some(want));
        assert_eq!(stat("77 (short) S 1"), None);
        assert_eq!(stat(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let s = now().expect("Linux");
        assert!(s.threads >= 1.0 && s.resident_pages > 100.0);
    }
}
