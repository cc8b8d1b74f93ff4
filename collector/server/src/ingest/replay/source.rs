//! One file as a stream of decoded messages, one ahead of what was taken.

use super::Item;
use super::documents::Documents;
use super::find::STANDARD_INPUT;
use super::frames::Frames;
use super::note::{Note, Notes, Place, Trouble};
use super::open::{Format, Opened, Packing};
use crate::ingest::otlp::{DecodeLimits, Decoder, Refusal, json};
use longpole_model::signal::{Batch, ReasonCounts, Rejections, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// How a source finds its messages.
#[derive(Debug)]
enum Framing {
    Frames(Frames),
    Documents(Documents),
}

/// A file being read.
pub(super) struct Source {
    index: usize,
    opened: Opened,
    framing: Framing,
    limits: DecodeLimits,
    decoder: Decoder,
    /// The next message and the time under which it is merged.
    ahead: Option<(Timestamp, Item)>,
    /// The latest time so far: merging times of one file never go back.
    latest: Timestamp,
    ended: bool,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("index", &self.index)
            .field("framing", &self.framing)
            .finish()
    }
}

impl Source {
    pub(super) fn new(index: usize, opened: Opened, limits: &DecodeLimits) -> Self {
        let framing = match opened.format {
            Format::Frames => Framing::Frames(Frames::default()),
            Format::Documents => Framing::Documents(Documents::default()),
        };
        let latest = Timestamp::default();
        let decoder = Decoder::new(limits);
        let limits = *limits;
        Self { index, opened, framing, limits, decoder, ahead: None, latest, ended: false }
    }

    /// Bytes read from disk so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.opened.read.load(Ordering::Relaxed)
    }

    /// The time under which the next message is merged; `None` at the end.
    pub(super) fn peek(
        &mut self,
        files: &[PathBuf],
        notes: &mut Notes,
        requests: &mut ReasonCounts,
    ) -> Option<Timestamp> {
        while self.ahead.is_none() && !self.ended {
            match self.read() {
                None => {
                    self.ended = true;
                    // Standard input and pipes have no length: what was read tells.
                    if self.bytes_read() == 0 {
                        notes.add(Note {
                            file: self.name(files),
                            place: Place::File,
                            reason: None,
                            text: "empty: nothing was recorded".into(),
                        });
                    }
                }
                Some(Ok(item)) => {
                    self.latest = self.latest.max(item.batch.latest().unwrap_or_default());
                    self.ahead = Some((self.latest, item));
                }
                Some(Err(trouble)) => {
                    requests.add(trouble.reason, 1);
                    notes.add(Note {
                        file: self.name(files),
                        place: trouble.place,
                        reason: Some(trouble.reason),
                        text: self.with_packing(trouble.text),
                    });
                }
            }
        }
        self.ahead.as_ref().map(|(time, _)| *time)
    }

    /// Takes the message that was peeked at.
    pub(super) fn take(&mut self) -> Option<Item> {
        self.ahead.take().map(|(_, item)| item)
    }

    /// What the file is called when it is spoken of.
    fn name(&self, files: &[PathBuf]) -> String {
        match files.get(self.index) {
            Some(file) if file == Path::new(STANDARD_INPUT) => "standard input".into(),
            Some(file) => file.display().to_string(),
            None => String::new(),
        }
    }

    fn read(&mut self) -> Option<Result<Item, Trouble>> {
        let cap = self.limits.bytes;
        let reader = &mut *self.opened.reader;
        let (payload, place, decoded) = match &mut self.framing {
            Framing::Frames(frames) => match frames.next(reader, cap)? {
                Ok(frame) => {
                    let decoded = self.decoder.decode(&frame.bytes, None, None);
                    (frame.bytes, Place::Byte(frame.at), decoded)
                }
                Err(trouble) => return Some(Err(trouble)),
            },
            Framing::Documents(documents) => match documents.next(reader, cap)? {
                Ok(document) => {
                    let decoded = json::any(&document.bytes, &self.limits, None);
                    (document.bytes, Place::Line(document.line), decoded)
                }
                Err(trouble) => return Some(Err(trouble)),
            },
        };
        Some(self.item(payload, place, decoded))
    }

    fn item(
        &self,
        payload: Vec<u8>,
        place: Place,
        decoded: Result<(Batch, Rejections), Refusal>,
    ) -> Result<Item, Trouble> {
        match decoded {
            Ok((batch, rejections)) => Ok(Item { batch, rejections, payload, file: self.index }),
            Err(refusal) => Err(Trouble {
                place,
                reason: refusal.reason,
                text: format!("skipped: {}", refusal.message),
            }),
        }
    }

    /// Names the packing where it may be what is broken.
    fn with_packing(&self, text: String) -> String {
        if !text.starts_with("cannot be read further") {
            return text;
        }
        match self.opened.packing {
            Packing::Plain => text,
            Packing::Gzip => format!("{text}. The gzip data is broken or cut short."),
            Packing::Zstd => format!("{text}. The zstd data is broken or cut short."),
        }
    }
}
