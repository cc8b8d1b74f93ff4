//! The host: processor, memory, disks, network. Once a host is enough.

use super::{read, system, value};
use crate::metrics::{observe_many, observe_sums};

/// Modes of `/proc/stat`, in its order; guests are within `user` already.
const MODES: [&str; 8] =
    ["user", "nice", "system", "idle", "iowait", "interrupt", "interrupt", "steal"];

/// Ticks by mode, soft and hard interrupts as one.
fn cpu(stat: &str) -> Vec<(&'static str, f64)> {
    let Some(line) = stat.lines().find_map(|l| l.strip_prefix("cpu ")) else { return Vec::new() };
    let mut out: Vec<(&'static str, f64)> = Vec::new();
    for (mode, ticks) in MODES.iter().zip(line.split_ascii_whitespace()) {
        let ticks = ticks.parse().unwrap_or(0.0);
        match out.iter_mut().find(|(m, _)| m == mode) {
            Some(known) => known.1 += ticks,
            None => out.push((mode, ticks)),
        }
    }
    out
}

/// Bytes by state, from `/proc/meminfo`.
fn memory(meminfo: &str) -> Option<[(&'static str, f64); 4]> {
    let bytes = |key| value(meminfo, key).map(|kib| kib * 1024.0);
    let (total, free) = (bytes("MemTotal")?, bytes("MemFree")?);
    let (buffers, cached) = (bytes("Buffers")?, bytes("Cached")?);
    let used = (total - free - buffers - cached).max(0.0);
    Some([("used", used), ("free", free), ("buffers", buffers), ("cached", cached)])
}

/// What a disk did: read and written bytes and operations, seconds busy, seconds of waiting summed up.
#[derive(Clone, Debug, PartialEq)]
struct Disk {
    name: String,
    bytes: [f64; 2],
    operations: [f64; 2],
    busy: f64,
    waited: [f64; 2],
}

/// Whole disks of `/proc/diskstats`: no partitions, no loops, no memory.
fn disks(text: &str) -> Vec<Disk> {
    let disk = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let name = (*fields.get(2)?).to_owned();
        let n = |i: usize| fields.get(i)?.parse::<f64>().ok();
        // Sectors are of 512 bytes, whatever the disk's are.
        Some(Disk {
            bytes: [n(5)? * 512.0, n(9)? * 512.0],
            operations: [n(3)?, n(7)?],
            waited: [n(6)? / 1e3, n(10)? / 1e3],
            busy: n(12)? / 1e3,
            name,
        })
    };
    let all: Vec<Disk> = text.lines().filter_map(disk).collect();
    let virtual_ = ["loop", "ram", "zram", "dm-", "sr"];
    let whole = |d: &&Disk| {
        let parent = all.iter().any(|p| {
            d.name != p.name
                && d.name.strip_prefix(p.name.as_str()).is_some_and(|rest| {
                    let rest = rest.strip_prefix('p').unwrap_or(rest);
                    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
                })
        });
        !parent && !virtual_.iter().any(|v| d.name.starts_with(v))
    };
    all.iter().filter(whole).cloned().collect()
}

/// An interface of `/proc/net/dev`: bytes, packets, errors, drops, received and sent.
#[derive(Clone, Debug, PartialEq)]
struct Interface {
    name: String,
    bytes: [f64; 2],
    packets: [f64; 2],
    errors: [f64; 2],
    dropped: [f64; 2],
}

fn interfaces(text: &str) -> Vec<Interface> {
    let one = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let fields: Vec<f64> =
            rest.split_ascii_whitespace().map_while(|f| f.parse().ok()).collect();
        let pair = |i: usize| Some([*fields.get(i)?, *fields.get(i + 8)?]);
        Some(Interface {
            name: name.trim().to_owned(),
            bytes: pair(0)?,
            packets: pair(1)?,
            errors: pair(2)?,
            dropped: pair(3)?,
        })
    };
    text.lines().filter_map(one).filter(|i| i.name != "lo").collect()
}

type Of<T> = fn(&T) -> [f64; 2];

