//! Runs: a server and a generator each, round by round, the servers of a round side by side.

use crate::account::{self, Account};
use crate::figures::Run;
use crate::machine;
use crate::options::Options;
use crate::scenario::{Scenario, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader, IsTerminal, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};

/// What a scenario gave: round by round, the runs that came to their end.
pub struct Outcome {
    /// The scenario.
    pub scenario: Scenario,
    /// Rounds of it.
    pub rounds: Vec<Vec<(Server, Run)>>,
}

/// Runs all scenarios. Faults are told, and the rest goes on: the whole takes minutes.
pub fn run(options: &Options) -> (Vec<Outcome>, Vec<String>) {
    let (mut results, mut faults) = (Vec::new(), Vec::new());
    for scenario in options.scenarios() {
        let mut rounds = Vec::new();
        for round in 1..=options.rounds() {
            let mut runs = Vec::new();
            for server in scenario.servers.iter().copied() {
                let name = server.name();
                if std::io::stderr().is_terminal() {
                    eprintln!("{scenario}: round {round} of {}: {name}", options.rounds());
                }
                let mut fault =
                    |why| faults.push(format!("{scenario}, round {round}, {name}: {why}"));
                match once(options, &scenario, server) {
                    Ok((run, wrong)) => {
                        runs.push((server, run));
                        wrong.into_iter().for_each(&mut fault);
                    }
                    Err(why) => fault(why),
                }
            }
            rounds.push(runs);
        }
        results.push(Outcome { scenario, rounds });
    }
    (results, faults)
}

/// A child process whose lines are read; it is ended when dropped.
struct Role {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Role {
    fn start(core: usize, arguments: &[String]) -> Result<Self, String> {
        let mut child = machine::again(core)?
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{arguments:?} does not start: {e}"))?;
        let out = child.stdout.take().ok_or("no pipe")?;
        Ok(Self { child, lines: BufReader::new(out).lines() })
    }

    /// The next line, JSON.
    fn line(&mut self) -> Result<Value, String> {
        let line = self.lines.next().ok_or("a process ended before its time")?;
        let line = line.map_err(|e| e.to_string())?;
        serde_json::from_str(&line).map_err(|e| format!("{line:?}: {e}"))
    }

    fn phase(&mut self, expected: &str) -> Result<Value, String> {
        let line = self.line()?;
        if line["phase"] == expected { Ok(line) } else { Err(format!("{line}, not {expected}")) }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One run, and what was wrong with it.
fn once(
    options: &Options,
    scenario: &Scenario,
    server: Server,
) -> Result<(Run, Vec<String>), String> {
    let text = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let shards = options.shards.to_string();
    let mut arguments = text(&["serve", "--server", server.name(), "--shards", &shards]);
    // Goes when the server has ended, which it outlives: some gigabytes a run.
    let journal = (server == Server::Journal).then(tempfile::tempdir).transpose();
    let journal = journal.map_err(|e| format!("no folder for a journal: {e}"))?;
    if let Some(folder) = &journal {
        arguments.extend(["--data".to_owned(), folder.path().display().to_string()]);
    }
    let mut serving = Role::start(options.server_core, &arguments)?;
    let at = serving.line()?;
    let address = |name: &str| -> Option<SocketAddr> { at[name].as_str()?.parse().ok() };
    let to = address(scenario.protocol.name()).ok_or_else(|| format!("no address: {at}"))?;

    let warm_up = options.warm_up() + server.settles();
    let mut arguments = text(&["generate", "--protocol", scenario.protocol.name()]);
    let mut option = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
    option("to", to.to_string());
    option("spans", scenario.spans.to_string());
    option("operations", scenario.operations.to_string());
    option("connections", options.connections.to_string());
    option("in-flight", options.in_flight.to_string());
    option("warm-up", warm_up.to_string());
    option("seconds", options.seconds().to_string());
    if let Some(rate) = scenario.rate {
        option("rate", rate.to_string());
    }
    let core = options.generator_core.unwrap_or_else(|| machine::cores().saturating_sub(1));
    let mut load = Role::start(core, &arguments)?;
    let pid = serving.child.id();
    load.phase("measured")?;
    let before = machine::cpu(pid)?;
    let profile = options.perf.as_ref().and_then(|file| {
        let mut file = file.clone().into_os_string();
        if scenario.servers.len() > 1 {
            file.push(format!(".{}", server.name()));
        }
        machine::perf(pid, options.seconds(), file.as_ref())
    });
    load.phase("over")?;
    let cpu = machine::cpu(pid)?.saturating_sub(before);
    let done = load.phase("done")?;
    let peak = machine::peak_kib(pid)?;
    if let Some(mut profile) = profile {
        let _ = profile.wait();
    }
    let tally = &done["tally"];
    let whole = |value: &Value| value.as_u64().unwrap_or(0);
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let (acknowledged, refused) = (whole(&tally["acknowledged"]), whole(&tally["refused"]));
    let (mut wrong, mut account) = (Vec::new(), Account::default());
    if refused > 0 {
        let first = &tally["first_refusal"];
        wrong.push(format!(
            "{refused} answers were not OK, beside {acknowledged} spans acknowledged; the first: {first}"
        ));
    }
    if let Some(listen) = address("listen") {
        match account::check(listen, acknowledged) {
            Ok(told) => account = told,
            Err(why) => wrong.push(why),
        }
    }
    let run = Run {
        spans: whole(&tally["measured"]),
        requests: whole(&tally["requests"]),
        refused,
        drained: account.drained,
        shed: account.shed as f64 / acknowledged as f64,
        seconds: number(&tally["seconds"]),
        cpu: cpu.as_secs_f64(),
        peak_mib: peak as f64 / 1024.0,
        ack_ms: ["p50", "p99", "p999"].map(|q| number(&tally["ack_ms"][q])),
        operations: whole(&done["load"]["operations"]),
        bytes_per_span: number(&done["load"]["bytes_per_span"]),
    };
    if run.spans == 0 {
        return Err("no span was acknowledged in the measured time".to_owned());
    }
    Ok((run, wrong))
}
