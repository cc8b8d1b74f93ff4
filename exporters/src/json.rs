//! The JSON voice: one document on one line, keys in a fixed order, floats raw.
//!
//! Texts from telemetry stand in typed fields, whole (the doors cap them at 4 KiB), with every
//! control, direction and invisible character as `\u....`: no data is lost and no terminal obeys it.
//! Does not decide what is told: that is the nouns' shape.

mod accounting;
mod api;
mod diagnose;
mod escape;
mod replay;

pub use accounting::{Accounting, SignalAccount, TraceAccount};
pub use api::{changes, investigations, red, services, usage};
pub use diagnose::diagnosis;
pub use replay::{BadReplay, FORMAT, Replay, read_replay, replay};

use serde::Serialize;

/// One investigation as a document.
pub fn investigation(i: &longpole_model::finding::Investigation) -> String {
    document(i)
}

/// A document on one line, with a newline behind it.
pub(crate) fn document(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut to = serde_json::Serializer::with_formatter(&mut out, escape::Safe);
    // The nouns have only text keys and a Vec takes every byte: this cannot fail.
    if value.serialize(&mut to).is_err() {
        return "{}\n".into();
    }
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
