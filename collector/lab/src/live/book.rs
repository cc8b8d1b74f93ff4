//! The address book: which process serves a role now. A file that is replaced whole, so that a
//! release moves callers from the old process to the new one without losing a request.

use super::{LiveError, Role};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Readers look again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The book, as one process reads or writes it.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    seen: Mutex<(Option<Instant>, BTreeMap<String, SocketAddr>)>,
}

impl Book {
    /// A book at a path; it need not exist yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: Mutex::default() }
    }

    /// Where the role lives now.
    ///
    /// # Errors
    /// When it has no entry yet.
    pub fn find(&self, role: Role) -> Result<SocketAddr, LiveError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0.is_none_or(|at| at.elapsed() > LOOK_AGAIN) {
            if let Some(entries) = self.read() {
                seen.1 = entries;
            }
            seen.0 = Some(Instant::now());
        }
        seen.1.get(role.name()).copied().ok_or(LiveError::NotListed(role.name()))
    }

    /// Writes where a role lives now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn enter(&self, role: Role, at: SocketAddr) -> Result<(), LiveError> {
        let mut entries = self.read().unwrap_or_default();
        entries.insert(role.name().to_owned(), at);
        let text = serde_json::to_string(&entries).unwrap_or_default();
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &self.path)?;
        Ok(())
    }

    fn read(&self) -> Option<BTreeMap<String, SocketAddr>> {
        serde_json::from_str(&std::fs::read_to_string(&self.path).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_moves_the_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = Book::at(&folder.path().join("book.json"));
        assert!(book.find(Role::Catalog).is_err());
        let (old, new) =
            (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
        book.enter(Role::Catalog, old).expect("written");
        book.enter(Role::Orders, old).expect("written");
        book.enter(Role::Catalog, new).expect("written");
        std::thread::sleep(LOOK_AGAIN * 2);
        assert_eq!(book.find(Role::Catalog).expect("listed"), new);
        assert_eq!(book.find(Role::Orders).expect("listed"), old);
    }
}
