//! `longpole lab`: the shop with faults of known truth, simulated, or live with `--live`. `record` writes a recording
//! of the simulated one; `run` and `matrix` diagnose runs and hold them against the truth.

mod live;
mod matrix;
mod trial;

use super::{CommandError, exit};
use longpole_lab::live::{Role, Service};
use longpole_lab::{Fault, Options, record};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `lab`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Record a simulated shop: NAME.otlp.binpb.zst and NAME.labels.json
    Record(Record),
    /// Diagnose runs of one fault: what is said of each, and how often it is right
    Run(Run),
    /// Diagnose runs of every fault: the confusion matrix, and how well confidence is calibrated
    Matrix(matrix::Args),
    /// One process of the live shop; the demo starts them
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// What goes wrong, or none
    #[arg(long)]
    fault: Fault,
    #[command(flatten)]
    runs: matrix::Args,
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[arg(long)]
    role: Role,
    #[arg(long)]
    release: String,
    #[arg(long)]
    fault: Fault,
    #[arg(long)]
    book: PathBuf,
    #[arg(long)]
    otlp: String,
}

/// Runs one process of the live shop until it is told to stop.
fn serve(args: Serve) -> Result<u8, CommandError> {
    let service = Service {
        role: args.role,
        version: args.release,
        fault: args.fault,
        book: args.book,
        otlp: args.otlp,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(longpole_lab::live::serve(service)).map_err(super::demo::DemoError::from)?;
    Ok(exit::OK)
}

#[derive(Debug, clap::Args)]
struct Record {
    /// What goes wrong, or none; a wrong name lists them all
    #[arg(long, default_value = "n-plus-one")]
    fault: Fault,
    /// Seed: the same seed gives the same recording
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds without the fault
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    healthy: u64,
    /// Seconds with it
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    faulty: u64,
    /// Customers' requests per second
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Folder to write to
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the folder cannot be written.
pub fn run(args: Args) -> Result<u8, CommandError> {
    let args = match args.command {
        Command::Record(args) => args,
        Command::Run(args) => return matrix::run(&[args.fault], &args.runs),
        Command::Matrix(args) => return matrix::run(&Fault::ALL, &args),
        Command::Serve(args) => return serve(args),
    };
    if !(args.rate > 0.0 && args.rate <= 10_000.0) {
        return Err(CommandError::Usage("--rate must be above 0 and at most 10000".to_owned()));
    }
    let options = Options {
        healthy_seconds: args.healthy,
        faulty_seconds: args.faulty,
        requests_per_second: args.rate,
        ..Options::default()
    };
    let recording = record(args.fault, args.seed, &options);
    let name = args.fault.name();
    let file = args.out.join(format!("{name}.otlp.binpb.zst"));
    let labels = args.out.join(format!("{name}.labels.json"));
    let packed = zstd::encode_all(recording.frames().as_slice(), 19)?;
    write(&args.out, |_| std::fs::create_dir_all(&args.out))?;
    write(&file, |p| std::fs::write(p, &packed))?;
    write(&labels, |p| std::fs::write(p, &recording.labels))?;
    let (spans, messages) = (recording.spans, recording.messages.len());
    let mut out = std::io::stdout().lock();
    if args.json {
        let said = serde_json::json!({
            "recording": file, "labels": labels, "spans": spans, "messages": messages, "bytes": packed.len(),
        });
        writeln!(out, "{said}")?;
    } else {
        println!(
            "{}: {spans} spans in {messages} messages, {} bytes",
            file.display(),
            packed.len()
        );
        writeln!(out, "{}: the truth", labels.display())?;
    }
    Ok(exit::OK)
}

fn write(path: &Path, f: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), CommandError> {
    f(path).map_err(|e| CommandError::Usage(format!("cannot write {}: {e}", path.display())))
}
