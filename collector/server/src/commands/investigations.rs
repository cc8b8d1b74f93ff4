//! `longpole investigations explain`: retells one verdict of a replay's JSON.

use super::{CommandError, exit};
use longpole_exporters::{json, report};
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

/// Arguments of `investigations`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Retell one verdict: windows, n, effect, interval, test, what was ruled out
    Explain(Explain),
}

#[derive(Debug, clap::Args)]
struct Explain {
    /// Output of `longpole replay --json`, or - for standard input
    file: PathBuf,
    /// Which investigation: its id or the beginning of it; the first one when left out
    id: Option<String>,
    /// Print the investigation as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A file that is no replay's JSON, or an id that is not in it.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let Command::Explain(args) = args.command;
    let shown = args.file.display().to_string();
    let mut text = String::new();
    let read = if shown == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(&args.file).map(|t| text = t)
    };
    read.map_err(|e| CommandError::Usage(format!("cannot read {shown}: {e}")))?;
    let replay = json::read_replay(&text).map_err(|e| {
        CommandError::Usage(format!("{shown}: {e}. Give what `longpole replay --json` printed."))
    })?;
    if replay.investigations.is_empty() {
        eprintln!("longpole: no investigation was opened in this replay");
        return Ok(exit::TOO_LITTLE);
    }
    let found = report::pick(&replay.investigations, args.id.as_deref())
        .map_err(|e| CommandError::Usage(e.to_string()))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        out.write_all(json::investigation(found).as_bytes())?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        out.write_all(report::explain(found, report::Style { colour }).as_bytes())?;
    }
    Ok(exit::OK)
}
