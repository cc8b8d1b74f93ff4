//! How fast the collector takes spans: real servers under a real load, side by side with floors.
//!
//! `cargo bench -p longpole-tests --bench collector -- [table|quick] [OPTIONS]`; `--help` tells them.
//! The program starts itself again as a server ([`serve`]) and as a load generator ([`generate`]), each
//! on a core of its own, and measures the server's CPU time from outside ([`rounds`]). It prints and
//! asserts nothing about time, for machines are noisy; it fails when an answer was not OK or when the
//! collector's account differs from what was acknowledged.

mod account;
mod figures;
mod generate;
mod machine;
mod options;
mod rounds;
mod scenario;
mod serve;
mod table;

use clap::Parser;
use std::process::ExitCode;

/// The collector's, for all servers: what differs between them is what they do.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let role = arguments.peek().cloned().unwrap_or_default();
    let done = match role.as_str() {
        "serve" => serve::run(serve::Args::parse_from(arguments)),
        "generate" => generate::run(generate::Args::parse_from(arguments)),
        _ if !arguments.any(|a| a == "--bench") => {
            println!("collector: a benchmark, run by `cargo bench`; nothing to test here");
            Ok(())
        }
        _ => bench(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{role}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what the command line asks for and prints it.
fn bench() -> Result<(), String> {
    let options = options::Options::parse();
    let (results, faults) = rounds::run(&options);
    if options.json {
        println!("{:#}", table::json(&options, &results, &faults));
    } else {
        print!("{}", table::text(&options, &results));
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("FAILED\n{}", faults.join("\n"))) }
}
