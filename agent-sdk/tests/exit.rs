//! At the end of a process with a collector that takes connections and never answers: `flush` and `shutdown` come back in
//! the C library's `atexit`, in a guard that lives until `main` returns, and after `std::process::exit`.

#![cfg(unix)]
#![allow(unsafe_code)] // atexit: what the test is about

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(200);
/// Far above what the deadlines add up to, far below the ten seconds of a request's own timeout and for ever.
const HANGS: Duration = Duration::from_secs(9);

static GUARD: Mutex<Option<longpole_sdk::Guard>> = Mutex::new(None);

extern "C" fn at_exit() {
    drop(longpole_sdk::span!("at the very end"));
    let flushed = longpole_sdk::flush(DEADLINE);
    let guard = GUARD.lock().ok().and_then(|mut g| g.take());
    let ended = guard.is_some_and(|g| g.shutdown(DEADLINE));
    println!("flushed {flushed}, ended {ended}, created {}", longpole_sdk::stats().created);
}

/// Runs in a process of its own.
fn program(how: &str, to: &str) {
    let guard = longpole_sdk::Builder::new("ending")
        .endpoint(to)
        .schedule_delay(Duration::from_millis(1))
        .quiet(true)
        .init()
        .expect("starts");
    (0..100).for_each(|_| drop(longpole_sdk::span!("work")));
    if how == "returns" {
        drop(guard);
        println!("returned");
        return;
    }
    *GUARD.lock().expect("sound") = Some(guard);
    // SAFETY: the function lives as long as the program and does not unwind.
    unsafe { libc::atexit(at_exit) };
    std::process::exit(0);
}

#[test]
fn processes_end_in_time() {
    if let Ok(how) = std::env::var("LONGPOLE_TEST_EXIT") {
        return program(&how, &std::env::var("LONGPOLE_TEST_TO").expect("an address"));
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = format!("http://{}", silent.local_addr().expect("bound"));
    for (how, says) in [("returns", "returned"), ("atexit", "flushed false, ")] {
        let began = Instant::now();
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "processes_end_in_time", "--nocapture"])
            .env("LONGPOLE_TEST_EXIT", how)
            .env("LONGPOLE_TEST_TO", &to)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        while child.try_wait().expect("a child").is_none() {
            if began.elapsed() > HANGS {
                let _ = child.kill();
                panic!("{how}: still there after {HANGS:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let out = child.wait_with_output().expect("its output");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains(says), "{how}: {}, {text}", out.status);
    }
}
