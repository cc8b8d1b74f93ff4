//! F7: a disk that others have filled. Nothing is acknowledged that is not on it, readiness is red, and it is over
//! soon after there is room.

use crate::say;
use longpole_tests::collector::{Collector, wait_until};
use longpole_tests::spans::{request, span};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A small file system; unmounted at the end.
struct Small(tempfile::TempDir);

impl Small {
    /// `None` where mounting is forbidden.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder.path());
        let out = mount.output();
        if out.as_ref().is_ok_and(|o| o.status.success()) {
            return Some(Self(folder));
        }
        let why = out.map_or_else(|e| e.to_string(), |o| String::from_utf8_lossy(&o.stderr).into());
        say(&format!(
            "\n!! SKIPPED: F7 on a real disk: a file system cannot be mounted here: {why}"
        ));
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Fills what is left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    for size in [64 << 10, 4 << 10, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk() {
    let Some(small) = Small::mount() else { return };
    let data = small.path().join("data");
    let arguments = ["--window", "1s", "--lateness", "1s", "--horizon", "1s", "--data"];
    let start = || Collector::start(&[&arguments[..], &[data.to_str().expect("a path")]].concat());
    let collector = start();
    let ready = Collector::is_ready;
    wait_until(Duration::from_secs(10), "it is ready", || ready(&collector));
    let headers = [("Content-Type", "application/x-protobuf")];
    let (mut acknowledged, mut refused) = (0, 0);
    let mut send = |c: &Collector| {
        let body = request("full", (0..50).map(|_| span("op")).collect());
        let taken = c.post("/v1/traces", &headers, &body).status == 200;
        *(if taken { &mut acknowledged } else { &mut refused }) += 50;
        taken
    };
    assert!(send(&collector));
    let ballast = small.path().join("ballast");
    let mut worst = Duration::ZERO;
    for _ in 0..3 {
        fill(&ballast);
        wait_until(Duration::from_secs(30), "nothing is taken", || !send(&collector));
        assert!(!ready(&collector), "readiness is red");
        std::thread::sleep(Duration::from_millis(300));
        assert!(!send(&collector));
        std::fs::remove_file(&ballast).expect("removed");
        let began = Instant::now();
        wait_until(Duration::from_secs(30), "it is taken again", || {
            send(&collector) && ready(&collector)
        });
        worst = worst.max(began.elapsed());
    }
    let text = collector.log().concat();
    drop(collector);
    let collector = start();
    wait_until(Duration::from_secs(10), "it is ready", || ready(&collector));
    assert_eq!(collector.account("spans"), acknowledged, "after a kill");
    say(&format!(
        "F7: disk of 8 MiB full 3 times: {acknowledged} spans acknowledged, all there after a kill; {refused} refused; \
         taken again at most {worst:?} after there was room (goal 10 s)"
    ));
    assert!(worst <= Duration::from_secs(10) && !text.contains("panicked"));
    collector.terminate();
}
