//! What the collector's parts cost by themselves: CPU time, instructions, memory.
//!
//! `cargo bench -p longpole-tests --bench micro -- [NAME...] [--counts] [--json]`; names are those of
//! [`BENCHES`]. All load is made up from fixed seeds ([`traffic`]), time comes from the load, and one
//! thread does the work ([`road`]). It prints and asserts nothing about time, for machines are noisy;
//! it fails when spans were lost. How whole servers do is the bench `collector`.

mod analyst;
mod clock;
mod close;
mod counts;
mod decide;
mod decode;
mod fleet;
mod memory;
mod options;
mod record;
mod report;
mod road;
mod scaling;
mod scrape;
mod stored;
mod traffic;
mod visit;
mod windows;

use clap::Parser;
use counts::Count;
use report::Report;
use std::process::ExitCode;

/// The collector's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// One subject.
pub struct Bench {
    /// On the command line and before each figure.
    pub name: &'static str,
    /// What is measured.
    pub about: &'static str,
    /// Measures.
    pub time: fn(&mut Report) -> Result<(), String>,
    /// What of it is counted in instructions.
    pub counts: &'static [Count],
}

/// All subjects, in the order in which they run.
pub const BENCHES: [&Bench; 11] = [
    &decode::BENCH,
    &record::BENCH,
    &close::BENCH,
    &stored::BENCH,
    &analyst::BENCH,
    &fleet::BENCH,
    &decide::BENCH,
    &scrape::BENCH,
    &visit::BENCH,
    &scaling::BENCH,
    &memory::BENCH,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["count", what, total, n] => counts::child(what, total, n),
        ["memory", scene, ref rest @ ..] => memory::child(scene, rest),
        _ if !words.contains(&"--bench") => {
            println!("micro: a benchmark, run by `cargo bench`; nothing to test here");
            Ok(())
        }
        _ => options::Options::parse().run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}
