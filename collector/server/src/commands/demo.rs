//! `longpole demo`: the collector and a shop of real services as processes of this binary, steady
//! load, a bad release, and what Longpole says about it. Uses public flags and the public API only.

mod story;

use super::{CommandError, exit};
use longpole_exporters::report;
use longpole_lab::Fault;
use longpole_lab::live::LiveError;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use story::Story;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What goes wrong: n-plus-one, cpu, slow-database, lock, downstream-latency, errors, pool, slow-disk,
    /// lossy-network, failing-dependency, cold-cache, load, retry-storm
    #[arg(long, default_value = "n-plus-one", value_parser = fault)]
    fault: Fault,
    /// Customers' requests per second
    #[arg(long, default_value_t = 90.0)]
    rate: f64,
    /// Seed of the customers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Go on serving afterwards, until Ctrl-C
    #[arg(long)]
    stay: bool,
}

fn fault(name: &str) -> Result<Fault, String> {
    let names = || Fault::LIVE.map(Fault::name).join(", ");
    let found = Fault::LIVE.into_iter().find(|f| f.name() == name);
    found.ok_or_else(|| format!("no such fault; there are: {}", names()))
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The shop.
    #[error(transparent)]
    Shop(#[from] LiveError),
    /// The system.
    #[error("the demo cannot go on: {0}")]
    System(#[from] std::io::Error),
    /// The collector.
    #[error("the demo's collector {0}")]
    Collector(String),
}

/// Runs the command.
///
/// # Errors
/// [`DemoError`].
pub fn run(args: Args) -> Result<u8, CommandError> {
    if !(args.rate >= 1.0 && args.rate <= 5_000.0) {
        return Err(CommandError::Usage("--rate must be at least 1 and at most 5000".to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(tell(args))
}

async fn tell(args: Args) -> Result<u8, CommandError> {
    let mut story = Story::begin(args.fault, args.rate, args.seed).await?;
    story.release().await?;
    let found = story.wait().await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", story.document(found.as_ref()))?;
    } else {
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = report::Style { colour };
        writeln!(out, "{}", story.onset())?;
        match &found {
            Some(i) => out.write_all(report::explain(i, style).as_bytes())?,
            None => writeln!(out, "nothing was found in time")?,
        }
        writeln!(out, "{}", story.ending(found.as_ref()))?;
    }
    out.flush()?;
    if args.stay {
        eprintln!("longpole: still serving at http://{} (Ctrl-C ends it)", story.listen());
        // Without signals it stays until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            tokio::time::sleep(Duration::MAX).await;
        }
    }
    story.end().await;
    Ok(if found.is_some() { exit::OK } else { exit::TOO_LITTLE })
}
