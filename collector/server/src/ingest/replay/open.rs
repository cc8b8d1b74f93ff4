//! From a path to a stream of plain bytes: counting, decompression, and which format it is.
//!
//! Compression is told by content; the format by name where the name tells, else by content.

use super::ReplayError;
use super::find::STANDARD_INPUT;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How messages stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Protobuf messages, each after its length as 4 bytes big-endian.
    Frames,
    /// JSON documents, one per line.
    Documents,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// An opened file.
pub(super) struct Opened {
    /// Plain bytes.
    pub(super) reader: Box<dyn BufRead + Send>,
    pub(super) format: Format,
    pub(super) packing: Packing,
    /// Bytes on disk, where they are known.
    pub(super) length: Option<u64>,
    /// Bytes read from disk.
    pub(super) read: Arc<AtomicU64>,
}

/// Counts what is read through it.
struct Meter<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Opens a file or standard input.
pub(super) fn open(path: &Path) -> Result<Opened, ReplayError> {
    let io = |source| ReplayError::Io { path: path.to_path_buf(), source };
    let (inner, length): (Box<dyn Read + Send>, _) = if path == Path::new(STANDARD_INPUT) {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        (Box::new(file), Some(length))
    };
    let read = Arc::new(AtomicU64::new(0));
    let meter = Meter { inner, read: Arc::clone(&read) };
    let (packing, mut plain) = unpacked(BufReader::with_capacity(1 << 16, meter)).map_err(io)?;
    let format = match named_format(path) {
        Some(format) => format,
        None => {
            let mut head = [0; 4];
            // A stream that breaks here breaks again where it is read, and is spoken of there.
            let got = fill(&mut plain, &mut head).unwrap_or(0);
            let head = head.get(..got).unwrap_or_default().to_vec();
            let format = seen_format(&head);
            plain = Box::new(Cursor::new(head).chain(plain));
            format
        }
    };
    let reader = Box::new(BufReader::with_capacity(1 << 16, plain));
    Ok(Opened { reader, format, packing, length, read })
}

/// Takes the packing off, whichever the first bytes show.
fn unpacked(
    mut raw: BufReader<Meter<Box<dyn Read + Send>>>,
) -> io::Result<(Packing, Box<dyn Read + Send>)> {
    let mut head = [0; 4];
    let got = fill(&mut raw, &mut head)?;
    let head = head.get(..got).unwrap_or_default().to_vec();
    let packing = match head.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
        [0x1f, 0x8b, ..] => Packing::Gzip,
        _ => Packing::Plain,
    };
    let whole = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(raw));
    Ok((
        packing,
        match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(MultiGzDecoder::new(whole)),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
                // A stranger's file may not make us keep more than 128 MiB of window.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
        },
    ))
}

/// Reads until `buf` is full or the stream ends.
pub(super) fn fill(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(room) = buf.get_mut(got..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

/// The path without `.zst` or `.gz`.
pub(super) fn without_compression(path: &Path) -> PathBuf {
    match path.extension().and_then(|e| e.to_str()) {
        Some("zst" | "zstd" | "gz") => path.with_extension(""),
        _ => path.to_path_buf(),
    }
}

/// The format that a file's name tells.
pub(super) fn named_format(path: &Path) -> Option<Format> {
    match without_compression(path).extension()?.to_str()? {
        "binpb" | "pb" => Some(Format::Frames),
        "json" | "jsonl" | "ndjson" => Some(Format::Documents),
        _ => None,
    }
}

/// The format that the first bytes show: a frame this long would be beyond any limit.
fn seen_format(head: &[u8]) -> Format {
    match head {
        [b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n' | 0xef, ..] => Format::Documents,
        _ => Format::Frames,
    }
}

/// Whether the beginning of a JSON file in a folder names one of the three requests.
pub(super) fn looks_like_otlp(path: &Path) -> bool {
    let Ok(mut opened) = open(path) else { return false };
    let mut head = vec![0; 1 << 16];
    // A file that breaks here is read as a recording, so that the break is spoken of.
    let Ok(got) = fill(&mut opened.reader, &mut head) else { return true };
    let head = head.get(..got).unwrap_or_default();
    let names: [&[u8]; 6] = [
        b"\"resourceSpans\"",
        b"\"resourceMetrics\"",
        b"\"resourceLogs\"",
        b"\"resource_spans\"",
        b"\"resource_metrics\"",
        b"\"resource_logs\"",
    ];
    names.iter().any(|name| head.windows(name.len()).any(|w| w == *name))
}
