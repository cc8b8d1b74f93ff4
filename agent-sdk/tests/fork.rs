//! A process that forks while the SDK runs: the child records nothing, waits for nothing, sends nothing of the
//! parent's, and ends; the parent's spans arrive once.

#![cfg(unix)]
#![allow(unsafe_code)] // fork, waitpid and _exit: what the test is about

mod support {
    pub mod collector;
}
use longpole_sdk::{Builder, InitError, span, stats};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::collector::{Seen, start};

const SOON: Duration = Duration::from_secs(20);

/// What the child found, as the status that it ends with; 0 = all well.
fn child(guard: longpole_sdk::Guard) -> i32 {
    drop(span!("of the child"));
    if longpole_sdk::flush(Duration::from_secs(600)) {
        return 2; // there is nobody who could have done it
    }
    if !matches!(Builder::new("child").quiet(true).init(), Err(InitError::Forked)) {
        return 3;
    }
    let _ = (stats(), longpole_sdk::delivery());
    if guard.shutdown(Duration::from_secs(600)) {
        return 4;
    }
    std::thread::spawn(|| drop(span!("on another thread"))).join().map_or(5, |()| 0)
}

#[test]
fn a_child_neither_waits_nor_sends() {
    let seen: Arc<Seen> = Arc::default();
    let guard = Builder::new("forking")
        .endpoint(&format!("http://{}", start(&seen)))
        .quiet(true)
        .init()
        .expect("starts");
    let _open = span!("open over the fork");
    for _ in 0..10 {
        drop(span!("before"));
    }
    // SAFETY: the child runs what a program would run there; the C library's and Rust's locks that it needs
    // are held by nobody who matters: the SDK's threads sleep, the test's other threads wait for sockets. It ends by
    // `_exit`, so nothing of the parent's is torn down in it.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let status = child(guard);
        // SAFETY: ends the process.
        unsafe { libc::_exit(status) }
    }
    assert!(pid > 0, "no child");
    let began = Instant::now();
    let mut status = 0;
    // SAFETY: writes a number that is ours.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        assert!(began.elapsed() < SOON, "the child hangs");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(libc::WIFEXITED(status), "the child died: {status}");
    assert_eq!(libc::WEXITSTATUS(status), 0, "see `child`");
    drop(_open);
    assert!(guard.shutdown(SOON));
    let names: Vec<String> =
        seen.spans.lock().expect("sound").iter().map(|s| s.name.clone()).collect();
    assert_eq!(names.iter().filter(|n| *n == "before").count(), 10, "{names:?}");
    assert_eq!(names.len(), 11, "{names:?}");
    let all = stats();
    assert_eq!((all.created, all.sent), (11, 11), "{all:?}");
}
