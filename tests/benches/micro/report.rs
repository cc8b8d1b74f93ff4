//! Figures as they are found: a line each, and all of them as JSON in the end.

use serde_json::{Value, json};

/// Takes figures.
pub struct Report {
    json: bool,
    bench: &'static str,
    figures: Vec<Value>,
}

impl Report {
    /// With `json` nothing is printed before the end.
    pub fn new(json: bool) -> Self {
        Self { json, bench: "", figures: Vec::new() }
    }

    /// The figures that follow are of this subject.
    pub fn begin(&mut self, bench: &'static str, about: &str) {
        self.bench = bench;
        self.say(&format!("\n{bench}: {about}"));
    }

    /// The figure of repeated passes: their median. Gives it back.
    pub fn samples(&mut self, what: &str, unit: &str, mut all: Vec<f64>) -> f64 {
        all.sort_by(f64::total_cmp);
        let median = quantile(&all, 0.5);
        let (least, most) = (quantile(&all, 0.0), quantile(&all, 1.0));
        let n = all.len();
        self.say(&format!(
            "  {what:<54}{:>10} {unit:<14} ({} to {}, n = {n})",
            short(median),
            short(least),
            short(most)
        ));
        self.figures.push(json!({
            "bench": self.bench, "what": what, "unit": unit, "median": median, "least": least,
            "most": most, "samples": n,
        }));
        median
    }

    /// A figure that was taken once.
    pub fn value(&mut self, what: &str, unit: &str, value: f64) {
        self.say(&format!("  {what:<54}{:>10} {unit}", short(value)));
        self.figures.push(json!({
            "bench": self.bench, "what": what, "unit": unit, "value": value,
        }));
    }

    /// How much a figure grows from the smallest of `sizes` to each.
    pub fn growth(&mut self, what: &str, sizes: &[usize], figures: &[f64]) {
        let Some(first) = figures.first() else { return };
        for (size, figure) in sizes.iter().zip(figures).skip(1) {
            let what = format!("{what}: {size} operations to {}", sizes[0]);
            self.value(&what, "x", figure / first);
        }
    }

    /// Plain words.
    pub fn say(&self, text: &str) {
        if !self.json {
            println!("{text}");
        }
    }

    /// Prints what was asked for.
    pub fn end(self) {
        if self.json {
            println!("{:#}", json!({ "figures": self.figures }));
        }
    }
}

/// A quantile of ascending values: the nearest rank. Not a number where there is none.
pub fn quantile(ascending: &[f64], q: f64) -> f64 {
    let rank = (q * ascending.len() as f64).ceil() as usize;
    let last = ascending.len().saturating_sub(1);
    ascending.get(rank.saturating_sub(1).min(last)).copied().unwrap_or(f64::NAN)
}

/// Three digits that say something.
fn short(x: f64) -> String {
    let digits = match x.abs() {
        a if a >= 100.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 1.0 => 2,
        _ => 3,
    };
    format!("{x:.digits$}")
}
