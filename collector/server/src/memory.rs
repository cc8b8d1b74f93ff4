//! What the process may take of memory, and who gets how much of it.
//!
//! Shares are bounds on what grows with load; the rest (a third and more) is for open windows, names, and
//! what an allocator keeps. What happens when a share is full is told where it is used.

use longpole_core::limits::Limits;

/// Nobody gets more by default; where more is asked for, what waits, what is open and names get more of it.
const MOST: u64 = 2 << 30;
/// Less is not worth trying.
pub const LEAST: u64 = 64 << 20;
/// What a control group's limit leaves to others, as a part of it.
const LEFT: u64 = 10;
/// Bytes of an open span, with what its table has in reserve.
const OPEN_SPAN: u64 = 96;
/// Of so many bytes one is for names that decoders keep ...
const NAMES: u64 = 50;
/// ... and of so many one for what is known by where it lies; a row of that has so many bytes.
const KNOWN: u64 = 150;
const KNOWN_ROW: u64 = 128;

/// Where a control group says its limit; version 2, then 1.
const FILES: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// What there is unless somebody says: nine tenths of the control group's limit, at most 2 GiB.
pub fn of_machine() -> u64 {
    let limit = FILES.iter().find_map(|file| limit(&std::fs::read_to_string(file).ok()?));
    limit.map_or(MOST, |limit| (limit - limit / LEFT).clamp(LEAST, MOST))
}

/// The limit that a file's text says; a control group without one says `max`, or a number that no machine has.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|n| *n > 0 && *n < 1 << 50)
}

/// Deals `bytes` out. Closed windows never have more than by default, since each checkpoint holds them.
pub fn deal(bytes: u64, limits: &mut Limits) {
    let share =
        |part: u64, most: usize| usize::try_from(bytes / part).map_or(most, |n| n.min(most));
    let grown = |most: usize| {
        let most = most as u128 * u128::from(bytes.max(MOST)) / u128::from(MOST);
        usize::try_from(most).unwrap_or(usize::MAX)
    };
    let most = Limits::default();
    limits.queue_bytes = share(8, grown(most.queue_bytes));
    limits.log_bytes = share(16, grown(most.log_bytes));
    limits.open_spans = share(5 * OPEN_SPAN, grown(most.open_spans));
    limits.history_bytes = share(8, most.history_bytes);
    limits.names = share(KNOWN * KNOWN_ROW, grown(most.names));
}

/// The share of each of so many decoders: names of senders and operations, kept from request to request. Less than a
/// mebibyte is not worth keeping.
pub fn names(bytes: u64, decoders: usize) -> usize {
    let each = bytes / NAMES / (decoders as u64).max(1);
    usize::try_from(each).unwrap_or(usize::MAX).clamp(1 << 20, 64 << 20)
}

/// The share of the doors: requests that are being received and unpacked.
pub fn doors(bytes: u64) -> usize {
    usize::try_from(bytes / 8).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_that_a_machine_may_have() {
        assert_eq!(limit("536870912\n"), Some(512 << 20));
        for text in ["max\n", "", "0", "9223372036854771712", "-1"] {
            assert_eq!(limit(text), None, "{text:?}");
        }
    }

    #[test]
    fn shares_leave_a_third_and_more_memory_is_more_room() {
        for bytes in [64 << 20, 512 << 20, 1 << 30, MOST, MOST + 1, 8 * MOST, 1 << 50] {
            let mut l = Limits::default();
            deal(bytes, &mut l);
            let open = l.open_spans as u64 * OPEN_SPAN;
            let all = (l.queue_bytes + l.log_bytes + l.history_bytes + doors(bytes)) as u64 + open;
            let all = all + l.names as u64 * KNOWN_ROW + bytes / NAMES;
            assert!(all * 3 <= bytes * 2, "{all} of {bytes}");
        }
        let mut l = Limits::default();
        deal(MOST, &mut l);
        assert_eq!((l.queue_bytes, l.history_bytes), (128 << 20, 256 << 20));
        assert!(of_machine() <= MOST);
        deal(8 * MOST, &mut l);
        let usual = Limits::default();
        assert_eq!((l.open_spans, l.names), (8 * usual.open_spans, 8 * usual.names));
        assert_eq!(names(MOST, 4), 10_737_418);
        assert_eq!((names(LEAST, 64), names(1 << 50, 1)), (1 << 20, 64 << 20));
        assert_eq!((l.queue_bytes, l.history_bytes), (8 * usual.queue_bytes, 256 << 20));
    }
}
