//! `longpole doctor`: asks a running collector what it sees, and says what is missing and what would
//! mend it. Reads the public scrape and API only.

mod checks;
mod fetch;
mod streams;

use super::{CommandError, exit};
use checks::{Check, Scrape, examine};
use fetch::get;
use std::io::Write;
use std::net::SocketAddr;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The collector's address for scrape and API
    #[arg(long, default_value = "127.0.0.1:4319", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command. Unreachable is exit code 4.
///
/// # Errors
/// Standard output that breaks.
pub fn run(args: Args) -> Result<u8, CommandError> {
    type Read = (Scrape, serde_json::Value, serde_json::Value);
    let read = || -> std::io::Result<Read> {
        let scrape = Scrape::read(&get(args.listen, "/metrics")?);
        let services = get(args.listen, "/api/v1/services")?;
        let streams = get(args.listen, "/api/v1/streams")?;
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Ok((scrape, json(&services), json(&streams)))
    };
    let mut out = std::io::stdout().lock();
    let (scrape, services, streams) = match read() {
        Ok(read) => read,
        Err(e) => {
            let at = args.listen;
            let fix =
                format!("start one with `longpole collector`, or name another with --listen ({e})");
            let checks =
                [Check { ok: false, what: format!("nobody answers at {at}"), fix: Some(fix) }];
            write(&mut out, &checks, args.json)?;
            return Ok(exit::UNREACHABLE);
        }
    };
    let mut checks = examine(args.listen, &scrape, &services);
    checks.extend(streams::examine(&streams));
    write(&mut out, &checks, args.json)?;
    Ok(exit::OK)
}

fn write(out: &mut impl Write, checks: &[Check], json: bool) -> std::io::Result<()> {
    if json {
        let rows: Vec<_> = checks
            .iter()
            .map(|c| serde_json::json!({ "ok": c.ok, "what": c.what, "fix": c.fix }))
            .collect();
        return writeln!(out, "{}", serde_json::json!({ "checks": rows }));
    }
    for check in checks {
        let what = longpole_exporters::text::clean_to(&check.what, 300);
        writeln!(out, "{} {what}", if check.ok { "ok" } else { "!!" })?;
        if let Some(fix) = check.fix.as_ref().filter(|_| !check.ok) {
            writeln!(out, "   {fix}")?;
        }
    }
    Ok(())
}
