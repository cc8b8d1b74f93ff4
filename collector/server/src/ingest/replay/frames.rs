//! Length-prefixed protobuf: 4 bytes big-endian, then a message (the OpenTelemetry collector's file
//! exporter, `format: proto`).
//!
//! A frame that cannot be decoded is skipped by its length; a length that cannot be ends the file.

use super::note::{Place, Trouble};
use super::open::fill;
use longpole_model::signal::Reason;
use std::io::{BufRead, Read};

/// The frames of one file.
#[derive(Debug, Default)]
pub(super) struct Frames {
    at: u64,
    done: bool,
}

/// One frame's bytes and where it begins.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) at: u64,
}

impl Frames {
    /// The next frame.
    pub(super) fn next(
        &mut self,
        reader: &mut dyn BufRead,
        cap: usize,
    ) -> Option<Result<Frame, Trouble>> {
        if self.done {
            return None;
        }
        let at = self.at;
        let read = self.read(reader, cap);
        if !matches!(read, Ok(Some(_))) {
            self.done = true;
        }
        match read {
            Ok(bytes) => Some(Ok(Frame { bytes: bytes?, at })),
            Err((reason, text)) => Some(Err(Trouble { place: Place::Byte(at), reason, text })),
        }
    }

    fn read(
        &mut self,
        reader: &mut dyn BufRead,
        cap: usize,
    ) -> Result<Option<Vec<u8>>, (Reason, String)> {
        let broken = |e: std::io::Error| {
            (Reason::BadEncoding, format!("cannot be read further: {e}; the rest is left out"))
        };
        let mut prefix = [0; 4];
        let mut reader = reader;
        let length = match fill(&mut reader, &mut prefix).map_err(broken)? {
            0 => return Ok(None),
            4 => u32::from_be_bytes(prefix) as usize,
            n => {
                return Err((
                    Reason::Malformed,
                    format!(
                        "ends after {n} of 4 bytes of a length prefix: the recording was cut off"
                    ),
                ));
            }
        };
        if length > cap {
            let bare = if prefix.first() == Some(&0x0a) {
                " This may be one bare message: put its length in front as 4 bytes big-endian."
            } else {
                ""
            };
            return Err((
                Reason::Malformed,
                format!(
                    "a length prefix of {length} bytes, above the {cap} of one message: the framing \
                     is lost and the rest is left out.{bare}"
                ),
            ));
        }
        // Grows with what is there, not with what the prefix claims.
        let mut bytes = Vec::with_capacity(length.min(1 << 16));
        reader.take(length as u64).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() < length {
            return Err((
                Reason::Malformed,
                format!(
                    "ends {} bytes into a message of {length}: the recording was cut off",
                    bytes.len()
                ),
            ));
        }
        self.at += 4 + length as u64;
        Ok(Some(bytes))
    }
}
