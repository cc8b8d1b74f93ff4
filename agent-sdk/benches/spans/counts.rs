//! Exact counts, whatever else the machine does: instructions and system calls under valgrind's callgrind, of the
//! measured functions only, and allocations of the thread.

use super::cases;
use std::process::{Command, Stdio};

/// Names the function to run in the process that is counted.
const COUNT: &str = "LONGPOLE_BENCH_COUNT";
/// Traces that are counted, and those before them: threads take their rings, texts their buffers.
const TRACES: usize = 200;
const BEFORE: usize = 20;

type Run = fn(usize);

/// The counted functions by name.
pub const COUNTED: [(&str, Run, usize); 9] = [
    ("longpole_bare", cases::longpole_bare, cases::SPANS),
    ("longpole_static", cases::longpole_static, cases::SPANS),
    ("longpole_literal", cases::longpole_literal, cases::SPANS),
    ("longpole_mixed", cases::longpole_mixed, cases::SPANS),
    ("longpole_unsampled", cases::longpole_unsampled, cases::UNSAMPLED),
    ("fastrace_bare", cases::fastrace_bare, cases::SPANS),
    ("fastrace_static", cases::fastrace_static, cases::SPANS),
    ("fastrace_mixed", cases::fastrace_mixed, cases::SPANS),
    ("fastrace_unsampled", cases::fastrace_unsampled, cases::UNSAMPLED),
];

/// Runs the function to be counted, when this process is there for that.
pub fn counted() -> bool {
    let Ok(name) = std::env::var(COUNT) else { return false };
    let _setup = super::setup::Setup::new(false);
    if let Some((_, run, _)) = COUNTED.iter().find(|(n, ..)| *n == name) {
        once(*run);
    }
    // Nobody is waited for: what follows would be counted by nobody and take its time.
    std::process::exit(0);
}

/// Apart, so that the first calls are not counted: collecting is toggled here.
#[inline(never)]
fn once(run: Run) {
    run(BEFORE);
    longpole_bench_measured(run);
}

#[inline(never)]
fn longpole_bench_measured(run: Run) {
    run(std::hint::black_box(TRACES));
}

/// Instructions and system calls a span.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub instructions: f64,
    pub calls: f64,
}

/// Counts one function; `None` without valgrind. A call of another thread is now and then counted for this one, when
/// they change places in it; one of its own would be there each time. So the least of three runs counts.
pub fn count(name: &str, spans: usize, arguments: &[&str]) -> Option<Count> {
    let mut least = run(name, spans, arguments)?;
    for _ in 0..2 {
        if least.calls == 0.0 {
            break;
        }
        let again = run(name, spans, arguments)?;
        least.calls = least.calls.min(again.calls);
    }
    Some(least)
}

fn run(name: &str, spans: usize, arguments: &[&str]) -> Option<Count> {
    let out = std::env::temp_dir().join(format!("longpole-bench-{}-{name}", std::process::id()));
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--collect-systime=yes"])
        // Else what background threads do meanwhile would be counted too.
        .arg("--separate-threads=yes")
        .arg("--toggle-collect=*longpole_bench_measured*")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().ok()?)
        .args(arguments)
        .env(COUNT, name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let folder = std::env::temp_dir();
    let name = out.file_name()?.to_str()?.to_owned();
    let text = std::fs::read_to_string(folder.join(format!("{name}-01"))).ok();
    for file in std::fs::read_dir(&folder).ok()?.flatten() {
        if file.file_name().to_str().is_some_and(|f| f.starts_with(&name)) {
            // Files of ours in the temporary folder; nothing hangs on them.
            let _ = std::fs::remove_file(file.path());
        }
    }
    let text = text.filter(|_| done.success())?;
    let line = text.lines().find_map(|l| l.strip_prefix("totals: "))?;
    let mut numbers = line.split_ascii_whitespace().map(|n| n.parse::<f64>().unwrap_or(f64::NAN));
    let all = (spans * TRACES) as f64;
    let (instructions, calls) = (numbers.next()?, numbers.next().unwrap_or(0.0));
    Some(Count { instructions: instructions / all, calls })
}

/// Allocations a span, on a thread that has recorded before.
pub fn allocations(run: Run, spans: usize) -> f64 {
    run(BEFORE);
    let seen = allocation_counter::measure(|| run(TRACES));
    seen.count_total as f64 / (spans * TRACES) as f64
}
