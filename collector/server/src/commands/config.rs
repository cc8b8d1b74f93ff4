//! `longpole config`: what is set and where it came from, and the schema of the file.

use super::{CommandError, exit};
use crate::config::{self, Config, Overrides};
use std::io::Write;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print every setting as it would be used
    Show(Box<Show>),
    /// Print the JSON Schema of the configuration file
    Schema,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    overrides: Overrides,
    /// Say where each value came from: flag, environment, file or default
    #[arg(long)]
    origin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A configuration that cannot be used.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let text = match args.command {
        Command::Schema => format!("{:#}\n", config::schema()),
        Command::Show(args) => {
            let loaded = Config::load(&args.overrides, |name| {
                std::env::var_os(name).map(|v| v.to_string_lossy().into_owned())
            })?;
            match (args.origin, args.json) {
                (false, false) => config::show(&loaded),
                (false, true) => format!("{:#}\n", config::show_json(&loaded)),
                (true, false) => config::show_origins(&loaded),
                (true, true) => format!("{:#}\n", config::show_origins_json(&loaded)),
            }
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(exit::OK)
}
