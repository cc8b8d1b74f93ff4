//! A buffer that grows without being moved: beyond its first MiB it has the addresses of all that it may become,
//! and memory only for what has come. How much may come is granted step by step, by [`super::room`].
//!
//! To grow by a new buffer and a copy would hold a large body twice while it is copied, and copy it again with
//! each step; addresses that nothing was written to cost nothing.

use std::io::Read;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::WriteBuf;

/// Up to so many bytes a buffer has what it was granted and no more: most bodies are smaller, and to move it is
/// cheap.
const MOVED: usize = 1 << 20;

/// Bytes that have come, and how many may.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    granted: usize,
    most: usize,
}

impl Buffer {
    /// One that will hold at most so many bytes, whoever says otherwise.
    pub fn up_to(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// How many have come.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many may have come before more have to be granted.
    pub fn granted(&self) -> usize {
        self.granted
    }

    /// Lets it become `to` bytes long.
    pub fn grant(&mut self, to: usize) {
        self.granted = to.max(self.granted);
        if self.granted <= self.bytes.capacity() {
            return;
        }
        let more = self.granted - self.len();
        let all = if self.granted > MOVED { self.most.max(self.granted) } else { self.granted };
        // Where addresses are rationed it is moved.
        if self.bytes.try_reserve_exact(all - self.len()).is_err() {
            self.bytes.reserve_exact(more);
        }
    }

    /// Adds what was granted before.
    pub fn extend(&mut self, data: &[u8]) {
        debug_assert!(data.len() <= self.granted - self.len(), "more than was granted");
        self.bytes.extend_from_slice(data);
    }

    /// Adds what a reader has, as far as it is granted; true where that was less.
    ///
    /// # Errors
    /// The reader's.
    pub fn read(&mut self, from: &mut impl Read) -> std::io::Result<bool> {
        let room = self.granted - self.len();
        let read = from.take(room as u64).read_to_end(&mut self.bytes)?;
        Ok(read < room)
    }

    /// Adds what a decoder makes of `input`, as far as it is granted; what the decoder says of the rest.
    ///
    /// # Errors
    /// The decoder's.
    pub fn unzstd(
        &mut self,
        context: &mut Decoder<'_>,
        input: &mut InBuffer<'_>,
    ) -> std::io::Result<usize> {
        let from = self.len();
        if self.granted == self.bytes.capacity() {
            return step(context, input, &mut self.bytes, from).map(|(left, _)| left);
        }
        // It would go on into the addresses behind.
        self.bytes.resize(self.granted, 0);
        let done = step(context, input, self.bytes.as_mut_slice(), from);
        self.bytes.truncate(done.as_ref().map_or(from, |(_, end)| *end));
        done.map(|(left, _)| left)
    }

    /// What has come, without the addresses behind it.
    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.bytes.capacity() > self.granted {
            self.bytes.shrink_to(self.granted);
        }
        self.bytes
    }
}

/// What the decoder says, and where it ended.
fn step(
    context: &mut Decoder<'_>,
    input: &mut InBuffer<'_>,
    into: &mut (impl WriteBuf + ?Sized),
    from: usize,
) -> std::io::Result<(usize, usize)> {
    let mut output = OutBuffer::around_pos(into, from);
    let left = context.run(input, &mut output)?;
    Ok((left, output.pos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn it_is_not_moved_once_it_is_large() {
        let mut buffer = Buffer::up_to(40 * MIB);
        buffer.grant(100);
        assert_eq!(buffer.bytes.capacity(), 100, "small: what is granted");
        buffer.extend(&[1; 100]);
        buffer.grant(MIB + 1);
        let place = buffer.bytes.as_ptr();
        for n in 2..=40 {
            buffer.extend(&vec![2; buffer.granted() - buffer.len()]);
            buffer.grant(n * MIB);
        }
        assert_eq!(buffer.bytes.as_ptr(), place);
        let bytes = buffer.into_bytes();
        assert_eq!((bytes.len(), bytes[99], bytes[100]), (39 * MIB, 1, 2));
        let mut buffer = Buffer::up_to(40 * MIB);
        buffer.grant(2 * MIB);
        buffer.extend(&[3; MIB]);
        assert_eq!(buffer.into_bytes().capacity(), 2 * MIB, "no addresses are kept");
    }

    #[test]
    fn readers_and_decoders_keep_within_what_is_granted() {
        let text: Vec<u8> = (0..3 * MIB).map(|n| (n / 7) as u8).collect();
        let packed = zstd::encode_all(text.as_slice(), 1).expect("memory");
        for step in [1_000, MIB, 2 * MIB + 1] {
            let (mut read, mut unpacked) = (Buffer::up_to(4 * MIB), Buffer::up_to(4 * MIB));
            let (mut from, mut input) = (text.as_slice(), InBuffer::around(&packed));
            let mut context = Decoder::new().expect("memory");
            for granted in (step..).step_by(step) {
                read.grant(granted);
                let ended = read.read(&mut from).expect("no fault");
                unpacked.grant(granted);
                unpacked.unzstd(&mut context, &mut input).expect("no fault");
                assert_eq!([read.len(), unpacked.len()], [granted.min(text.len()); 2]);
                if ended {
                    break;
                }
            }
            assert_eq!((read.into_bytes(), unpacked.into_bytes()), (text.clone(), text.clone()));
        }
    }
}
