//! With a collector that is dead, flush comes back by its deadline from wherever a program may end: inside a task,
//! in a panic hook, as a thread's last act, after shutdown. A guard that is dropped does not hold up its program.

use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(200);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(1500);

fn in_time(what: &str, work: impl FnOnce()) {
    let began = Instant::now();
    work();
    assert!(began.elapsed() < DEADLINE + SLACK, "{what}: {:?}", began.elapsed());
}

/// Flushes when its thread ends.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        longpole_sdk::flush(DEADLINE);
    }
}

thread_local! {
    static LAST: Last = const { Last };
}

#[test]
fn flush_comes_back_from_everywhere() {
    // A port that takes connections and never answers: worse than one that is closed.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let guard = longpole_sdk::Builder::new("ending")
        .endpoint(&format!("http://{}", silent.local_addr().expect("bound")))
        .schedule_delay(Duration::from_millis(1))
        .quiet(true)
        .init()
        .expect("starts");
    let spans = || (0..100).for_each(|_| drop(longpole_sdk::span!("work")));
    spans();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    in_time("in a task of a runtime with one thread", || {
        let done = runtime.block_on(async {
            spans();
            tokio::spawn(async { longpole_sdk::flush(DEADLINE) }).await
        });
        assert!(!done.expect("the task ends"), "nobody answered");
    });

    in_time("in a panic hook", || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {
            longpole_sdk::flush(DEADLINE);
        }));
        let panicked = std::panic::catch_unwind(|| {
            let _span = longpole_sdk::span!("doomed");
            panic!("on purpose");
        });
        std::panic::set_hook(before);
        assert!(panicked.is_err());
    });

    in_time("as a thread's last act", || {
        let last = std::thread::spawn(move || {
            LAST.with(|_| spans());
        });
        last.join().expect("it ends");
    });

    in_time("shutdown", || {
        guard.shutdown(DEADLINE);
    });
    in_time("after shutdown", || assert!(longpole_sdk::flush(DEADLINE) || !silent_is_gone()));
    let until = Instant::now() + Duration::from_secs(20);
    while longpole_sdk::stats().queued > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    let stats = longpole_sdk::stats();
    assert_eq!((stats.created, stats.queued), (301, 0), "{stats:?}");
    assert_eq!(stats.dropped_for(longpole_sdk::DropReason::Shutdown), 301, "{stats:?}");
}

/// The sender may still be within its last try when the deadline has passed.
fn silent_is_gone() -> bool {
    longpole_sdk::stats().queued == 0
}
