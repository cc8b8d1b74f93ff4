//! A window on its way to whoever leads: written by one process, read and given own ids by another.

use crate::report::Report;
use crate::windows::{RATE, SIZES, Stock};
use crate::{Bench, clock};
use longpole_collector::wire::{decode, encode};
use longpole_core::catalog::Interner;
use longpole_core::limits::Limits;
use longpole_core::memo::Seed;
use longpole_model::signal::{Timestamp, WindowSummary};

/// The subject.
pub const BENCH: Bench = Bench {
    name: "stored",
    about: "windows of four streams of 25 k spans/s each: written, read, given ids, put together",
    time,
    counts: &[],
};

/// Streams that a leader puts together.
const STREAMS: usize = 4;
const PASSES: usize = 7;
/// What is measured: of one stream, but for the last.
const PARTS: [&str; 5] = [
    "written",
    "read",
    "given ids, all names new",
    "given ids, all names known",
    "four streams put together",
];

fn time(report: &mut Report) -> Result<(), String> {
    for operations in [SIZES[0], SIZES[1]] {
        let stock = Stock::new(operations, RATE / STREAMS as u64, STREAMS);
        report.say(&format!("  {}", stock.describe()));
        let mut passes: [Vec<f64>; PARTS.len()] = Default::default();
        let mut bytes = Vec::new();
        for _ in 0..PASSES {
            let mut interner = Interner::new(Limits::default(), Seed(1));
            let mut windows = Vec::new();
            let mut took = [0; PARTS.len()];
            for i in 0..STREAMS {
                let window = stock.at(Timestamp(0), i);
                (bytes, took[0]) = clock::timed(|| encode(&window, &stock.catalog));
                let (read, reading) = clock::timed(|| decode(&bytes));
                let read = read.map_err(|e| e.to_string())?;
                took[1] = reading;
                windows.push(read);
            }
            let (first, names) = windows[0].clone();
            took[2] = clock::timed(|| interner.adopt(first, &names)).1;
            for (window, names) in &windows {
                interner.adopt(window.clone(), names);
            }
            let mut parts = Vec::new();
            for (window, names) in windows {
                let (part, adopting) = clock::timed(|| interner.adopt(window, &names));
                took[3] = adopting;
                parts.push(part);
            }
            took[4] = clock::timed(|| WindowSummary::merged(parts)).1;
            for (passes, took) in passes.iter_mut().zip(took) {
                passes.push(clock::ms(took));
            }
        }
        for (what, passes) in PARTS.iter().zip(passes) {
            report.samples(&format!("{operations}: {what}"), "ms", passes);
        }
        report.value(&format!("{operations}: one window"), "bytes", bytes.len() as f64);
        let (packed, packing) = clock::timed(|| zstd::encode_all(bytes.as_slice(), 1));
        let packed = packed.map_err(|e| e.to_string())?.len() as f64;
        report.value(&format!("{operations}: one window, zstd 1"), "bytes", packed);
        report.value(&format!("{operations}: packed so"), "ms", clock::ms(packing));
    }
    Ok(())
}
