//! The pipeline without doors: stamps, back-pressure, totals that do not go back.

use super::*;
use longpole_core::limits::Limits;
use longpole_core::route::Tree;
use longpole_model::signal::*;

fn start() -> (Pipeline, JoinHandle<()>) {
    let limits = Limits { window: 50_000_000, lateness: 50_000_000, ..Limits::default() };
    let analyst = Analyst::new(&limits, tree(), Vec::new(), None);
    let settings = Settings { limits, ..Settings::default() };
    Pipeline::start(settings, analyst, WallClock::start(), Box::new(|_| {})).expect("a thread")
}

fn tree() -> Tree {
    crate::specialists::default_tree().expect("the built-in tree")
}

fn batch(end: Timestamp, spans: u8) -> Batch {
    let span = |i: u8| SpanRecord {
        trace: TraceId([i + 1; 16]),
        span: SpanId([i + 1; 8]),
        start: end.minus(1_000),
        end,
        weight: Weight::ONE,
        ..SpanRecord::default()
    };
    Batch {
        payload: vec![0; 100],
        resources: vec![Resource { service: "cart".into(), ..Resource::default() }],
        operations: vec![OperationRow { name: "GET /".into(), ..OperationRow::default() }],
        spans: (0..spans).map(span).collect(),
        ..Batch::default()
    }
}

#[tokio::test]
async fn what_was_taken_is_counted_at_once_and_never_less() {
    let (pipeline, owner) = start();
    let mut last = 0;
    for _ in 0..20 {
        let now = pipeline.now();
        pipeline.submit(Signal::Traces, batch(now, 3), Rejections::default(), None).expect("room");
        let totals = pipeline.ask(|s| s.totals()).await.expect("alive");
        let calls: u64 = totals.red.iter().map(|r| r.red.spans).sum();
        assert!(calls >= last, "{calls} after {last}");
        assert_eq!(totals.tally.spans.unexplained(), 0);
        last = calls;
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let totals = pipeline.ask(|s| s.totals()).await.expect("alive");
    assert_eq!(totals.red.iter().map(|r| r.red.spans).sum::<u64>(), 60);
    assert!(totals.windows > 0, "windows close without traffic");
    pipeline.close();
    owner.join().expect("ended in order");
    let late = pipeline.submit(Signal::Traces, batch(pipeline.now(), 1), Default::default(), None);
    assert_eq!(late, Err(Refused::Closing));
    assert!(pipeline.ask(|_| ()).await.is_none());
}

#[tokio::test]
async fn a_full_queue_refuses_and_recovers() {
    let (pipeline, owner) = start();
    // The owner is held up, so that the queue fills.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let waiting = tokio::spawn({
        let pipeline = pipeline.clone();
        async move { pipeline.ask(move |_| held.recv().ok()).await }
    });
    tokio::task::yield_now().await;
    let large = || Batch { payload: vec![0; 16 << 20], ..batch(pipeline.now(), 1) };
    let mut taken = 0;
    let refused = loop {
        match pipeline.submit(Signal::Traces, large(), Rejections::default(), None) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Overload { queued } if queued <= QUEUE_BYTES));
    assert_eq!(taken, 7, "of 16 MiB and a little each, in 128 MiB");
    release.send(()).expect("held");
    waiting.await.expect("no panic");
    pipeline.ask(|_| ()).await.expect("alive");
    pipeline.submit(Signal::Traces, large(), Rejections::default(), None).expect("room again");
    pipeline.close();
    owner.join().expect("ended in order");
}
