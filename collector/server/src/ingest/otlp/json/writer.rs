//! The protobuf that JSON is re-encoded to: tags, lengths, and the caps on what is written.
//!
//! Knows no message; [`super::encode`] says what is written.

use super::scalar::Written;
use super::schema::Counts;
use longpole_model::signal::Reason;
use serde::de::Error;

/// The protobuf being written, and what the request may still hold.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    pub(super) items: u32,
    pub(super) attributes: u32,
    pub(super) depth: u32,
    pub(super) bytes: usize,
    pub(super) refused: Option<Reason>,
}

impl Writer {
    pub(super) fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    pub(super) fn tag(&mut self, number: u32, wire: u32) {
        self.varint(u64::from(number << 3 | wire));
    }

    pub(super) fn value(&mut self, value: &Written) {
        match value {
            Written::Varint(n) => self.varint(*n),
            Written::Fixed64(n) => self.out.extend_from_slice(&n.to_le_bytes()),
            Written::Fixed32(n) => self.out.extend_from_slice(&n.to_le_bytes()),
            Written::Bytes(b) => {
                self.varint(b.len() as u64);
                self.out.extend_from_slice(b);
            }
        }
    }

    pub(super) fn field(&mut self, number: u32, value: &Written) {
        let wire = match value {
            Written::Varint(_) => 0,
            Written::Fixed64(_) => 1,
            Written::Bytes(_) => 2,
            Written::Fixed32(_) => 5,
        };
        self.tag(number, wire);
        self.value(value);
    }

    /// Puts the length in front of what was written since `start`.
    pub(super) fn close(&mut self, start: usize) {
        let end = self.out.len();
        self.varint((end - start) as u64);
        let length = self.out.len() - end;
        if let Some(body) = self.out.get_mut(start..) {
            body.rotate_right(length);
        }
    }

    /// Numbers grow when they are re-encoded: `0,` in a list becomes eight bytes.
    pub(super) fn fits<E: Error>(&mut self) -> Result<(), E> {
        if self.out.len() <= self.bytes {
            return Ok(());
        }
        self.refused = Some(Reason::TooLarge);
        Err(E::custom(Reason::TooLarge.as_str()))
    }

    pub(super) fn take(&mut self, counts: Counts) -> Result<(), Reason> {
        let left = match counts {
            Counts::Nothing => return Ok(()),
            Counts::Item => (&mut self.items, Reason::TooManyItems),
            Counts::Attribute => (&mut self.attributes, Reason::TooManyItems),
            Counts::Level => (&mut self.depth, Reason::TooDeep),
        };
        match left.0.checked_sub(1) {
            Some(n) => *left.0 = n,
            None => {
                self.refused = Some(left.1);
                return Err(left.1);
            }
        }
        Ok(())
    }
}
