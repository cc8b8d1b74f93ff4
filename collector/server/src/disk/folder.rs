//! A folder of the system, held by one process at a time.

use super::{Disk, Growing};
use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file that is locked.
const LOCK: &str = "lock";
/// Bytes of a page of the system's, at least; it keeps larger ones that are not full.
#[cfg(target_os = "linux")]
const PAGE: u64 = 4_096;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be made or opened.
    #[error(
        "cannot use the data folder {}: {why}. It must be a folder that this user may write to; \
         --data names another, --durability none does without", .path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data folder {} is in use by another process. One collector keeps one folder: stop the \
         other, or name another folder with --data", .path.display()
    )]
    Taken {
        /// The folder.
        path: PathBuf,
    },
}

/// A locked folder. Clones are the same one; the last to go unlocks it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: Arc<Path>,
    _lock: Arc<File>,
}

impl Folder {
    /// Takes a folder for this process; makes it where it is missing.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let folder = |why| LockError::Folder { path: path.into(), why };
        std::fs::create_dir_all(path).map_err(folder)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let lock = options.open(path.join(LOCK)).map_err(folder)?;
        // The system gives it back when the process ends, however it ends.
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.into(), _lock: Arc::new(lock) }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Taken { path: path.into() }),
            Err(e) => Err(folder(e.into())),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&*self.path)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        File::create(self.path.join(name))
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Bytes> {
        let mut file = File::open(self.path.join(name))?;
        file.seek(SeekFrom::Start(from))?;
        let mut out = Vec::new();
        file.take(most as u64).read_to_end(&mut out)?;
        Ok(out.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&*self.path)?.sync_all()
    }
}

/// What is on the disk is read at the next start at the earliest: the pages that hold it serve the next write. The
/// last one is not full yet. Whether the system takes the advice changes nothing.
#[cfg(target_os = "linux")]
fn let_go(file: &mut File) {
    use rustix::fs::{Advice, fadvise};
    let full = file.stream_position().map_or(0, |at| at / PAGE * PAGE);
    if let Some(full) = std::num::NonZeroU64::new(full) {
        let _ = fadvise(&*file, 0, Some(full), Advice::DontNeed);
    }
}

impl Growing for File {
    fn append(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !parts.is_empty() {
            match self.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()?;
        #[cfg(target_os = "linux")]
        let_go(self);
        Ok(())
    }

    fn shorten(&mut self, to: u64) -> io::Result<()> {
        self.set_len(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_a_folder() {
        let temp = tempfile::tempdir().expect("a folder");
        let path = temp.path().join("data");
        let first = Folder::lock(&path).expect("free");
        let again = Folder::lock(&path).expect_err("taken");
        assert!(again.to_string().contains("in use by another process"), "{again}");
        drop(first);
        Folder::lock(&path).expect("free again");
        std::fs::write(temp.path().join("file"), "").expect("a file");
        let bad = Folder::lock(&temp.path().join("file")).expect_err("no folder");
        assert!(bad.to_string().contains("--durability none"), "{bad}");
    }

    #[test]
    fn files_grow_and_change_their_names() {
        let temp = tempfile::tempdir().expect("a folder");
        let folder = Folder::lock(temp.path()).expect("free");
        let mut file = folder.create("a").expect("created");
        let mut parts = [&b"one"[..], b"", b"two"].map(IoSlice::new);
        file.append(&mut parts).expect("room");
        file.sync().expect("durable");
        folder.rename("a", "b").expect("renamed");
        folder.sync_names().expect("durable");
        assert_eq!(&folder.read("b", 2, 3).expect("there")[..], b"etw");
        file.shorten(3).expect("cut");
        assert_eq!(&folder.read("b", 0, 99).expect("there")[..], b"one");
        let mut names = folder.list().expect("names");
        names.sort();
        assert_eq!(names, ["b", "lock"]);
        folder.remove("b").expect("removed");
    }
}
