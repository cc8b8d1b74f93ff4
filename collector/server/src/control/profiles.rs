//! Profiles that came, the latest few of them: bounded in number, in bytes and in age. Nothing that was not asked for
//! gets here.

use super::top::Top;
use bytes::Bytes;
use longpole_model::signal::{SECOND, Timestamp};
use serde::Serialize;
use std::collections::VecDeque;

/// Profiles that are kept.
const MOST: usize = 32;
/// Bytes of them, packed.
const BYTES: usize = 16 << 20;
/// How long, nanoseconds.
const AGE: u64 = 3_600 * SECOND;

/// A profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Number.
    pub id: u64,
    /// The order that it came of.
    pub order: u64,
    /// `service.name`.
    pub service: String,
    /// `service.instance.id`.
    pub instance: String,
    /// When it came, Unix nanoseconds.
    pub at: u64,
    /// Samples in it.
    pub samples: u64,
    /// Bytes, packed.
    pub bytes: usize,
    /// pprof, packed.
    #[serde(skip)]
    pub packed: Bytes,
    /// Where time went.
    #[serde(skip)]
    pub top: Top,
}

/// How many came, and where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// That were taken.
    pub taken: u64,
    /// That were sent and not taken: not asked for, too large, unreadable.
    pub refused: u64,
    /// That were taken and are not kept any more.
    pub gone: u64,
}

/// Those that are kept.
#[derive(Debug, Default)]
pub struct Profiles {
    kept: VecDeque<Profile>,
    /// All that ever were.
    pub count: Count,
}

impl Profiles {
    /// Keeps one, and gives its number.
    pub fn keep(&mut self, mut profile: Profile) -> u64 {
        self.count.taken += 1;
        profile.id = self.count.taken;
        let (id, now) = (profile.id, profile.at);
        self.kept.push_back(profile);
        self.age(Timestamp(now));
        id
    }

    /// Lets go of what is too old, or too much.
    pub fn age(&mut self, now: Timestamp) {
        let mut bytes: usize = self.kept.iter().map(|p| p.bytes).sum();
        while let Some(oldest) = self.kept.front()
            && (self.kept.len() > MOST || bytes > BYTES || oldest.at.saturating_add(AGE) <= now.0)
        {
            bytes -= oldest.bytes;
            self.kept.pop_front();
            self.count.gone += 1;
        }
    }

    /// All, the latest last.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(second: u64, bytes: usize) -> Profile {
        let (service, instance) = ("shop".to_owned(), "a".to_owned());
        let (packed, top) = (Bytes::new(), Top::default());
        let at = second * SECOND;
        Profile { id: 0, order: 1, service, instance, at, samples: 1, bytes, packed, top }
    }

    #[test]
    fn what_is_too_old_or_too_much_goes_and_is_counted() {
        let mut profiles = Profiles::default();
        for i in 0..40 {
            assert_eq!(profiles.keep(profile(i, 10)), i + 1);
        }
        assert_eq!((profiles.all().count(), profiles.count.gone), (MOST, 8));
        profiles.keep(profile(50, BYTES - 5));
        assert_eq!(profiles.all().count(), 1);
        profiles.keep(profile(51, 5));
        assert_eq!(profiles.all().map(|p| p.id).collect::<Vec<_>>(), [41, 42]);
        profiles.age(Timestamp(3_650 * SECOND));
        assert_eq!(profiles.all().map(|p| p.id).collect::<Vec<_>>(), [42]);
        assert_eq!(profiles.count, Count { taken: 42, refused: 0, gone: 41 });
    }
}
