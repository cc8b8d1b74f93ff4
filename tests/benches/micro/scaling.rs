//! The threaded road on one core and on two, and what a span costs with more shards than cores: decoded
//! requests go straight into the pipeline, so that nobody else takes part of the machine.

use crate::report::{Report, quantile};
use crate::traffic::{BASE, Traffic};
use crate::{Bench, analyst, clock};
use bytes::Bytes;
use longpole_collector::clock::WallClock;
use longpole_collector::ingest::otlp::Signal;
use longpole_collector::pipeline::Pipeline;
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_model::signal::{Batch, Rejections, SECOND};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::time::Instant;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "scaling",
    about: "decoded requests of 1 k operations into the pipeline; two cores against one, more shards",
    time,
    counts: &[],
};

/// Spans a second of log time, and how much faster than the wall's that passes: together about what one
/// core does, so that traces settle and windows close as under steady load.
const RATE: u64 = 250_000;
const TIMES: u64 = 5;
/// Seconds of log time before and in a pass.
const BEFORE: u64 = 4;
const SECONDS: u64 = 16;
const PASSES: usize = 3;

/// What a pass took, by the wall's clock and by the processors', seconds.
struct Took {
    wall: f64,
    cpu: f64,
    spans: usize,
}

fn pass(requests: &[Batch], shards: u32) -> Result<Took, String> {
    let requests = requests.to_vec();
    let spans = requests.iter().map(|b| b.spans.len()).sum();
    let settings = Settings { shards, ..Settings::default() };
    let said = analyst::new(Limits::default().history_windows)?;
    let clock = WallClock::made_up(BASE.plus(BEFORE * SECOND), TIMES);
    let started = Pipeline::start(&settings, said, clock, Box::new(|_| {}));
    let (pipeline, last) = started.map_err(|e| format!("no threads: {e}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    let (began, cpu) = (Instant::now(), clock::process());
    runtime.block_on(async {
        for batch in requests {
            let rejections = Rejections::default();
            let taken =
                pipeline.submit(Signal::Traces, Bytes::new(), batch, &rejections, None).await;
            taken.map_err(|e| e.to_string())?;
        }
        // Asked for at this place of the log: the answer comes when all before it is recorded.
        pipeline.totals().await.ok_or("the pipeline has ended")?;
        Ok::<(), String>(())
    })?;
    let took = Took {
        wall: began.elapsed().as_secs_f64(),
        cpu: (clock::process() - cpu) as f64 / 1e9,
        spans,
    };
    pipeline.close();
    last.join().map_err(|_| "the analyst died")?;
    Ok(took)
}

/// The first `n` of the cores that this process may use.
fn first(all: &CpuSet, n: usize) -> Option<CpuSet> {
    let mut some = CpuSet::new();
    let ours = (0..CpuSet::MAX_CPU).filter(|i| all.is_set(*i)).take(n);
    ours.for_each(|i| some.set(i));
    (some.count() as usize == n).then_some(some)
}

fn time(report: &mut Report) -> Result<(), String> {
    let mut traffic = Traffic::new(1_000, RATE, 1);
    let mut requests = Vec::new();
    while let (at, batch) = traffic.next()
        && at < BASE.plus((BEFORE + SECONDS) * SECOND)
    {
        if at >= BASE.plus(BEFORE * SECOND) {
            requests.push(batch);
        }
    }
    let all = sched_getaffinity(None).map_err(|e| format!("cores: {e}"))?;
    let mut walls = Vec::new();
    for (cores, shards) in [(1, 1), (2, 2)] {
        let Some(some) = first(&all, cores) else {
            report.say(&format!("  SKIPPED: there are no {cores} cores"));
            continue;
        };
        sched_setaffinity(None, &some).map_err(|e| format!("cores: {e}"))?;
        let passes: Result<Vec<Took>, String> =
            (0..PASSES).map(|_| pass(&requests, shards)).collect();
        let rates = passes?.iter().map(|t| t.spans as f64 / t.wall / 1e3).collect();
        let what = format!("{cores} cores, {shards} shards");
        walls.push(report.samples(&what, "k spans/s", rates));
    }
    sched_setaffinity(None, &all).map_err(|e| format!("cores: {e}"))?;
    if let [one, two] = walls[..] {
        report.value("two cores against one", "x", two / one);
    }
    for shards in [1, 2, 4, 8, 64] {
        let passes: Result<Vec<Took>, String> =
            (0..PASSES).map(|_| pass(&requests, shards)).collect();
        let mut costs: Vec<f64> = passes?.iter().map(|t| t.cpu * 1e9 / t.spans as f64).collect();
        costs.sort_by(f64::total_cmp);
        report.value(&format!("{shards} shards: CPU, median"), "ns/span", quantile(&costs, 0.5));
    }
    Ok(())
}
