//! `longpole detect --jsonl`: one question a line in, one answer a line out.
//!
//! The line protocol of regression benchmarks: whole histories, live series of durations or values,
//! before against after. A line that makes no sense gets an answer that says so.

use super::{CommandError, exit};
use longpole_core::detect::counts::{Counts, Scratch};
use longpole_core::detect::gate::{self, Decision};
use longpole_core::detect::{history, live, values};
use longpole_model::signal::Sketch;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write};

/// Arguments of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read questions from standard input as JSON lines and answer each on its own line
    #[arg(long, required = true)]
    jsonl: bool,
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Value,
    #[serde(flatten)]
    task: Task,
}

#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Task {
    History { values: Vec<Option<f64>> },
    LiveStart { warmup: Option<usize> },
    Live { i: Option<u64>, durations: Option<Vec<Option<f64>>>, value: Option<f64> },
    Gate { before: Vec<Vec<Option<f64>>>, after: Vec<Vec<Option<f64>>> },
}

/// A live series under test.
enum Series {
    New { warmup: usize },
    Durations(Box<live::Live>),
    Values(values::Values),
}

/// Live series that are kept; further ones are refused.
const MAX_SERIES: usize = 100_000;
/// Longest line taken, bytes.
const MAX_LINE: u64 = 64 << 20;

/// Runs the command.
///
/// # Errors
/// When standard input or output breaks.
pub fn run(args: Args) -> Result<u8, CommandError> {
    debug_assert!(args.jsonl);
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let mut series = HashMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let n = std::io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line)?;
        if n == 0 {
            return Ok(exit::OK);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice::<Question>(&line) {
            Ok(q) => answer(q, &mut series),
            Err(e) => {
                json!({"error": format!("not a question: {e}. Tasks: history, live_start, live, gate.")})
            }
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
}

fn answer(q: Question, series: &mut HashMap<String, Series>) -> Value {
    let (id, key) = (&q.id, q.id.to_string());
    let plain = |v: Vec<Option<f64>>| v.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect();
    match q.task {
        Task::History { values } => {
            let values: Vec<f64> = plain(values);
            json!({"id": id, "change_points": history::change_points(&values)})
        }
        Task::LiveStart { warmup } => {
            if series.len() >= MAX_SERIES {
                return json!({"id": id, "error": format!("{MAX_SERIES} series are under test already")});
            }
            series.insert(key, Series::New { warmup: warmup.unwrap_or(0) });
            json!({"id": id, "ok": true})
        }
        Task::Live { i, durations, value } => {
            let Some(s) = series.get_mut(&key) else {
                return json!({"id": id, "error": "no such series: send live_start first"});
            };
            let alarm = match (durations, value) {
                (Some(durations), _) => observe_durations(s, &plain(durations)),
                (None, value) => observe_value(s, value.unwrap_or(f64::NAN)),
            };
            json!({"id": id, "i": i, "alarm": alarm})
        }
        Task::Gate { before, after } => {
            let runs =
                |v: Vec<Vec<Option<f64>>>| -> Vec<Vec<f64>> { v.into_iter().map(plain).collect() };
            let v = gate::compare(&runs(before), &runs(after));
            let verdict = match v.decision {
                Decision::Pass => "pass",
                Decision::Fail => "fail",
                Decision::Inconclusive => "inconclusive",
            };
            json!({
                "id": id, "verdict": verdict, "quantile": v.quantile, "ratio": v.ratio,
                "interval": v.interval, "chance": v.chance, "runs": v.runs, "samples": v.samples,
            })
        }
    }
}

/// Durations have no unit here: a millionth of theirs is the sketch's, so that a value of 1 has
/// buckets of a hundredth.
const SCALE: f64 = 1e6;

fn observe_durations(series: &mut Series, durations: &[f64]) -> bool {
    if let Series::New { warmup } = series {
        let settings = live::Settings { least: 20, ..live::Settings::default() };
        let warmup = warmup.saturating_sub(settings.lag).max(4);
        *series =
            Series::Durations(Box::new(live::Live::new(live::Settings { warmup, ..settings })));
    }
    let Series::Durations(live) = series else { return false };
    let mut sketch = Sketch::default();
    let mut n = 0;
    for d in durations.iter().filter(|d| d.is_finite() && **d >= 0.0) {
        sketch.record((d * SCALE) as u64, 1 << 16);
        n += 1;
    }
    !live.observe(&Counts::of(&sketch), (n, 0), &mut Scratch::default()).is_empty()
}

fn observe_value(series: &mut Series, value: f64) -> bool {
    if let Series::New { warmup } = series {
        let settings = values::Settings::default();
        let warmup = (*warmup).max(20);
        *series = Series::Values(values::Values::new(values::Settings { warmup, ..settings }));
    }
    let Series::Values(values) = series else { return false };
    values.observe(value).is_some()
}
