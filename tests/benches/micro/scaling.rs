//! The threaded road on one core and on two, and what a span costs with more shards than cores: decoded
//! requests go straight into the pipeline, so that nobody else takes part of the machine. How much of it the
//! machine lacks is told by two pipelines that have nothing in common, each on a core of its own.

use crate::report::Report;
use crate::traffic::{BASE, Traffic};
use crate::{Bench, analyst, clock};
use bytes::Bytes;
use longpole_collector::clock::WallClock;
use longpole_collector::ingest::otlp::Signal;
use longpole_collector::pipeline::Pipeline;
use longpole_core::engine::Settings;
use longpole_core::limits::Limits;
use longpole_model::signal::{Batch, Rejections, SECOND, Timestamp};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The subject.
pub const BENCH: Bench = Bench {
    name: "scaling",
    about: "decoded requests of 1 k operations into the pipeline; two cores against one, more shards",
    time,
    counts: &[],
};

/// Spans a second of log time, which passes with the requests: traces settle and windows close as under steady
/// load, however fast a machine is.
const RATE: u64 = 100_000;
/// Seconds of log time before what is measured, and these: so many that it matters little for how long one shard still
/// works at the end while the other has nothing left.
const WARM_UP: u64 = 20;
const SECONDS: u64 = 100;
/// Rounds in turns on one core and two; passes with each number of shards.
const ROUNDS: usize = 5;
const PASSES: usize = 3;

/// A request and when it comes.
type Coming = (Timestamp, Batch);

/// What a pass took, by the wall's clock and by the processors', seconds.
struct Took {
    wall: f64,
    cpu: f64,
    spans: usize,
}

/// How full queues may get: far below where plain traces are given up.
const FILLED: f64 = 0.25;

async fn send(pipeline: &Pipeline, at: &AtomicU64, requests: Vec<Coming>) -> Result<(), String> {
    for (now, batch) in requests {
        while pipeline.filled() > FILLED {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        at.store(now.0, Ordering::Relaxed);
        let rejections = Rejections::default();
        let taken = pipeline.submit(Signal::Traces, Bytes::new(), batch, &rejections, None).await;
        taken.map_err(|e| e.to_string())?;
    }
    // Asked for at this place of the log: the answer comes when all before it is recorded.
    let totals = pipeline.totals().await.ok_or("the pipeline has ended")?;
    match totals.given.spans() {
        0 => Ok(()),
        shed => Err(format!("{shed} spans were given up, and with them work")),
    }
}

/// A pipeline that works, and what it is given requests with.
struct Warm {
    pipeline: Pipeline,
    last: JoinHandle<()>,
    runtime: Runtime,
    at: &'static AtomicU64,
}

/// A pipeline of so many shards that has taken these requests.
fn warmed(before: Vec<Coming>, shards: u32) -> Result<Warm, String> {
    let settings = Settings { shards, ..Settings::default() };
    let said = analyst::new(Limits::default().history_windows)?;
    let at: &AtomicU64 = Box::leak(Box::new(AtomicU64::new(BASE.0)));
    let started = Pipeline::start(&settings, said, WallClock::told(at), Box::new(|_| {}));
    let (pipeline, last) = started.map_err(|e| format!("no threads: {e}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    runtime.block_on(send(&pipeline, at, before))?;
    Ok(Warm { pipeline, last, runtime, at })
}

/// Sends `requests` through a pipeline of so many shards. Measured are those after the warm-up, once all who wait for
/// `start` are there: also who has failed before, or the others would wait forever.
fn pass(requests: &[Coming], shards: u32, start: &Barrier) -> Result<Took, String> {
    let mut before = requests.to_vec();
    let warm = before.partition_point(|(at, _)| *at < BASE.plus(WARM_UP * SECOND));
    let measured = before.split_off(warm);
    let spans = measured.iter().map(|(_, batch)| batch.spans.len()).sum();
    let warm = warmed(before, shards);
    start.wait();
    let Warm { pipeline, last, runtime, at } = warm?;
    let (began, cpu) = (Instant::now(), clock::process());
    let sent = runtime.block_on(send(&pipeline, at, measured));
    let (wall, cpu) = (began.elapsed().as_secs_f64(), clock::process() - cpu);
    pipeline.close();
    last.join().map_err(|_| "the analyst died")?;
    sent.map(|()| Took { wall, cpu: cpu as f64 / 1e9, spans })
}

fn rate(took: &Took) -> f64 {
    took.spans as f64 / took.wall / 1e3
}

/// Keeps this thread, and those that it starts, on these cores.
fn keep_to(cores: &[usize]) -> Result<(), String> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).map_err(|e| format!("cores: {e}"))
}

/// Thousand spans a second with a shard a core.
fn together(requests: &[Coming], cores: &[usize]) -> Result<f64, String> {
    keep_to(cores)?;
    pass(requests, cores.len() as u32, &Barrier::new(1)).as_ref().map(rate).map_err(Clone::clone)
}

/// The same of pipelines with one shard, one a core, each with requests of its own.
fn apart(requests: &[Coming], cores: &[usize]) -> Result<f64, String> {
    let start = Barrier::new(cores.len());
    let on = |core: usize| {
        let kept = keep_to(&[core]);
        let took = pass(requests, 1, &start)?;
        kept.map(|()| rate(&took))
    };
    std::thread::scope(|s| {
        let on = &on;
        let all: Vec<_> = cores.iter().map(|core| s.spawn(move || on(*core))).collect();
        all.into_iter().map(|one| one.join().map_err(|_| "a pipeline died")?).sum()
    })
}

/// One core, two, and two that share nothing, in turns.
fn cores(report: &mut Report, requests: &[Coming]) -> Result<(), String> {
    let ours = sched_getaffinity(None).map_err(|e| format!("cores: {e}"))?;
    let ours: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|i| ours.is_set(*i)).collect();
    let [first, second, ..] = ours[..] else {
        report.say("  SKIPPED: there are no two cores");
        return Ok(());
    };
    let [mut one, mut two, mut none] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        one.push(together(requests, &[first])?);
        two.push(together(requests, &[first, second])?);
        none.push(apart(requests, &[first, second])?);
    }
    keep_to(&ours)?;
    let one = report.samples("1 core, 1 shard", "k spans/s", one);
    let two = report.samples("2 cores, 2 shards", "k spans/s", two);
    let none = report.samples("2 cores, a pipeline each", "k spans/s", none);
    report.value("two cores against one", "x", two / one);
    report.value("two pipelines that share nothing against one", "x", none / one);
    Ok(())
}

fn time(report: &mut Report) -> Result<(), String> {
    let mut traffic = Traffic::new(1_000, RATE, 1);
    let end = BASE.plus((WARM_UP + SECONDS) * SECOND);
    let requests: Vec<Coming> =
        std::iter::from_fn(|| Some(traffic.next()).filter(|(at, _)| *at < end)).collect();
    cores(report, &requests)?;
    for shards in [1, 2, 4, 8, 64] {
        let passes: Result<Vec<Took>, String> =
            (0..PASSES).map(|_| pass(&requests, shards, &Barrier::new(1))).collect();
        let costs = passes?.iter().map(|t| t.cpu * 1e9 / t.spans as f64).collect();
        report.samples(&format!("{shards} shards: CPU"), "ns/span", costs);
    }
    Ok(())
}
