//! The form of a finished span in a ring: words, typed, whole in one piece. Both ends live in this
//! process and this build, so the form may change at any time.
//!
//! ```text
//! head   length in words | flags << 16 | state << 24 | call site << 32
//!        trace (2 words) · span · parent (0: none) · start · end (ticks)
//! body   items, each: tag | key << 8 | n << 32, then
//!          I64 F64   one word                        BOOL     n is the value
//!          STR       n bytes of text                 NOTHING  (an attribute that is not there)
//!          EVENT     time, text length, name; then n attributes are the event's own
//!          LINK      trace (2 words), span; n is 1 when it is sampled
//!          NAME STATUS STATE   n bytes of text       KIND     n is the kind
//!          LOST      n attributes did not fit
//! key    index into the call site's keys, or KEY_TEXT: a text with its length stands first
//! ```
//!
//! Texts are padded to words. What is written where is `body`'s, how it is read `read`'s.

pub(crate) mod body;
pub(crate) mod read;

/// The bits of a head that hold the length.
pub(crate) const LENGTH: u64 = 0xffff;
/// Words of a head.
pub(crate) const HEAD: usize = 7;
/// Words of the longest record.
pub(crate) const LONGEST: usize = 4 << 10;

/// Flags, of contexts and of records. The first four are a context's.
pub(crate) mod flag {
    /// The trace is recorded.
    pub(crate) const SAMPLED: u32 = 1;
    /// There is a context at all.
    pub(crate) const PRESENT: u32 = 2;
    /// It came from another process; in a record: the parent did.
    pub(crate) const REMOTE: u32 = 4;
    /// `tracestate` is a text of its own and not one of the known states.
    pub(crate) const TEXT: u32 = 8;
    /// The span's status is Ok.
    pub(crate) const OK: u32 = 0x10;
    /// The span's status is Error.
    pub(crate) const ERROR: u32 = 0x20;
    /// Items were added after the span's creation: a key may come twice, a name may be another.
    pub(crate) const LATER: u32 = 0x40;
    /// What children have from their parents.
    pub(crate) const INHERITED: u32 = SAMPLED | PRESENT | TEXT | STATE;
    /// The index of a known `tracestate`; 0 = none.
    pub(crate) const STATE: u32 = 0xff << 8;
}

/// Item tags.
pub(crate) mod tag {
    pub(crate) const I64: u64 = 1;
    pub(crate) const F64: u64 = 2;
    pub(crate) const BOOL: u64 = 3;
    pub(crate) const STR: u64 = 4;
    pub(crate) const NOTHING: u64 = 5;
    pub(crate) const EVENT: u64 = 6;
    pub(crate) const LINK: u64 = 7;
    pub(crate) const NAME: u64 = 8;
    pub(crate) const STATUS: u64 = 9;
    pub(crate) const STATE: u64 = 10;
    pub(crate) const KIND: u64 = 11;
    pub(crate) const LOST: u64 = 12;
}

/// The key that says that a text follows.
pub(crate) const KEY_TEXT: u64 = 0xff_ffff;

/// An item's first word.
#[inline(always)]
pub(crate) fn item(tag: u64, key: u64, n: usize) -> u64 {
    tag | key << 8 | (n as u64) << 32
}

/// A record's first word.
#[inline(always)]
pub(crate) fn head(length: usize, flags: u32, site: u32) -> u64 {
    length as u64 | u64::from(flags) << 16 | u64::from(site) << 32
}
