//! Who sent a request and which one it is, as the headers of our own SDK say it.
//!
//! Headers that are there and say nothing readable are counted and left aside: the request is taken and
//! recognised like one of a foreign SDK. What is done with the answer is decided behind the log.

use crate::log::Producer;
use hyper::HeaderMap;
use longpole_proto::road::{HEADER_PRODUCER, HEADER_SEQUENCE, HEADER_SHARD, UNSHARDED};
use longpole_proto::road::{number, producer_id};

/// Headers that should name a batch and do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// The batch that the headers name; `None` when they name none.
///
/// # Errors
/// [`Unreadable`]: not 32 hex digits, no numbers, a part missing, or sequence 0.
pub fn producer(headers: &HeaderMap) -> Result<Option<Producer>, Unreadable> {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().map_err(|_| Unreadable));
    let (id, shard, sequence) = (text(HEADER_PRODUCER), text(HEADER_SHARD), text(HEADER_SEQUENCE));
    if id.is_none() && sequence.is_none() {
        return Ok(None);
    }
    let (Some(id), Some(sequence)) = (id, sequence) else { return Err(Unreadable) };
    let shard = match shard {
        Some(shard) => number(shard?).ok_or(Unreadable)?,
        None => UNSHARDED,
    };
    let sequence = number(sequence?).filter(|n| *n > 0).ok_or(Unreadable)?;
    let id = producer_id(id?).ok_or(Unreadable)?;
    Ok(Some(Producer { id, shard, sequence }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use longpole_proto::road::producer_hex;

    fn said(of: [&str; 3]) -> Result<Option<Producer>, Unreadable> {
        let mut headers = HeaderMap::new();
        for (name, value) in [HEADER_PRODUCER, HEADER_SHARD, HEADER_SEQUENCE].into_iter().zip(of) {
            if value != "-" {
                headers.insert(name, HeaderValue::from_str(value).expect("a value"));
            }
        }
        producer(&headers)
    }

    #[test]
    fn headers_name_a_batch_or_are_left_aside() {
        let id = [0xa5; 16];
        let hex = producer_hex(id);
        let batch = |shard, sequence| Ok(Some(Producer { id, shard, sequence }));
        assert_eq!(said([&hex, "3", "7"]), batch(3, 7));
        assert_eq!(said([&hex, "-", "7"]), batch(UNSHARDED, 7));
        assert_eq!(
            said([&hex.to_uppercase(), "-", "18446744073709551615"]),
            batch(UNSHARDED, u64::MAX)
        );
        assert_eq!(said(["-", "-", "-"]), Ok(None));
        let long = format!("{hex}0");
        for bad in [
            [hex.as_str(), "3", "-"],
            ["-", "3", "7"],
            [&hex, "3", "0"],
            [&hex, "3", "+7"],
            [&hex, "x", "7"],
            [&hex, "4294967296", "7"],
            [&long, "3", "7"],
            ["+5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", "3", "7"],
            ["", "3", "7"],
        ] {
            assert_eq!(said(bad), Err(Unreadable), "{bad:?}");
        }
    }
}
