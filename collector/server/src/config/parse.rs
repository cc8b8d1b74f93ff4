//! Texts to values and back, by the type that the table names. Says what is wrong, not where.

use super::Config;
use super::fields::{Field, Slot};
use crate::redis::Address;
use longpole_core::route::nearest;
use serde_json::{Value, json};
use std::time::Duration;

/// Which of several texts is wrong, and why.
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Field {
    /// Whether it takes a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.slot, Slot::Words(_, _, _, true) | Slot::Webhooks)
    }

    /// Sets it. `shown` is how a text may be repeated in a message.
    pub(super) fn set(
        &self,
        config: &mut Config,
        texts: &[String],
        shown: impl Fn(usize) -> String,
    ) -> Result<(), Wrong> {
        let text = texts.first().map_or("", |t| t.trim());
        let wrong = |why: String| Wrong { at: 0, what: format!("{} {why}", shown(0)) };
        match &self.slot {
            Slot::Address(slot) => {
                *slot(config) = text.parse().map_err(|_| {
                    wrong(
                        "is no address: write an IP and a port, such as 127.0.0.1:4317 \
                           ([::1]:4317, or 0.0.0.0:4317 for every interface)"
                            .into(),
                    )
                })?;
            }
            Slot::Path(slot) => *slot(config) = Some(text.into()),
            Slot::Count(slot, least, most) => {
                let n = text.parse().ok().filter(|n| (least..=most).contains(&n));
                let why = || format!("is no whole number from {least} to {most}");
                *slot(config) = n.ok_or_else(|| wrong(why()))?;
            }
            Slot::Duration(slot, least, most) => {
                let d = duration(text).map_err(&wrong)?;
                if !(least..=most).contains(&&d) {
                    let (least, most) = (duration_text(*least), duration_text(*most));
                    return Err(wrong(format!("is not between {least} and {most}")));
                }
                *slot(config) = d;
            }
            Slot::Bytes(slot, least, most) => {
                let n = bytes(text).map_err(&wrong)?;
                if !(least..=most).contains(&&n) {
                    let (least, most) = (bytes_text(*least), bytes_text(*most));
                    return Err(wrong(format!("is not between {least} and {most}")));
                }
                *slot(config) = n;
            }
            Slot::Words(words, set, _, _) => {
                let mut numbers = Vec::new();
                for (at, text) in texts.iter().enumerate() {
                    let n = words.iter().position(|w| *w == text.trim());
                    let n =
                        n.ok_or_else(|| Wrong { at, what: unknown(&shown(at), text, words) })?;
                    if !numbers.contains(&n) {
                        numbers.push(n);
                    }
                }
                if numbers.is_empty() {
                    let what = format!("the list is empty: name {}", words.join(", "));
                    return Err(Wrong { at: 0, what });
                }
                set(config, &numbers);
            }
            Slot::Redis(slot) => {
                // What was written may hold a password.
                let wrong = |what: String| Wrong { at: 0, what: format!("this {what}") };
                let address = Address::parse(text).map_err(|e| wrong(e.to_string()))?;
                *slot(config) = Some(address);
            }
            Slot::Webhooks => {
                return Err(wrong("cannot be set here: webhooks stand in the file".into()));
            }
        }
        Ok(())
    }

    /// Its value for people and programs, secrets left out.
    pub(super) fn get(&self, config: &Config) -> Value {
        let mut c = config.clone();
        match &self.slot {
            Slot::Address(slot) => json!(slot(&mut c).to_string()),
            Slot::Path(slot) => json!(slot(&mut c)),
            Slot::Count(slot, ..) => json!(*slot(&mut c)),
            Slot::Duration(slot, ..) => json!(duration_text(*slot(&mut c))),
            Slot::Bytes(slot, ..) => json!(bytes_text(*slot(&mut c))),
            Slot::Words(words, _, get, many) => {
                let set: Vec<&str> =
                    get(&c).iter().filter_map(|n| words.get(*n)).copied().collect();
                if *many { json!(set) } else { json!(set.first()) }
            }
            Slot::Redis(slot) => json!(slot(&mut c).as_ref().map(Address::shown)),
            Slot::Webhooks => {
                json!(c.webhooks.iter().map(super::webhooks::shown).collect::<Vec<_>>())
            }
        }
    }
}

/// A word that is none of those possible.
pub(super) fn unknown(shown: &str, text: &str, words: &[&'static str]) -> String {
    match nearest(text.trim(), words.iter().copied()) {
        Some(near) => format!("{shown} is not known: did you mean \"{near}\"?"),
        None => format!("{shown} is not known: {} are possible", words.join(", ")),
    }
}

/// Units of durations, in milliseconds, greatest first.
const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of sizes, greatest first.
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

fn number_and_unit(text: &str) -> (Option<u64>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text);
    if let (Some(number), "") = (number, unit) {
        return Err(format!("has no unit: write {number}s, or ms, m, h"));
    }
    let scale = TIMES.iter().find(|(u, _)| *u == unit).map(|(_, scale)| *scale);
    let ms = number.zip(scale).and_then(|(n, scale)| n.checked_mul(scale));
    ms.map(Duration::from_millis)
        .ok_or_else(|| "is no duration: write one such as 500ms, 10s, 1m, 2h".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text);
    let scale = match unit {
        "" | "B" => Some(1),
        _ => SIZES.iter().find(|(u, _)| *u == unit).map(|(_, scale)| *scale),
    };
    let n = number.zip(scale).and_then(|(n, scale)| n.checked_mul(scale));
    n.ok_or_else(|| "is no size: write one such as 64MiB, 512KiB, 1GiB, or bytes alone".into())
}

/// In the greatest unit that leaves it whole.
pub(super) fn duration_text(d: Duration) -> String {
    let ms = u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    in_unit(ms, &TIMES)
}

fn bytes_text(n: u64) -> String {
    in_unit(n, &SIZES)
}

fn in_unit(n: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, scale)| n > 0 && n.is_multiple_of(*scale));
    whole.map_or_else(|| n.to_string(), |(unit, scale)| format!("{}{unit}", n / scale))
}
