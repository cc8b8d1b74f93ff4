//! Orders made durable in a real file, and what that takes.
//!
//! The good release appends a line; the bad one writes its whole segment anew and waits for the disk each time.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Bytes of the segment that the bad release writes for each order.
const SEGMENT: usize = 2 << 20;

/// The journal of one process; the file goes with it.
#[derive(Clone, Debug)]
pub(super) struct Journal(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    /// Seconds of operations, and how many, since somebody asked.
    took: (f64, u32),
}

impl Journal {
    /// A new file in the folder for such things.
    pub(super) fn open() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("longpole-journal-{}", std::process::id()));
        let file = File::create(&path)?;
        Ok(Self(Arc::new(Mutex::new(Inner { path, file, took: (0.0, 0) }))))
    }

    /// Makes one order durable; with `sync` the hard way.
    pub(super) fn append(&self, line: &str, sync: bool) -> std::io::Result<()> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        if sync {
            inner.file.seek(SeekFrom::Start(0))?;
            inner.file.write_all(&vec![b'-'; SEGMENT])?;
            inner.file.sync_all()?;
        }
        inner.file.write_all(line.as_bytes())?;
        inner.took.0 += began.elapsed().as_secs_f64();
        inner.took.1 += 1;
        Ok(())
    }

    /// Mean seconds of an operation since the last call; 0 without any.
    pub(super) fn mean_seconds(&self) -> f64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seconds, n) = std::mem::take(&mut inner.took);
        seconds / f64::from(n.max(1))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A file that stays behind is in the folder for such things.
        let _ = std::fs::remove_file(&self.path);
    }
}
