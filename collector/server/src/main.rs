//! The `longpole` binary: parses the command line and turns errors into messages.

use clap::Parser;
use longpole_collector::commands::{Cli, exit, run};
use std::process::ExitCode;

/// Windows are made of many small pieces that one thread takes and another gives back, all at once: see
/// ARCHITECTURE, *Decisions*.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        // A reader that went away (`| head`) is no failure of ours.
        Err(longpole_collector::commands::CommandError::Io(e))
            if e.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            ExitCode::from(exit::OK)
        }
        Err(e) => {
            eprintln!("longpole: {e}");
            ExitCode::from(exit::USAGE)
        }
    }
}
