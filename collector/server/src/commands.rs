//! The commands of the `longpole` binary: arguments in, text and exit code out.
//!
//! What they print is rendered by `longpole-exporters`; what it means is decided by
//! `longpole-core`. Data goes to standard output, talk to standard error.

pub mod collector;
pub mod config;
#[cfg(feature = "lab")]
pub mod demo;
pub mod detect;
pub mod diagnose;
pub mod doctor;
pub mod investigations;
mod judge;
#[cfg(feature = "lab")]
pub mod lab;
pub mod replay;

mod road;

use clap::{Parser, Subcommand};

/// Exit codes (CONVENTIONS 2.8).
pub mod exit {
    /// All well.
    pub const OK: u8 = 0;
    /// A regression was found and the caller asked to fail on one.
    pub const REGRESSION: u8 = 1;
    /// Wrong usage or configuration.
    pub const USAGE: u8 = 2;
    /// Not enough data to answer.
    pub const TOO_LITTLE: u8 = 3;
    /// Nobody answers.
    pub const UNREACHABLE: u8 = 4;
}

/// Finds the long pole: what makes a distributed system slow, whose it is, and what kind.
#[derive(Debug, Parser)]
#[command(name = "longpole", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Collect: OTLP in, metrics, API and investigations out
    Collector(collector::Args),
    /// Ask a running collector what it is missing
    Doctor(doctor::Args),
    /// Replay a recording: services by RED, then every investigation with its evidence
    Replay(replay::Args),
    /// Compare two stretches of a recording, or find them: whose fault, what kind
    Diagnose(diagnose::Args),
    /// Answer detection questions, one JSON object a line
    Detect(detect::Args),
    /// Look at what a replay found
    Investigations(investigations::Args),
    /// Show the configuration and where it came from, or its schema
    Config(config::Args),
    /// See it work: a shop of real services, a bad release, and what Longpole says about it
    #[cfg(feature = "lab")]
    Demo(demo::Args),
    /// Make recordings of a simulated shop with known faults
    #[cfg(feature = "lab")]
    Lab(lab::Args),
}

/// Why a command ended without its answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A recording that cannot be opened.
    #[error(transparent)]
    Replay(#[from] crate::ingest::replay::ReplayError),
    /// Wrong arguments, in words.
    #[error("{0}")]
    Usage(String),
    /// A routing tree that cannot be used.
    #[error(transparent)]
    Tree(#[from] crate::specialists::BadTree),
    /// A collector that could not start.
    #[error(transparent)]
    Start(#[from] crate::collector::StartError),
    /// A configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A demo that did not come to its end.
    #[cfg(feature = "lab")]
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// Standard output or input broke.
    #[error("cannot write the answer: {0}")]
    Io(#[from] std::io::Error),
}

/// Runs the command line; the answer is the exit code.
///
/// # Errors
/// [`CommandError`], which is exit code 2.
pub fn run(cli: Cli) -> Result<u8, CommandError> {
    match cli.command {
        Command::Collector(args) => collector::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Diagnose(args) => diagnose::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Investigations(args) => investigations::run(args),
        Command::Config(args) => config::run(args),
        #[cfg(feature = "lab")]
        Command::Demo(args) => demo::run(args),
        #[cfg(feature = "lab")]
        Command::Lab(args) => lab::run(args),
    }
}
