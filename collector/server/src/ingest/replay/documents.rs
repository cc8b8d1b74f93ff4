//! JSON documents: one per line, or one laid out over many lines.
//!
//! A line that cannot be read costs that line only.

use super::note::{Place, Trouble};
use longpole_model::signal::Reason;
use std::io::BufRead;

/// The documents of one file.
#[derive(Debug, Default)]
pub(super) struct Documents {
    line: u64,
    /// The first line of the next document, when reading this one had to look ahead.
    ahead: Option<Vec<u8>>,
    done: bool,
}

/// One document's bytes and the line where it begins.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) line: u64,
}

impl Documents {
    /// The next document.
    pub(super) fn next(
        &mut self,
        reader: &mut dyn BufRead,
        cap: usize,
    ) -> Option<Result<Document, Trouble>> {
        let mut document: Option<Document> = None;
        loop {
            let line = match self.line(reader, cap) {
                Ok(Some(line)) => line,
                Ok(None) => return document.map(Ok),
                Err(trouble) => return Some(Err(trouble)),
            };
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            match &mut document {
                None => {
                    let whole = text.first() != Some(&b'{') || text.last() == Some(&b'}');
                    let begun = Document { bytes: line, line: self.line };
                    if whole {
                        return Some(Ok(begun));
                    }
                    document = Some(begun);
                }
                // A new document at the margin: the one before it was cut short.
                Some(_) if line.first() == Some(&b'{') => {
                    self.ahead = Some(line);
                    return document.map(Ok);
                }
                Some(begun) => {
                    let end = line.first() == Some(&b'}');
                    begun.bytes.extend_from_slice(&line);
                    if end || begun.bytes.len() > cap {
                        return document.map(Ok);
                    }
                }
            }
        }
    }

    /// The next line with its end, at most `cap` bytes of it.
    fn line(&mut self, reader: &mut dyn BufRead, cap: usize) -> Result<Option<Vec<u8>>, Trouble> {
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        if self.done {
            return Ok(None);
        }
        self.line += 1;
        let mut line = Vec::new();
        let mut over = false;
        loop {
            let read = reader.fill_buf().map_err(|e| {
                self.done = true;
                Trouble {
                    place: Place::Line(self.line),
                    reason: Reason::BadEncoding,
                    text: format!("cannot be read further: {e}; the rest is left out"),
                }
            })?;
            let end = read.iter().position(|b| *b == b'\n').map(|at| at + 1);
            let n = end.unwrap_or(read.len());
            let part = read.get(..n).unwrap_or_default();
            over |= line.len() + n > cap.saturating_add(1);
            if !over {
                line.extend_from_slice(part);
            }
            self.done = n == 0;
            reader.consume(n);
            if end.is_some() || self.done {
                break;
            }
        }
        if over {
            return Err(Trouble {
                place: Place::Line(self.line),
                reason: Reason::TooLarge,
                text: format!("longer than {cap} bytes; this line is left out"),
            });
        }
        // A byte order mark before the first line is no part of it.
        if self.line == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Ok(if line.is_empty() { None } else { Some(line) })
    }
}
