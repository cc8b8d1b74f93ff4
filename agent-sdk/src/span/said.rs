//! What is said about an open span: attributes, events, links, its status, another name or kind.

use super::{Span, State};
use crate::context::Context;
use crate::record::body::{Body, Key};
use crate::record::{flag, tag};
use crate::site::Kind;
use crate::value::{Value, formatted};

impl Span {
    fn later(&mut self) -> Option<&mut Body> {
        self.open()?.flags |= flag::LATER;
        Some(&mut self.body)
    }

    /// Sets an attribute. The last value of a key stays.
    pub fn set(&mut self, key: &str, value: impl Value) {
        if let Some(body) = self.later() {
            value.record(Key::Text(key), body);
        }
    }

    /// Sets an attribute by its place in the call site's list.
    pub(crate) fn set_at(&mut self, index: u32, value: impl Value) {
        if let Some(body) = self.later() {
            value.record(Key::Index(index), body);
        }
    }

    /// Adds an event.
    pub fn event(&mut self, name: &str, attributes: &[(&str, &dyn Value)]) {
        let now = crate::clock::ticks();
        if self.is_recording() && self.body.event(now, name, attributes.len()) {
            for (key, value) in attributes {
                value.record(Key::Text(key), &mut self.body);
            }
        }
    }

    /// Links it to another span, such as that of a message in a batch.
    pub fn link(&mut self, to: &Context) {
        if self.is_recording() {
            let (trace, span) = (u128::from_be_bytes(to.trace_id), u64::from_be_bytes(to.span_id));
            self.body.link(trace, span, to.sampled);
        }
    }

    /// Says that it went well: the last word about its status.
    pub fn ok(&mut self) {
        if let Some(open) = self.open() {
            open.flags = open.flags & !flag::ERROR | flag::OK;
        }
    }

    /// Says that it failed, and why.
    pub fn fail(&mut self, why: &str) {
        if let Some(open) = self.open()
            && open.flags & flag::OK == 0
        {
            open.flags |= flag::ERROR;
            if !why.is_empty() {
                self.body.told(tag::STATUS, why);
            }
        }
    }

    /// Records an error as the `exception` event of the conventions; the span failed by it.
    pub fn error<E: std::error::Error + ?Sized>(&mut self, error: &E) {
        if self.is_recording() {
            formatted(format_args!("{error}"), |message| {
                let kind = std::any::type_name::<E>();
                let kind = if kind.starts_with("dyn ") { "error" } else { kind };
                self.event(
                    "exception",
                    &[("exception.type", &kind), ("exception.message", &message)],
                );
                self.fail(message);
            });
        }
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: &str) {
        if let Some(body) = self.later() {
            body.told(tag::NAME, name);
        }
    }

    /// Gives it another kind.
    pub fn set_kind(&mut self, kind: Kind) {
        if let Some(body) = self.later() {
            body.kind(kind as u32);
        }
    }

    /// Takes back what was said about its status.
    pub(crate) fn clear_status(&mut self) {
        if let Some(open) = self.open() {
            open.flags &= !(flag::OK | flag::ERROR);
        }
    }

    /// Whether it was said to have failed or to have gone well.
    pub(crate) fn has_status(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.flags & (flag::OK | flag::ERROR) != 0)
    }
}
