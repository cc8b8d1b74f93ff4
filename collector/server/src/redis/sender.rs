//! Who sent a request to a door that writes into streams, as entries carry it: the batch's name, and which
//! part of it an entry holds.

use crate::log::Producer;
use longpole_proto::road::{number, producer_hex, producer_id};
use std::fmt;

/// A batch with a name, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The batch as its sender named it.
    pub batch: Producer,
    /// Which of the parts for one stream, from 0.
    pub part: u32,
}

impl Sender {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let id = producer_id(words.next()?)?;
        let shard = number(words.next()?)?;
        let sequence = number(words.next()?).filter(|n| *n > 0)?;
        let part = number(words.next()?)?;
        let batch = Producer { id, shard, sequence };
        words.next().is_none().then_some(Self { batch, part })
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Producer { id, shard, sequence } = self.batch;
        write!(f, "{} {shard} {sequence} {}", producer_hex(id), self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_written_and_read() {
        let batch = Producer { id: [0xa5; 16], shard: u32::MAX, sequence: 7 };
        let sender = Sender { batch, part: 3 };
        let text = sender.to_string();
        assert_eq!(text, format!("{} 4294967295 7 3", "a5".repeat(16)));
        assert_eq!(Sender::parse(&text), Some(sender));
        let id = "a5".repeat(16);
        for bad in ["", " ", "a5 1 1 1", &format!("{id} 1 1"), &format!("{id} 1 0 1")] {
            assert_eq!(Sender::parse(bad), None, "{bad}");
        }
        for bad in [" 1 1 1 1", " 1 +1 1", "  1 1", " 4294967296 1 1", " 1 1 -1"] {
            assert_eq!(Sender::parse(&format!("{id}{bad}")), None, "{bad}");
        }
    }
}
