//! After a shutdown the SDK may be started again, with other settings, as often as one likes; what was counted before
//! still counts. While it runs it is there once.

mod support {
    pub mod collector;
}
use longpole_sdk::{Builder, InitError, span, stats};
use std::sync::Arc;
use std::time::Duration;
use support::collector::{Seen, start};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn it_starts_again_after_a_shutdown() {
    let lives: Vec<Arc<Seen>> = (0..3).map(|_| Arc::default()).collect();
    for (life, seen) in lives.iter().enumerate() {
        let to = format!("http://{}", start(seen));
        let builder = |name: &str| Builder::new(name).endpoint(&to).quiet(true);
        let guard = builder(&format!("life-{life}")).init().expect("starts");
        assert!(matches!(builder("second").init(), Err(InitError::Twice)), "one at a time");
        for _ in 0..10 {
            drop(span!("work"));
        }
        assert!(guard.shutdown(SOON));
        drop(span!("between two lives"));
        let all = stats();
        let so_far = 10 * (life as u64 + 1);
        assert_eq!((all.created, all.sent, all.queued), (so_far, so_far, 0), "{all:?}");
    }
    for (life, seen) in lives.iter().enumerate() {
        let spans = seen.spans.lock().expect("sound");
        assert_eq!(spans.len(), 10, "life {life}");
        let resources = seen.resources.lock().expect("sound");
        let shown = support::collector::shown(&resources);
        assert!(shown.contains(&format!("service.name=\"life-{life}\"")), "{shown:?}");
    }
}
