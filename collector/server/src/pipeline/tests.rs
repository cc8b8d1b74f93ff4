//! The pipeline without doors: stamps, back-pressure, totals that do not go back.

use super::*;
use crate::checkpoint::lane::EntryPlace;
use crate::dedupe::Verdict;
use longpole_core::limits::Limits;
use longpole_core::route::Tree;
use longpole_model::signal::*;

fn parts(shards: u32) -> (Settings, Analyst) {
    let limits = Limits { window: 50_000_000, lateness: 50_000_000, ..Limits::default() };
    let analyst = Analyst::new(&limits, tree(), Vec::new(), None);
    let settings = Settings { limits, shards, ..Settings::default() };
    (settings, analyst)
}

fn start(shards: u32) -> (Pipeline, JoinHandle<()>) {
    let (settings, analyst) = parts(shards);
    Pipeline::start(&settings, analyst, WallClock::start(), Box::new(|_| {})).expect("a thread")
}

async fn submit(pipeline: &Pipeline, spans: u8, bytes: usize) -> Result<(), Refused> {
    let (payload, batch) = (vec![0; bytes].into(), batch(pipeline.now(), spans));
    let none = Rejections::default();
    pipeline.submit(Signal::Traces, payload, batch, &none, None).await.map(|_| ())
}

fn tree() -> Tree {
    crate::specialists::default_tree().expect("the built-in tree")
}

fn batch(end: Timestamp, spans: u8) -> Batch {
    // Ids that no other batch has: the same ones again would be a resend.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_le_bytes();
    let span = |i: u8| SpanRecord {
        trace: TraceId([i + 1; 16]),
        span: SpanId(id.map(|b| b ^ i)),
        start: end.minus(1_000),
        end,
        weight: Weight::ONE,
        ..SpanRecord::default()
    };
    Batch {
        operations: vec![Arc::new(OperationRow {
            resource: Arc::new(Resource { service: "cart".into(), ..Resource::default() }),
            name: "GET /".into(),
            ..OperationRow::default()
        })],
        spans: (0..spans).map(span).collect(),
        ..Batch::default()
    }
}

#[tokio::test]
async fn what_was_taken_is_counted_at_once_and_never_less() {
    for shards in [1, 3] {
        counted(shards).await;
    }
}

async fn counted(shards: u32) {
    let (pipeline, owner) = start(shards);
    let mut last = 0;
    for _ in 0..20 {
        submit(&pipeline, 3, 100).await.expect("room");
        let totals = pipeline.totals().await.expect("alive");
        let calls: u64 = totals.red.iter().map(|r| r.red.weight >> 16).sum();
        assert!(calls >= last, "{calls} after {last}");
        assert_eq!(totals.tally.spans.unexplained(), 0);
        last = calls;
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let totals = pipeline.totals().await.expect("alive");
    assert_eq!(totals.red.iter().map(|r| r.red.weight >> 16).sum::<u64>(), 60);
    assert!(totals.windows > 0, "windows close without traffic");
    pipeline.close();
    owner.join().expect("ended in order");
    assert_eq!(submit(&pipeline, 1, 100).await, Err(Refused::Closing));
    assert!(pipeline.totals().await.is_none());
    assert!(pipeline.ask(|_| ()).await.is_none());
}

/// Its thread still works off what came when nobody asks it any more.
#[tokio::test]
async fn what_a_stream_had_when_it_was_given_up_is_counted_all_along() {
    let (settings, analyst) = parts(1);
    let clock = WallClock::start();
    let (pipeline, owner) = Pipeline::start_for_streams(
        &settings,
        analyst,
        clock,
        Box::new(|_| {}),
        Arc::new(|_, _, _| {}),
    )
    .expect("a thread");
    let sharing = Sharing {
        settings,
        analyst: Box::new(|| parts(1).1),
        adopt: Box::new(drop),
        waiting: Box::new(Vec::new),
    };
    pipeline.lead(&Arc::new(sharing), None).await.expect("alive");
    pipeline.begin((0, 1), 1, None, Timestamp(0)).expect("a thread");
    for _ in 0..200 {
        let stamp = pipeline.now();
        let batch = batch(stamp, 100);
        let room = pipeline.room(100, &batch).await.expect("room");
        let name = Name::of(None, &batch);
        let none = Rejections::default();
        let entry = (EntryPlace::default(), stamp);
        let taken = pipeline.submit_of(0, room, (batch, none), name, entry);
        assert_eq!(taken, Ok(Verdict::Fresh));
    }
    pipeline.end(0);
    let totals = pipeline.totals().await.expect("alive");
    assert_eq!(totals.red.iter().map(|r| r.red.weight >> 16).sum::<u64>(), 20_000);
    pipeline.close();
    owner.join().expect("ended in order");
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let (settings, analyst) = parts(2);
    // Nobody works yet, so that the queue fills.
    let pipeline = Pipeline::new(&settings, WallClock::start(), None);
    let large = 16 << 20;
    let mut taken = 0;
    let refused = loop {
        match submit(&pipeline, 1, large).await {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Overload { queued } if queued > 100 << 20), "{refused}");
    assert_eq!(taken, 7);
    let owner = {
        let align = Align::new(&settings);
        pipeline.run(&settings, analyst, Box::new(|_| {}), align, None).expect("threads")
    };
    let totals = pipeline.totals().await.expect("alive");
    assert_eq!(totals.tally.spans.received, taken);
    submit(&pipeline, 1, large).await.expect("room again");
    pipeline.close();
    owner.join().expect("ended in order");
}

#[tokio::test]
async fn what_comes_again_is_acknowledged_and_counted_once() {
    let (pipeline, _owner) = start(2);
    let none = Rejections::default();
    let again = batch(pipeline.now(), 4);
    let producer = |sequence| Some(Producer { id: [3; 16], shard: 1, sequence });
    let mut said = Vec::new();
    for (sequence, times) in [(None, 3), (Some(1), 2), (Some(70_000), 1), (Some(2), 1)] {
        for _ in 0..times {
            let producer = sequence.and_then(producer);
            let payload = Bytes::from_static(b"x");
            let taken = pipeline.submit(Signal::Traces, payload, again.clone(), &none, producer);
            said.push(taken.await.expect("room"));
        }
    }
    use Verdict::{Duplicate, Fresh, Stale};
    assert_eq!(said, [Fresh, Duplicate, Duplicate, Fresh, Duplicate, Fresh, Stale]);
    let tally = pipeline.totals().await.expect("alive").tally.spans;
    assert_eq!((tally.received, tally.duplicate), (28, 12));
    assert_eq!(tally.rejected.get(Reason::StaleSequence), 4);
    assert_eq!((tally.window + tally.late + tally.skewed, tally.unexplained()), (12, 0));
}
