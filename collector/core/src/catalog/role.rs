//! What a metric series tells about its service, read from its name and unit.
//!
//! Semantic-convention names and the habits of Prometheus, Istio, cAdvisor and cloud metrics are
//! made of the same words; the words decide, no list of full names. What the series *did* is
//! judged elsewhere.

use longpole_model::signal::{Facility, Role, SeriesRow, Temporality};

/// Words of a metric name: lower case, split at anything that is no letter or digit.
fn words(row: &SeriesRow) -> Vec<String> {
    let stat = row.attributes.iter().filter(|(k, _)| k == "longpole.stat").map(|(_, v)| v.as_str());
    std::iter::once(row.name.as_str())
        .chain(stat)
        .flat_map(|s| s.split(|c: char| !c.is_alphanumeric()))
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// First row of which a word occurs wins.
const FACILITIES: &[(Facility, &[&str])] = &[
    (Facility::Gpu, &["gpu", "cuda", "nvml"]),
    (Facility::Pool, &["pool", "connection", "connections", "conns", "hikari", "hikaricp"]),
    (Facility::Lock, &["lock", "locks", "mutex", "deadlock", "deadlocks"]),
    (
        Facility::Queue,
        &["queue", "queues", "backlog", "lag", "messages", "stream", "topic", "mailbox"],
    ),
    (Facility::Cache, &["cache", "caches"]),
    (
        Facility::Memory,
        &["memory", "mem", "rss", "heap", "oom", "workingset", "swap", "paging", "heapinuse"],
    ),
    (Facility::Runtime, &["gc", "goroutines", "threads"]),
    (Facility::Cpu, &["cpu", "cfs", "throttled", "throttling", "load1", "runqueue"]),
    (Facility::Disk, &["disk", "filesystem", "fs", "storage", "volume", "iops"]),
    (Facility::Network, &["network", "net", "dns", "coredns", "tcp", "socket", "bandwidth"]),
    (
        Facility::Request,
        &[
            "http",
            "rpc",
            "grpc",
            "request",
            "requests",
            "istio",
            "call",
            "calls",
            "availability",
            "api",
            "server",
            "client",
            "5xx",
            "error",
            "errors",
        ],
    ),
];

const ERRORS: &[&str] = &[
    "error",
    "errors",
    "failed",
    "failure",
    "failures",
    "fault",
    "faults",
    "5xx",
    "4xx",
    "servfail",
    "oom",
    "killed",
    "exception",
    "exceptions",
    "availability",
    "timeouts",
    "timeout",
    "refused",
    "rejected",
    "dropped",
    "restarts",
    "restart",
    "evictions",
];
const SATURATION: &[&str] = &[
    "throttled",
    "throttling",
    "pending",
    "wait",
    "waiting",
    "queue",
    "depth",
    "pressure",
    "lag",
    "backlog",
    "saturation",
    "blocked",
    "contention",
    "load1",
    "runqueue",
    "age",
];
const LATENCY: &[&str] = &["duration", "latency", "time", "p50", "p90", "p95", "p99", "elapsed"];
const UTILIZATION: &[&str] = &[
    "utilization",
    "utilisation",
    "usage",
    "used",
    "use",
    "inuse",
    "rss",
    "heap",
    "working",
    "busy",
    "occupancy",
    "hit",
    "active",
];
const RATE: &[&str] = &["rate", "second", "requests", "calls", "throughput", "qps", "rps", "ops"];
/// A ceiling is no load: it says how much there is.
const CEILINGS: &[&str] = &["limit", "max", "capacity", "size", "quota", "total_bytes"];

/// Role and facility of a series.
pub fn role_of(row: &SeriesRow) -> (Role, Facility) {
    let words = words(row);
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    let mut facility = FACILITIES.iter().find(|(_, w)| has(w)).map_or(Facility::Other, |(f, _)| *f);
    if facility == Facility::Gpu && has(&["memory", "mem"]) {
        facility = Facility::GpuMemory;
    }
    if facility == Facility::Other && has(LATENCY) {
        facility = Facility::Request;
    }
    let share = has(&["utilization", "utilisation", "ratio", "percent"]) || row.unit == "%";
    // What telemetry says of itself is not what ails the service.
    let own = has(&["longpole", "otel"]) || row.name.starts_with("sdk.");
    // A page fault is no failure: the minor ones are memory being used at all, only the major ones wait for a disk.
    let paging = has(&["paging", "page"]) && has(&["fault", "faults"]);
    let major = || row.name.contains("major") || row.attributes.iter().any(|(_, v)| v == "major");
    let role = if own || paging && !major() {
        Role::Other
    } else if paging {
        Role::Saturation
    } else if has(ERRORS) {
        Role::Errors
    } else if has(SATURATION) {
        Role::Saturation
    } else if has(CEILINGS) && !share {
        Role::Other
    } else if has(LATENCY) && !(row.monotonic && facility == Facility::Cpu) && !has(&["rate"]) {
        // `...duration.count` is how often, not how long.
        if has(&["count"]) { Role::Rate } else { Role::Latency }
    } else if has(UTILIZATION)
        || share
        || (facility == Facility::Cpu && row.temporality != Temporality::Gauge)
    {
        Role::Utilization
    } else if has(RATE) || (row.monotonic && has(&["total", "count"])) {
        Role::Rate
    } else {
        Role::Other
    };
    (role, facility)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide() {
        use Facility as F;
        use Role as R;
        let cases = [
            ("k8s.pod.cpu_limit_utilization", R::Utilization, F::Cpu),
            ("container.cpu.usage", R::Utilization, F::Cpu),
            ("container_cpu_cfs_throttled_seconds", R::Saturation, F::Cpu),
            ("container.memory.usage", R::Utilization, F::Memory),
            ("container_memory_limit_mb", R::Other, F::Memory),
            ("k8s.pod.memory_limit_utilization", R::Utilization, F::Memory),
            ("container_oom_killed_total", R::Errors, F::Memory),
            ("go_heap_inuse_mb", R::Utilization, F::Memory),
            ("db_pool_wait_seconds_p99", R::Saturation, F::Pool),
            ("db_pool_in_use", R::Utilization, F::Pool),
            ("db_pool_max_conns", R::Other, F::Pool),
            ("db.client.connection.pending_requests", R::Saturation, F::Pool),
            ("http_server_duration_p99_ms", R::Latency, F::Request),
            ("http.server.request.duration", R::Latency, F::Request),
            ("http_5xx_ratio", R::Errors, F::Request),
            ("petshop.availability", R::Errors, F::Request),
            ("http_requests_per_second", R::Rate, F::Request),
            ("istio.request.rate", R::Rate, F::Request),
            ("cache_hit_ratio", R::Utilization, F::Cache),
            ("coredns_servfail_ratio", R::Errors, F::Network),
            ("node_memory_pressure_events", R::Saturation, F::Memory),
            ("hw.gpu.memory.utilization", R::Utilization, F::GpuMemory),
            ("hw.gpu.utilization", R::Utilization, F::Gpu),
            ("container.network.io", R::Other, F::Network),
            ("process.paging.faults", R::Other, F::Memory),
            ("container_memory_major_page_faults", R::Saturation, F::Memory),
            ("sdk.dropped", R::Other, F::Other),
        ];
        for (name, role, facility) in cases {
            let row = SeriesRow { name: name.to_owned(), ..SeriesRow::default() };
            assert_eq!(role_of(&row), (role, facility), "{name}");
        }
        let attributes = vec![("system.paging.fault.type".to_owned(), "major".to_owned())];
        let name = "process.paging.faults".to_owned();
        let major = SeriesRow { name, attributes, ..SeriesRow::default() };
        assert_eq!(role_of(&major), (R::Saturation, F::Memory));
    }
}
