//! Figures as a text table and as JSON.

use crate::figures::{Run, median};
use crate::machine;
use crate::options::Options;
use crate::rounds::Outcome;
use crate::scenario::Server;
use serde_json::{Value, json};
use std::fmt::Write;

/// Ratios of spans a CPU-second are given over these.
const FLOORS: [Server; 3] = [Server::Prost, Server::Walk, Server::Drop];

impl Outcome {
    /// Runs of a server.
    fn of(&self, server: Server) -> impl Iterator<Item = &Run> {
        self.rounds.iter().flatten().filter(move |(s, _)| *s == server).map(|(_, run)| run)
    }

    /// Median over the rounds of a server's figure.
    fn figure(&self, server: Server, figure: impl Fn(&Run) -> f64) -> f64 {
        median(self.of(server).map(figure))
    }

    /// Median over the rounds of how many times the floor's spans a CPU-second a server takes.
    fn ratio(&self, server: Server, floor: Server) -> f64 {
        let of = |round: &[(Server, Run)], wanted: Server| {
            round.iter().find(|(s, _)| *s == wanted).map(|(_, run)| run.per_cpu_second())
        };
        let ratios = self.rounds.iter().filter_map(|r| Some(of(r, server)? / of(r, floor)?));
        median(ratios)
    }
}

/// The table.
pub fn text(options: &Options, results: &[Outcome]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}; server on core {}, {} cores seen; medians of {} rounds of {} s after {} s (longpole: {} s)",
        machine::processor(),
        options.server_core,
        machine::cores(),
        options.rounds(),
        options.seconds(),
        options.warm_up(),
        options.warm_up() + Server::Longpole.settles(),
    );
    for result in results {
        let any = result.rounds.iter().flatten().next();
        let (bytes, operations) = any.map_or((0.0, 0), |(_, r)| (r.bytes_per_span, r.operations));
        let _ = writeln!(
            out,
            "\n{} ({operations} seen), {bytes:.0} bytes a span, {} connections x {} in flight",
            result.scenario, options.connections, options.in_flight
        );
        out.push_str(&line(&HEADS));
        for server in &result.scenario.servers {
            out.push_str(&line(&row(result, *server)));
        }
        out.push_str(&line(&UNITS));
    }
    out
}

/// Columns of the table.
const COLUMNS: usize = 17;
const HEADS: [&str; COLUMNS] = [
    "server",
    "spans/CPU-s",
    "us/span",
    "x prost",
    "x walk",
    "x drop",
    "spans/s",
    "cores",
    "ack p50",
    "p99",
    "p99.9",
    "RSS",
    "requests",
    "refused",
    "drained",
    "shed",
    "rounds",
];
const UNITS: [&str; COLUMNS] = [
    "",
    "thousands",
    "CPU",
    "",
    "",
    "",
    "thousands",
    "busy",
    "ms",
    "ms",
    "ms",
    "MiB",
    "timed",
    "",
    "s",
    "%",
    "",
];

/// One line, its columns below one another.
fn line<T: AsRef<str>>(cells: &[T; COLUMNS]) -> String {
    let [server, rest @ ..] = cells;
    let rest: String = rest
        .iter()
        .zip(&HEADS[1..])
        .map(|(cell, head)| format!("{:>1$}", cell.as_ref(), 2 + head.len().max(7)))
        .collect();
    format!("{:<9}{rest}\n", server.as_ref())
}

fn row(result: &Outcome, server: Server) -> [String; COLUMNS] {
    let figure = |digits: usize, figure: fn(&Run) -> f64| match result.figure(server, figure) {
        value if value.is_finite() => format!("{value:.digits$}"),
        _ => "-".to_owned(),
    };
    let own = |digits: usize, of: fn(&Run) -> f64| match server {
        Server::Longpole | Server::Journal => figure(digits, of),
        _ => "-".to_owned(),
    };
    let ratio = |floor: Server| match result.ratio(server, floor) {
        value if value.is_finite() => format!("{value:.2}"),
        _ => "-".to_owned(),
    };
    let sum = |of: fn(&Run) -> u64| result.of(server).map(of).sum::<u64>().to_string();
    let [prost, walk, drop] = FLOORS.map(ratio);
    [
        server.name().to_owned(),
        figure(0, |r| r.per_cpu_second() / 1e3),
        figure(3, Run::micros),
        prost,
        walk,
        drop,
        figure(0, |r| r.per_second() / 1e3),
        figure(2, Run::busy),
        figure(2, |r| r.ack_ms[0]),
        figure(2, |r| r.ack_ms[1]),
        figure(2, |r| r.ack_ms[2]),
        figure(0, |r| r.peak_mib),
        sum(|r| r.requests),
        sum(|r| r.refused),
        own(2, |r| r.drained),
        own(1, |r| r.shed * 100.0),
        result.of(server).count().to_string(),
    ]
}

/// The same figures, and those of each run.
pub fn json(options: &Options, results: &[Outcome], faults: &[String]) -> Value {
    let scenarios = results.iter().map(|result| {
        let servers = result.scenario.servers.iter().map(|server| {
            let figure = |figure: fn(&Run) -> f64| result.figure(*server, figure);
            json!({
                "server": server.name(),
                "median": {
                    "spans_per_cpu_second": figure(Run::per_cpu_second),
                    "cpu_us_per_span": figure(Run::micros),
                    "spans_per_second": figure(Run::per_second),
                    "cores": figure(Run::busy),
                    "peak_rss_mib": figure(|r| r.peak_mib),
                    "ack_ms": {
                        "p50": figure(|r| r.ack_ms[0]),
                        "p99": figure(|r| r.ack_ms[1]),
                        "p999": figure(|r| r.ack_ms[2]),
                    },
                },
                "ratio_of_spans_per_cpu_second": {
                    "prost": result.ratio(*server, Server::Prost),
                    "walk": result.ratio(*server, Server::Walk),
                    "drop": result.ratio(*server, Server::Drop),
                },
                "runs": result.of(*server).map(Run::json).collect::<Vec<_>>(),
            })
        });
        json!({
            "scenario": result.scenario.to_string(),
            "protocol": result.scenario.protocol.name(),
            "spans_per_request": result.scenario.spans,
            "operations": result.scenario.operations,
            "rate": result.scenario.rate,
            "servers": servers.collect::<Vec<_>>(),
        })
    });
    json!({
        "processor": machine::processor(),
        "cores": machine::cores(),
        "rounds": options.rounds(),
        "seconds": options.seconds(),
        "warm_up": options.warm_up(),
        "shards": options.shards,
        "connections": options.connections,
        "in_flight": options.in_flight,
        "scenarios": scenarios.collect::<Vec<_>>(),
        "faults": faults,
    })
}
