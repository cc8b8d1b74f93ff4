//! The command line, and the scenarios that it means.

use crate::scenario::{Protocol, Scenario, Server};
use std::path::PathBuf;

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// All scenarios, three rounds of eight seconds.
    Table,
    /// All scenarios, one round of three seconds.
    Quick,
}

/// How fast the collector takes spans, beside floors in the same run.
#[derive(Clone, Debug, clap::Parser)]
#[command(bin_name = "cargo bench -p longpole-tests --bench collector --")]
pub struct Options {
    /// Which rounds and seconds, and which scenarios where no option names one.
    #[arg(value_enum, default_value = "table")]
    pub preset: Preset,
    /// Servers, in this order.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "longpole,journal,prost,walk,drop"
    )]
    pub servers: Vec<Server>,
    /// One scenario: this protocol.
    #[arg(long, value_enum)]
    pub protocol: Option<Protocol>,
    /// One scenario: so many spans a request [437].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=80_000))]
    pub spans: Option<u32>,
    /// One scenario: so many spans a second, however long the answers take [as fast as they come].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// Distinct operations (service, kind, name), by Zipf's law.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub operations: u32,
    /// Connections; over HTTP/1.1 connections times in-flight.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: u32,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub in_flight: u32,
    /// Seconds before the measured ones [2; quick: 1]. Longpole gets five more: only then are traces
    /// evaluated as fast as they come.
    #[arg(long)]
    pub warm_up: Option<u64>,
    /// Measured seconds [8; quick: 3].
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Rounds; a figure is their median [3; quick: 1].
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Shards of the real collector.
    #[arg(long, default_value_t = 1)]
    pub shards: u32,
    /// Core of the server.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// Core of the generator [the last one].
    #[arg(long)]
    pub generator_core: Option<usize>,
    /// Figures as JSON.
    #[arg(long)]
    pub json: bool,
    /// Profile the server with `perf record` into this file (one for each server: FILE.NAME).
    #[arg(long, value_name = "FILE")]
    pub perf: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Seconds before the measured ones.
    pub fn warm_up(&self) -> u64 {
        self.warm_up.unwrap_or(if self.preset == Preset::Quick { 1 } else { 2 })
    }

    /// Measured seconds.
    pub fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.preset == Preset::Quick { 3 } else { 8 }).max(1)
    }

    /// Rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.preset == Preset::Quick { 1 } else { 3 }).max(1)
    }

    /// What to run: the one scenario that options name, or all.
    pub fn scenarios(&self) -> Vec<Scenario> {
        let of = |protocol, spans, rate, servers: &[Server]| Scenario {
            protocol,
            spans,
            rate,
            operations: self.operations,
            servers: self.servers.iter().copied().filter(|s| servers.contains(s)).collect(),
        };
        if self.protocol.is_some() || self.spans.is_some() || self.rate.is_some() {
            let protocol = self.protocol.unwrap_or(Protocol::Grpc);
            return vec![of(protocol, self.spans.unwrap_or(437), self.rate, &Server::ALL)];
        }
        let slow = [Server::Longpole, Server::Walk];
        let many = |operations| Scenario {
            operations,
            ..of(Protocol::Grpc, 437, None, &[Server::Longpole])
        };
        let all = vec![
            of(Protocol::Grpc, 437, None, &Server::ALL),
            of(Protocol::Http, 437, None, &Server::ALL),
            of(Protocol::Grpc, 16, None, &Server::ALL),
            of(Protocol::Grpc, 437, Some(50_000), &slow),
            // What a span costs where there are more operations.
            many(1_000),
            many(10_000),
            many(100_000),
        ];
        all.into_iter().filter(|s| !s.servers.is_empty()).collect()
    }
}
