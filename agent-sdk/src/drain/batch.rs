//! A batch: spans, and around them what makes them a request that stands for itself.
//!
//! The spans are written behind room for what comes in front, whose lengths are known at the end only; so
//! they are never copied.

use super::wire;
use crate::transport::{Encoded, Signal};
use bytes::Bytes;
use std::time::Instant;

/// Room for tags and lengths in front of the spans, beside resource and scope.
const LENGTHS: usize = 32;
/// Room for the scope, whose attributes tell what was dropped.
const SCOPE: usize = 1024;

/// What all batches have in front.
#[derive(Debug)]
pub(crate) struct Front {
    /// `ResourceSpans.resource`, as a field.
    resource: Vec<u8>,
}

impl Front {
    pub(crate) fn new(attributes: &[(String, String)]) -> Self {
        let mut inner = Vec::new();
        attributes.iter().for_each(|(k, v)| wire::text(&mut inner, 1, k, v));
        let mut resource = Vec::new();
        wire::bytes(&mut resource, 1, &inner);
        Self { resource }
    }

    fn room(&self) -> usize {
        self.resource.len() + SCOPE + LENGTHS
    }
}

/// Spans that wait for more.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) out: Vec<u8>,
    pub(crate) spans: u32,
    pub(crate) since: Instant,
    room: usize,
}

impl Batch {
    /// An empty one, with room for about as many bytes as the last had.
    pub(crate) fn new(front: &Front, last: usize) -> Self {
        let room = front.room();
        let mut out = Vec::with_capacity(room + last + last / 8);
        out.resize(room, 0);
        Self { out, spans: 0, since: Instant::now(), room }
    }

    /// Bytes of spans.
    pub(crate) fn bytes(&self) -> usize {
        self.out.len() - self.room
    }

    /// The request. `told` are counts that travel as attributes of the scope.
    pub(crate) fn finish(mut self, front: &Front, told: &[(String, u64)], whose: &str) -> Encoded {
        let mut scope = Vec::new();
        wire::message(&mut scope, 1, |scope| {
            wire::bytes(scope, 1, b"longpole-sdk");
            wire::bytes(scope, 2, env!("CARGO_PKG_VERSION").as_bytes());
            for (name, count) in told {
                wire::integer(scope, 3, name, i64::try_from(*count).unwrap_or(i64::MAX));
            }
            if !whose.is_empty() {
                wire::text(scope, 3, "sdk.dropped.call_sites", whose);
            }
        });
        let inner = scope.len() + self.bytes();
        let mut head = Vec::with_capacity(LENGTHS + front.resource.len() + scope.len());
        let outer = front.resource.len() + 1 + wire::varint_len(inner as u64) + inner;
        wire::begin(&mut head, 1, outer);
        head.extend_from_slice(&front.resource);
        wire::begin(&mut head, 2, inner);
        head.extend_from_slice(&scope);
        let payload = match self.room.checked_sub(head.len()) {
            Some(at) => {
                self.out[at..self.room].copy_from_slice(&head);
                Bytes::from(self.out).slice(at..)
            }
            // More names of call sites than there is room for.
            None => {
                head.extend_from_slice(&self.out[self.room..]);
                Bytes::from(head)
            }
        };
        // Nobody else holds these bytes: they are not copied.
        Encoded { signal: Signal::Traces, payload: payload.into(), items: self.spans }
    }
}
