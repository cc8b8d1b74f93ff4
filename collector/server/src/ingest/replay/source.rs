//! One recording as a stream of decoded messages: decompression, framing, and what to do when
//! either is broken.

use super::Problem;
use crate::ingest::otlp::{self, DecodeLimits, json};
use longpole_model::signal::{Batch, Reason, Rejections};
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what is read of the file itself.
struct Counting {
    inner: Box<dyn Read>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

enum Framing {
    /// Nothing read yet.
    Unknown,
    /// Messages after their length as 4 bytes, big-endian (OpenTelemetry Collector, file exporter,
    /// `format: proto`).
    Frames,
    /// One OTLP/JSON request a line.
    Lines,
    /// Finished or given up.
    Done,
}

/// One recording.
pub(super) struct Source {
    name: String,
    reader: Box<dyn BufRead>,
    bytes: Arc<AtomicU64>,
    framing: Framing,
    /// Offset in the decompressed stream, or lines read.
    position: u64,
    empty: bool,
    broken: Option<String>,
}

impl Source {
    /// A recording from a stream; compression is told by its first bytes.
    pub(super) fn new(name: &str, stream: Box<dyn Read>, limits: &DecodeLimits) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let counting = Counting { inner: stream, bytes: bytes.clone() };
        let mut raw = BufReader::with_capacity(1 << 16, counting);
        let mut broken = None;
        let magic = match raw.fill_buf() {
            Ok(head) => head.get(..4).unwrap_or(head).to_vec(),
            Err(e) => {
                broken = Some(e.to_string());
                Vec::new()
            }
        };
        let reader: Box<dyn BufRead> = match magic.as_slice() {
            [0x28, 0xb5, 0x2f, 0xfd] => match zstd::Decoder::with_buffer(raw) {
                Ok(mut d) => {
                    // 2^27 bytes: the most memory a stranger's window may ask for.
                    let _ = d.window_log_max(27);
                    Box::new(BufReader::with_capacity(1 << 16, d))
                }
                Err(e) => {
                    broken = Some(e.to_string());
                    Box::new(std::io::empty())
                }
            },
            [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(raw))),
            _ => Box::new(raw),
        };
        let _ = limits;
        Self {
            name: name.to_owned(),
            reader,
            bytes,
            framing: Framing::Unknown,
            position: 0,
            empty: true,
            broken,
        }
    }

    /// Bytes read of the file.
    pub(super) fn read_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The next readable message; problems on the way are told.
    pub(super) fn next(
        &mut self,
        limits: &DecodeLimits,
        problems: &mut Vec<Problem>,
    ) -> Option<(Batch, Rejections)> {
        loop {
            if let Some(error) = self.broken.take() {
                let message = format!(
                    "cannot be read: {error}. The file is damaged or not complete; it was read up to here."
                );
                problems.push(self.problem(Reason::BadEncoding, message));
                self.framing = Framing::Done;
            }
            let step = match self.framing {
                Framing::Unknown => self.detect(),
                Framing::Frames => self.frame(limits, problems),
                Framing::Lines => self.line(limits, problems),
                Framing::Done => return None,
            };
            match step {
                Ok(Some(found)) => return Some(found),
                Ok(None) => {}
                Err(e) => self.broken = Some(e.to_string()),
            }
        }
    }

    fn problem(&self, reason: Reason, message: String) -> Problem {
        let at = match self.framing {
            Framing::Lines => format!("line {}", self.position),
            _ => format!("byte {}", self.position),
        };
        Problem { file: self.name.clone(), at, reason: Some(reason), message }
    }

    fn detect(&mut self) -> std::io::Result<Option<(Batch, Rejections)>> {
        let head = self.reader.fill_buf()?;
        let text = head.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| *b == b'{');
        // A frame whose length begins with `{` would be 2 GB long.
        self.framing = if text { Framing::Lines } else { Framing::Frames };
        Ok(None)
    }

    fn frame(
        &mut self,
        limits: &DecodeLimits,
        problems: &mut Vec<Problem>,
    ) -> std::io::Result<Option<(Batch, Rejections)>> {
        let mut prefix = [0; 4];
        let got = read_fully(&mut self.reader, &mut prefix)?;
        if got == 0 {
            if self.empty {
                let message = "the file is empty: nothing was recorded".to_owned();
                let at = String::new();
                problems.push(Problem { file: self.name.clone(), at, reason: None, message });
            }
            self.framing = Framing::Done;
            return Ok(None);
        }
        self.empty = false;
        let length = u32::from_be_bytes(prefix) as usize;
        if got < 4 {
            let message = "ends inside a length prefix: the recording was cut off. Everything before was read.";
            return Ok(self.give_up(Reason::Malformed, message, problems));
        }
        if length > limits.bytes {
            let message = format!(
                "a message of {length} bytes is announced, at most {} are taken: the length prefix is damaged, or this is no length-prefixed OTLP file. The rest of the file was not read.",
                limits.bytes
            );
            return Ok(self.give_up(Reason::TooLarge, &message, problems));
        }
        // Grows as bytes come: a lying prefix allocates nothing.
        let mut payload = Vec::new();
        let got = (&mut self.reader).take(length as u64).read_to_end(&mut payload)?;
        if got < length {
            let message = format!(
                "ends after {got} of {length} bytes of a message: the recording was cut off. Everything before was read."
            );
            return Ok(self.give_up(Reason::Malformed, &message, problems));
        }
        let decoded = otlp::any(payload, limits, None);
        let found = match decoded {
            Ok(found) => Some(found),
            Err(refusal) => {
                let message = format!("{refusal}. This message was skipped, the rest is read.");
                problems.push(self.problem(refusal.reason, message));
                None
            }
        };
        self.position += 4 + length as u64;
        Ok(found)
    }

    fn give_up(
        &mut self,
        reason: Reason,
        message: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<(Batch, Rejections)> {
        problems.push(self.problem(reason, message.to_owned()));
        self.framing = Framing::Done;
        None
    }

    fn line(
        &mut self,
        limits: &DecodeLimits,
        problems: &mut Vec<Problem>,
    ) -> std::io::Result<Option<(Batch, Rejections)>> {
        let mut line = Vec::new();
        let limit = limits.bytes as u64 + 1;
        let n = (&mut self.reader).take(limit).read_until(b'\n', &mut line)?;
        if n == 0 {
            self.framing = Framing::Done;
            return Ok(None);
        }
        self.position += 1;
        if n as u64 == limit && line.last() != Some(&b'\n') {
            let message = format!("longer than {} bytes: skipped", limits.bytes);
            problems.push(self.problem(Reason::TooLarge, message));
            skip_line(&mut self.reader)?;
            return Ok(None);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut decoded = json::to_protobuf(&line, limits);
        if decoded.is_err() && self.position == 1 && line.trim_ascii_end().len() < 3 {
            // `{` alone on the first line: one document over many lines.
            (&mut self.reader).take(limit).read_to_end(&mut line)?;
            decoded = json::to_protobuf(&line, limits);
        }
        let found = decoded.and_then(|(signal, bytes)| match signal {
            otlp::Signal::Traces => otlp::traces(bytes, limits, None),
            otlp::Signal::Metrics => otlp::metrics(bytes, limits, None),
            otlp::Signal::Logs => otlp::any(bytes, limits, None),
        });
        match found {
            Ok(found) => Ok(Some(found)),
            Err(refusal) => {
                let message = format!("{refusal}. This line was skipped, the rest is read.");
                problems.push(self.problem(refusal.reason, message));
                Ok(None)
            }
        }
    }
}

/// Fills the buffer as far as the stream goes.
fn read_fully(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// Skips to the next line without keeping this one.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (n, found) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(n);
        if found || n == 0 {
            return Ok(());
        }
    }
}
