//! The command line, and the run that it asks for.

use crate::report::Report;
use crate::{BENCHES, Bench, counts};

/// What the collector's parts cost by themselves.
#[derive(Clone, Debug, clap::Parser)]
#[command(bin_name = "cargo bench -p longpole-tests --bench micro --")]
pub struct Options {
    /// Subjects [all]: decode, record, close, analyst, decide, scrape, visit, memory.
    names: Vec<String>,
    /// Instructions instead of time, where valgrind is there.
    #[arg(long)]
    counts: bool,
    /// Figures as JSON.
    #[arg(long)]
    json: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Measures and prints.
    ///
    /// # Errors
    /// A name that is none, or what went wrong in a subject; the others are measured all the same.
    pub fn run(&self) -> Result<(), String> {
        let known = |name: &&String| !BENCHES.iter().any(|b| b.name == **name);
        if let Some(unknown) = self.names.iter().find(known) {
            let names: Vec<&str> = BENCHES.iter().map(|b| b.name).collect();
            return Err(format!("{unknown} is none of {}", names.join(", ")));
        }
        let asked =
            |b: &&&Bench| self.names.is_empty() || self.names.iter().any(|name| b.name == name);
        let mut report = Report::new(self.json);
        let mut faults = Vec::new();
        for bench in BENCHES.iter().filter(asked) {
            report.begin(bench.name, bench.about);
            let done = if self.counts {
                counts::run(bench, &mut report)
            } else {
                (bench.time)(&mut report)
            };
            if let Err(why) = done {
                faults.push(format!("{}: {why}", bench.name));
            }
        }
        report.end();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }
}
