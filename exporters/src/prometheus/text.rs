//! Text exposition format 0.0.4 (Prometheus documentation, *Exposition formats*).
//!
//! Label values come from strangers: backslash, quote and line feed are escaped as the format says,
//! other control characters too, so that one line stays one line for every reader.

use super::{Family, Kind, Sample, Value};
use std::fmt::Write;

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families. Those without samples are left out.
pub fn encode(families: &[Family]) -> String {
    let mut out = String::new();
    let mut line = Line::default();
    for family in families.iter().filter(|f| !f.samples.is_empty()) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        out.push_str("# HELP ");
        out.push_str(&family.name);
        out.push(' ');
        escape(&family.help, false, &mut out);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n# TYPE {} {kind}", family.name);
        for sample in &family.samples {
            line.set(&family.name, &sample.labels);
            series(sample, &line, &mut out);
        }
    }
    out
}

/// What the lines of one series have in common, escaped once.
#[derive(Default)]
struct Line {
    name: String,
    /// Labels with commas between them, without braces.
    labels: String,
}

impl Line {
    fn set(&mut self, name: &str, labels: &[(&'static str, String)]) {
        self.name.clear();
        self.name.push_str(name);
        self.labels.clear();
        for (key, text) in labels {
            if !self.labels.is_empty() {
                self.labels.push(',');
            }
            self.labels.push_str(key);
            self.labels.push_str("=\"");
            escape(text, true, &mut self.labels);
            self.labels.push('"');
        }
    }

    fn write(&self, suffix: &str, bound: Option<f64>, value: f64, out: &mut String) {
        out.push_str(&self.name);
        out.push_str(suffix);
        if bound.is_some() || !self.labels.is_empty() {
            out.push('{');
            out.push_str(&self.labels);
            if let Some(bound) = bound {
                out.push_str(if self.labels.is_empty() { "le=\"" } else { ",le=\"" });
                number(bound, out);
                out.push('"');
            }
            out.push('}');
        }
        out.push(' ');
        number(value, out);
        out.push('\n');
    }
}

fn series(sample: &Sample, line: &Line, out: &mut String) {
    match &sample.value {
        Value::Number(x) => line.write("", None, *x, out),
        Value::Histogram(h) => {
            for (bound, count) in &h.buckets {
                line.write("_bucket", Some(*bound), *count, out);
            }
            line.write("_bucket", Some(f64::INFINITY), h.count, out);
            line.write("_sum", None, h.sum, out);
            line.write("_count", None, h.count, out);
        }
    }
}

/// A number as every reader of the format takes it.
fn number(x: f64, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match x {
        x if x.is_nan() => out.write_str("NaN"),
        f64::INFINITY => out.write_str("+Inf"),
        f64::NEG_INFINITY => out.write_str("-Inf"),
        // Most are counts: as integers they are written much faster, to the same digits.
        x if x.fract() == 0.0 && x.abs() < 9e15 && x.is_sign_positive() => {
            write!(out, "{}", x as u64)
        }
        x => write!(out, "{x}"),
    };
}

fn escape(text: &str, quotes: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            // Not escaped by the format, but read as a line's end by some: shown, not obeyed.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
}
