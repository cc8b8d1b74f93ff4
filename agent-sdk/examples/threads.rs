//! Plain threads, no runtime: a job is cut up, the pieces are spans of its trace.
//!
//! `cargo run -p longpole-sdk --example threads`

use longpole_sdk::{in_current_span, span};
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = longpole_sdk::init("report")?;
    let mut job = span!("nightly report", pieces = 4);
    let workers: Vec<_> = (0..4u64)
        .map(|piece| {
            thread::spawn(in_current_span(move || {
                let mut span = span!("piece", piece = piece);
                thread::sleep(Duration::from_millis(piece));
                if piece == 3 {
                    span.error(&std::io::Error::other("disk full"));
                    return Err(());
                }
                Ok(piece)
            }))
        })
        .collect();
    let done = workers.into_iter().filter_map(|w| w.join().ok()?.ok()).count();
    job.set("done", done);
    if done < 4 {
        job.fail("a piece is missing");
    }
    drop(job);
    guard.shutdown(Duration::from_secs(3));
    Ok(())
}
