//! A strict reader of the Prometheus text format 0.0.4: says what is wrong with a scrape, and sums.
//!
//! Written from the format's description, not from our encoder. Decides nothing about values.

use std::collections::{BTreeMap, BTreeSet};

/// One sample line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name, suffixes included.
    pub name: String,
    /// Labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// All samples, or the faults of the text.
///
/// # Errors
/// One line for each fault.
pub fn read(text: &str) -> Result<Vec<Sample>, Vec<String>> {
    let (mut samples, mut faults) = (Vec::new(), Vec::new());
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    if !text.ends_with('\n') {
        faults.push("does not end with a newline".to_owned());
    }
    for (number, line) in (1..).zip(text.split_terminator('\n')) {
        let mut fault = |what: &str| faults.push(format!("line {number}: {what}: {line:?}"));
        if line.chars().any(char::is_control) {
            fault("a control character");
        }
        if let Some(comment) = line.strip_prefix("# ") {
            match comment.split(' ').collect::<Vec<_>>()[..] {
                ["HELP", name, ..] if metric_name(name) => {}
                ["TYPE", name, kind @ ("counter" | "gauge" | "histogram")] if metric_name(name) => {
                    if types.insert(name, kind).is_some() {
                        fault("a second TYPE");
                    }
                }
                _ => fault("neither HELP nor TYPE"),
            }
            continue;
        }
        let Some(sample) = sample(line) else {
            fault("no sample");
            continue;
        };
        if family(&types, &sample.name).is_none() {
            fault("a sample without TYPE");
        }
        if !seen.insert((sample.name.clone(), sample.labels.clone())) {
            fault("a second sample of one series");
        }
        samples.push(sample);
    }
    if faults.is_empty() { Ok(samples) } else { Err(faults) }
}

/// Sum over the samples of one name whose labels match; 0 when there is none.
pub fn sum(text: &str, metric: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = read(text).unwrap_or_else(|faults| panic!("{}", faults.join("\n")));
    let matches = |s: &&Sample| {
        s.name == metric
            && labels.iter().all(|(n, v)| s.labels.get(*n).is_some_and(|have| have == v))
    };
    samples.iter().filter(matches).map(|s| s.value).sum()
}

fn family<'a>(types: &BTreeMap<&'a str, &'a str>, name: &str) -> Option<&'a str> {
    let plain = types.get(name).filter(|t| **t != "histogram").copied();
    plain.or_else(|| {
        let suffixes = ["_bucket", "_sum", "_count"];
        let base = suffixes.iter().find_map(|s| name.strip_suffix(s))?;
        types.get(base).filter(|t| **t == "histogram").copied()
    })
}

fn metric_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// `name value` or `name{label="text",...} value`, nothing more.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if !metric_name(label) || label.contains(':') || label.starts_with("__") {
                return None;
            }
            if labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = match after.strip_prefix(',') {
                Some(more) => more,
                None if after.starts_with('}') => after,
                None => return None,
            };
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ')?;
    // Rust's parser also takes words that the format does not have.
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        text if number(text) => text.parse().ok()?,
        _ => return None,
    };
    metric_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

/// A label's value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                '\\' => '\\',
                '"' => '"',
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_seen() {
        let typed = |line: &str| read(&format!("# TYPE a counter\n{line}\n"));
        assert_eq!(typed("a{b=\"x\\\"} 1\\nevil 1\"} 2").map(|s| s.len()), Ok(1));
        for bad in [
            "a{b=\"x\"} 1\"} 2",
            "evil 1",
            "a{b=\"\\t\"} 1",
            "a{b=\"x\",b=\"y\"} 1",
            "a 1 2",
            "a  1",
            "a inf",
            "a{b=x} 1",
            "a 1\na 1",
            "a{b=\"\u{1b}[2J\"} 1",
        ] {
            assert!(typed(bad).is_err(), "{bad}");
        }
        assert!(read("# TYPE a counter\na 1").is_err());
    }
}
