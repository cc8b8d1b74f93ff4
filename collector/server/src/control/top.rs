//! Reading a profile that came, and what it says at a glance: self time by function, samples by span. Pure.
//!
//! The sender may lie about everything: sizes and numbers of items are looked at before anything is built.

use crate::door::gunzip;
use longpole_exporters::text::clean_to;
use longpole_proto::order::{PROFILE_BYTES, PROFILE_PACKED};
use longpole_proto::pprof::{LABEL_SPAN, LABEL_TRACE, Profile};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Samples, places, functions and texts of a profile, all together.
const ITEMS: usize = 200_000;
/// Rows of a table.
const ROWS: usize = 50;
/// Bytes of a name.
const NAME: usize = 256;

/// Where time went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Top {
    /// Samples in all.
    pub samples: u64,
    /// Nanoseconds of processor time that a sample stands for.
    pub period_ns: u64,
    /// How long was looked, nanoseconds.
    pub duration_ns: u64,
    /// What the sender remarks: samples missed, threads not looked at.
    pub remarks: Vec<String>,
    /// By self time, 50 at most.
    pub functions: Vec<FunctionRow>,
    /// By samples, 50 at most.
    pub spans: Vec<SpanRow>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionRow {
    /// Its name.
    pub function: String,
    /// Its file.
    pub file: String,
    /// Samples in itself, and in what was inlined into it.
    #[serde(rename = "self")]
    pub own: u64,
    /// Of all.
    pub self_share: f64,
    /// Samples in itself and what it called, as far as stacks are known.
    pub total: u64,
    /// Of all.
    pub total_share: f64,
}

/// A span that was current.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanRow {
    /// In hex.
    pub trace_id: String,
    /// In hex.
    pub span_id: String,
    /// Samples.
    pub samples: u64,
    /// Of all.
    pub share: f64,
    /// The function that most of them were in.
    pub function: String,
}

/// Why it is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Too many bytes.
    #[error("a profile has {PROFILE_PACKED} bytes at most, and {PROFILE_BYTES} unpacked")]
    TooLarge,
    /// Too many items.
    #[error("a profile has {ITEMS} samples, places, functions and texts at most")]
    TooMany,
    /// Not gzip, or not pprof.
    #[error("not a profile in pprof's form, packed with gzip: {0}")]
    Broken(String),
}

/// Reads a profile as it was sent.
///
/// # Errors
/// [`Unreadable`].
pub fn read(packed: &[u8]) -> Result<Top, Unreadable> {
    if packed.len() > PROFILE_PACKED {
        return Err(Unreadable::TooLarge);
    }
    let bytes = gunzip(packed, PROFILE_BYTES).map_err(|e| match e {
        crate::door::InflateError::TooLarge(_) => Unreadable::TooLarge,
        e @ crate::door::InflateError::Broken(..) => Unreadable::Broken(e.to_string()),
    })?;
    let broken = |e: prost::DecodeError| Unreadable::Broken(e.to_string());
    if items(&bytes).map_err(broken)? > ITEMS {
        return Err(Unreadable::TooMany);
    }
    Ok(top(&Profile::decode(bytes.as_slice()).map_err(broken)?))
}

/// Messages and texts right below the top, without building any.
fn items(mut bytes: &[u8]) -> Result<usize, prost::DecodeError> {
    let mut many = 0;
    while !bytes.is_empty() {
        let (tag, wire) = decode_key(&mut bytes)?;
        many += usize::from(wire == WireType::LengthDelimited);
        skip_field(wire, tag, &mut bytes, DecodeContext::default())?;
    }
    Ok(many)
}

/// Ids to functions, texts to places.
struct Reader<'a> {
    profile: &'a Profile,
    /// Functions of a location, the innermost first, as places in `profile.function`.
    locations: BTreeMap<u64, Vec<usize>>,
}

impl Reader<'_> {
    fn text(&self, at: i64) -> &str {
        let found = usize::try_from(at).ok().and_then(|at| self.profile.string_table.get(at));
        found.map_or("", String::as_str)
    }

    fn name(&self, function: usize) -> String {
        let name = self.profile.function.get(function).map_or("?", |f| self.text(f.name));
        clean_to(name, NAME).into_owned()
    }
}

