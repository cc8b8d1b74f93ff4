//! What comes out of a compressed body: a buffer that grows within its room and its cap, and the contexts of
//! zstd that fill it.

use super::{InflateError, NotUnpacked};
use crate::door::buffer::Buffer;
use crate::door::room::Room;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use zstd::stream::raw::{Decoder, InBuffer, Operation};
use zstd::zstd_safe::DParameter;

/// Room made where it says nothing.
const LEAST: usize = 4 << 10;
/// A frame may ask for a window of gigabytes: 8 MiB is what the format's readers owe.
const WINDOW_LOG: u32 = 23;

/// Contexts of zstd at rest. Those of the other formats cost nothing to make.
#[derive(Default)]
pub struct Contexts {
    idle: Mutex<Vec<Decoder<'static>>>,
    most: usize,
}

impl std::fmt::Debug for Contexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contexts").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Contexts {
    /// At most so many are kept.
    pub fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    /// A context, a new one where none rests.
    pub fn take(&self) -> std::io::Result<Decoder<'static>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut context) = idle {
            context.reinit()?;
            return Ok(context);
        }
        let mut context = Decoder::new()?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(context)
    }

    /// Takes one back that has made no window of its own.
    pub fn give_back(&self, context: Decoder<'static>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(context);
        }
    }
}

/// What comes out, in room that is taken as it comes.
pub struct Growing<'a> {
    /// What has come.
    pub bytes: Buffer,
    /// What the body says; 0 = nothing.
    pub expected: usize,
    /// What it may be.
    pub cap: usize,
    /// `None` = its size is bounded elsewhere.
    pub room: Option<&'a mut Room>,
}

impl Growing<'_> {
    /// Makes sure that there is room for another byte.
    fn grow(&mut self) -> Result<(), NotUnpacked> {
        self.within()?;
        let (len, had) = (self.bytes.len(), self.bytes.granted());
        if len < had {
            return Ok(());
        }
        // One more than is expected shows that no more comes.
        let more = match (had, self.expected) {
            (0, 0) => LEAST,
            // All at once: it does not take long, and who has begun can end.
            (0, expected) => expected.saturating_add(1),
            _ => 1,
        };
        let most = if self.expected > len { self.expected } else { self.cap };
        let most = most.min(self.cap).saturating_add(1);
        let more = more.min(most - len);
        match &mut self.room {
            Some(room) => room.make(&mut self.bytes, more, most)?,
            None => self.bytes.grant((2 * had).min(most).max(len + more)),
        }
        Ok(())
    }

    fn within(&self) -> Result<(), NotUnpacked> {
        let over = self.bytes.len() > self.cap;
        if over { Err(InflateError::TooLarge(self.cap).into()) } else { Ok(()) }
    }

    /// All that a reader gives.
    pub fn read(&mut self, mut from: impl Read, name: &'static str) -> Result<(), NotUnpacked> {
        loop {
            self.grow()?;
            let all = self.bytes.read(&mut from);
            if all.map_err(|e| InflateError::Broken(name, e.to_string()))? {
                break;
            }
        }
        self.within()
    }

    /// All frames of a body. One whose size is declared goes straight to where it belongs.
    pub fn unzstd(&mut self, context: &mut Decoder<'_>, body: &[u8]) -> Result<(), NotUnpacked> {
        let broken = |e: std::io::Error| InflateError::Broken("zstd", e.to_string());
        let mut input = InBuffer::around(body);
        loop {
            self.grow()?;
            let left = self.bytes.unzstd(context, &mut input).map_err(broken)?;
            let (ended, full) =
                (input.pos() == body.len(), self.bytes.len() == self.bytes.granted());
            match (ended, left) {
                (true, 0) => break,
                (true, _) if !full => {
                    return Err(InflateError::Broken("zstd", "it is cut off".into()).into());
                }
                _ => {}
            }
        }
        self.within()
    }
}
