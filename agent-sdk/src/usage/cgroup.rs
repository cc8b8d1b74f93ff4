//! The control group of the process, version 1 and 2: processor throttling, memory and its events,
//! pressure. In a container that is the container.

use super::{read, value};
use crate::metrics::{observe_many, observe_sums};

/// Where the group's files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Group {
    V2(String),
    V1 { cpu: Option<String>, cpuacct: Option<String>, memory: Option<String> },
}

/// Finds the group from `/proc/self/cgroup` and `/proc/self/mountinfo`. The mount's root is cut off the
/// path: inside a container both are often `/`.
fn find(cgroup: &str, mountinfo: &str) -> Option<Group> {
    // `36 35 98:0 /root /mount/point rw - type source options`
    let mounts: Vec<(&str, &str, &str, &str)> = mountinfo
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let mut left = left.split(' ').skip(3);
            let mut right = right.split(' ');
            let (kind, options) = (right.next()?, right.nth(1).unwrap_or(""));
            Some((left.next()?, left.next()?, kind, options))
        })
        .collect();
    let place = |path: &str, root: &str, point: &str| {
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("");
        format!("{}{}", point.trim_end_matches('/'), below.trim_end_matches('/'))
    };
    let v1 = |controller: &str| {
        let path = cgroup.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let names = parts.next()?;
            names.split(',').any(|n| n == controller).then(|| parts.next())?
        })?;
        let of = mounts.iter().find(|(_, _, kind, options)| {
            *kind == "cgroup" && options.split(',').any(|o| o == controller)
        })?;
        Some(place(path, of.0, of.1))
    };
    let (cpu, cpuacct, memory) = (v1("cpu"), v1("cpuacct"), v1("memory"));
    if cpu.is_some() || memory.is_some() {
        return Some(Group::V1 { cpu, cpuacct, memory });
    }
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (root, point, ..) = mounts.iter().find(|m| m.2 == "cgroup2")?;
    Some(Group::V2(place(path, root, point)))
}

/// One line of a pressure file: seconds in which some, or all, had to wait.
fn pressure(text: &str, who: &str) -> Option<f64> {
    let line = text.lines().find(|l| l.split(' ').next() == Some(who))?;
    let total = line.split(' ').find_map(|p| p.strip_prefix("total="))?;
    total.parse::<f64>().ok().map(|us| us / 1e6)
}

/// A single number; `max` and version 1's "no limit" are none.
fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|v| *v < 9.2e18)
}

pub(super) fn register() {
    let (Some(cgroup), Some(mounts)) = (read("/proc/self/cgroup"), read("/proc/self/mountinfo"))
    else {
        return;
    };
    match find(&cgroup, &mounts) {
        Some(Group::V2(at)) => v2(&at),
        Some(Group::V1 { cpu, cpuacct, memory }) => v1(cpu, cpuacct, memory),
        None => {}
    }
    // Pressure of the group where there is version 2, else of the machine.
    let at = match find(&cgroup, &mounts) {
        Some(Group::V2(at)) if read(&format!("{at}/cpu.pressure")).is_some() => {
            ["cpu", "memory", "io"].map(|r| (r, format!("{at}/{r}.pressure")))
        }
        _ => ["cpu", "memory", "io"].map(|r| (r, format!("/proc/pressure/{r}"))),
    };
    observe_sums("container.pressure.stall_time", "s", true, move |tell| {
        for (resource, path) in &at {
            let Some(text) = read(path) else { continue };
            for who in ["some", "full"] {
                let labels = [("resource", *resource), ("stalled", who)];
                pressure(&text, who).into_iter().for_each(|v| tell(v, &labels));
            }
        }
    });
}

fn v2(at: &str) {
    let path = |name: &str| format!("{at}/{name}");
    let stat = path("cpu.stat");
    observe_sums("container.cpu.time", "s", true, move |tell| {
        let Some(text) = read(&stat) else { return };
        for (key, mode) in [("user_usec", "user"), ("system_usec", "system")] {
            value(&text, key).into_iter().for_each(|v| tell(v / 1e6, &[("cpu.mode", mode)]));
        }
    });
    throttling(path("cpu.stat"), "throttled_usec", 1e6);
    let (current, stat) = (path("memory.current"), path("memory.stat"));
    memory(current, stat, "inactive_file", path("memory.max"));
    let events = path("memory.events");
    observe_sums("container.memory.events", "{event}", true, move |tell| {
        let Some(text) = read(&events) else { return };
        for event in ["low", "high", "max", "oom", "oom_kill"] {
            value(&text, event).into_iter().for_each(|v| tell(v, &[("event", event)]));
        }
    });
}