fn top(profile: &Profile) -> Top {
    let by_id: BTreeMap<u64, usize> =
        profile.function.iter().enumerate().map(|(i, f)| (f.id, i)).collect();
    let functions = |l: &longpole_proto::pprof::Location| {
        l.line.iter().filter_map(|line| by_id.get(&line.function_id).copied()).collect()
    };
    let locations = profile.location.iter().map(|l| (l.id, functions(l))).collect();
    let reader = Reader { profile, locations };
    let mut all = 0u64;
    let (mut own, mut total) = (BTreeMap::<usize, u64>::new(), BTreeMap::<usize, u64>::new());
    let mut spans = BTreeMap::<(String, String), BTreeMap<usize, u64>>::new();
    for sample in &profile.sample {
        let many = sample.value.first().and_then(|v| u64::try_from(*v).ok()).unwrap_or(0);
        all = all.saturating_add(many);
        let stack: Vec<usize> = sample
            .location_id
            .iter()
            .filter_map(|id| reader.locations.get(id))
            .flatten()
            .copied()
            .collect();
        // What the compiler has put into a function is its own time, too: it can be changed there.
        let first = sample.location_id.first().and_then(|id| reader.locations.get(id));
        let Some(innermost) = first.and_then(|functions| functions.last()) else { continue };
        add(&mut own, *innermost, many);
        // A function that calls itself is there once.
        for function in stack.iter().collect::<BTreeSet<_>>() {
            add(&mut total, *function, many);
        }
        let label = |key: &str| {
            let found = sample.label.iter().find(|l| reader.text(l.key) == key)?;
            let text = reader.text(found.str);
            text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| text.get(..text.len().min(32)))?
        };
        if let (Some(trace), Some(span)) = (label(LABEL_TRACE), label(LABEL_SPAN)) {
            let row = spans.entry((trace.to_owned(), span.to_owned())).or_default();
            add(row, *innermost, many);
        }
    }
    let share = |many: u64| if all == 0 { 0.0 } else { many as f64 / all as f64 };
    let mut by_self: Vec<(usize, u64)> =
        total.keys().map(|f| (*f, own.get(f).copied().unwrap_or(0))).collect();
    by_self.sort_by_key(|(f, many)| (Reverse(*many), Reverse(total.get(f).copied()), *f));
    let functions = by_self.into_iter().take(ROWS).map(|(f, own)| {
        let total = total.get(&f).copied().unwrap_or(0);
        let file = profile.function.get(f).map_or("", |f| reader.text(f.filename));
        FunctionRow {
            function: reader.name(f),
            file: clean_to(file, NAME).into_owned(),
            own,
            self_share: share(own),
            total,
            total_share: share(total),
        }
    });
    let sum = |row: &BTreeMap<usize, u64>| row.values().fold(0u64, |a, b| a.saturating_add(*b));
    let mut by_span: Vec<_> = spans.into_iter().map(|(ids, row)| (sum(&row), ids, row)).collect();
    by_span.sort_by(|(a, x, _), (b, y, _)| b.cmp(a).then_with(|| x.cmp(y)));
    let spans = by_span.into_iter().take(ROWS).map(|(samples, (trace_id, span_id), row)| {
        let most = row.iter().max_by_key(|(f, many)| (**many, Reverse(**f))).map(|(f, _)| *f);
        let function = most.map(|f| reader.name(f)).unwrap_or_default();
        SpanRow { trace_id, span_id, samples, share: share(samples), function }
    });
    let remarks =
        profile.comment.iter().take(8).map(|at| clean_to(reader.text(*at), NAME).into_owned());
    Top {
        samples: all,
        period_ns: u64::try_from(profile.period).unwrap_or(0),
        duration_ns: u64::try_from(profile.duration_nanos).unwrap_or(0),
        remarks: remarks.collect(),
        functions: functions.collect(),
        spans: spans.collect(),
    }
}

fn add(to: &mut BTreeMap<usize, u64>, function: usize, many: u64) {
    let was = to.entry(function).or_default();
    *was = was.saturating_add(many);
}

#[cfg(test)]
mod tests;
