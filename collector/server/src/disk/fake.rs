//! A folder in memory that fails as disks do: a crash keeps what was made durable and any part of the
//! rest, and what is asked of it may fail.

use super::{Disk, Growing};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Fake(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    /// What a process sees.
    files: BTreeMap<String, Arc<Mutex<Contents>>>,
    /// Names that a crash leaves.
    durable: BTreeMap<String, Arc<Mutex<Contents>>>,
    /// Bytes that may still be written; `None` = no end.
    room: Option<usize>,
    /// Syncs that will fail from now on.
    broken: bool,
}

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    durable: usize,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Fake {
    /// Room for so many bytes more.
    pub fn room(&self, bytes: Option<usize>) {
        lock(&self.0).room = bytes;
    }

    /// Whether making anything durable fails.
    pub fn broken(&self, broken: bool) {
        lock(&self.0).broken = broken;
    }

    /// The machine stops. Of each file `kept` says, given how many bytes are not durable, how many of
    /// those survive; new names survive where they were made durable.
    pub fn crash(&self, mut kept: impl FnMut(usize) -> usize) {
        let mut held = lock(&self.0);
        held.files = held.durable.clone();
        for contents in held.files.values() {
            let mut c = lock(contents);
            let loose = c.bytes.len() - c.durable;
            let stay = c.durable + kept(loose).min(loose);
            c.bytes.truncate(stay);
            c.durable = stay;
        }
        (held.room, held.broken) = (None, false);
    }

    /// The bytes of a file, to be looked at or spoilt.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        if let Some(contents) = lock(&self.0).files.get(name) {
            let mut c = lock(contents);
            edit(&mut c.bytes);
            c.durable = c.bytes.len();
        }
    }
}

impl Disk for Fake {
    type File = FakeFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<FakeFile> {
        let contents = Arc::<Mutex<Contents>>::default();
        lock(&self.0).files.insert(name.to_owned(), Arc::clone(&contents));
        Ok(FakeFile { contents, disk: self.clone() })
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Bytes> {
        let held = lock(&self.0);
        let contents = lock(held.files.get(name).ok_or_else(gone)?);
        let from = contents.bytes.len().min(from as usize);
        let until = contents.bytes.len().min(from.saturating_add(most));
        Ok(Bytes::copy_from_slice(&contents.bytes[from..until]))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut held = lock(&self.0);
        let contents = held.files.remove(from).ok_or_else(gone)?;
        held.files.insert(to.to_owned(), contents);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).files.remove(name).map(|_| ()).ok_or_else(gone)
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut held = lock(&self.0);
        if held.broken {
            return Err(io::Error::other("made to fail"));
        }
        held.durable = held.files.clone();
        Ok(())
    }
}

/// An open file of a [`Fake`].
#[derive(Debug)]
pub struct FakeFile {
    contents: Arc<Mutex<Contents>>,
    disk: Fake,
}

impl Growing for FakeFile {
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut held = lock(&self.disk.0);
        let fits = held.room.unwrap_or(usize::MAX).min(bytes.len());
        held.room = held.room.map(|room| room - fits);
        // Like a disk: what fits is written, the rest is an error.
        lock(&self.contents).bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if lock(&self.disk.0).broken {
            return Err(io::Error::other("made to fail"));
        }
        let mut c = lock(&self.contents);
        c.durable = c.bytes.len();
        Ok(())
    }

    fn shorten(&mut self, to: u64) -> io::Result<()> {
        let mut c = lock(&self.contents);
        let to = usize::try_from(to).unwrap_or(usize::MAX).min(c.bytes.len());
        c.bytes.truncate(to);
        c.durable = c.durable.min(to);
        Ok(())
    }
}
