//! Where signal handlers leave what they saw: a fixed number of slots, taken and given back by atomics alone.
//!
//! [`note`] runs in a signal handler, on the thread that it is about. The rest runs on the thread that takes the profile.

use crate::local;
use crate::raw::profile::{Caught, peek};
use crate::record::flag;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Samples that may wait. Fetched twenty times a second, that is 50 processors at the highest rate.
const SLOTS: usize = 512;
/// Frames of a stack; what called them is left out.
pub(super) const FRAMES: usize = 64;
/// From one frame to the next, at most.
const STEP: u64 = 1 << 20;
/// No code lies below.
const LOWEST: u64 = 1 << 16;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const FULL: u32 = 2;

#[derive(Debug)]
struct Slot {
    state: AtomicU32,
    frames: AtomicU32,
    /// Weight, both halves of the trace id, span id.
    head: [AtomicU64; 4],
    stack: [AtomicU64; FRAMES],
}

/// Made by the first profile and kept: a late signal may still come upon it.
static ALL: OnceLock<Box<[Slot]>> = OnceLock::new();
static OPEN: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static MISSED: AtomicU64 = AtomicU64::new(0);

/// A sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// 0 = in no trace that is recorded.
    pub(super) trace: u128,
    pub(super) span: u64,
    /// The innermost first, as addresses within their instructions.
    pub(super) stack: Vec<u64>,
    /// How many it stands for.
    pub(super) weight: u64,
}

/// From now on signals are noted.
pub(super) fn open() {
    ALL.get_or_init(|| {
        let zero = |_| AtomicU64::new(0);
        let slot = |_| Slot {
            state: AtomicU32::new(FREE),
            frames: AtomicU32::new(0),
            head: [0; 4].map(zero),
            stack: [0; FRAMES].map(zero),
        };
        (0..SLOTS).map(slot).collect()
    });
    fetch(drop);
    MISSED.store(0, Ordering::Relaxed);
    OPEN.store(true, Ordering::Release);
}

/// From now on they are not.
pub(super) fn close() {
    OPEN.store(false, Ordering::Release);
}

/// Samples for which there was no room.
pub(super) fn missed() -> u64 {
    MISSED.load(Ordering::Relaxed)
}

/// In a signal handler: notes where its thread is.
pub(crate) fn note(caught: Caught) {
    if !OPEN.load(Ordering::Acquire) {
        return;
    }
    let Some(all) = ALL.get() else { return };
    let at = NEXT.fetch_add(1, Ordering::Relaxed) % all.len();
    let slot = all.get(at).filter(|slot| {
        slot.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    });
    let Some(slot) = slot else {
        MISSED.fetch_add(caught.weight, Ordering::Relaxed);
        return;
    };
    let place = local::with(local::Local::place);
    let known = place.flags & flag::SAMPLED != 0 && place.trace != 0;
    let (trace, span) = if known { (place.trace, place.span) } else { (0, 0) };
    let head = [caught.weight, (trace >> 64) as u64, trace as u64, span];
    for (to, value) in slot.head.iter().zip(head) {
        to.store(value, Ordering::Relaxed);
    }
    let mut frames = 0;
    walk(&caught, peek, |address| {
        if let Some(to) = slot.stack.get(frames) {
            to.store(address, Ordering::Relaxed);
            frames += 1;
        }
        frames < FRAMES
    });
    slot.frames.store(frames as u32, Ordering::Relaxed);
    slot.state.store(FULL, Ordering::Release);
}

/// Goes along the frame pointers, as long as they can be some: upwards in the stack, in small steps, aligned, to memory
/// that exists. Where a program keeps none, that ends soon.
fn walk(from: &Caught, peek: impl Fn(u64) -> Option<[u64; 2]>, mut put: impl FnMut(u64) -> bool) {
    let (mut low, mut frame) = (from.stack, from.frame);
    if !put(from.at) {
        return;
    }
    while frame >= low && frame - low < STEP && frame % 8 == 0 {
        let Some([next, back]) = peek(frame) else { return };
        // Where it goes on lies behind the call.
        if back < LOWEST || !put(back - 1) {
            return;
        }
        (low, frame) = (frame.saturating_add(16), next);
    }
}

/// Takes what has come.
pub(super) fn fetch(mut each: impl FnMut(Seen)) {
    for slot in ALL.get().into_iter().flat_map(|all| all.iter()) {
        if slot.state.load(Ordering::Acquire) != FULL {
            continue;
        }
        let [weight, high, low, span] =
            [0, 1, 2, 3].map(|i: usize| slot.head[i].load(Ordering::Relaxed));
        let frames = slot.frames.load(Ordering::Relaxed) as usize;
        let stack = slot.stack.iter().take(frames).map(|a| a.load(Ordering::Relaxed)).collect();
        slot.state.store(FREE, Ordering::Release);
        each(Seen { trace: u128::from(high) << 64 | u128::from(low), span, stack, weight });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(frame: u64, memory: &[(u64, [u64; 2])]) -> Vec<u64> {
        let mut out = Vec::new();
        let caught = Caught { at: 0x40_0000, stack: 0x7000, frame, weight: 1 };
        let peek = |at| memory.iter().find(|(a, _)| *a == at).map(|(_, words)| *words);
        walk(&caught, peek, |address| {
            out.push(address);
            out.len() < FRAMES
        });
        out
    }

    #[test]
    fn frames_are_followed_upwards_and_no_further() {
        let good = [(0x7010, [0x7040, 0x40_1001]), (0x7040, [0, 0x40_2001])];
        assert_eq!(walked(0x7010, &good), [0x40_0000, 0x40_1000, 0x40_2000]);
        let circle = [(0x7010, [0x7010, 0x40_1001])];
        assert_eq!(walked(0x7010, &circle), [0x40_0000, 0x40_1000]);
        let no_code = [(0x7010, [0x7040, 7]), (0x7040, [0, 0x40_2001])];
        assert_eq!(walked(0x7010, &no_code), [0x40_0000]);
        for bad in [0, 0x6ff0, 0x7011, 0x7000 + STEP, u64::MAX, u64::MAX - 7] {
            assert_eq!(walked(bad, &good), [0x40_0000], "{bad:x}");
        }
    }
}
