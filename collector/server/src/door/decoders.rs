//! Decoders at rest between requests, with the names they have learned.
//!
//! A request takes one and gives it back; as many are kept as large requests may be worked at.

use super::room;
use crate::ingest::otlp::{DecodeLimits, Decoder};
use std::sync::{Mutex, PoisonError};

/// The pool.
#[derive(Debug)]
pub struct Decoders {
    idle: Mutex<Vec<Decoder>>,
    most: usize,
}

impl Default for Decoders {
    fn default() -> Self {
        Self { idle: Mutex::default(), most: Self::most() }
    }
}

impl Decoders {
    /// Decoders that are kept.
    pub fn most() -> usize {
        room::at_once()
    }

    /// A decoder, a new one where none rests.
    pub fn take(&self, limits: &DecodeLimits) -> Decoder {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Decoder::new(limits))
    }

    /// Takes a decoder back.
    pub fn give_back(&self, decoder: Decoder) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(decoder);
        }
    }
}