pub(super) fn register() {
    let (ticks, _) = system();
    observe_sums("system.cpu.time", "s", true, move |tell| {
        for (mode, spent) in cpu(&read("/proc/stat").unwrap_or_default()) {
            tell(spent / ticks, &[("cpu.mode", mode)]);
        }
    });
    observe_many("system.cpu.load_average.1m", "{thread}", |tell| {
        let text = read("/proc/loadavg").unwrap_or_default();
        let load = text.split(' ').next().and_then(|l| l.parse().ok());
        load.into_iter().for_each(|l| tell(l, &[]));
    });
    observe_sums("system.memory.usage", "By", false, |tell| {
        let states = read("/proc/meminfo").and_then(|t| memory(&t));
        for (state, bytes) in states.into_iter().flatten() {
            tell(bytes, &[("system.memory.state", state)]);
        }
    });
    let disk_pairs: [(&str, &str, Of<Disk>); 3] = [
        ("system.disk.io", "By", |d| d.bytes),
        ("system.disk.operations", "{operation}", |d| d.operations),
        ("system.disk.operation_time", "s", |d| d.waited),
    ];
    for (name, unit, of) in disk_pairs {
        observe_sums(name, unit, true, move |tell| {
            for d in disks(&read("/proc/diskstats").unwrap_or_default()) {
                for (v, direction) in of(&d).into_iter().zip(["read", "write"]) {
                    tell(v, &[("system.device", &d.name), ("disk.io.direction", direction)]);
                }
            }
        });
    }
    observe_sums("system.disk.io_time", "s", true, |tell| {
        for d in disks(&read("/proc/diskstats").unwrap_or_default()) {
            tell(d.busy, &[("system.device", &d.name)]);
        }
    });
    let net_pairs: [(&str, &str, Of<Interface>); 4] = [
        ("system.network.io", "By", |i| i.bytes),
        ("system.network.packet.count", "{packet}", |i| i.packets),
        ("system.network.errors", "{error}", |i| i.errors),
        ("system.network.packet.dropped", "{packet}", |i| i.dropped),
    ];
    for (name, unit, of) in net_pairs {
        observe_sums(name, unit, true, move |tell| {
            for i in interfaces(&read("/proc/net/dev").unwrap_or_default()) {
                for (v, direction) in of(&i).into_iter().zip(["receive", "transmit"]) {
                    let labels = [
                        ("network.interface.name", i.name.as_str()),
                        ("network.io.direction", direction),
                    ];
                    tell(v, &labels);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_and_memory() {
        let modes = cpu("cpu  10 1 5 100 7 2 3 4 9 0\ncpu0 1 1 1 1\n");
        let want = [
            ("user", 10.0),
            ("nice", 1.0),
            ("system", 5.0),
            ("idle", 100.0),
            ("iowait", 7.0),
            ("interrupt", 5.0),
            ("steal", 4.0),
        ];
        assert_eq!(modes, want);
        let text = "MemTotal: 100 kB\nMemFree: 20 kB\nBuffers: 10 kB\nCached: 30 kB\n";
        assert_eq!(memory(text).expect("whole")[0], ("used", 40.0 * 1024.0));
        assert_eq!(memory("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn whole_disks_only() {
        let line = |name: &str| format!("   8 0 {name} 10 0 20 30 40 0 50 60 0 70 90 0 0 0 0\n");
        let names = ["sda", "sda1", "nvme0n1", "nvme0n1p2", "loop0", "dm-0", "vda"];
        let found = disks(&names.map(line).concat());
        let kept: Vec<&str> = found.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(kept, ["sda", "nvme0n1", "vda"]);
        let want = Disk {
            name: "sda".into(),
            bytes: [10_240.0, 25_600.0],
            operations: [10.0, 40.0],
            busy: 0.07,
            waited: [0.03, 0.06],
        };
        assert_eq!(found[0], want);
    }

    #[test]
    fn interfaces_but_the_loopback() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n\
                    eth0:100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n";
        let want = Interface {
            name: "eth0".into(),
            bytes: [100.0, 500.0],
            packets: [2.0, 6.0],
            errors: [3.0, 7.0],
            dropped: [4.0, 8.0],
        };
        assert_eq!(interfaces(text), [want]);
    }
}
