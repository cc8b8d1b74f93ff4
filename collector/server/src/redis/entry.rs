//! A stream entry: its fields, read strictly, and what is wrong with one that cannot be taken.
//!
//! Pure. The names of the fields are `longpole_proto::road`; what the payload means is decided by
//! `ingest/otlp`, where dead entries go by [`super::dead`].

use super::sender::Sender;
use crate::door::Encoding;
use crate::ingest::otlp::Signal;
use crate::log::Producer;
use longpole_model::signal::Reason;
use longpole_proto::road::{self, number, producer_id};

/// Newest form that is read here (`road::ENTRY_FORMAT`).
const FORMAT: u32 = 1;
/// Fields beyond these are from a later version that says we may read it, or from a stranger.
const FIELDS: usize = 32;

/// An entry whose payload is still packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who sent it and which one it was.
    pub producer: Producer,
    /// What the payload carries.
    pub signal: Signal,
    /// Spans or points, as its sender counted them.
    pub items: u32,
    /// How the payload is packed.
    pub encoding: Encoding,
    /// One OTLP export request.
    pub otlp: &'a [u8],
    /// Who wrote it.
    pub writer: Writer,
}

/// Who wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The producer that it names.
    Producer,
    /// A collector's door, for a sender that may have said who it is.
    Door(Option<Sender>),
}

/// Why an entry cannot be taken. What it held stands in the dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dead {
    /// A later version wrote it, and says that this one may not read it.
    #[error(
        "its format is {0}; this collector reads up to {FORMAT}: update the collectors before the \
         producers"
    )]
    NewerFormat(String),
    /// A field is missing or is not what it should be.
    #[error("it is no entry of a Longpole producer: {0}")]
    BadEntry(String),
    /// More bytes than an entry or a request may have.
    #[error("{0}")]
    TooLarge(String),
    /// It cannot be unpacked.
    #[error("{0}")]
    BadEncoding(String),
    /// What came out is no OTLP request that may be read.
    #[error("{1}")]
    Refused(Reason, String),
    /// Reading it failed again and again.
    #[error("reading it broke off {0} times: {1}")]
    Broke(u32, String),
}

impl Dead {
    /// Label value: a closed list.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NewerFormat(_) => "newer_format",
            Self::BadEntry(_) => "bad_entry",
            Self::TooLarge(_) => Reason::TooLarge.as_str(),
            Self::BadEncoding(_) => Reason::BadEncoding.as_str(),
            Self::Refused(reason, _) => reason.as_str(),
            Self::Broke(..) => "broke",
        }
    }
}

/// Reads the fields of an entry of stream `shard`, name and value in turn.
///
/// # Errors
/// [`Dead`]: it will never be readable here.
pub fn read(shard: u32, fields: &[Vec<u8>]) -> Result<Entry<'_>, Dead> {
    let bad = |what: &str| Dead::BadEntry(what.to_owned());
    if !fields.len().is_multiple_of(2) || fields.len() > 2 * FIELDS {
        return Err(bad("it has an odd number of fields, or too many"));
    }
    readable(value(fields, road::FIELD_FORMAT)?)?;
    let producer = Producer {
        id: producer_id(text(value(fields, road::FIELD_PRODUCER)?))
            .ok_or_else(|| bad("bad producer"))?,
        shard,
        sequence: number(text(value(fields, road::FIELD_SEQUENCE)?))
            .filter(|n| *n > 0)
            .ok_or_else(|| bad("bad sequence"))?,
    };
    let signal = match text(value(fields, road::FIELD_SIGNAL)?) {
        road::SIGNAL_TRACES => Signal::Traces,
        road::SIGNAL_METRICS => Signal::Metrics,
        _ => return Err(bad("its signal is not known")),
    };
    let items = number(text(value(fields, road::FIELD_ITEMS)?))
        .ok_or_else(|| bad("bad number of items"))?;
    let encoding = match text(value(fields, road::FIELD_ENCODING)?) {
        road::ENCODING_GZIP => Encoding::Gzip,
        road::ENCODING_IDENTITY => Encoding::Identity,
        _ => return Err(Dead::BadEncoding("its encoding is neither gzip nor identity".into())),
    };
    let otlp = value(fields, road::FIELD_OTLP)?;
    let (bytes, most) = (otlp.len(), road::ENTRY_BYTES);
    if bytes > most {
        return Err(Dead::TooLarge(format!("it has {bytes} bytes; an entry has at most {most}")));
    }
    let writer = match field(fields, road::FIELD_SENDER).map(text) {
        None => Writer::Producer,
        Some("") => Writer::Door(None),
        Some(name) => {
            let sender = Sender::parse(name).ok_or_else(|| bad("bad sender"))?;
            Writer::Door(Some(sender))
        }
    };
    Ok(Entry { producer, signal, items, encoding, otlp, writer })
}

/// `version.oldest`: readable when the oldest reader is not newer than this one.
fn readable(format: &[u8]) -> Result<(), Dead> {
    let parts = text(format).split_once('.');
    let parts = parts.and_then(|(v, o)| Some((v.parse::<u32>().ok()?, o.parse::<u32>().ok()?)));
    match parts {
        Some((_, oldest)) if oldest > FORMAT => {
            Err(Dead::NewerFormat(text(format).chars().take(32).collect()))
        }
        Some((version, oldest)) if version >= oldest && oldest > 0 => Ok(()),
        _ => Err(Dead::BadEntry("bad format".into())),
    }
}

/// The value of a field.
pub fn field<'a>(fields: &'a [Vec<u8>], name: &str) -> Option<&'a [u8]> {
    let mut pairs = fields.chunks_exact(2);
    pairs.find(|f| f[0] == name.as_bytes()).map(|f| f[1].as_slice())
}

fn value<'a>(fields: &'a [Vec<u8>], name: &str) -> Result<&'a [u8], Dead> {
    field(fields, name).ok_or_else(|| Dead::BadEntry(format!("it has no {name}")))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

#[cfg(test)]
mod tests;
