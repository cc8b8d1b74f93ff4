//! Text exposition format 0.0.4 (Prometheus documentation, *Exposition formats*).
//!
//! Label values come from strangers: backslash, quote and line feed are escaped as the format says,
//! other control characters too, so that one line stays one line for every reader.

use super::{Family, Kind, Labels, Value};
use std::fmt::Write;

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families. Those without samples are left out.
pub fn encode(families: &[Family<'_>]) -> String {
    let mut all = String::new();
    let _whole = encode_parts(families, usize::MAX, |part| {
        all = part;
        true
    });
    all
}

/// The same in parts of some `least` bytes, each of whole series, so that no more than a part is held at
/// a time. Stops when `take` wants no more, and says whether it got everything.
pub fn encode_parts(
    families: &[Family<'_>],
    least: usize,
    mut take: impl FnMut(String) -> bool,
) -> bool {
    let mut out = String::new();
    let mut line = Line::default();
    for family in families.iter().filter(|f| !f.samples.is_empty()) {
        head(family, &mut out);
        for sample in &family.samples {
            line.set(&sample.labels);
            line.series(&family.name, &sample.value, &mut out);
            if out.len() >= least {
                let next = String::with_capacity(out.capacity());
                if !take(std::mem::replace(&mut out, next)) {
                    return false;
                }
            }
        }
    }
    out.is_empty() || take(out)
}

fn head(family: &Family<'_>, out: &mut String) {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    out.push_str("# HELP ");
    out.push_str(&family.name);
    out.push(' ');
    escape(&family.help, false, out);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n# TYPE {} {kind}", family.name);
}

/// What the lines of one series have in common, written once.
#[derive(Default)]
struct Line {
    /// Labels with commas between them, without braces.
    labels: String,
    /// Name, brace, labels, and `le` up to its value.
    bucket: String,
    /// Bounds as text, by their place: those of one series are those of the next.
    bounds: Vec<(f64, String)>,
}

impl Line {
    fn set(&mut self, labels: &Labels<'_>) {
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

    fn series(&mut self, name: &str, value: &Value, out: &mut String) {
        match value {
            Value::Number(x) => self.number(name, "", *x, out),
            Value::Histogram(h) => {
                let le = if self.labels.is_empty() { "le=\"" } else { ",le=\"" };
                self.bucket.clear();
                [name, "_bucket{", &self.labels, le]
                    .iter()
                    .for_each(|part| self.bucket.push_str(part));
                let buckets = h.buckets.iter().copied().chain([(f64::INFINITY, h.count)]);
                for (i, (bound, count)) in buckets.enumerate() {
                    out.push_str(&self.bucket);
                    out.push_str(self.bound(i, bound));
                    out.push_str("\"} ");
                    number(count, out);
                    out.push('\n');
                }
                self.number(name, "_sum", h.sum, out);
                self.number(name, "_count", h.count, out);
            }
        }
    }

    /// A line without a bound.
    fn number(&self, name: &str, suffix: &str, value: f64, out: &mut String) {
        out.push_str(name);
        out.push_str(suffix);
        if !self.labels.is_empty() {
            out.push('{');
            out.push_str(&self.labels);
            out.push('}');
        }
        out.push(' ');
        number(value, out);
        out.push('\n');
    }

    fn bound(&mut self, i: usize, bound: f64) -> &str {
        if self.bounds.get(i).is_none_or(|(known, _)| *known != bound) {
            let mut text = String::new();
            number(bound, &mut text);
            self.bounds.truncate(i);
            self.bounds.push((bound, text));
        }
        self.bounds.get(i).map_or("", |(_, text)| text)
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
            whole(x as u64, out);
            Ok(())
        }
        x => write!(out, "{x}"),
    };
}

fn whole(mut n: u64, out: &mut String) {
    let (mut digits, mut at) = ([0u8; 20], 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    // Digits are ASCII.
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

fn escape(text: &str, quotes: bool, out: &mut String) {
    // Most names hold nothing to escape.
    if text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'\\' && b != b'"') {
        out.push_str(text);
        return;
    }
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
