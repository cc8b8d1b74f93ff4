//! A decoder keeps names between requests; one request at a time.
//!
//! What comes out is a function of the request alone: the same batch, whatever was decoded before.

use super::dictionary::Dictionary;
use super::{DecodeLimits, Refusal, Signal, detect, logs, metrics, refusal, spans};
use longpole_model::signal::{Batch, Reason, Rejections, Timestamp};

/// Decodes OTLP protobuf.
#[derive(Debug)]
pub struct Decoder {
    limits: DecodeLimits,
    dictionary: Dictionary,
    /// Spans of the request before: room for as many is made at once.
    spans: usize,
    forgot: bool,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(limits: &DecodeLimits) -> Self {
        Self { limits: *limits, dictionary: Dictionary::new(limits), spans: 0, forgot: false }
    }

    /// Whether the request before had it forget all names, since they were more than [`DecodeLimits::names`].
    pub fn forgot(&self) -> bool {
        self.forgot
    }

    /// Decodes a request; where nobody named its `signal`, it is told from the structure. `now` is the
    /// arrival time where there is one; recordings have none, and then nothing counts as too far
    /// ahead.
    ///
    /// # Errors
    /// A request that cannot be read at all.
    pub fn decode(
        &mut self,
        payload: &[u8],
        signal: Option<Signal>,
        now: Option<Timestamp>,
    ) -> Result<(Batch, Rejections), Refusal> {
        let limits = &self.limits;
        if payload.len() > limits.bytes || u32::try_from(payload.len()).is_err() {
            return Err(Refusal {
                reason: Reason::TooLarge,
                message: format!(
                    "the request has {} bytes; at most {} are taken in one",
                    payload.len(),
                    limits.bytes
                ),
            });
        }
        let mut batch = Batch::default();
        let mut rejections = Rejections::default();
        self.dictionary.begin();
        let dictionary = &mut self.dictionary;
        let found = signal.map_or_else(|| detect::told(payload), |told| Ok(Some(told)));
        let walked = found.and_then(|found| match found {
            // Where nothing tells, items are counted and refused as spans without ids.
            Some(Signal::Traces) | None => {
                // A span has a hundred bytes at least; a later request may be much smaller.
                batch.spans.reserve(self.spans.min(payload.len() / 100));
                spans::walk(payload, limits, now, dictionary, &mut batch, &mut rejections)
            }
            Some(Signal::Metrics) => {
                metrics::walk(payload, limits, now, dictionary, &mut batch, &mut rejections)
            }
            Some(Signal::Logs) => logs::walk(payload, limits, &mut rejections),
        });
        self.forgot = self.dictionary.end();
        self.spans = batch.spans.len();
        match walked {
            Ok(()) => Ok((batch, rejections)),
            Err(fault) => Err(refusal::of(fault, payload, limits)),
        }
    }
}
