//! The bounded spill: requests that no road took, kept on disk, oldest first, over the end of the process.
//!
//! A folder a process, `{pid}-{its start}-{producer}`, with files of frames (`frame`). What processes
//! that are gone have left is taken over by renaming their folder, which only one can do. A frame that
//! was delivered is marked in place, a file without live frames is deleted. Nothing is synced: this
//! survives the process and not the power, and what is torn is left out.

mod frame;
mod heir;

use super::parcel::Parcel;
use frame::{HEADER, frame, read};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file is closed beyond this.
const FILE: u64 = 4 << 20;

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    file: u64,
    offset: u64,
    bytes: u32,
    spans: u32,
}

/// Why a request could not be kept.
#[derive(Debug)]
pub(crate) enum Unkept {
    /// The cap is reached, or the disk is full.
    Full,
    /// The disk failed.
    Failed(io::Error),
}

/// What was found when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Spans that were left.
    pub spans: u64,
    /// Files that end in the middle of a frame.
    pub torn: u32,
}

/// One file.
#[derive(Debug)]
struct Kept {
    id: u64,
    bytes: u64,
    live: u32,
}

/// The folder of this process.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    cap: u64,
    files: Vec<Kept>,
    /// The file that is written, always the last.
    writing: Option<File>,
    /// Frames that nobody has read, oldest first.
    unread: VecDeque<Place>,
    next: u64,
    bytes: u64,
    spans: u64,
}

impl Spill {
    /// Makes the folder of this process in `root` and takes over what others have left.
    pub fn open(root: &Path, cap: u64, producer: [u8; 16]) -> io::Result<(Self, Found)> {
        std::fs::create_dir_all(root)?;
        let folder = root.join(heir::name(producer));
        std::fs::create_dir_all(&folder)?;
        let (files, unread) = Default::default();
        let mut spill =
            Self { folder, cap, files, writing: None, unread, next: 0, bytes: 0, spans: 0 };
        let mut found = Found::default();
        for path in heir::take(root, &spill.folder)? {
            let to = spill.path(spill.next);
            if std::fs::rename(&path, &to).is_ok() {
                found.torn += u32::from(spill.scan(&to)?);
            }
        }
        heir::clear(root, &spill.folder);
        found.spans = spill.spans;
        Ok((spill, found))
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id:016}.spill"))
    }

    /// Reads a file that was left. True when it ends in the middle of a frame.
    fn scan(&mut self, path: &Path) -> io::Result<bool> {
        let bytes = std::fs::read(path)?;
        let (frames, torn) = frame::scan(&bytes);
        if frames.is_empty() {
            std::fs::remove_file(path)?;
            return Ok(torn);
        }
        let id = self.next;
        self.next += 1;
        self.files.push(Kept { id, bytes: bytes.len() as u64, live: frames.len() as u32 });
        self.bytes += bytes.len() as u64;
        for (offset, bytes, spans) in frames {
            self.spans += u64::from(spans);
            self.unread.push_back(Place { file: id, offset, bytes, spans });
        }
        Ok(torn)
    }

    /// Spans in live frames.
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// Whether there is something that nobody has read.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Keeps a request; it is to be read again like any other.
    pub fn append(&mut self, parcel: &mut Parcel) -> Result<(), Unkept> {
        let place = self.write(parcel)?;
        self.unread.push_back(place);
        Ok(())
    }

    /// Keeps a request that is on its way: not to be read again by this process.
    pub fn append_read(&mut self, parcel: &mut Parcel) -> Result<Place, Unkept> {
        self.write(parcel)
    }

    fn write(&mut self, parcel: &mut Parcel) -> Result<Place, Unkept> {
        let bytes = frame(parcel);
        let spans = parcel.spans();
        let fresh = self.writing.is_none() || self.files.last().is_none_or(|f| f.bytes >= FILE);
        let more = bytes.len() as u64 + if fresh { HEADER.len() as u64 } else { 0 };
        if self.bytes + more > self.cap {
            return Err(Unkept::Full);
        }
        let unkept = |e: io::Error| match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Unkept::Full,
            _ => Unkept::Failed(e),
        };
        if fresh {
            let id = self.next;
            let path = self.path(id);
            let mut file = File::create(&path).map_err(unkept)?;
            if let Err(e) = file.write_all(HEADER) {
                let _ = std::fs::remove_file(&path);
                return Err(unkept(e));
            }
            self.next += 1;
            self.bytes += HEADER.len() as u64;
            self.files.push(Kept { id, bytes: HEADER.len() as u64, live: 0 });
            self.writing = Some(file);
        }
        let (Some(file), Some(kept)) = (self.writing.as_mut(), self.files.last_mut()) else {
            return Err(Unkept::Full);
        };
        if let Err(e) = file.write_all(&bytes) {
            // Half a frame must not stand before whole ones: cut it off, or begin another file.
            let cut = file.set_len(kept.bytes).and_then(|()| file.seek(SeekFrom::End(0)));
            if cut.is_err() {
                self.writing = None;
            }
            self.sweep();
            return Err(unkept(e));
        }
        let place = Place { file: kept.id, offset: kept.bytes, bytes: bytes.len() as u32, spans };
        kept.bytes += bytes.len() as u64;
        kept.live += 1;
        self.bytes += bytes.len() as u64;
        self.spans += u64::from(spans);
        Ok(place)
    }

    /// The oldest request that nobody has read; an error is that of the disk, and counts for so many
    /// spans.
    pub fn next(&mut self) -> Option<Result<Parcel, u32>> {
        let place = self.unread.pop_front()?;
        let mut bytes = vec![0; place.bytes as usize];
        let got = File::open(self.path(place.file)).and_then(|mut f| {
            f.seek(SeekFrom::Start(place.offset))?;
            f.read_exact(&mut bytes)
        });
        match got.ok().and_then(|()| read(&bytes)) {
            Some(mut parcel) => {
                parcel.place = Some(place);
                Some(Ok(parcel))
            }
            None => {
                self.done(place);
                Some(Err(place.spans))
            }
        }
    }

    /// A request that was read could not be sent: it is the next again.
    pub fn unread(&mut self, place: Place) {
        self.unread.push_front(place);
    }

    /// A request has come to its end: it is not read again, by nobody.
    pub fn done(&mut self, place: Place) {
        let path = self.path(place.file);
        let mark = OpenOptions::new().write(true).open(&path).and_then(|mut f| {
            f.seek(SeekFrom::Start(place.offset))?;
            f.write_all(&[frame::DONE])
        });
        // Where marking fails, the receiver knows the request by its stamp.
        drop(mark);
        self.spans = self.spans.saturating_sub(u64::from(place.spans));
        if let Some(kept) = self.files.iter_mut().find(|k| k.id == place.file) {
            kept.live = kept.live.saturating_sub(1);
        }
        self.sweep();
    }

    /// Deletes files without live frames.
    fn sweep(&mut self) {
        let folder = self.folder.clone();
        let last = self.files.last().map(|k| k.id);
        let (mut freed, mut closed) = (0, false);
        self.files.retain(|k| {
            if k.live > 0 {
                return true;
            }
            closed |= Some(k.id) == last;
            freed += k.bytes;
            // What cannot be deleted now is swept by an heir.
            let _ = std::fs::remove_file(folder.join(format!("{:016}.spill", k.id)));
            false
        });
        self.bytes = self.bytes.saturating_sub(freed);
        if closed {
            self.writing = None;
        }
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.writing = None;
        if self.files.is_empty() {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests;
