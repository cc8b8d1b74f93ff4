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
            series(&family.name, sample, &mut out);
        }
    }
    out
}

fn series(name: &str, sample: &Sample, out: &mut String) {
    match &sample.value {
        Value::Number(x) => line(name, "", &sample.labels, None, *x, out),
        Value::Histogram(h) => {
            for (bound, count) in &h.buckets {
                let bound = number(*bound);
                line(name, "_bucket", &sample.labels, Some(&bound), *count, out);
            }
            line(name, "_bucket", &sample.labels, Some("+Inf"), h.count, out);
            line(name, "_sum", &sample.labels, None, h.sum, out);
            line(name, "_count", &sample.labels, None, h.count, out);
        }
    }
}

fn line(
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    bound: Option<&str>,
    value: f64,
    out: &mut String,
) {
    out.push_str(name);
    out.push_str(suffix);
    let all = labels.iter().map(|(k, v)| (*k, v.as_str())).chain(bound.map(|b| ("le", b)));
    let mut first = true;
    for (key, text) in all {
        out.push(if first { '{' } else { ',' });
        first = false;
        out.push_str(key);
        out.push_str("=\"");
        escape(text, true, out);
        out.push('"');
    }
    if !first {
        out.push('}');
    }
    out.push(' ');
    out.push_str(&number(value));
    out.push('\n');
}

/// A number as every reader of the format takes it.
fn number(x: f64) -> String {
    if x.is_nan() {
        "NaN".into()
    } else if x.is_infinite() {
        if x > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{x}")
    }
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