fn v1(cpu: Option<String>, cpuacct: Option<String>, at: Option<String>) {
    if let Some(cpu) = cpu {
        throttling(format!("{cpu}/cpu.stat"), "throttled_time", 1e9);
    }
    if let Some(at) = cpuacct {
        observe_sums("container.cpu.time", "s", true, move |tell| {
            // Nanoseconds, exact; the split by mode beside it only counts ticks.
            let usage = read(&format!("{at}/cpuacct.usage"));
            usage.as_deref().and_then(number).into_iter().for_each(|v| tell(v / 1e9, &[]));
        });
    }
    if let Some(at) = at {
        let path = |name: &str| format!("{at}/{name}");
        let (usage, stat) = (path("memory.usage_in_bytes"), path("memory.stat"));
        memory(usage, stat, "total_inactive_file", path("memory.limit_in_bytes"));
        let (failed, control) = (path("memory.failcnt"), path("memory.oom_control"));
        observe_sums("container.memory.events", "{event}", true, move |tell| {
            let failed = read(&failed);
            let failed = failed.as_deref().and_then(number);
            failed.into_iter().for_each(|v| tell(v, &[("event", "max")]));
            let kills = read(&control).and_then(|t| value(&t, "oom_kill"));
            kills.into_iter().for_each(|v| tell(v, &[("event", "oom_kill")]));
        });
    }
}

fn throttling(path: String, time: &'static str, unit: f64) {
    if read(&path).is_none() {
        return;
    }
    let same = path.clone();
    observe_sums("container.cpu.throttled.time", "s", true, move |tell| {
        let waited = read(&same).and_then(|t| value(&t, time));
        waited.into_iter().for_each(|v| tell(v / unit, &[]));
    });
    observe_sums("container.cpu.periods", "{period}", true, move |tell| {
        let Some(text) = read(&path) else { return };
        let (all, throttled) = (value(&text, "nr_periods"), value(&text, "nr_throttled"));
        if let (Some(all), Some(throttled)) = (all, throttled) {
            tell(throttled, &[("throttled", "true")]);
            tell(all - throttled, &[("throttled", "false")]);
        }
    });
}

fn memory(usage: String, stat: String, inactive: &'static str, limit: String) {
    let used = usage.clone();
    observe_sums("container.memory.usage", "By", false, move |tell| {
        read(&used).as_deref().and_then(number).into_iter().for_each(|v| tell(v, &[]));
    });
    observe_sums("container.memory.working_set", "By", false, move |tell| {
        let used = read(&usage).as_deref().and_then(number);
        let idle = read(&stat).and_then(|t| value(&t, inactive)).unwrap_or(0.0);
        used.into_iter().for_each(|v| tell((v - idle).max(0.0), &[]));
    });
    observe_many("container.memory.limit", "By", move |tell| {
        read(&limit).as_deref().and_then(number).into_iter().for_each(|v| tell(v, &[]));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_in_and_outside_of_a_container() {
        let mount = "31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let inside = find("0::/\n", mount);
        assert_eq!(inside, Some(Group::V2("/sys/fs/cgroup".into())));
        let outside = find("0::/system.slice/shop.service\n", mount);
        let want = "/sys/fs/cgroup/system.slice/shop.service";
        assert_eq!(outside, Some(Group::V2(want.into())));
    }

    #[test]
    fn version_1_with_a_root_of_its_own() {
        let mounts = "40 1 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
                      41 1 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let cgroup = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc/inner\n0::/\n";
        let cpu = Some("/sys/fs/cgroup/cpu,cpuacct/inner".to_owned());
        let memory = Some("/sys/fs/cgroup/memory".to_owned());
        assert_eq!(
            find(cgroup, mounts),
            Some(Group::V1 { cpu: cpu.clone(), cpuacct: cpu, memory })
        );
        assert_eq!(find("", ""), None);
    }

    #[test]
    fn limits_and_pressure() {
        assert_eq!((number("max\n"), number("9223372036854771712\n")), (None, None));
        assert_eq!(number("1048576\n"), Some(1_048_576.0));
        let text =
            "some avg10=1.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 total=7\n";
        assert_eq!(pressure(text, "some"), Some(2.5));
        assert_eq!(pressure(text, "none"), None);
        assert_eq!(pressure("some total=x", "some"), None);
    }
}
