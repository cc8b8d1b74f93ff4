//! tokio: how busy the workers of a runtime are and what waits for them, and slow polls of tasks, from
//! what is stable in tokio and tokio-metrics.

use crate::metrics::{observe_many, observe_sums};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_metrics::TaskMonitor;

/// Watches a runtime under a name: busy seconds of its workers (their rate over their number is the
/// utilisation), tasks that wait for one (saturation), tasks alive. The runtime of the thread that starts
/// the SDK is watched by itself.
pub fn watch_runtime(name: &str, handle: &Handle) {
    let metrics = handle.metrics();
    let name: Arc<str> = name.into();
    let (m, n) = (metrics.clone(), Arc::clone(&name));
    observe_sums("tokio.runtime.worker.busy.time", "s", true, move |tell| {
        let all = (0..m.num_workers()).map(|w| m.worker_total_busy_duration(w).as_secs_f64());
        tell(all.sum(), &[("tokio.runtime.name", &n)]);
    });
    let (m, n) = (metrics.clone(), Arc::clone(&name));
    observe_sums("tokio.runtime.worker.parks", "{park}", true, move |tell| {
        let all: u64 = (0..m.num_workers()).map(|w| m.worker_park_count(w)).sum();
        tell(all as f64, &[("tokio.runtime.name", &n)]);
    });
    type Read = fn(&tokio::runtime::RuntimeMetrics) -> usize;
    let gauges: [(&str, &str, Read); 3] = [
        ("tokio.runtime.workers", "{thread}", |m| m.num_workers()),
        ("tokio.runtime.tasks", "{task}", |m| m.num_alive_tasks()),
        ("tokio.runtime.queue.depth", "{task}", |m| m.global_queue_depth()),
    ];
    for (metric, unit, read) in gauges {
        let (m, n) = (metrics.clone(), Arc::clone(&name));
        observe_many(metric, unit, move |tell| {
            tell(read(&m) as f64, &[("tokio.runtime.name", &n)]);
        });
    }
}

/// Watches the tasks that are instrumented by a monitor: polls that took longer than its threshold hold up
/// others, time between being woken and being polled is what they waited.
pub fn watch_tasks(name: &str, monitor: &TaskMonitor) {
    let name: Arc<str> = name.into();
    let (m, n) = (monitor.clone(), Arc::clone(&name));
    observe_sums("tokio.task.polls", "{poll}", true, move |tell| {
        let now = m.cumulative();
        tell(now.total_slow_poll_count as f64, &[("tokio.task.name", &n), ("slow", "true")]);
        tell(now.total_fast_poll_count as f64, &[("tokio.task.name", &n), ("slow", "false")]);
    });
    let m = monitor.clone();
    observe_sums("tokio.task.scheduled.time", "s", true, move |tell| {
        let waited = m.cumulative().total_scheduled_duration.as_secs_f64();
        tell(waited, &[("tokio.task.name", &name)]);
    });
}
