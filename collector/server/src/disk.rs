//! A folder of files as journal and checkpoint need it: append, make durable, replace at once.
//!
//! Two implementors: [`Folder`] is a folder of the system; the tests have one in memory that loses what was
//! not made durable, and fails when it is told to. What the files mean is not known here.

#[cfg(test)]
pub mod fake;
mod folder;

pub use folder::{Folder, LockError};

use bytes::Bytes;
use std::io::{self, IoSlice};

/// A folder of files. Names hold no path.
pub trait Disk: Clone + Send + 'static {
    /// An open file that grows at its end.
    type File: Growing + std::fmt::Debug;

    /// Names of all files, in no order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file, empty; one that is there loses what it held.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// At most `most` bytes of a file, from a place on; fewer at its end.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Bytes>;

    /// Gives a file another name, in the place of the one that has it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: what was created, renamed or removed stays so.
    ///
    /// # Errors
    /// The system's.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait Growing: Send {
    /// Adds bytes, one part behind the other, without putting them together first. After an error
    /// nobody knows how many of them are there.
    ///
    /// # Errors
    /// The system's.
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Makes what was added durable. After an error nobody knows what of it is: asking again may say
    /// yes to what is lost (as systems drop the pages that they could not write).
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length: gives room back. Nothing relies on it.
    ///
    /// # Errors
    /// The system's.
    fn shorten(&mut self, to: u64) -> io::Result<()>;
}
